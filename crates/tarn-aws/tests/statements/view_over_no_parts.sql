select
  "visitor",
  "order",
  "a""b",
  "区"
from "visits__parts"
where false
