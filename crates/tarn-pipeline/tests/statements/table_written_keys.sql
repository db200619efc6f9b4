create table visits__r1 with (
  format = 'PARQUET',
  write_compression = 'ZSTD',
  external_location = 'memory://model/visits/run=r1/',
  partitioned_by = array['day', '_tarn_key_1']
) as
with version as (
with visits as (
  select visitor, day, region, amount
  from site_events -- all of them
)
select visitor, sum(amount) as amount, day, region
from visits
group by visitor, day, region
)
select
  visitor,
  amount,
  region,
  day,
  to_hex(to_utf8(cast(region as varchar))) as "_tarn_key_1"
from version
