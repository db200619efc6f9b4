//! The crate from outside: whole lakes in, diagnostics and SQL out.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)] // a test fails by panicking

mod access;
mod configuration_mistakes;
mod deployment_mistakes;
mod header_mistakes;
mod loading;
mod model_mistakes;
mod seed_mistakes;
mod selecting;
mod sql;
mod template_mistakes;
mod unit_tests;
mod written_lakes;

use chrono::{DateTime, Utc};
use indexmap::IndexMap;
use tarn_model::{CompileContext, Lake, LakeFiles, QuotedNames};

/// A small lake without mistakes.
const SHOP: &[(&str, &str)] = &[
    (
        "tarn.yaml",
        "\
name: shop
timezone: Asia/Tokyo
vars:
  day: {default: yesterday, type: date}
  session_gap_minutes: 30
  only_device: {type: string, description: no default}
marts:
  reporting: {url: \"sqlite:reporting.db\"}
schedules:
  nightly: {cron: \"15 3 * * ? *\", select: [\"tag:nightly\"]}
",
    ),
    (
        "sources/site_events.yaml",
        "\
kind: stream
partitioned_by: {day: occurred_at}
columns:
  - {name: event_id, type: string, required: true}
  - {name: user_id, path: user.id, type: bigint}
  - {name: device, type: string}
  - {name: occurred_at, type: timestamp, required: true}
",
    ),
    (
        "sources/orders.yaml",
        "\
kind: table
key: order_id
columns:
  - {name: order_id, type: bigint, required: true}
  - {name: user_id, type: bigint}
  - {name: amount, type: 'decimal(12,2)'}
",
    ),
    ("seeds/campaigns.csv", "campaign_id,name,budget\n1,Spring,100.50\n2,,\n"),
    (
        "models/staging/sessions.sql",
        "\
/*
description: Visits.
tags: [nightly]
audits:
  - not_null: [session_id]
  - unique: session_id
*/
select
    concat(cast(user_id as varchar), '-', device) as session_id,
    user_id,
    device,
    date(min(occurred_at)) as day,
    count(*) as events
from {{ deduplicated('site_events') }}
where user_id > {{ var('session_gap_minutes') * 2 }}
group by user_id, device
",
    ),
    (
        "models/marts/daily_kpi.sql",
        "\
/*
description: One row per day and device.
materialized: incremental
strategy: insert_overwrite
partitioned_by: [day]
tags: [nightly, kpi]
audits:
  - accepted_values: {column: device, values: [mobile, desktop]}
  - relationships: {column: device, to: campaigns, field: name}
  - row_count: {min: 1}
  - sql: {name: events_are_positive, query: \"select * from {{ this }} where events < 0\"}
mart: {to: reporting, mode: merge, key: [day, device]}
*/
select device, count(*) as visits, sum(s.events) as events, s.day
from {{ ref('sessions') }} as s
{% if is_incremental() %}
where s.day = date '{{ var(\"day\") }}'
{% endif %}
group by device, s.day
",
    ),
    (
        "models/marts/spend.sql",
        "\
/*
materialized: view
*/
select o.user_id, sum(o.amount) as amount, max(campaigns.name) as campaign
from {{ source('orders_current') }} as o
cross join {{ ref('campaigns') }}
group by o.user_id
",
    ),
];

/// The shop with some files changed (or added, or taken away by `None`).
fn shop_with(changes: &[(&str, Option<&str>)]) -> LakeFiles {
    let mut files: IndexMap<&str, &str> = SHOP.iter().copied().collect();
    for (path, text) in changes {
        match text {
            Some(text) => files.insert(path, text),
            None => files.shift_remove(path),
        };
    }
    files.into_iter().collect()
}

fn shop() -> Lake {
    load(&shop_with(&[]))
}

fn load(files: &LakeFiles) -> Lake {
    Lake::load(files).unwrap_or_else(|diagnostics| panic!("{}", diagnostics.render(false)))
}

/// What is said about the shop with these changes.
fn mistakes(changes: &[(&str, Option<&str>)]) -> String {
    match Lake::load(&shop_with(changes)) {
        Ok(lake) => panic!("no mistakes, warnings: {}", lake.warnings.render(false)),
        Err(diagnostics) => diagnostics.render(false),
    }
}

/// What is said about the shop with one file changed or added.
fn mistakes_in(path: &str, text: &str) -> String {
    mistakes(&[(path, Some(text))])
}

fn noon() -> DateTime<Utc> {
    DateTime::parse_from_rfc3339("2026-10-31T12:00:00Z").unwrap().to_utc()
}

fn context(vars: &[(&str, &str)], incremental: bool) -> CompileContext<'static> {
    CompileContext {
        vars: vars.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect(),
        incremental,
        relations: &QuotedNames,
        logical_time: noon(),
    }
}
