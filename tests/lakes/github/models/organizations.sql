/*
description: Deliveries that belong to an organization.
audits:
  - unique: [organization]
*/
select
    organization,
    count(*) as deliveries
from {{ ref('deliveries') }}
where organization is not null
group by organization
