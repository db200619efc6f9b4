with version as (
select amount, visitor, extra, day from visits
)
select
  visitor,
  cast(null as array(row(a integer, b real))) as note,
  cast(amount as bigint) as amount,
  extra,
  day
from version
