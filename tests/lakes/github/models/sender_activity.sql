/*
description: What each account does.
audits:
  - not_null: [sender, deliveries]
  - unique: [sender]
mart: {to: reporting, mode: replace}
*/
select
    sender,
    count(*) as deliveries,
    count(distinct repository) as repositories,
    count(distinct event) as events
from {{ ref('deliveries') }}
where sender is not null
group by sender
