select *
from (
  select day
  from visits__r1
  where day > date '2030-01-01' -- far away
) as failing
limit 5
