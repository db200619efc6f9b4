/*
description: One row per example of a webhook's payload.
audits:
  - not_null: [edition, event, example]
  - unique: [edition, event, example]
  - accepted_values: {column: sender_type, values: [User, Bot, Organization]}
  - row_count: {min: 1}
*/
select
    edition,
    event,
    example,
    action,
    repository_id,
    repository,
    split_part(repository, '/', 1) as owner,
    is_private,
    stars,
    sender,
    sender_type,
    organization,
    installation_id,
    issue_title,
    coalesce(json_array_length(issue_labels), 0) as issue_labels
from {{ deduplicated('webhook_events') }}
