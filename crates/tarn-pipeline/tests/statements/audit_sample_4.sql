select *
from (
  select "row_count"
  from (
      select count(*) as "row_count"
      from visits__r1
  )
  where "row_count" < 1
     or "row_count" > 1000
) as failing
limit 5
