select *
from (
  select *
  from visits__r1
  where "day" is null
     or "region" is null
) as failing
limit 5
