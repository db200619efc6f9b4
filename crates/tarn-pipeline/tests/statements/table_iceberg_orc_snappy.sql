create table visits__r1 with (
  table_type = 'ICEBERG',
  is_external = false,
  format = 'ORC',
  write_compression = 'SNAPPY',
  location = 'memory://model/visits/run=r1/'
) as
with visits as (
  select visitor, day, region, amount
  from site_events -- all of them
)
select visitor, sum(amount) as amount, day, region
from visits
group by visitor, day, region
