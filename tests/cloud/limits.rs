//! Limits that stop a query before it is paid for, statements that are long, and runs that nobody waits for.

use std::io::Read;
use std::process::Command;
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, ensure};
use serde_json::{Value, json};

use crate::world::World;

/// Some hundred kilobytes.
const NOTES: &str =
    "select n, to_hex(sha256(to_utf8(cast(n as varchar)))) as note from unnest(sequence(1, 4000)) as t (n)\n";

fn model<'a>(record: &'a Value, name: &str) -> Result<&'a Value> {
    let models = record["models"].as_array().context("no models")?;
    models.iter().find(|model| model["model"] == name).with_context(|| format!("no model `{name}` in {record}"))
}

/// The message of a model that failed, and that it sent nothing that is paid for.
fn refused(record: &Value, name: &str) -> Result<String> {
    let found = model(record, name)?;
    assert_eq!((&found["status"], &found["failure"]["step"]), (&json!("failed"), &json!("prepare")), "{found}");
    assert_eq!(found["queries"], json!([]), "nothing is paid for");
    assert_eq!(found["published"], Value::Null);
    Ok(found["failure"]["message"].as_str().unwrap_or_default().to_owned())
}

#[test]
fn limits_of_models_and_runs_hold_in_the_workflow() -> Result<()> {
    let world = World::own(
        "limits",
        &[
            ("models/notes.sql", NOTES),
            ("models/first.sql", "select n, note from {{ ref('notes') }}\n"),
            (
                "models/second.sql",
                "select t.n, t.note from {{ ref('notes') }} as t where t.n in (select n from {{ ref('first') }})\n",
            ),
        ],
    )?;
    let config = world.lake.read("tarn.yaml")?;
    world.tarn(&["push"])?.done();
    let made = world.tarn(&["run", "--json"])?.done().json()?;
    assert_eq!(model(&made, "first")?["published"], made["run"]);
    let bytes = model(&made, "notes")?["bytes"].as_u64().unwrap_or_default();
    assert!(bytes > 100_000, "{made}");

    // Half as much again: one of two models is within it, in whatever process they are made.
    world.lake.write("tarn.yaml", format!("{config}run: {{scan_limit: {} KB}}\n", bytes * 3 / 2 / 1_000))?;
    world.tarn(&["push"])?.done();
    let run = world.tarn(&["run", "first", "second", "--json"])?.ended(1).json()?;
    assert_eq!(model(&run, "first")?["status"], "done");
    let message = refused(&run, "second")?;
    assert!(message.contains("this run would read about") && message.contains("`run: {scan_limit: …}`"), "{message}");
    // What was taken is known by the run: the same again is refused again, and a run of its own is not.
    let again = world.tarn(&["run", "second", "--json"])?.ended(1).json()?;
    assert!(refused(&again, "second")?.contains("this run would read about"), "it reads both");
    world.tarn(&["run", "first"])?.done();

    world.lake.write("tarn.yaml", &config)?;
    world.lake.write("models/first.sql", "/*\nscan_limit: 1 KB\n*/\nselect n, note from {{ ref('notes') }}\n")?;
    world.tarn(&["push"])?.done();
    let run = world.tarn(&["run", "first", "--json"])?.ended(1).json()?;
    assert!(refused(&run, "first")?.contains("`scan_limit` of model `first` allows 1.0 kB"));
    let run = world.tarn(&["run", "first", "--here", "--json"])?.ended(1).json()?;
    refused(&run, "first")?;
    Ok(())
}

#[test]
fn a_merge_reads_the_published_table_too() -> Result<()> {
    let sql = "/*\nmaterialized: incremental\nstrategy: merge\nunique_key: [n]\n*/\nselect n, note from {{ ref('notes') }}{% if is_incremental() %} where n = 1{% endif %}\n";
    let world = World::own("mergelimit", &[("models/notes.sql", NOTES), ("models/merged.sql", sql)])?;
    let made = world.run(&[])?;
    let bytes = model(&made, "notes")?["bytes"].as_u64().unwrap_or_default();
    let config = world.lake.read("tarn.yaml")?;
    let limited = |percent: u64| format!("{config}athena: {{scan_limit: {} KB}}\n", bytes * percent / 100 / 1_000);
    world.lake.write("tarn.yaml", limited(150))?;
    let run = world.tarn(&["run", "merged", "--here", "--json"])?.ended(1).json()?;
    assert!(refused(&run, "merged")?.contains("`athena: {scan_limit: …}`"));
    world.lake.write("tarn.yaml", limited(250))?;
    world.run(&["merged"])?;
    Ok(())
}

/// All that the executions of a machine got, answered and passed on.
fn histories(world: &World, machine: &str) -> Result<Vec<String>> {
    let call = |target: &str, asked: Value| world.account.call("states", &format!("AWSStepFunctions.{target}"), &asked);
    let arn = format!("arn:aws:states:us-east-1:123456789012:stateMachine:tarn-{}-{machine}", world.name);
    let listed = call("ListExecutions", json!({"stateMachineArn": arn}))?;
    let executions = listed["executions"].as_array().context("no executions")?;
    let history = |execution: &Value| -> Result<String> {
        let asked = json!({"executionArn": execution["executionArn"], "includeExecutionData": true});
        Ok(call("GetExecutionHistory", asked)?.to_string())
    };
    executions.iter().map(history).collect()
}

#[test]
fn a_long_statement_goes_round_the_state_machine() -> Result<()> {
    let mark = "the words of a long statement";
    let text = format!("select '{}' as words, 1 as n\n", mark.repeat(100_000 / mark.len()));
    let world =
        World::own("longtext", &[("models/long.sql", &text), ("models/short.sql", "select 'few words' as words\n")])?;
    world.tarn(&["push"])?.done();
    world.tarn(&["run"])?.done();
    assert_eq!(world.rows("select length(words) > 99900, n from long")?, ["true,1"]);
    let histories = histories(&world, "model")?;
    assert_eq!(histories.len(), 2);
    assert!(histories.iter().any(|history| history.contains("few words")), "a short statement is waited for there");
    for history in histories {
        assert!(!history.contains(mark), "the text went through the state machine");
    }
    Ok(())
}

/// Waits until something is so.
pub(crate) fn until(mut is_so: impl FnMut() -> Result<bool>) -> Result<()> {
    let end = Instant::now() + Duration::from_secs(60);
    while !is_so()? {
        ensure!(Instant::now() < end, "it does not come");
        thread::sleep(Duration::from_millis(100));
    }
    Ok(())
}

#[test]
fn whoever_leaves_a_run_can_look_at_it_and_come_back() -> Result<()> {
    let world = World::own(
        "left",
        &[("models/one.sql", "select 1 as a\n"), ("models/two.sql", "select a from {{ ref('one') }}\n")],
    )?;
    world.tarn(&["push"])?.done();
    // The second model takes its time.
    world.account.fault(&json!({"statement": "create table two__", "delay": 15}))?;
    let name = "20260101t000000000_0001";
    let mut process = world.start(&["run", "--run-id", name])?;
    until(|| Ok(world.tarn(&["show", name])?.stdout.contains("✓ one")))?;
    let interrupted = Command::new("kill").args(["-INT", &process.id().to_string()]).status()?;
    ensure!(interrupted.success(), "not interrupted");
    let status = process.wait()?;
    let mut said = String::new();
    process.stderr.take().context("no stderr")?.read_to_string(&mut said)?;
    assert!(status.success() && said.contains(&format!("tarn show {name} --target aws")), "{said}");

    // What it said to do works, while the run goes on and by the beginning of its id.
    for asked in [name, "2026010"] {
        let shown = world.tarn(&["show", asked])?.done();
        assert!(shown.stdout.contains("running") && shown.stdout.contains("✓ one"), "{}", shown.stdout);
    }
    let listed = world.tarn(&["runs"])?.done();
    assert!(listed.stdout.contains(name) && listed.stdout.contains("1 done"), "{}", listed.stdout);
    let status = world.tarn(&["status"])?.done();
    assert!(status.stdout.contains("unfinished, 1 done in -"), "{}", status.stdout);
    let back = world.tarn(&["run", "--run-id", name])?.done();
    assert!(back.stderr.contains("2 models done") && back.stderr.contains("scanned for 0"), "{}", back.stderr);
    let shown = world.tarn(&["show", name])?.done();
    assert!(shown.stdout.contains("✓ two"), "{}", shown.stdout);
    Ok(())
}

#[test]
fn a_merge_over_more_columns_than_athena_merges() -> Result<()> {
    let columns: Vec<String> = (1..=321).map(|number| format!("{{{{ var('n') }}}} + {number} as c{number}")).collect();
    let sql = format!(
        "/*\nmaterialized: incremental\nstrategy: merge\nunique_key: [id]\ntable_type: iceberg\n*/\nselect x as id, {}\nfrom (values {{{{ var('n') }}}}, 9) as t (x)\n",
        columns.join(", ")
    );
    let world = World::own("wide", &[("models/wide.sql", &sql)])?;
    let config = world.lake.read("tarn.yaml")?;
    world.lake.write("tarn.yaml", format!("{config}vars: {{n: {{type: integer, default: 1}}}}\n"))?;
    world.run(&[])?;
    let record = world.run(&["--var", "n=2"])?;
    let statements = model(&record, "wide")?["queries"].as_array().cloned().unwrap_or_default();
    let is_merge = |query: &Value| query["statement"].as_str().is_some_and(|text| text.starts_with("merge into"));
    assert!(!statements.iter().any(is_merge), "322 columns cannot be merged in place: the table is written anew");
    assert_eq!(world.rows("select id, c1, c321 from wide order by id")?, ["1,2,322", "2,3,323", "9,3,323"]);
    Ok(())
}
