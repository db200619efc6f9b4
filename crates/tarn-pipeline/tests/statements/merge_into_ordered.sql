merge into visits as published
using (
  select *
  from (
    select
      *,
      row_number() over (
        partition by visitor
        order by seen desc
      ) as "_tarn_rank"
    from visits__r1__delta
  ) as ranked
  where "_tarn_rank" = 1
) as delta
on published.visitor = delta.visitor
when matched and (delta.seen >= published.seen or published.seen is null) then update set
  "order" = delta."order",
  seen = delta.seen
when not matched then insert (
  visitor,
  "order",
  seen
) values (
  delta.visitor,
  delta."order",
  delta.seen
)
