insert into visits__r1
with visits as (
  select visitor, day, region, amount
  from site_events -- all of them
)
select visitor, sum(amount) as amount, day, region
from visits
group by visitor, day, region
