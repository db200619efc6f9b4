select
  day,
  region,
  count(*) as "_tarn_rows"
from (
with visits as (
  select visitor, day, region, amount
  from site_events -- all of them
)
select visitor, sum(amount) as amount, day, region
from visits
group by visitor, day, region
) as version
group by day, region
order by day, region
