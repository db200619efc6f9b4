//! Marts that the deployed loader fills: row by row as on the laptop, once, and also when the database is away for a while.

use std::thread;
use std::time::Duration;

use anyhow::{Context, Result};
use serde_json::Value;
use tarn_testkit::{Database, Kind, ScratchLake};

use crate::shop::{ingest, sorted};
use crate::world::{Mart, World};

/// The tables of the sample lake's mart.
const TABLES: [&str; 6] =
    ["ab_test_lift", "ad_cost_per_conversion", "customer_value", "daily_kpi", "order_facts", "product_ranking"];

fn rows(database: &Database, table: &str) -> Result<Vec<String>> {
    Ok(sorted(database.sql(&format!("select * from {table}"))?.lines().map(str::to_owned).collect()))
}

/// The sample lake with the mart of its laptop and the deployed one on servers of the same kind.
fn equals_the_laptop(kind: Kind) -> Result<()> {
    let (laptop, deployed) = (Database::start(kind)?, Database::start(kind)?);
    let mart = Mart { name: "reporting", laptop: laptop.url(), deployed: &deployed };
    let world = World::with_mart("shop", ScratchLake::copy_of("examples/shop")?, &mart)?;
    world.tarn(&["push"])?.done();
    ingest(&world)?;
    world.lake.tarn(&["run"])?.done();
    let run = ["run", "--run-id", "20261031t181500000_0001", "--json"];
    let record = world.tarn(&run)?.done().json()?;
    let models = record["models"].as_array().context("no models")?.iter();
    let failures: Vec<&Value> = models.map(|model| &model["failure"]).filter(|failure| !failure.is_null()).collect();
    assert_eq!(record["status"], "done", "{failures:#?}");
    for table in TABLES {
        let loaded = rows(&deployed, table)?;
        assert!(!loaded.is_empty(), "{table}");
        assert_eq!(loaded, rows(&laptop, table)?, "{table}");
    }
    // Later runs of a part of it, on both; then the first run once more, which is older and changes nothing.
    world.lake.tarn(&["run", "daily_kpi"])?.done();
    world.tarn(&["run", "daily_kpi"])?.done();
    world.tarn(&run)?.done();
    assert_eq!(rows(&deployed, "daily_kpi")?, rows(&laptop, "daily_kpi")?);
    Ok(())
}

#[test]
fn mysql_has_the_rows_of_the_laptop() -> Result<()> {
    equals_the_laptop(Kind::Mariadb)
}

#[test]
fn postgresql_has_the_rows_of_the_laptop() -> Result<()> {
    equals_the_laptop(Kind::Postgres)
}

#[test]
fn a_mart_that_is_down_for_a_while_gets_its_rows() -> Result<()> {
    let mut database = Database::start(Kind::Mariadb)?;
    let lake = ScratchLake::empty()?;
    lake.write("tarn.yaml", "name: down\nvars: {n: {type: integer, default: 1}}\nmarts:\n")?;
    let model = "/*\nmart: {to: reporting, mode: append}\n*/\nselect cast({{ var('n') }} as integer) as n\n";
    lake.write("models/numbers.sql", model)?;
    let world =
        World::with_mart("down", lake, &Mart { name: "reporting", laptop: database.url(), deployed: &database })?;
    world.account.hurry(10)?;
    world.tarn(&["push"])?.done();
    world.tarn(&["run"])?.done();
    database.kill()?;
    let run = world.start(&["run", "--var", "n=2", "--json"])?;
    // The function itself waits for half a minute; after that the state machine calls it again.
    thread::sleep(Duration::from_secs(45));
    database.restart()?;
    let ended = run.wait_with_output()?;
    assert!(ended.status.success(), "{}", String::from_utf8_lossy(&ended.stderr));
    assert_eq!(rows(&database, "numbers")?, ["1", "2"]);
    Ok(())
}
