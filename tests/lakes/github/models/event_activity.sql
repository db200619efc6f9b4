/*
description: How often each event comes with each action.
audits:
  - not_null: [event, deliveries]
  - unique: [event, action]
mart: {to: reporting, mode: replace}
*/
select
    event,
    action,
    count(*) as deliveries
from {{ ref('deliveries') }}
group by event, action
