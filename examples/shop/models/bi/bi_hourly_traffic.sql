/*
description: Sessions and purchases by hour of the day in Tokyo.
materialized: view
tags: [bi]
*/
select
    hour(with_timezone(started_at, 'UTC') at time zone 'Asia/Tokyo') as hour_of_day,
    device,
    count(*) as sessions,
    sum(purchases) as purchases
from {{ ref('sessions') }}
group by hour(with_timezone(started_at, 'UTC') at time zone 'Asia/Tokyo'), device
