/*
description: Orders as they stand now, without carts and without what was removed.
materialized: view
tags: [staging, nightly]
audits:
  - not_null: [order_id, status, total, ordered_at]
  - unique: [order_id]
  - accepted_values: {column: status, values: [ordered, paid, shipped, cancelled]}
*/
select
    order_id,
    customer_id,
    status,
    total,
    ledger_number,
    items,
    shipping_prefecture,
    gift_wrap,
    coupons,
    nullif(note, '') as note,
    ordered_at,
    updated_at
from {{ source('orders_current') }}
where status <> 'cart'
