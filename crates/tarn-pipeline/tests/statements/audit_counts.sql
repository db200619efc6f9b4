select audit_number, failures
from (
  -- not_null_day_region
  select 0 as audit_number, count(*) as failures
  from (
    select *
    from visits__r1
    where "day" is null
       or "region" is null
  ) as failing
  union all
  -- unique_day_region
  select 1 as audit_number, count(*) as failures
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
  union all
  -- accepted_values_region
  select 2 as audit_number, count(*) as failures
  from (
    select *
    from visits__r1
    where "region" not in ('east', 'west', 'it''s')
  ) as failing
  union all
  -- relationships_region_regions
  select 3 as audit_number, count(*) as failures
  from (
    select child.*
    from visits__r1 as child
    left join regions as parent
        on child."region" = parent."region"
    where child."region" is not null
      and parent."region" is null
  ) as failing
  union all
  -- row_count
  select 4 as audit_number, count(*) as failures
  from (
    select "row_count"
    from (
        select count(*) as "row_count"
        from visits__r1
    )
    where "row_count" < 1
       or "row_count" > 1000
  ) as failing
  union all
  -- no_negative_amounts
  select 5 as audit_number, count(*) as failures
  from (
    select * from visits__r1 where amount < 0
  ) as failing
  union all
  -- no_future_days
  select 6 as audit_number, count(*) as failures
  from (
    select day
    from visits__r1
    where day > date '2030-01-01' -- far away
  ) as failing
  union all
  -- on_empty: fail
  select 7 as audit_number, count(*) as failures
  from (
    select 'the version has no rows' as failure
    from (select count(*) as row_count from visits__r1) as counted
    where row_count = 0
  ) as failing
) as audits
