//! Backfills by the deployed state machine: the rows of the laptop, also when a slice fails and the backfill is taken up again.

use anyhow::Result;
use tarn_testkit::{Answer, Database, Kind, ScratchLake};

use crate::shop::sorted;
use crate::world::{Mart, World};

const CONFIG: &str = "name: days\nvars: {day: 2026-01-01}\nmarts:\n  reporting: {url: 'sqlite:reporting.db'}\n";
const ORDERS: &str = "kind: stream
partitioned_by: {day: at}
columns:
  - {name: id, type: bigint, required: true}
  - {name: amount, type: int}
  - {name: at, type: timestamp, required: true}
";

/// A model that takes one day at a time; `condition` is added to what it sums up.
fn totals(condition: &str) -> String {
    format!(
        "/*
materialized: incremental
strategy: insert_overwrite
partitioned_by: [day]
audits:
  - not_null: [amount]
mart: {{to: reporting, table: totals, mode: merge, key: [day]}}
*/
select min(id) as id, sum(amount) {condition} as amount, day from {{{{ source('orders') }}}}
{{% if is_incremental() %}}where day = date '{{{{ var(\"day\") }}}}'{{% endif %}}
group by day
"
    )
}

/// An order of this amount on each of ten days, into both lakes.
fn bring_in(world: &World, name: &str, amount: u32) -> Result<()> {
    let line = |day| format!(r#"{{"id":{day},"amount":{amount},"at":"2026-01-{day:02}T12:00:00Z"}}"#);
    let file = format!("{name}.ndjson");
    world.lake.write(&file, (1..=10).map(line).collect::<Vec<_>>().join("\n"))?;
    world.lake.tarn(&["ingest", "orders", &file])?.done();
    world.tarn(&["ingest", "orders", &file])?.done();
    Ok(())
}

fn late_days(world: &World) -> Result<String> {
    Ok(world.rows("select day_of_month(day) from totals where amount = 15 order by day")?.join(" "))
}

#[test]
fn slices_that_failed_are_taken_up_again_and_the_rows_are_the_laptops() -> Result<()> {
    let (laptop, deployed) = (Database::start(Kind::Mariadb)?, Database::start(Kind::Mariadb)?);
    let lake = ScratchLake::empty()?;
    lake.write("tarn.yaml", CONFIG)?;
    lake.write("sources/orders.yaml", ORDERS)?;
    lake.write("models/totals.sql", totals(""))?;
    lake.write("models/report.sql", "select count(*) as days, sum(amount) as amount from {{ ref('totals') }}")?;
    let mart = Mart { name: "reporting", laptop: laptop.url(), deployed: &deployed };
    let world = World::with_mart("days", lake, &mart)?;
    world.account.hurry(50)?;
    world.tarn(&["push"])?.done();
    bring_in(&world, "first", 10)?;
    world.lake.tarn(&["run", "--var", "day=2026-01-10"])?.done();
    world.tarn(&["run", "--var", "day=2026-01-10"])?.done();
    bring_in(&world, "late", 5)?;

    let days = ["backfill", "totals+", "--from", "2026-01-03", "--to", "2026-01-08", "--jobs", "2"];
    let backfill = |more: &[&str]| -> Result<Answer> { world.tarn(&[&days[..], &["--yes"], more].concat()) };
    // The fifth is refused by its audit: no slice begins after that, what was under way ends.
    world.lake.write("models/totals.sql", totals("+ case when max(day) = date '2026-01-05' then null else 0 end"))?;
    world.tarn(&["push"])?.done();
    let failed = backfill(&[])?.ended(1);
    assert!(failed.stderr.contains("--resume") && failed.stderr.contains("not_null"), "{}", failed.stderr);
    let made = late_days(&world)?;
    // The one beside it may end first, and the next begin before the failure is known.
    assert!(["3 4", "3 4 6", "3 4 6 7"].contains(&made.as_str()), "{made}: {}", failed.stderr);
    let sum = |database: &Database| -> Result<String> {
        Ok(database.sql("select sum(amount) from totals")?.trim().to_owned())
    };
    assert_eq!(sum(&deployed)?, "100", "a part is not loaded");

    world.lake.write("models/totals.sql", totals(""))?;
    world.tarn(&["push"])?.done();
    let resumed = backfill(&["--resume", "--json"])?.done().json()?;
    assert!(resumed["finished"].is_string(), "{resumed:#}");
    assert_eq!(late_days(&world)?, "3 4 5 6 7 8");
    backfill(&["--resume"])?.ended(2);

    world.lake.tarn(&days)?.done();
    for table in ["totals", "report"] {
        let sql = format!("select * from {table}");
        assert_eq!(sorted(world.rows(&sql)?), sorted(world.lake.rows(&sql)?), "{table}");
    }
    assert_eq!((sum(&deployed)?, sum(&laptop)?), ("130".to_owned(), "130".to_owned()));
    // What had been done was not done again.
    let runs = world.tarn(&["runs", "--json"])?.done().json()?;
    let of = |day: &str| {
        runs.as_array().into_iter().flatten().filter(|run| run["vars"]["day"] == day && run["status"] == "done").count()
    };
    for day in 3..=7 {
        assert_eq!(of(&format!("2026-01-{day:02}")), 1, "{runs:#}");
    }
    Ok(())
}

#[test]
fn what_cannot_be_planned_on_aws_is_told_as_a_failed_slice() -> Result<()> {
    let world = World::own("unpushed", &[("models/one.sql", "select 1 as a\n")])?;
    world.account.hurry(50)?;
    world.tarn(&["push"])?.done();
    let config = world.lake.read("tarn.yaml")?;
    world.lake.write("tarn.yaml", format!("{config}vars: {{day: 2026-01-01}}\n"))?;
    let model = "/*\nmaterialized: incremental\nstrategy: insert_overwrite\npartitioned_by: [day]\n*/\nselect 1 as n, date '{{ var('day') }}' as day\n";
    world.lake.write("models/daily.sql", model)?;
    // The model is in the folder, but not in what was pushed.
    let days = ["backfill", "daily", "--from", "2026-01-01", "--to", "2026-01-03", "--yes"];
    let failed = world.tarn(&days)?.ended(1);
    assert!(failed.stderr.contains("✗ 2026-01-01") && failed.stderr.contains("0 of 3 runs"), "{}", failed.stderr);
    world.tarn(&["push"])?.done();
    world.tarn(&[&days[..], &["--resume"]].concat())?.done();
    assert_eq!(world.rows("select day, n from daily order by day")?, ["2026-01-01,1", "2026-01-02,1", "2026-01-03,1"]);
    // The same days once more, in this process.
    world.tarn(&[&days[..], &["--here"]].concat())?.done();
    Ok(())
}
