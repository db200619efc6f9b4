/*
description: One row per order with what is asked about it most often. Carts and removed orders are not in it.
tags: [marts, nightly]
audits:
  - not_null: [order_id, status, total, ordered_on]
  - unique: [order_id]
  - relationships: {column: customer_id, to: customers, field: customer_id}
  - row_count: {min: 1}
mart: {to: reporting, table: order_facts, mode: merge, key: [order_id]}
*/
select
    order_id,
    customer_id,
    status,
    status = 'cancelled' as is_cancelled,
    total,
    case when status = 'cancelled' then 0 else total end as net_total,
    json_extract_scalar(items, '$[0].product_id') as product_id,
    json_array_length(items) as item_lines,
    coalesce(json_array_length(coupons), 0) as coupons_used,
    gift_wrap,
    shipping_prefecture,
    ledger_number,
    ordered_at,
    updated_at,
    cast(with_timezone(ordered_at, 'UTC') at time zone 'Asia/Tokyo' as date) as ordered_on
from {{ ref('orders_latest') }}
