merge into visits as published
using visits__r1__delta as delta
on published.visitor = delta.visitor
when matched then update set
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
