select *
from (
  select 'the version has no rows' as failure
  from (select count(*) as row_count from visits__r1) as counted
  where row_count = 0
) as failing
limit 5
