-- What the sales meeting looks at, asked of the mart: the last week, by device.
select
  day,
  sum(sessions) as sessions,
  sum(purchases) as purchases,
  round(100.0 * sum(purchases) / sum(sessions), 1) as purchases_per_100,
  cast(sum(revenue) as integer) as revenue,
  printf('%.*c', cast(sum(revenue) / 2000 as integer), '#') as chart
from daily_kpi
group by day
order by day desc
limit 10
