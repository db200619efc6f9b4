/*
description: The shop as a whole per day, with the average of the last seven days.
materialized: view
tags: [bi]
*/
with days as (
    select
        day,
        sum(sessions) as sessions,
        sum(purchases) as purchases,
        sum(revenue) as revenue
    from {{ ref('daily_kpi') }}
    group by day
)

select
    day,
    date_format(day, '%a') as weekday,
    sessions,
    purchases,
    revenue,
    avg(cast(revenue as double)) over (order by day rows between 6 preceding and current row) as revenue_7_days
from days
