//! Backfills: slices in order and side by side, stopped and taken up again.

use std::io::{BufRead, BufReader};

use anyhow::Result;
use tarn_testkit::ScratchLake;

const OVERWRITE: &str = "materialized: incremental\nstrategy: insert_overwrite\npartitioned_by: [day]";
const MERGE: &str = "materialized: incremental\nstrategy: merge\nunique_key: [id]";

/// Orders of ten days in a model that takes one day at a time, and a table that is made from it.
fn lake(header: &str) -> Result<ScratchLake> {
    let lake = ScratchLake::empty()?;
    lake.write(
        "tarn.yaml",
        "name: scratch\nvars: {day: 2026-01-01, first_day: 2026-01-01}\nmarts:\n  reporting: {url: \"sqlite:reporting.db\"}\n",
    )?;
    lake.write(
        "sources/orders.yaml",
        "kind: stream\npartitioned_by: {day: at}\ncolumns:\n  - {name: id, type: bigint, required: true}\n  - {name: amount, type: int}\n  - {name: at, type: timestamp, required: true}\n",
    )?;
    write_model(&lake, header, "")?;
    lake.write("models/report.sql", "select count(*) as days, sum(amount) as amount from {{ ref('totals') }}")?;
    bring_in(&lake, "first", 10)?;
    lake.tarn(&["run", "--var", "day=2026-01-10"])?.done();
    Ok(lake)
}

fn write_model(lake: &ScratchLake, header: &str, condition: &str) -> Result<()> {
    lake.write(
        "models/totals.sql",
        format!(
            "/*\n{header}\naudits:\n  - not_null: [amount]\nmart: {{to: reporting, table: totals, mode: replace}}\n*/\nselect min(id) as id, sum(amount) {condition} as amount, day from {{{{ source('orders') }}}}\n{{% if is_incremental() %}}where day = date '{{{{ var(\"day\") }}}}'{{% endif %}}\ngroup by day\n"
        ),
    )?;
    Ok(())
}

/// An order of this amount on each day.
fn bring_in(lake: &ScratchLake, name: &str, amount: u32) -> Result<()> {
    let lines: Vec<String> =
        (1..=10).map(|day| format!(r#"{{"id":{day},"amount":{amount},"at":"2026-01-{day:02}T12:00:00Z"}}"#)).collect();
    lake.write(&format!("{name}.ndjson"), lines.join("\n"))?;
    lake.tarn(&["ingest", "orders", &format!("{name}.ndjson")])?.done();
    Ok(())
}

fn backfill(lake: &ScratchLake, more: &[&str]) -> Result<tarn_testkit::Answer> {
    let days = ["backfill", "totals+", "--from", "2026-01-03", "--to", "2026-01-06"];
    lake.tarn(&[&days[..], more].concat())
}

/// Which days show the late orders.
fn late_days(lake: &ScratchLake) -> Result<String> {
    Ok(lake.rows("select day_of_month(day) from totals where amount = 15 order by day")?.join(" "))
}

#[test]
fn a_range_is_made_again_and_nothing_else() -> Result<()> {
    for (header, more) in [(OVERWRITE, &[][..]), (OVERWRITE, &["--jobs", "3"]), (MERGE, &[]), (MERGE, &["--jobs", "3"])]
    {
        let lake = lake(header)?;
        bring_in(&lake, "late", 5)?;
        let runs = || -> Result<usize> { Ok(lake.tarn(&["runs", "--json"])?.done().json()?.as_array().unwrap().len()) };
        let before = runs()?;
        backfill(&lake, more)?.done();
        assert_eq!(late_days(&lake)?, "3 4 5 6", "{header} {more:?}");
        assert_eq!(lake.rows("select days, amount from report")?, ["10,120"], "what reads it is made once, at the end");
        assert_eq!(runs()? - before, 5, "four days, and what reads them");
        assert_eq!(lake.mart_rows("reporting", "select sum(amount) from totals")?, ["120"], "the mart is loaded");
        // No version is left over but those that are kept and those that hold a partition.
        lake.tarn(&["clean"])?.done();
        assert_eq!(lake.rows("select count(*), sum(amount) from totals")?, ["10,120"]);
    }
    Ok(())
}

#[test]
fn a_backfill_that_failed_goes_on_where_it_was() -> Result<()> {
    let lake = lake(OVERWRITE)?;
    bring_in(&lake, "late", 5)?;
    // The fifth is refused by its audit.
    write_model(&lake, OVERWRITE, "+ case when max(day) = date '2026-01-05' then null else 0 end")?;
    let failed = backfill(&lake, &[])?.ended(1);
    assert!(failed.stderr.contains("--resume") && failed.stderr.contains("not_null"), "{}", failed.stderr);
    assert_eq!(late_days(&lake)?, "3 4");
    assert_eq!(lake.mart_rows("reporting", "select sum(amount) from totals")?, ["100"], "a part is not loaded");
    write_model(&lake, OVERWRITE, "")?;
    let resumed = backfill(&lake, &["--resume", "--json"])?.done().json()?;
    assert_eq!(late_days(&lake)?, "3 4 5 6");
    assert_eq!(lake.rows("select amount from report")?, ["120"]);
    assert!(resumed["finished"].is_string(), "{resumed}");
    let shown = lake.tarn(&["runs", "--json"])?.done().json()?;
    let days: Vec<&str> = shown.as_array().unwrap().iter().filter_map(|run| run["vars"]["day"].as_str()).collect();
    assert_eq!(
        days.iter().filter(|day| **day == "2026-01-03").count(),
        1,
        "the third is not made a second time: {days:?}"
    );
    // Done is done.
    backfill(&lake, &["--resume"])?.ended(2);
    Ok(())
}

#[test]
fn a_backfill_that_was_killed_goes_on() -> Result<()> {
    for more in [&[][..], &["--jobs", "2"]] {
        let lake = lake(OVERWRITE)?;
        bring_in(&lake, "late", 5)?;
        let days = ["backfill", "totals+", "--from", "2026-01-03", "--to", "2026-01-06"];
        let mut killed = lake.start(&[&days[..], more].concat())?;
        let told = BufReader::new(killed.stderr.take().unwrap());
        let ended = told.lines().map_while(Result::ok).find(|line| line.contains("✓ 2026-01-0"));
        killed.kill()?;
        killed.wait()?;
        assert!(ended.is_some(), "a slice ends before the kill");
        backfill(&lake, &[more, &["--resume"]].concat())?.done();
        assert_eq!(late_days(&lake)?, "3 4 5 6", "{more:?}");
        assert_eq!(lake.rows("select days, amount from report")?, ["10,120"]);
    }
    Ok(())
}

#[test]
fn what_would_do_harm_or_nothing_is_refused() -> Result<()> {
    let lake = lake(OVERWRITE)?;
    let refused = |arguments: &[&str], told: &str| -> Result<()> {
        let answer = backfill(&lake, arguments)?.ended(2);
        assert!(answer.stderr.contains(told), "{told}: {}", answer.stderr);
        Ok(())
    };
    refused(&["--slices", "week"], "a slice has")?;
    refused(&["--first-var", "first_day"], "no incremental model")?;
    refused(&["--last-var", "nobody"], "no variable `nobody`")?;
    refused(&["--resume"], "no unfinished backfill")?;
    let backwards = lake.tarn(&["backfill", "totals", "--from", "2026-01-02", "--to", "2026-01-01"])?.ended(2);
    assert!(backwards.stderr.contains("before it begins"), "{}", backwards.stderr);
    let same = lake.tarn(&["backfill", "report", "--from", "2026-01-01", "--to", "2026-01-01"])?.ended(2);
    assert!(same.stderr.contains("every slice would be the same"), "{}", same.stderr);
    write_model(&lake, "materialized: incremental\nstrategy: append", "")?;
    refused(&[], "appends")?;
    Ok(())
}

#[test]
fn a_dry_run_shows_slices_and_does_nothing() -> Result<()> {
    let lake = lake(OVERWRITE)?;
    let runs = lake.tarn(&["runs", "--json"])?.done().stdout;
    let shown = backfill(&lake, &["--dry-run"])?.done();
    assert!(shown.stdout.contains("2026-01-03  totals  day=2026-01-03"), "{}", shown.stdout);
    assert!(shown.stdout.contains("totals  4 runs  about"), "{}", shown.stdout);
    assert!(shown.stderr.contains("on Athena it would cost about 0.000"), "{}", shown.stderr);
    assert_eq!(lake.tarn(&["runs", "--json"])?.done().stdout, runs);
    // Weeks need a variable for their first day.
    lake.write(
        "models/totals.sql",
        format!("/*\n{OVERWRITE}\n*/\nselect id, amount, day from {{{{ source('orders') }}}}\nwhere day between date '{{{{ var(\"first_day\") }}}}' and date '{{{{ var(\"day\") }}}}'\n"),
    )?;
    backfill(&lake, &["--dry-run"])?.ended(2);
    let weeks = backfill(&lake, &["--dry-run", "--slices", "week", "--first-var", "first_day"])?.done();
    assert!(
        weeks.stdout.contains("2026-01-03..2026-01-04  totals  first_day=2026-01-03 day=2026-01-04"),
        "{}",
        weeks.stdout
    );
    Ok(())
}
