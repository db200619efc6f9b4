//! The sample lake, whole: generated events, orders and customers become audited tables and a mart.

use std::process::Command;

use anyhow::Result;
use tarn_testkit::{ScratchLake, program};

/// The shop with a small number of generated events brought in.
fn shop(events: u32) -> Result<ScratchLake> {
    let lake = ScratchLake::copy_of("examples/shop")?;
    let status = Command::new(program("shop-generator")?)
        .arg(lake.path().join("generated"))
        .args(["--events", &events.to_string()])
        .output()?;
    assert!(status.status.success(), "{}", String::from_utf8_lossy(&status.stderr));
    for (source, file) in [
        ("site_events", "site_events.ndjson"),
        ("orders", "orders.ndjson"),
        ("customers", "customers.parquet"),
        ("contracts", "contracts.parquet"),
    ] {
        lake.tarn(&["ingest", source, &format!("generated/{file}")])?.done();
    }
    Ok(lake)
}

#[test]
fn the_shop_runs_from_events_to_marts() -> Result<()> {
    let lake = shop(10_000)?;
    lake.tarn(&["check"])?.done();
    lake.tarn(&["test"])?.done();
    let run = lake.tarn(&["run", "--json"])?.done().json()?;
    assert_eq!(run["status"], "done");
    // Ten thousand events without their repeats and the broken ones, each in exactly one session.
    let events = lake.rows("select count(*), count(distinct event_id) from events")?;
    let in_sessions = lake.rows("select sum(events), sum(events) from sessions")?;
    assert_eq!(events, in_sessions);
    // What the lake says is what the mart says.
    for model in ["daily_kpi", "ab_test_lift", "product_ranking", "ad_cost_per_conversion"] {
        let sql = format!("select count(*) from {model}");
        assert_eq!(lake.rows(&sql)?, lake.mart_rows("reporting", &sql)?, "{model}");
    }
    Ok(())
}

#[test]
fn a_day_computed_again_is_the_same_day() -> Result<()> {
    let lake = shop(3_000)?;
    lake.tarn(&["run"])?.done();
    let sql = "select day, device, sessions, events, revenue from daily_kpi order by day, device";
    let first = (lake.rows(sql)?, lake.mart_rows("reporting", sql)?);
    lake.tarn(&["run", "+daily_kpi", "--var", "day=2026-10-20"])?.done();
    assert_eq!((lake.rows(sql)?, lake.mart_rows("reporting", sql)?), first);
    Ok(())
}

#[test]
fn a_new_definition_of_a_session_is_applied_to_all_history() -> Result<()> {
    let lake = shop(3_000)?;
    lake.tarn(&["run", "sessions"])?.done();
    let count = || -> Result<u64> { Ok(lake.rows("select count(*) from sessions")?[0].parse()?) };
    let before = count()?;
    lake.tarn(&["run", "sessions", "--full-refresh", "--var", "session_gap_minutes=1"])?.done();
    let after = count()?;
    assert!(after > before, "{after} sessions after, {before} before");
    Ok(())
}

#[test]
fn orders_show_their_latest_image() -> Result<()> {
    let lake = shop(3_000)?;
    let doubled = lake.rows("select count(*) - count(distinct order_id) from orders_current")?;
    assert_eq!(doubled, ["0"]);
    let removed = lake.rows(
        "select count(*) from orders_current where order_id in (select order_id from orders group by order_id having max_by(\"_op\", \"_seq\") = 'remove')",
    )?;
    assert_eq!(removed, ["0"]);
    let expected = lake.rows(
        "select count(*) from (select order_id from orders group by order_id having max_by(\"_op\", \"_seq\") <> 'remove') as t",
    )?;
    assert_eq!(lake.rows("select count(*) from orders_current")?, expected);
    Ok(())
}
