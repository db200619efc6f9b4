select *
from (
  select child.*
  from visits__r1 as child
  left join regions as parent
      on child."region" = parent."region"
  where child."region" is not null
    and parent."region" is null
) as failing
limit 5
