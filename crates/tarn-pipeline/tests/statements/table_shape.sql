create table tarn_shape with (
  format = 'PARQUET',
  external_location = 'memory://work/shape/1/'
) as
with visits as (
  select visitor, day, region, amount
  from site_events -- all of them
)
select visitor, sum(amount) as amount, day, region
from visits
group by visitor, day, region
with no data
