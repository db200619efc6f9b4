with version as (
select id, at, "order" from visits
)
select
  cast(id as integer) as id,
  cast(at as timestamp(6)) as at,
  cast("order" as varchar) as "order"
from version
