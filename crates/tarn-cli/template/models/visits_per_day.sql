/*
description: One row per day and country, for the first dashboard.
partitioned_by: [day]
tags: [nightly]
audits:
  - not_null: [day, country]
  - unique: [day, country]
  - row_count: {min: 1}
mart: {to: reporting, table: visits_per_day, mode: replace}
*/
select
  coalesce(countries.name, 'elsewhere') as country,
  count(*) as visits,
  count(distinct visits.user_id) as users,
  sum(visits.seconds) as seconds,
  visits.day
from {{ source('visits') }} as visits
left join {{ ref('countries') }} as countries on countries.code = visits.country
where visits.day >= date '{{ var("first_day") }}'
group by visits.day, coalesce(countries.name, 'elsewhere')
