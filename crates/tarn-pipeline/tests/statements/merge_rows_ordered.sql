select
  visitor,
  "order",
  seen
from (
  select
    *,
    row_number() over (
      partition by visitor
      order by seen desc, "_tarn_side" desc
    ) as "_tarn_rank"
  from (
    select
      visitor,
      "order",
      seen,
      1 as "_tarn_side"
    from visits__r1__delta
    union all
    select
      visitor,
      "order",
      seen,
      0 as "_tarn_side"
    from visits
  ) as both_sides
) as ranked
where "_tarn_rank" = 1
