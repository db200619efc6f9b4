//! The whole deployment, rehearsed: Terraform's own files applied to the stand-in account, events sent as applications send them, the
//! schedule's target started, and every row of the mart compared with a laptop's.
#![allow(clippy::indexing_slicing, clippy::panic, reason = "a failed test may panic")]
#![allow(clippy::print_stderr, reason = "long steps are told, and that they were not rehearsed")]

mod arrivals;
mod deployment;
mod events;
mod failures;
mod files;
mod operator;

use std::collections::BTreeSet;
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};
use serde_json::Value;
use tarn_testkit::{Database, Kind};

use crate::deployment::Deployment;
use crate::failures::Both;

/// The tables of the sample lake's mart.
pub(crate) const TABLES: [&str; 6] =
    ["ab_test_lift", "ad_cost_per_conversion", "customer_value", "daily_kpi", "order_facts", "product_ranking"];
/// When the schedule fires: a quarter past three in Tokyo, on the day after the sample's last.
pub(crate) const NIGHT: &str = "2026-10-31T18:15:00Z";

pub(crate) fn rows(database: &Database, table: &str) -> Result<Vec<String>> {
    let mut rows: Vec<String> = database.sql(&format!("select * from {table}"))?.lines().map(str::to_owned).collect();
    rows.sort_unstable();
    Ok(rows)
}

/// Asks until there is an answer.
pub(crate) fn wait_for<T>(what: &str, mut ask: impl FnMut() -> Result<Option<T>>) -> Result<T> {
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
    let (laptop_mart, mut mart) = (Database::start(Kind::Mariadb)?, Database::start(Kind::Mariadb)?);
    let deployed = Deployment::apply(&mart)?;
    let mut steps = Steps::default();
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
    steps.end("arrival");
    // A few of the sample's records are broken.
    operator::told_once(&deployed, "Alarm: tarn-shop-firehose-transform-site_events-quarantined")?;
    steps.end("its alarm");

    // What goes right and wrong in runs.
    let both = Both { deployed: &deployed, mart: &mart, laptop: &laptop, laptop_mart: &laptop_mart };
    steps.take("a schedule that cannot start", || failures::of_a_schedule(&deployed))?;
    steps.take("a night", || a_night(&both))?;
    steps.take("a night with failures", || failures::that_are_got_over(&both))?;
    steps.take("a run that is stopped", || failures::of_a_run_that_is_stopped(&both))?;
    // From here on runs are for the present moment: no mart takes a night's older ones after that.
    steps.take("functions that fail for good", || failures::of_functions_for_good(&both))?;
    steps.take("a mart that is down", || failures::of_the_mart(&deployed, &mut mart, &laptop_mart))?;

    // What goes wrong on the way in.
    let both = Both { deployed: &deployed, mart: &mart, laptop: &laptop, laptop_mart: &laptop_mart };
    steps.take("a stream's failures", || arrivals::of_a_stream(&deployed))?;
    steps.take("a table's failures", || arrivals::of_a_table(&deployed))?;
    steps.take("quarantine and backfill", || arrivals::of_contracts(&both))?;
    steps.take("a model that fails", || failures::of_a_model(&deployed))?;

    // Nothing is to be changed, and nothing is left.
    assert_eq!(deployed.plan()?, "", "what is there is what is written");
    deployed.check_rights()?;
    let destroyed = deployed.destroy().context("destroy");
    steps.end("plan and destroy");
    destroyed
}

/// The night's run, and every row of the mart as the laptop has it. The schedule fires twice at the same moment, and a third time later.
fn a_night(both: &Both<'_>) -> Result<()> {
    let Both { deployed, laptop, .. } = both;
    laptop.tarn(&["run", "tag:nightly", "--var", "day=2026-10-31"])?.done();
    let fired = thread::scope(|scope| -> Result<Vec<Value>> {
        let firings = [(), ()].map(|()| scope.spawn(|| deployed.fire("nightly", NIGHT)));
        firings.into_iter().map(|firing| firing.join().ok().context("a firing was left")?).collect()
    })?;
    let of_workflow = |arn: &&str| arn.contains(":tarn-shop-workflow:");
    let executions: BTreeSet<&str> =
        fired.iter().filter_map(|ended| ended["executionArn"].as_str()).filter(of_workflow).collect();
    assert_eq!(executions.len(), 1, "{fired:#?}");
    assert!(fired.iter().all(|ended| ended["status"] == "SUCCEEDED"), "{fired:#?}");
    deployed.fire("nightly", NIGHT)?;
    let runs = deployed.tarn(&["runs", "--json"])?.done().json()?;
    assert_eq!(runs.as_array().map(Vec::len), Some(1), "{runs:#}");
    for table in TABLES {
        assert!(!rows(both.mart, table)?.is_empty(), "{table}");
    }
    both.are_equal("a night")?;
    operator::told(deployed, 0)?;
    Ok(())
}

/// Tells how long each part took: the whole is to stay below nine minutes on two cores.
///
/// `TARN_TEST_STEPS`, names with commas between, takes only these; what is deployed and what arrives is always there.
struct Steps {
    only: Option<String>,
    since: Instant,
}

impl Default for Steps {
    fn default() -> Self {
        Self { only: std::env::var("TARN_TEST_STEPS").ok(), since: Instant::now() }
    }
}

impl Steps {
    fn take(&mut self, step: &str, of: impl FnOnce() -> Result<()>) -> Result<()> {
        if self.only.as_ref().is_some_and(|only| !only.split(',').any(|name| name.trim() == step)) {
            eprintln!("{step}: NOT REHEARSED");
            return Ok(());
        }
        of().with_context(|| step.to_owned())?;
        self.end(step);
        Ok(())
    }

    fn end(&mut self, step: &str) {
        eprintln!("{step}: {} s", self.since.elapsed().as_secs());
        self.since = Instant::now();
    }
}
