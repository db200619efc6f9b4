create table visits__r1 with (
  format = 'PARQUET',
  write_compression = 'ZSTD',
  external_location = 'memory://model/visits/run=r1/',
  partitioned_by = array['day', 'region']
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
select *
from version
where (day is null and region is null or day = date '2026-01-01' and region in ('', '50 %/a b', 'east', 'it''s', 'west', '東京') or day = date '2026-01-02' and region in ('east', 'west') or day = date '2026-01-03' and region in ('east', 'west') or day = date '2026-01-04' and region in ('east', 'west') or day = date '2026-01-05' and region in ('east', 'west') or day = date '2026-01-06' and region in ('east', 'west') or day = date '2026-01-07' and region in ('east', 'west') or day = date '2026-01-08' and region in ('east', 'west') or day = date '2026-01-09' and region in ('east', 'west') or day = date '2026-01-10' and region in ('east', 'west') or day = date '2026-01-11' and region in ('east', 'west') or day = date '2026-01-12' and region in ('east', 'west') or day = date '2026-01-13' and region in ('east', 'west') or day = date '2026-01-14' and region in ('east', 'west') or day = date '2026-01-15' and region in ('east', 'west') or day = date '2026-01-16' and region in ('east', 'west') or day = date '2026-01-17' and region in ('east', 'west') or day = date '2026-01-18' and region in ('east', 'west') or day = date '2026-01-19' and region in ('east', 'west') or day = date '2026-01-20' and region in ('east', 'west') or day = date '2026-01-21' and region in ('east', 'west') or day = date '2026-01-22' and region in ('east', 'west') or day = date '2026-01-23' and region in ('east', 'west') or day = date '2026-01-24' and region in ('east', 'west') or day = date '2026-01-25' and region in ('east', 'west') or day = date '2026-01-26' and region in ('east', 'west') or day = date '2026-01-27' and region in ('east', 'west') or day = date '2026-01-28' and region in ('east', 'west') or day = date '2026-01-29' and region in ('east', 'west') or day = date '2026-01-30' and region in ('east', 'west') or day = date '2026-01-31' and region in ('east', 'west') or day = date '2026-02-01' and region in ('east', 'west') or day = date '2026-02-02' and region in ('east', 'west') or day = date '2026-02-03' and region in ('east', 'west') or day = date '2026-02-04' and region in ('east', 'west') or day = date '2026-02-05' and region in ('east', 'west') or day = date '2026-02-06' and region in ('east', 'west') or day = date '2026-02-07' and region in ('east', 'west') or day = date '2026-02-08' and region in ('east', 'west') or day = date '2026-02-09' and region in ('east', 'west') or day = date '2026-02-10' and region in ('east', 'west') or day = date '2026-02-11' and region in ('east', 'west') or day = date '2026-02-12' and region in ('east', 'west') or day = date '2026-02-13' and region in ('east', 'west') or day = date '2026-02-14' and region in ('east', 'west') or day = date '2026-02-15' and region in ('east', 'west') or day = date '2026-02-16' and region in ('east', 'west') or day = date '2026-02-17' and region = 'east')
