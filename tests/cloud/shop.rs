//! The sample lake through the deployed workflow, row by row as on the laptop.

use std::process::Command;

use anyhow::{Context, Result};
use serde_json::{Value, json};
use tarn_testkit::{REGION, program};

use crate::world::World;

/// Every table and view of the sample lake that a run makes.
const MADE: [&str; 13] = [
    "ab_test_lift",
    "ad_cost_per_conversion",
    "bi_ab_test",
    "bi_daily_kpi",
    "bi_daily_sales",
    "bi_hourly_traffic",
    "customer_value",
    "daily_kpi",
    "events",
    "order_facts",
    "orders_latest",
    "product_ranking",
    "sessions",
];

pub(crate) fn sorted(mut rows: Vec<String>) -> Vec<String> {
    rows.sort_unstable();
    rows
}

/// The sample files into both lakes: the laptop's and the deployed one.
pub(crate) fn ingest(world: &World) -> Result<()> {
    let data = world.lake.path().join("data");
    let generated = Command::new(program("shop-generator")?).arg(&data).args(["--events", "3000"]).output()?;
    assert!(generated.status.success(), "{}", String::from_utf8_lossy(&generated.stderr));
    for (source, file) in [
        ("site_events", "site_events.ndjson"),
        ("orders", "orders.ndjson"),
        ("customers", "customers.parquet"),
        ("contracts", "contracts.parquet"),
    ] {
        let file = format!("data/{file}");
        world.lake.tarn(&["ingest", source, &file])?.done();
        world.tarn(&["ingest", source, &file])?.done();
    }
    Ok(())
}

#[test]
fn the_workflow_makes_what_the_laptop_makes() -> Result<()> {
    let world = World::copy_of("examples/shop", "shop")?;
    world.tarn(&["push"])?.done();
    ingest(&world)?;
    world.lake.tarn(&["run", "--no-load"])?.done();
    let record = world.tarn(&["run", "--no-load", "--json"])?.done().json()?;
    assert_eq!(record["status"], "done");
    let queries = record["models"].as_array().context("no models")?.iter().flat_map(|model| {
        model["queries"].as_array().into_iter().flatten().map(|query| query["id"].clone()).collect::<Vec<_>>()
    });
    assert!(queries.into_iter().all(|id| id.is_string()), "every query has Athena's id");
    for table in MADE {
        let sql = format!("select * from {table}");
        assert_eq!(sorted(world.rows(&sql)?), sorted(world.lake.rows(&sql)?), "{table}");
    }
    // An incremental run swaps the days it makes, and the older ones stay.
    world.lake.tarn(&["run", "sessions", "--no-load"])?.done();
    world.tarn(&["run", "sessions", "--no-load"])?.done();
    let sql = "select * from sessions";
    assert_eq!(sorted(world.rows(sql)?), sorted(world.lake.rows(sql)?));
    let shown = world.tarn(&["show", "--json"])?.done().json()?;
    assert_eq!(shown["models"][0]["model"], "sessions");
    assert_eq!(world.tarn(&["runs", "--json"])?.done().json()?.as_array().map(Vec::len), Some(2));
    Ok(())
}

#[test]
fn a_run_that_is_started_twice_is_one() -> Result<()> {
    let world = World::shared(
        "twice",
        &[("models/one.sql", "select 1 as a\n"), ("models/two.sql", "select a from {{ ref('one') }}\n")],
    )?;
    world.tarn(&["push"])?.done();
    let run = ["run", "--run-id", "20261031t181500000_0001", "--json"];
    world.tarn(&["diff"])?.done();
    world.lake.write("models/three.sql", "select 3 as c\n")?;
    let differs = world.tarn(&["diff", "--json"])?.ended(1).json()?;
    assert_eq!(differs, serde_json::json!({"added": ["models/three.sql"], "changed": [], "removed": []}));
    let first: Value = world.tarn(&run)?.done().json()?;
    world.account.clear_calls()?;
    let second: Value = world.tarn(&run)?.done().json()?;
    assert_eq!(first, second);
    assert_eq!(world.rows("select count(*) from two")?, ["1"]);
    Ok(())
}

#[test]
fn what_reads_a_failed_model_is_skipped_and_the_rest_goes_on() -> Result<()> {
    let models = [
        ("models/bad.sql", "/*\naudits:\n  - accepted_values: {column: a, values: [2]}\n*/\nselect 1 as a\n"),
        ("models/after.sql", "select a from {{ ref('bad') }}\n"),
        ("models/other.sql", "select 5 as b\n"),
    ];
    let world = World::shared("skips", &models)?;
    world.tarn(&["push"])?.done();
    let run = ["run", "--run-id", "20261030t181500000_0001", "--json"];
    let record = world.tarn(&run)?.ended(1).json()?;
    let status = |name: &str| {
        let models = record["models"].as_array().into_iter().flatten();
        models.filter(|model| model["model"] == name).map(|model| model["status"].clone()).next()
    };
    assert_eq!(status("bad"), Some("failed".into()));
    assert_eq!(status("after"), Some("skipped".into()));
    assert_eq!(status("other"), Some("done".into()));
    assert_eq!(world.rows("select b from other")?, ["5"]);
    assert!(world.rows("select a from bad").is_err(), "nothing unaudited is published");

    // It has come to its end: whoever comes back is told the same, and nothing is tried again.
    assert_eq!(world.tarn(&run)?.ended(1).json()?, record);
    let again = world.tarn(&run[..3])?.ended(1);
    for part in ["has been started before, and has ended", "✗ bad", "tarn show 20261030t181500000_0001"] {
        assert!(again.stderr.contains(part), "{}", again.stderr);
    }
    let arn = format!("arn:aws:states:{REGION}:123456789012:execution:tarn-skips-workflow:{}-2", run[2]);
    let second = world.account.call("states", "AWSStepFunctions.DescribeExecution", &json!({"executionArn": arn}));
    assert!(second.is_err(), "{second:?}");
    Ok(())
}

#[test]
fn a_model_waits_for_what_it_reads_through_a_view_that_is_not_selected() -> Result<()> {
    let models = [
        (
            "models/first.sql",
            "/*\naudits:\n  - accepted_values: {column: a, values: [2]}\n*/\nselect {{ var('n') }} as a\n",
        ),
        ("models/between.sql", "/*\nmaterialized: view\n*/\nselect a from {{ ref('first') }}\n"),
        ("models/last.sql", "select a from {{ ref('between') }}\n"),
    ];
    let world = World::shared("through", &models)?;
    let config = world.lake.read("tarn.yaml")?;
    world.lake.write("tarn.yaml", format!("{config}vars: {{n: {{type: integer, default: 2}}}}\n"))?;
    world.tarn(&["push"])?.done();
    world.tarn(&["run"])?.done();
    let record = world.tarn(&["run", "first", "last", "--var", "n=1", "--json"])?.ended(1).json()?;
    let last = record["models"].as_array().into_iter().flatten().find(|model| model["model"] == "last");
    assert_eq!(last.map(|model| &model["status"]), Some(&Value::from("skipped")), "{record}");
    Ok(())
}
