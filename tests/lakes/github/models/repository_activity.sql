/*
description: What happens in each repository, and by how many people.
audits:
  - not_null: [repository, deliveries]
  - unique: [repository]
mart: {to: reporting, mode: replace}
*/
select
    repository,
    count(*) as deliveries,
    count(distinct event) as events,
    count(distinct sender) as senders,
    count_if(sender_type = 'Bot') as by_bots,
    max(stars) as stars
from {{ ref('deliveries') }}
where repository is not null
group by repository
