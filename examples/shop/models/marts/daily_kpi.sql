/*
description: One row per day and device, for the sales dashboard.
materialized: incremental
strategy: insert_overwrite
partitioned_by: [day]
tags: [marts, nightly]
audits:
  - not_null: [day, device, sessions]
  - unique: [day, device]
  - accepted_values: {column: device, values: [mobile, desktop, tablet]}
  - row_count: {min: 1}
  - sql: {name: rates_lie_between_0_and_1, query: "select * from {{ this }} where conversion_rate not between 0 and 1 or bounce_rate not between 0 and 1"}
mart: {to: reporting, table: daily_kpi, mode: merge, key: [day, device]}
*/
select
    device,
    count(*) as sessions,
    count(distinct visitor_id) as visitors,
    sum(events) as events,
    sum(page_views) as page_views,
    sum(add_to_carts) as add_to_carts,
    sum(purchases) as purchases,
    sum(revenue) as revenue,
    cast(count_if(purchases > 0) as double) / count(*) as conversion_rate,
    -- A bounce is a visit that ends with its first event.
    cast(count_if(events = 1) as double) / count(*) as bounce_rate,
    cast(sum(revenue) / nullif(sum(purchases), 0) as decimal(14, 2)) as average_order,
    avg(cast(duration_seconds as double)) as average_seconds,
    day
from {{ ref('sessions') }}
{% if is_incremental() %}
where day between date '{{ var("day") }}' - interval '{{ var("late_days") }}' day and date '{{ var("day") }}'
{% endif %}
group by day, device
