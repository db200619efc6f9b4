/*
description: The best selling products of each category and day, with their share of the category's revenue.
materialized: incremental
strategy: insert_overwrite
partitioned_by: [day]
tags: [marts, nightly]
audits:
  - not_null: [day, category, place, product_id]
  - unique: [day, category, place]
  - relationships: {column: day, to: sessions, field: day}
mart: {to: reporting, table: product_ranking, mode: partition}
*/
with product_events as (
    -- Only what is counted: making a few columns distinct is cheaper than reading them from `events`, which keeps all.
    select distinct day, category, product_id, event_id, event_type, price * quantity as amount, quantity
    from {{ source('site_events') }}
    where event_type in ('product_view', 'add_to_cart', 'purchase')
        and product_id is not null
    {% if is_incremental() %}
        and day between date '{{ var("day") }}' - interval '{{ var("late_days") }}' day and date '{{ var("day") }}'
    {% endif %}
),

sold as (
    select
        day,
        category,
        product_id,
        count_if(event_type = 'product_view') as views,
        count_if(event_type = 'add_to_cart') as add_to_carts,
        sum(case when event_type = 'purchase' then quantity else 0 end) as pieces,
        cast(sum(case when event_type = 'purchase' then amount else 0 end) as decimal(14, 2)) as revenue
    from product_events
    group by day, category, product_id
),

ranked as (
    select
        *,
        -- The product's number decides between equals, so that a second run ranks as the first.
        row_number() over (partition by day, category order by revenue desc, views desc, product_id) as place,
        sum(revenue) over (partition by day, category) as category_revenue
    from sold
)

select
    category,
    place,
    product_id,
    views,
    add_to_carts,
    pieces,
    revenue,
    cast(revenue as double) / nullif(cast(category_revenue as double), 0) as revenue_share,
    day
from ranked
where place <= {{ var("top_products") }}
