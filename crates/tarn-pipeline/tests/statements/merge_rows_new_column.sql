select
  visitor,
  "order",
  seen
from visits__r1__delta
union all
select
  published.visitor,
  published."order",
  cast(null as timestamp) as seen
from visits as published
where not exists (
  select 1
  from visits__r1__delta as delta
  where delta.visitor = published.visitor
)
