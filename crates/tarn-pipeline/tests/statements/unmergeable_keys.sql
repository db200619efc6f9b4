select visitor, count(*) as rows_of_key
from visits__r1__delta
group by visitor, seen
having count(*) > 1 or visitor is null
limit 5
