create table visits__r1__delta with (
  format = 'PARQUET',
  write_compression = 'ZSTD',
  external_location = 'memory://model/visits/delta=r1/'
) as
with visits as (
  select visitor, day, region, amount
  from site_events -- all of them
)
select visitor, sum(amount) as amount, day, region
from visits
group by visitor, day, region
