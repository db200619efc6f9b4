/*
description: The repositories once more, from the columns that were discovered instead of promised. Both ways must agree.
audits:
  - relationships: {column: repository, to: repository_activity, field: repository}
  - sql: {name: both_ways_agree, query: "select discovered.repository from {{ this }} as discovered join {{ ref('repository_activity') }} as promised on promised.repository = discovered.repository where promised.deliveries <> discovered.deliveries or promised.stars <> discovered.stars"}
*/
select
    payload_repository_full_name as repository,
    count(*) as deliveries,
    max(cast(payload_repository_stargazers_count as integer)) as stars
from {{ deduplicated('webhooks') }}
where payload_repository_full_name is not null
group by payload_repository_full_name
