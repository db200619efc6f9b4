select
  "visitor",
  "order",
  "a""b",
  "区"
from "visits__parts"
where "_tarn_label" between 'g0123456789abcdef.' and 'g0123456789abcdef.~'
  or "_tarn_label" in ('20261001t000000000_0001')
