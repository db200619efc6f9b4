/*
description: >
  One row per session: the events of one visitor without a pause longer than `session_gap_minutes`. A session belongs to the day
  (in Tokyo) on which it starts. After a change of the definition, run `tarn run --full-refresh sessions+` to apply it to all history.
materialized: incremental
strategy: insert_overwrite
partitioned_by: [day]
tags: [staging, nightly]
audits:
  - not_null: [session_id, visitor_id, started_at, ended_at, device, day]
  - unique: [session_id]
  - accepted_values: {column: device, values: [mobile, desktop, tablet]}
  - sql: {name: ends_after_it_starts, query: "select * from {{ this }} where ended_at < started_at"}
  - sql: {name: purchases_have_revenue, query: "select * from {{ this }} where purchases > 0 and revenue <= 0"}
*/
with distinct_events as (
    -- A repeated event is the same in every column.
    select distinct
        event_id,
        event_type,
        occurred_at,
        visitor_id,
        user_id,
        device,
        plan,
        age_group,
        prefecture,
        variant,
        utm_source || '/' || utm_campaign as campaign_link,
        order_total,
        day
    from {{ source('site_events') }}
    {% if is_incremental() %}
    -- One day more on either side: a session that starts before midnight needs its end, and its end must not look like a start.
    where day between date '{{ var("day") }}' - interval '{{ var("late_days") + 1 }}' day and date '{{ var("day") }}' + interval '1' day
    {% endif %}
),

slots as (
    -- Events of a visitor in one slot, which is as long as the gap, are never further apart than the gap, so they share a session.
    -- Putting them together first leaves the window functions a fifth of the rows.
    select
        visitor_id,
        floor(to_unixtime(occurred_at) / (60 * {{ var("session_gap_minutes") }})) as slot,
        max(user_id) as user_id,
        max(device) as device,
        max(plan) as plan,
        max(age_group) as age_group,
        max(prefecture) as prefecture,
        max(variant) as variant,
        max(campaign_link) as campaign_link,
        min(occurred_at) as started_at,
        max(occurred_at) as ended_at,
        count(*) as events,
        count_if(event_type = 'page_view') as page_views,
        count_if(event_type = 'product_view') as product_views,
        count_if(event_type = 'add_to_cart') as add_to_carts,
        count_if(event_type = 'checkout') as checkouts,
        count_if(event_type = 'purchase') as purchases,
        sum(order_total) as revenue,
        min(day) as day
    from distinct_events
    group by visitor_id, floor(to_unixtime(occurred_at) / (60 * {{ var("session_gap_minutes") }}))
),

with_previous as (
    select
        *,
        lag(ended_at) over (partition by visitor_id order by slot) as previous_end
    from slots
),

numbered as (
    select
        *,
        sum(
            case
                when previous_end is null then 1
                when started_at > previous_end + interval '{{ var("session_gap_minutes") }}' minute then 1
                else 0
            end
        ) over (partition by visitor_id order by slot rows between unbounded preceding and current row) as session_number
    from with_previous
),

visits as (
    select
        visitor_id,
        max(user_id) as user_id,
        max(device) as device,
        max(plan) as plan,
        max(age_group) as age_group,
        max(prefecture) as prefecture,
        max(variant) as variant,
        max(campaign_link) as campaign_link,
        min(started_at) as started_at,
        max(ended_at) as ended_at,
        sum(events) as events,
        sum(page_views) as page_views,
        sum(product_views) as product_views,
        sum(add_to_carts) as add_to_carts,
        sum(checkouts) as checkouts,
        sum(purchases) as purchases,
        sum(revenue) as revenue,
        min(day) as day
    from numbered
    group by visitor_id, session_number
)

select
    visitor_id || '-' || date_format(started_at, '%Y%m%d%H%i%s') as session_id,
    visitor_id,
    user_id,
    device,
    plan,
    age_group,
    prefecture,
    variant,
    split_part(campaign_link, '/', 1) as utm_source,
    split_part(campaign_link, '/', 2) as utm_campaign,
    started_at,
    ended_at,
    date_diff('second', started_at, ended_at) as duration_seconds,
    events,
    page_views,
    product_views,
    add_to_carts,
    checkouts,
    purchases,
    cast(coalesce(revenue, 0) as decimal(14, 2)) as revenue,
    day
from visits
{% if is_incremental() %}
where day between date '{{ var("day") }}' - interval '{{ var("late_days") }}' day and date '{{ var("day") }}'
{% endif %}
