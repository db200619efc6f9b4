select *
from (
  select *
  from (
      select *, count(*) over (partition by "day", "region") as "_copies"
      from visits__r1
      where "day" is not null
        and "region" is not null
  )
  where "_copies" > 1
) as failing
limit 5
