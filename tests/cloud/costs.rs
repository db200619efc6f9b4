//! What is told of a deployed lake: every query once, and how it is.

use anyhow::{Context, Result};
use serde_json::json;
use tarn_pipeline::ports::{Clock, SystemClock};

use crate::world::World;

#[test]
fn every_try_of_a_statement_is_told_and_one_that_a_limit_stopped_is_paid_for() -> Result<()> {
    let world = World::own("tries", &[("models/one.sql", "select 1 as a\n")])?;
    let configuration = json!({"EnforceWorkGroupConfiguration": false, "BytesScannedCutoffPerQuery": 20_000_000});
    let asked = json!({"WorkGroup": "tarn-tries", "ConfigurationUpdates": configuration});
    world.account.call("athena", "AmazonAthena.UpdateWorkGroup", &asked)?;
    world.account.fault(&json!({"statement": "create table one__", "scanned": 30_000_000}))?;
    let record = world.tarn(&["run", "--here", "--json"])?.ended(1).json()?;
    let queries = record["models"][0]["queries"].as_array().context("no queries")?;
    let stopped = queries.last().context("no query")?;
    assert_eq!((&stopped["succeeded"], &stopped["cancelled"]), (&json!(false), &json!(true)), "{record}");
    assert_eq!(stopped["bytes_scanned"], 30_000_000);
    let of_run = |run: &serde_json::Value| {
        let cost = world.tarn(&["cost", "--by", "run", "--json"])?.done().json()?;
        let lines = cost["lines"].as_array().cloned().unwrap_or_default();
        lines.into_iter().find(|line| &line["name"] == run).context("the run costs nothing")
    };
    let told = of_run(&record["run"])?;
    assert_eq!((&told["unsuccessful"], &told["cost"]), (&json!(1), &json!("0.000150000")), "{told}");

    // A statement that was sent three times stands there three times, and not only the last.
    world.account.fault(&json!({"statement": "create table one__", "at": "half", "times": 2}))?;
    let record = world.run(&[])?;
    let queries = record["models"][0]["queries"].as_array().context("no queries")?;
    let sent = queries
        .iter()
        .filter(|query| query["statement"].as_str().is_some_and(|text| text.starts_with("create table one__")));
    let ends: Vec<bool> = sent.map(|query| query["succeeded"] == true).collect();
    assert_eq!(ends, [false, false, true], "{record}");
    let told = of_run(&record["run"])?;
    assert_eq!(told["unsuccessful"], 2, "{told}");
    Ok(())
}

#[test]
fn run_tables_are_known_to_athena_and_queries_are_counted_once() -> Result<()> {
    let world = World::own("costs", &[("models/one.sql", "select 1 as a\n")])?;
    let status = world.tarn(&["status", "--json"])?.done().json()?;
    assert_eq!(status["project"], "nothing");
    world.tarn(&["push"])?.done();
    assert_eq!(world.rows("select count(*) from tarn_runs")?, ["0"]);
    world.tarn(&["run"])?.done();
    assert_eq!(world.rows("select model, status, published = run from tarn_runs")?, ["one,done,true"]);
    // Nobody hears of queries here: the runs' own are known from their records, each once.
    assert_eq!(world.rows("select count(*) from tarn_queries")?, ["0"]);
    let cost = world.tarn(&["cost", "--json"])?.done().json()?;
    let queries = cost["lines"][0]["queries"].as_u64().unwrap_or_default();
    assert!(queries > 0, "{cost}");

    // One of them is counted as it ended, and one that somebody asked in the console: the first is not counted again.
    let shown = world.tarn(&["show", "--json"])?.done().json()?;
    let id = shown["models"][0]["queries"][0]["id"].as_str().unwrap_or_default().to_owned();
    let now = SystemClock.now();
    let day = now.date_naive();
    for (id, billed) in [(id.as_str(), 10_000_000_u64), ("somebody-asked", 20_000_000)] {
        let record = json!({
            "id": id, "day": day, "status": "succeeded", "workgroup": "tarn-costs-people", "submitted": now,
            "ended": now, "milliseconds": 5, "bytes_scanned": 5, "billed_bytes": billed, "cost": "0.0001",
            "statement": "select 1",
        });
        let key = format!("costs/day={day}/{id}-{billed}.json");
        world.account.put(&world.bucket(), &key, record.to_string().as_bytes())?;
    }
    let cost = world.tarn(&["cost", "--by", "day", "--json"])?.done().json()?;
    assert_eq!(cost["lines"][0]["queries"], queries + 1, "{cost}");

    let status = world.tarn(&["status", "--json"])?.done().json()?;
    assert_eq!((&status["target"], &status["project"]), (&json!("aws"), &json!("same")));
    assert_eq!(status["costs"]["days"][0]["queries"], queries + 1);
    let link = status["alarms"]["link"].as_str().unwrap_or_default();
    assert!(link.contains("us-east-1.console.aws.amazon.com"), "{status}");
    assert_eq!((&status["alarms"]["ringing"], &status["infrastructure"]), (&json!([]), &json!([])), "{status}");
    world.lake.write("models/two.sql", "select 2 as b\n")?;
    let status = world.tarn(&["status"])?.done();
    assert!(status.stdout.contains("1 change not pushed"), "{}", status.stdout);
    Ok(())
}

#[test]
fn status_tells_of_alarms_that_ring_and_of_what_is_deployed_otherwise() -> Result<()> {
    let clicks = "kind: stream\ncolumns:\n  - {name: id, type: string, required: true}\n";
    let files = [("models/one.sql", "select 1 as a\n"), ("sources/clicks.yaml", clicks)];
    let world = World::own("alarms", &files)?;
    let lake = world.lake.read("tarn.yaml")?;
    world.lake.write(
        "tarn.yaml",
        format!("{lake}schedules: {{nightly: {{cron: '15 3 * * ? *'}}, off: {{cron: '15 3 * * ? *'}}}}\n"),
    )?;
    // Nothing is counted here: what is to ring rings for want of data.
    for (name, missing) in
        [("tarn-alarms-x-errors", "breaching"), ("tarn-alarms-quiet", "notBreaching"), ("tarn-others-y", "breaching")]
    {
        let alarm = json!({
            "AlarmName": name, "AlarmDescription": "Look at the log.", "Namespace": "Tarn", "MetricName": "Failures", "Statistic": "Sum",
            "Period": 300, "EvaluationPeriods": 1, "Threshold": 0, "ComparisonOperator": "GreaterThanThreshold",
            "TreatMissingData": missing,
        });
        world.account.call("monitoring", "GraniteServiceVersion20100801.PutMetricAlarm", &alarm)?;
    }
    for name in ["tarn-alarms-x-errors", "tarn-others-y"] {
        let state = json!({"AlarmName": name, "StateValue": "ALARM", "StateReason": "1 was greater than 0"});
        world.account.call("monitoring", "GraniteServiceVersion20100801.SetAlarmState", &state)?;
    }
    world.account.rest("scheduler", "POST", "/schedule-groups/tarn-alarms", &json!({}))?;
    for (name, state) in [("off", "DISABLED"), ("forgotten", "ENABLED")] {
        let schedule = json!({
            "GroupName": "tarn-alarms", "ScheduleExpression": "cron(15 3 * * ? *)", "State": state, "FlexibleTimeWindow": {"Mode": "OFF"},
            "Target": {"Arn": "arn:aws:states:us-east-1:123456789012:stateMachine:x", "RoleArn": "arn:aws:iam::123456789012:role/x"},
        });
        world.account.rest("scheduler", "POST", &format!("/schedules/{name}"), &schedule)?;
    }
    let status = world.tarn(&["status", "--json"])?.done().json()?;
    let ringing = status["alarms"]["ringing"].as_array().cloned().unwrap_or_default();
    let names: Vec<&str> = ringing.iter().filter_map(|alarm| alarm["name"].as_str()).collect();
    assert_eq!(names, ["tarn-alarms-x-errors"], "{status}");
    assert_eq!(ringing[0]["description"], "Look at the log.");
    let wanted = json!([
        "the schedule `nightly` is not deployed",
        "the schedule `off` is disabled",
        "the schedule `forgotten` is deployed, and in no file",
        "the source `clicks` has no table",
    ]);
    assert_eq!(status["infrastructure"], wanted, "{status}");
    let status = world.tarn(&["status"])?.done();
    assert!(status.stdout.contains("tarn-alarms-x-errors\n      Look at the log."), "{}", status.stdout);
    Ok(())
}
