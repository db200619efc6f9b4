/*
description: What a purchase costs in each campaign, and what it brings back. Only sessions that start on a day of the campaign count.
tags: [marts, nightly]
audits:
  - not_null: [campaign, channel, cost, sessions, purchases]
  - unique: [campaign]
  - relationships: {column: campaign, to: campaigns, field: campaign}
mart: {to: reporting, table: ad_cost_per_conversion, mode: replace}
*/
select
    campaigns.campaign,
    campaigns.channel,
    campaigns.title,
    campaigns.starts_on,
    campaigns.ends_on,
    campaigns.cost,
    count(sessions.session_id) as sessions,
    coalesce(sum(sessions.purchases), 0) as purchases,
    coalesce(sum(sessions.revenue), 0) as revenue,
    cast(campaigns.cost as double) / nullif(sum(sessions.purchases), 0) as cost_per_conversion,
    cast(coalesce(sum(sessions.revenue), 0) as double) / nullif(cast(campaigns.cost as double), 0) as return_on_spend
from {{ ref('campaigns') }} as campaigns
left join {{ ref('sessions') }} as sessions
    on sessions.utm_campaign = campaigns.campaign
    and sessions.utm_source = campaigns.channel
    and sessions.day between campaigns.starts_on and campaigns.ends_on
group by
    campaigns.campaign,
    campaigns.channel,
    campaigns.title,
    campaigns.starts_on,
    campaigns.ends_on,
    campaigns.cost
