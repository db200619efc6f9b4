//! The whole deployment, rehearsed: Terraform's own files applied to the stand-in account, events sent as applications send them, the
//! schedule's target started, and every row of the mart compared with a laptop's.
#![allow(clippy::indexing_slicing, clippy::panic, reason = "a failed test may panic")]
#![allow(clippy::print_stderr, reason = "long steps are told, and what could not be rehearsed")]

mod deployment;
mod events;
mod files;

use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};
use serde_json::{Value, json};
use tarn_testkit::{Database, Kind};

use crate::deployment::Deployment;

/// The tables of the sample lake's mart.
const TABLES: [&str; 6] =
    ["ab_test_lift", "ad_cost_per_conversion", "customer_value", "daily_kpi", "order_facts", "product_ranking"];
/// When the schedule fires: a quarter past three in Tokyo, on the day after the sample's last.
const NIGHT: &str = "2026-10-31T18:15:00Z";

fn rows(database: &Database, table: &str) -> Result<Vec<String>> {
    let mut rows: Vec<String> = database.sql(&format!("select * from {table}"))?.lines().map(str::to_owned).collect();
    rows.sort_unstable();
    Ok(rows)
}

/// Asks until there is an answer.
fn wait_for<T>(what: &str, mut ask: impl FnMut() -> Result<Option<T>>) -> Result<T> {
    let until = Instant::now() + Duration::from_secs(60);
    loop {
        if let Some(answer) = ask()? {
            return Ok(answer);
        }
        if Instant::now() > until {
            bail!("no {what} after a minute");
        }
        thread::sleep(Duration::from_millis(200));
    }
}

#[test]
fn the_whole_deployment() -> Result<()> {
    if !deployment::can_be_rehearsed() {
        return Ok(());
    }
    let (laptop_mart, mart) = (Database::start(Kind::Mariadb)?, Database::start(Kind::Mariadb)?);
    let deployed = Deployment::apply(&mart)?;
    deployed.tarn(&["push"])?.done();

    // What comes in.
    let laptop = deployed.laptop(&laptop_mart)?;
    events::send_all(&deployed)?;
    events::bring_to(&deployed, &laptop)?;
    let sent = deployed.rows("select count(*), count(distinct event_id) from site_events")?;
    assert_eq!(sent, laptop.rows("select count(*), count(distinct event_id) from site_events")?);
    let current = "select order_id, status, total, ledger_number from orders_current order by order_id";
    assert_eq!(deployed.rows(current)?, laptop.rows(current)?);
    assert!(!deployed.rows(current)?.is_empty());

    // The night's run, and every row of the mart as the laptop has it. The schedule fires twice.
    let first = deployed.fire("nightly", NIGHT)?;
    assert_eq!(first["status"], "SUCCEEDED", "{first:#}");
    laptop.tarn(&["run", "tag:nightly", "--var", "day=2026-10-31"])?.done();
    for table in TABLES {
        let loaded = rows(&mart, table)?;
        assert!(!loaded.is_empty(), "{table}");
        assert_eq!(loaded, rows(&laptop_mart, table)?, "{table}");
    }
    deployed.fire("nightly", NIGHT)?;
    let runs = deployed.tarn(&["runs", "--json"])?.done().json()?;
    assert_eq!(runs.as_array().map(Vec::len), Some(1), "{runs:#}");
    assert_eq!(rows(&mart, "daily_kpi")?, rows(&laptop_mart, "daily_kpi")?);

    // What goes wrong is got over, and nothing is doubled.
    for fault in [
        json!({"service": "lambda", "operation": "Invoke", "error": "ServiceException", "status": 500}),
        json!({"service": "athena", "operation": "StartQueryExecution", "error": "TooManyRequestsException", "times": 3}),
        json!({"statement": "create table daily_kpi__", "at": "half"}),
    ] {
        deployed.account.fault(&fault)?;
    }
    let second = deployed.fire("nightly", "2026-11-01T18:15:00Z")?;
    assert_eq!(second["status"], "SUCCEEDED", "{second:#}");
    laptop.tarn(&["run", "tag:nightly", "--var", "day=2026-11-01"])?.done();
    for table in TABLES {
        assert_eq!(rows(&mart, table)?, rows(&laptop_mart, table)?, "{table}, after the faults");
    }

    // A record that does not fit is kept whole, and comes in once when it fits.
    events::send(&deployed, "site_events", &[events::WITHOUT_VISITOR.to_owned()])?;
    let count = "select count(*) from site_events where event_id = 'without-visitor'";
    assert_eq!(deployed.rows(count)?, ["0"]);
    let contract = deployed.lake.read("sources/site_events.yaml")?;
    let required = "{name: visitor_id, path: user.anonymous_id, type: string, required: true";
    assert!(contract.contains(required));
    let relaxed = contract.replace(required, &required.replace(", required: true", ""));
    deployed.lake.write("sources/site_events.yaml", relaxed)?;
    deployed.tarn(&["push"])?.done();
    deployed.tarn(&["replay", "site_events"])?.done();
    deployed.tarn(&["replay", "site_events"])?.done();
    assert_eq!(deployed.rows(count)?, ["1"]);

    // A model that fails its audit is told once, with what to do.
    deployed.account.clear_slack()?;
    let broken = "/*\ntags: [nightly]\naudits:\n  - accepted_values: {column: a, values: [2]}\n*/\nselect 1 as a\n";
    deployed.lake.write("models/marts/broken.sql", broken)?;
    deployed.tarn(&["push"])?.done();
    let third = deployed.fire("nightly", "2026-11-02T18:15:00Z")?;
    assert_eq!(third["status"], "FAILED", "{third:#}");
    let told = wait_for("message of the failure", || {
        let messages = deployed.account.slack_messages()?;
        let of_failure = messages.into_iter().filter(|message| message.to_string().contains("broken"));
        Ok(Some(of_failure.collect::<Vec<Value>>()).filter(|found| !found.is_empty()))
    })?;
    assert_eq!(told.len(), 1, "{told:#?}");
    assert!(told[0].to_string().contains("tarn run"), "{:#}", told[0]);

    // Nothing is to be changed, and nothing is left.
    assert_eq!(deployed.plan()?, "", "what is there is what is written");
    deployed.check_rights()?;
    deployed.destroy().context("destroy")
}
