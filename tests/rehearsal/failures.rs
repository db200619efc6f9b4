//! What goes wrong in runs: functions that are killed, run out of time or are held back, a mart that is down, a run that somebody stops.

use std::collections::BTreeMap;
use std::thread;

use anyhow::{Context, Result};
use serde_json::{Value, json};
use tarn_testkit::{Database, ScratchLake};

use crate::deployment::{Deployment, HURRY};
use crate::operator::{command, told, told_once};
use crate::{NIGHT, TABLES, rows, wait_for};

/// The functions that state machines call.
const MART_LOAD: &str = "tarn-shop-mart-load-reporting";
const ATHENA_CTAS: &str = "tarn-shop-athena-ctas";
const WORKFLOW_PLAN: &str = "tarn-shop-workflow-plan";

/// A deployed lake, and the same lake on a laptop.
pub(crate) struct Both<'a> {
    pub(crate) deployed: &'a Deployment,
    pub(crate) mart: &'a Database,
    pub(crate) laptop: &'a ScratchLake,
    pub(crate) laptop_mart: &'a Database,
}

impl Both<'_> {
    /// Every row of every mart's table is as the laptop has it.
    pub(crate) fn are_equal(&self, after: &str) -> Result<()> {
        for table in TABLES {
            assert_eq!(rows(self.mart, table)?, rows(self.laptop_mart, table)?, "{table}, after {after}");
        }
        Ok(())
    }

    /// Runs the models of a night on both; the deployed run has to come to its end without a word to anybody.
    pub(crate) fn night(&self, time: &str, day: &str, what: &str) -> Result<()> {
        let ended = self.deployed.fire("nightly", time)?;
        assert_eq!(ended["status"], "SUCCEEDED", "{what}: {ended:#}");
        self.laptop.tarn(&["run", "tag:nightly", "--var", &format!("day={day}")])?.done();
        self.are_equal(what)?;
        told(self.deployed, 0)?;
        Ok(())
    }
}

/// Each is got over in the night's run: nothing is doubled, and nobody is woken.
pub(crate) fn that_are_got_over(both: &Both<'_>) -> Result<()> {
    let account = &both.deployed.account;
    for fault in [
        json!({"service": "lambda", "operation": "Invoke", "error": "ServiceException", "status": 500}),
        json!({"service": "athena", "operation": "StartQueryExecution", "error": "TooManyRequestsException", "times": 3}),
        json!({"statement": "create table daily_kpi__", "at": "half"}),
        // Killed when its work is done and nobody has heard of it, and before it has begun.
        json!({"function": ATHENA_CTAS, "crash": "end", "skip": 4}),
        json!({"function": ATHENA_CTAS, "crash": "start"}),
        json!({"function": ATHENA_CTAS, "stall": "end", "skip": 2}),
        json!({"function": ATHENA_CTAS, "throttle": true, "times": 2}),
        json!({"function": MART_LOAD, "event": "\"begin\"", "crash": "end"}),
        json!({"function": MART_LOAD, "event": "\"part\"", "crash": "end"}),
        json!({"function": MART_LOAD, "event": "\"part\"", "stall": "start", "skip": 1}),
        json!({"function": MART_LOAD, "event": "\"commit\"", "crash": "end"}),
        json!({"function": MART_LOAD, "throttle": true}),
        json!({"function": WORKFLOW_PLAN, "event": "\"plan\"", "crash": "end"}),
        json!({"function": WORKFLOW_PLAN, "event": "\"finish\"", "stall": "end"}),
    ] {
        account.fault(&fault)?;
    }
    both.night("2026-11-01T18:15:00Z", "2026-11-01", "functions that were killed, stalled and held back")?;
    assert_eq!(account.faults()?, 0, "every fault has struck");
    Ok(())
}

/// A function that is killed each time it is tried: the run fails, is told once, and what the message says mends it.
pub(crate) fn of_functions_for_good(both: &Both<'_>) -> Result<()> {
    let Both { deployed, mart, .. } = both;
    let account = &deployed.account;
    mart.sql("delete from customer_value")?;
    account.fault(&json!({"function": ATHENA_CTAS, "crash": "start", "times": 3}))?;
    deployed.tarn(&["run", "customer_value"])?.ended(1);
    let message = told_once(deployed, "customer_value failed (run)")?;
    assert_eq!(account.faults()?, 0, "it was tried three times");
    deployed.types(&command(&message)?)?;
    both.are_equal("the command of the message")?;

    // Of a load the lake's own tables know nothing: they are published, and only the mart is behind.
    mart.sql("delete from customer_value")?;
    account.fault(&json!({"function": MART_LOAD, "stall": "start", "times": 3}))?;
    deployed.tarn(&["run", "customer_value"])?.ended(1);
    let message = told_once(deployed, "customer_value failed (load)")?;
    assert!(message.contains("Sandbox.Timedout"), "{message}");
    deployed.types("tarn load customer_value --target aws")?;
    both.are_equal("`tarn load`")?;
    told(deployed, 0)?;
    Ok(())
}

/// The mart goes away when its load begins, and comes back.
pub(crate) fn of_the_mart(deployed: &Deployment, mart: &mut Database, laptop_mart: &Database) -> Result<()> {
    let both = rows(laptop_mart, "customer_value")?;
    mart.sql("delete from customer_value")?;
    mart.kill()?;
    let before = deployed.account.invocations(MART_LOAD)?;
    // The account's clock goes slower, so that a try follows the mart's return.
    deployed.account.hurry(HURRY / 3)?;
    let returned = thread::scope(|scope| -> Result<()> {
        let run = scope.spawn(|| deployed.tarn(&["run", "customer_value"]));
        wait_for("try to load", || Ok((deployed.account.invocations(MART_LOAD)? > before).then_some(())))?;
        mart.restart()?;
        run.join().ok().context("the run was left")??.done();
        Ok(())
    });
    deployed.account.hurry(HURRY)?;
    returned?;
    assert_eq!(rows(mart, "customer_value")?, both, "after a minute without the mart");
    told(deployed, 0)?;

    // Longer than anybody tries. A process that never reached the mart gives up at once, and the machine tries others.
    mart.sql("delete from customer_value")?;
    mart.kill()?;
    deployed.account.fault(&json!({"function": MART_LOAD, "crash": "start"}))?;
    let failed = deployed.tarn(&["run", "customer_value"])?.ended(1);
    assert!(failed.stderr.contains("tarn show"), "{}", failed.stderr);
    let message = told_once(deployed, "customer_value failed (load)")?;
    assert!(message.contains("cannot be reached"), "{message}");
    mart.restart()?;
    deployed.types("tarn load customer_value --target aws")?;
    assert_eq!(rows(mart, "customer_value")?, both, "after `tarn load`");
    assert!(deployed.types("tarn load customer_value --target aws")?.contains("nothing new to load"));
    told(deployed, 0)?;

    // Somebody changed the mart's rows by hand, and somebody wants the version from before.
    mart.sql("delete from customer_value")?;
    deployed.types("tarn load customer_value --anew --target aws")?;
    assert_eq!(rows(mart, "customer_value")?, both, "after `tarn load --anew`");
    let version = "select max(\"$path\") from customer_value";
    let newest = deployed.rows(version)?;
    mart.sql("delete from customer_value")?;
    deployed.types("tarn rollback customer_value --target aws")?;
    assert_ne!(deployed.rows(version)?, newest);
    assert_eq!(rows(mart, "customer_value")?, both, "after `tarn rollback`");
    Ok(())
}

/// A schedule fires and may not start its run: that is told once. The run is started later by the same input, which is in the message.
pub(crate) fn of_a_schedule(deployed: &Deployment) -> Result<()> {
    // The first call is the schedule's own.
    let fault = json!({"service": "states", "operation": "StartExecution", "error": "AccessDeniedException", "status": 400, "skip": 1});
    deployed.account.fault(&fault)?;
    let ended = deployed.fire("nightly", NIGHT)?;
    assert_eq!(ended["status"], "FAILED", "{ended:#}");
    assert!(deployed.running("workflow")?.is_empty());
    let message = told_once(deployed, "tarn-shop-schedule failed")?;
    assert!(command(&message)?.starts_with("aws stepfunctions start-execution"), "{message}");
    assert!(message.contains(NIGHT), "{message}");
    Ok(())
}

/// A model that fails its audit is told once, with what to do.
pub(crate) fn of_a_model(deployed: &Deployment) -> Result<()> {
    let broken = "/*\naudits:\n  - accepted_values: {column: a, values: [2]}\n*/\nselect 1 as a\n";
    deployed.lake.write("models/marts/broken.sql", broken)?;
    deployed.tarn(&["push"])?.done();
    deployed.tarn(&["run", "broken"])?.ended(1);
    let message = told_once(deployed, "broken failed (audit)")?;
    deployed.lake.write("models/marts/broken.sql", broken.replace("select 1", "select 2"))?;
    deployed.tarn(&["push"])?.done();
    deployed.types(&command(&message)?)?;
    assert_eq!(deployed.rows("select a from broken")?, ["2"]);
    Ok(())
}

/// What models of a run have left: by key the record, as it is.
fn records(deployed: &Deployment, run: &str) -> Result<BTreeMap<String, Value>> {
    let keys = deployed.account.keys("shop-lake", &format!("work/{run}/"))?;
    let mut records = BTreeMap::new();
    for key in keys.into_iter().filter(|key| key.ends_with("/record.json")) {
        let record: Value = serde_json::from_slice(&deployed.account.get("shop-lake", &key)?)?;
        records.insert(key, record);
    }
    Ok(records)
}

/// Somebody stops the workflow in the middle of a night: it is told, the same run goes on as documented, and what was done is not done again.
pub(crate) fn of_a_run_that_is_stopped(both: &Both<'_>) -> Result<()> {
    let Both { deployed, laptop, .. } = both;
    let (run, done) = thread::scope(|scope| -> Result<_> {
        let night = scope.spawn(|| deployed.fire("nightly", "2026-11-02T18:15:00Z"));
        let execution = wait_for("execution", || Ok(deployed.running("workflow")?.pop()))?;
        let run = wait_for("second model that is done", || {
            let runs = deployed.tarn(&["runs", "--json"])?.done().json()?;
            let ids = runs.as_array().into_iter().flatten().filter_map(|run| run["run"].as_str());
            let Some(run) = ids.filter(|run| run.starts_with("20261102t")).map(str::to_owned).next() else {
                return Ok(None);
            };
            let done = records(deployed, &run)?.into_values().filter(is_finished).count();
            Ok((done >= 2).then_some(run))
        })?;
        deployed.account.call("states", "AWSStepFunctions.StopExecution", &json!({"executionArn": execution}))?;
        let ended = night.join().ok().context("the night was left")??;
        assert_eq!(ended["status"], "ABORTED", "{ended:#}");
        wait_for("end of the models", || Ok(deployed.running("model")?.is_empty().then_some(())))?;
        let mut done = records(deployed, &run)?;
        done.retain(|_, record| is_finished(record));
        Ok((run, done))
    })?;
    let message = told_once(deployed, "was stopped")?;
    assert!(!done.is_empty());
    let listed = deployed.tarn(&["runs"])?.done();
    let line = listed.stdout.lines().find(|line| line.contains(&run));
    assert!(line.is_some_and(|line| line.contains("unfinished")), "{}", listed.stdout);

    assert_eq!(command(&message)?, format!("tarn run --run-id {run} --target aws"));
    deployed.types(&command(&message)?)?;
    laptop.tarn(&["run", "tag:nightly", "--var", "day=2026-11-02"])?.done();
    both.are_equal("a run that was stopped went on")?;
    let after = records(deployed, &run)?;
    for (key, record) in &done {
        assert_eq!(after.get(key), Some(record), "{key} was done, and was done again");
    }
    assert!(after.len() > done.len(), "something was left to be done");
    // Once more is nothing more.
    let again = deployed.types(&format!("tarn run --run-id {run} --target aws"))?;
    assert!(again.contains("has been started before"), "{again}");
    assert_eq!(records(deployed, &run)?, after);
    told(deployed, 0)?;
    Ok(())
}

/// Whether nothing was left to do when the run was stopped: published, and loaded where there is a mart.
fn is_finished(record: &Value) -> bool {
    let name = record["model"].as_str().unwrap_or_default();
    record["status"] == "done"
        && !record["published"].is_null()
        && (!TABLES.contains(&name) || record["loaded"].is_object())
}
