select
  "visitor",
  "order",
  "a""b",
  "区"
from "visits__parts"
where "_tarn_label" in ('20261001t000000000_0001', '20261002t000000000_0001')
