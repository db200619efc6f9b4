select *
from (
  select *
  from visits__r1
  where "region" not in ('east', 'west', 'it''s')
) as failing
limit 5
