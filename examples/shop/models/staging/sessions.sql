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
with visits as (
    select
        visitor_id,
        user_id,
        event_id,
        event_type,
        occurred_at,
        device,
        plan,
        age_group,
        prefecture,
        variant,
        page_url,
        utm_source,
        utm_campaign,
        order_total,
        day,
        lag(event_id) over (partition by visitor_id order by occurred_at, event_id) as previous_event_id,
        lag(occurred_at) over (partition by visitor_id order by occurred_at, event_id) as previous_at
    from {{ source('site_events') }}
    {% if is_incremental() %}
    -- One day more on either side: a session that starts before midnight needs its end, and its end must not look like a start.
    where day between date '{{ var("day") }}' - interval '{{ var("late_days") + 1 }}' day and date '{{ var("day") }}' + interval '1' day
    {% endif %}
),

distinct_events as (
    select
        *,
        case
            when previous_at is null then 1
            when occurred_at > previous_at + interval '{{ var("session_gap_minutes") }}' minute then 1
            else 0
        end as starts_session
    from visits
    -- In this order a repeated event stands right behind its first copy.
    where previous_event_id is null or previous_event_id <> event_id
),

numbered as (
    select
        *,
        sum(starts_session) over (
            partition by visitor_id
            order by occurred_at, event_id
            rows between unbounded preceding and current row
        ) as session_number
    from distinct_events
)

select
    visitor_id || '-' || date_format(min(occurred_at), '%Y%m%d%H%i%s') as session_id,
    visitor_id,
    max(user_id) as user_id,
    max(case when starts_session = 1 then device end) as device,
    max(plan) as plan,
    max(age_group) as age_group,
    max(prefecture) as prefecture,
    max(variant) as variant,
    max(case when starts_session = 1 then page_url end) as landing_page,
    max(case when starts_session = 1 then utm_source end) as utm_source,
    max(case when starts_session = 1 then utm_campaign end) as utm_campaign,
    min(occurred_at) as started_at,
    max(occurred_at) as ended_at,
    date_diff('second', min(occurred_at), max(occurred_at)) as duration_seconds,
    count(*) as events,
    count_if(event_type = 'page_view') as page_views,
    count_if(event_type = 'product_view') as product_views,
    count_if(event_type = 'add_to_cart') as add_to_carts,
    count_if(event_type = 'checkout') as checkouts,
    count_if(event_type = 'purchase') as purchases,
    cast(coalesce(sum(order_total), 0) as decimal(14, 2)) as revenue,
    min(day) as day
from numbered
group by visitor_id, session_number
{% if is_incremental() %}
having min(day) between date '{{ var("day") }}' - interval '{{ var("late_days") }}' day and date '{{ var("day") }}'
{% endif %}
