/*
description: Site events, each once. A view, so that a question about one day reads the files of one day only.
materialized: view
tags: [staging, nightly]
audits:
  # A view is read anew by each audit: one day is enough to see that it does what it says.
  - sql: {name: each_event_once, query: "select event_id from {{ this }} where day = date '{{ var('day') }}' group by event_id having count(*) > 1"}
  - sql: {name: known_event_types, query: "select event_type from {{ this }} where day = date '{{ var('day') }}' and event_type not in ('page_view', 'product_view', 'search', 'add_to_cart', 'checkout', 'purchase')"}
*/
select
    event_id,
    event_type,
    occurred_at,
    visitor_id,
    user_id,
    plan,
    age_group,
    prefecture,
    device,
    page_url,
    page_title,
    referrer,
    utm_source,
    utm_campaign,
    product_id,
    category,
    price,
    tags,
    quantity,
    experiment,
    variant,
    order_id,
    order_total,
    day
from (
    select
        *,
        -- A repeat has the same day and type as the first copy. Naming both lets a filter on them reach the files.
        row_number() over (partition by day, event_type, event_id order by occurred_at) as copy_number
    from {{ source('site_events') }}
) as copies
where copy_number = 1
