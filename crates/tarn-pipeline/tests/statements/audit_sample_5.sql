select *
from (
  select * from visits__r1 where amount < 0
) as failing
limit 5
