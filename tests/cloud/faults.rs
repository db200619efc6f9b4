//! AWS that fails, and processes that are killed: whoever reads sees the old rows or the new ones, and the next try converges.

use std::time::{Duration, Instant};

use anyhow::{Result, ensure};
use serde_json::{Value, json};

use crate::limits::until;
use crate::world::World;

const COUNTED: &str = "/*
partitioned_by: [day]
*/
select {{ var('n') }} as n, date_add('day', x, date '2026-10-01') as day from (values 0, 1, 2, 3) as t (x)
";

fn counted(name: &str) -> Result<World> {
    let world = World::own(name, &[("models/counted.sql", COUNTED)])?;
    let config = world.lake.read("tarn.yaml")?;
    world.lake.write("tarn.yaml", format!("{config}vars: {{n: {{type: integer, default: 1}}}}\n"))?;
    world.run(&[])?;
    Ok(world)
}

#[test]
fn a_statement_that_fails_after_half_of_its_files_leaves_nothing_behind() -> Result<()> {
    let world = counted("half")?;
    for (at, n) in [("start", "2"), ("half", "3"), ("files", "4"), ("end", "5")] {
        world.account.fault(&json!({"statement": "create table counted__", "at": at}))?;
        let ended = world.tarn(&[
            "run",
            "--here",
            "--var",
            &format!("n={n}"),
            "--run-id",
            &format!("2027010{n}t000000000_0001"),
        ])?;
        if ended.code != 0 {
            // A reason that no retry mends: readers see the rows from before, and the same run again converges.
            let before = world.rows("select distinct n from counted")?;
            assert_eq!(before.len(), 1, "{before:?}");
            world.run(&["--var", &format!("n={n}"), "--run-id", &format!("2027010{n}t000000000_0002")])?;
        }
        assert_eq!(world.rows("select n, count(*) from counted group by n")?, [format!("{n},4")], "{at}");
    }
    Ok(())
}

#[test]
fn a_busy_service_is_asked_again() -> Result<()> {
    let world = counted("busy")?;
    for fault in [
        json!({"service": "athena", "operation": "StartQueryExecution", "error": "TooManyRequestsException", "times": 2}),
        json!({"service": "glue", "operation": "UpdateTable", "error": "ConcurrentModificationException"}),
        json!({"service": "glue", "operation": "GetTable", "error": "ThrottlingException", "times": 2}),
        json!({"service": "s3", "operation": "DeleteObjects", "error": "SlowDown", "status": 503, "times": 2}),
        json!({"service": "s3", "operation": "PutObject", "error": "SlowDown", "status": 503, "times": 2}),
    ] {
        world.account.fault(&fault)?;
        world.run(&["--var", "n=2"]).map_err(|error| error.context(fault.to_string()))?;
        world.account.clear_faults()?;
        assert_eq!(world.rows("select n, count(*) from counted group by n")?, ["2,4"], "{fault}");
    }
    Ok(())
}

#[test]
fn a_run_that_is_killed_at_any_moment_converges_and_nobody_sees_half() -> Result<()> {
    let world = counted("killed")?;
    let mut seen = Vec::new();
    for (round, wait) in (2_u64..).zip([60, 150, 250, 350, 450, 600, 800, 1_000]) {
        let run = format!("202702{round:02}t000000000_0001");
        let arguments = ["run", "--here", "--full-refresh", "--var", &format!("n={round}"), "--run-id", &run];
        let mut process = world.start(&arguments)?;
        let killed_at = Instant::now() + Duration::from_millis(wait);
        while Instant::now() < killed_at {
            seen.push((round, world.rows("select n, count(*) from counted group by n")?));
        }
        process.kill()?;
        process.wait()?;
        seen.push((round, world.rows("select n, count(*) from counted group by n")?));
        world.run(&arguments[2..])?;
        assert_eq!(world.rows("select n, count(*) from counted group by n")?, [format!("{round},4")]);
    }
    for (round, rows) in seen {
        let old_or_new = [format!("{},4", round - 1), format!("{round},4")];
        assert!(rows.len() == 1 && old_or_new.contains(&rows[0]), "round {round}: {rows:?}");
    }
    Ok(())
}

#[test]
fn a_run_whose_journal_is_lost_does_its_work_again() -> Result<()> {
    for (name, days) in [("lost_journal", 4), ("lost_batches", 104)] {
        let sql = COUNTED.replace("(values 0, 1, 2, 3)", &format!("unnest(sequence(0, {}))", days - 1));
        let world = World::own(name, &[("models/counted.sql", &sql)])?;
        let config = world.lake.read("tarn.yaml")?;
        world.lake.write("tarn.yaml", format!("{config}vars: {{n: {{type: integer, default: 1}}}}\n"))?;
        world.run(&[])?;
        // Killed when all rows are written and none is seen.
        world.account.fault(&json!({"service": "glue", "operation": "UpdateTable", "hold": true}))?;
        let run = "20270201t000000000_0001";
        let arguments = ["run", "--here", "--var", "n=2", "--run-id", run];
        let mut process = world.start(&arguments)?;
        while world.account.held()? == 0 {
            ensure!(process.try_wait()?.is_none(), "the run ended before it published");
            std::thread::sleep(Duration::from_millis(10));
        }
        process.kill()?;
        process.wait()?;
        world.account.clear_faults()?;
        let journal = format!("work/{run}/here.json");
        ensure!(!world.account.get(&world.bucket(), &journal)?.is_empty(), "there is no journal");
        world.account.put(&world.bucket(), &journal, br#"{"statements": {}}"#)?;
        world.run(&arguments[2..])?;
        assert_eq!(
            world.rows("select n, count(*), count(distinct day) from counted group by n")?,
            [format!("2,{days},{days}")]
        );
    }
    Ok(())
}

/// The record of a run, and of a model in it.
fn of_model<'a>(record: &'a Value, name: &str) -> &'a Value {
    let mut models = record["models"].as_array().into_iter().flatten();
    models.find(|model| model["model"] == name).unwrap_or(&Value::Null)
}

#[test]
fn a_model_that_is_cut_off_before_its_publish_is_not_done() -> Result<()> {
    let two = "select a from {{ ref('one') }}\n";
    let world = World::own("unpublished", &[("models/one.sql", "select 1 as a\n"), ("models/two.sql", two)])?;
    world.account.hurry(50)?;
    world.tarn(&["push"])?.done();
    // What a model leaves when its audits have passed and nobody sees it yet.
    let left = |run: &str| -> Result<()> {
        let record = json!({
            "model": "one", "status": "done", "materialized": "table", "full_refresh": true, "rows": 1, "files": 1,
            "bytes": 10, "partitions": 0, "milliseconds": 5,
        });
        world.account.put(&world.bucket(), &format!("work/{run}/one/record.json"), record.to_string().as_bytes())
    };
    // Killed each time it goes on from there.
    let killed = "20270301t000000000_0001";
    left(killed)?;
    world.account.fault(&json!({"function": "tarn-unpublished-athena-ctas", "crash": "start", "times": 3}))?;
    let record = world.tarn(&["run", "--run-id", killed, "--json"])?.ended(1).json()?;
    assert_eq!(world.account.faults()?, 0, "it was tried three times");
    let one = of_model(&record, "one");
    assert_eq!((&one["status"], &one["failure"]["step"]), (&json!("failed"), &json!("publish")), "{record:#}");
    assert!(one["failure"]["message"].to_string().contains("cut off before it was published"), "{one}");
    assert_eq!(of_model(&record, "two")["status"], "skipped", "{record:#}");

    // Stopped there, and taken up again.
    let stopped = "20270302t000000000_0001";
    left(stopped)?;
    let record = world.tarn(&["run", "--run-id", stopped, "--json"])?.done().json()?;
    assert_eq!(of_model(&record, "one")["published"], stopped, "{record:#}");
    assert_eq!(world.rows("select a from two")?, ["1"]);
    Ok(())
}

#[test]
fn a_failure_behind_the_publish_is_got_over() -> Result<()> {
    let world = World::own("behind", &[("models/one.sql", "select {{ var('n') }} as a\n")])?;
    let config = world.lake.read("tarn.yaml")?;
    world.lake.write("tarn.yaml", format!("{config}vars: {{n: {{type: integer, default: 1}}}}\n"))?;
    world.account.hurry(50)?;
    world.tarn(&["push"])?.done();
    world.tarn(&["run"])?.done();
    let busy = |operation: &str, more: Value| -> Result<()> {
        let mut fault = json!({"service": "glue", "operation": operation, "times": 4});
        fault["error"] = json!("InternalServiceException");
        fault["status"] = json!(500);
        for (name, value) in more.as_object().into_iter().flatten() {
            fault[name] = value.clone();
        }
        world.account.fault(&fault)
    };
    let is_done = |n: &str| -> Result<()> {
        assert_eq!(world.account.faults()?, 0, "every fault has struck");
        let shown = world.tarn(&["show", "--json"])?.done().json()?;
        let one = of_model(&shown, "one");
        assert_eq!(
            (&one["status"], &one["failure"], &one["rows"]),
            (&json!("done"), &Value::Null, &json!(1)),
            "{shown:#}"
        );
        assert_eq!(world.rows("select a from one")?, [n]);
        Ok(())
    };

    // While readers get the version, Glue begins to refuse: its own name cannot go in this invocation.
    world.account.clear_calls()?;
    world.account.fault(&json!({"service": "glue", "operation": "UpdateTable", "delay": 4}))?;
    let mut process = world.start(&["run", "--var", "n=2"])?;
    until(|| Ok(world.account.calls("glue", "UpdateTable")? > 0))?;
    busy("DeleteTable", json!({}))?;
    ensure!(process.wait()?.success(), "the run failed");
    is_done("2")?;

    // Readers have the version, and whoever gave it to them never heard of it.
    busy("UpdateTable", json!({"after": true}))?;
    world.tarn(&["run", "--var", "n=3"])?.done();
    is_done("3")
}
