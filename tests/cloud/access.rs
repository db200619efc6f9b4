//! Who may read what: tables get the tags of groups when they are published, and not before.

use std::io::Read;
use std::process::Child;

use anyhow::{Context, Result};
use serde_json::{Value, json};
use tarn_testkit::REGION;

use crate::limits::until;
use crate::world::World;

const ACCESS: &str = "access:
  bi: {principals: ['arn:aws:iam::123456789012:role/bi'], read: ['tag:bi']}
  analysts: {principals: ['arn:aws:iam::123456789012:role/analyst'], read: [models]}
";

/// A lake with two groups of readers, and models of which one is for both.
fn world(name: &str) -> Result<World> {
    let shown = "/*\ntags: [bi]\naudits:\n  - not_null: [a]\n*/\nselect a from {{ ref('kept') }}\n";
    let world = World::own(name, &[("models/kept.sql", "select 1 as a\n"), ("models/shown.sql", shown)])?;
    world.lake.write("tarn.yaml", world.lake.read("tarn.yaml")? + ACCESS)?;
    world.tarn(&["push"])?.done();
    Ok(world)
}

fn make_tags(world: &World, name: &str, groups: &[&str]) -> Result<()> {
    for group in groups {
        let tag = json!({"TagKey": format!("tarn-{name}-{group}"), "TagValues": ["no", "yes"]});
        world.account.rest("lakeformation", "POST", "/CreateLFTag", &tag)?;
    }
    Ok(())
}

/// The tags of a table, as `key=value`.
fn tags(world: &World, name: &str, table: &str) -> Result<Vec<String>> {
    let resource = json!({"Resource": {"Table": {"DatabaseName": format!("tarn_{name}"), "Name": table}}});
    let said = world.account.rest("lakeformation", "POST", "/GetResourceLFTags", &resource)?;
    let tag = |tag: &Value| {
        format!("{}={}", tag["TagKey"].as_str().unwrap_or_default(), tag["TagValues"][0].as_str().unwrap_or_default())
    };
    Ok(said["LFTagsOnTable"].as_array().into_iter().flatten().map(tag).collect())
}

#[test]
fn a_published_table_is_open_to_those_who_may_read_it() -> Result<()> {
    let world = world("readers")?;
    make_tags(&world, "readers", &["bi", "analysts"])?;
    world.tarn(&["run"])?.done();
    assert_eq!(tags(&world, "readers", "shown")?, ["tarn-readers-bi=yes", "tarn-readers-analysts=yes"]);
    assert_eq!(tags(&world, "readers", "kept")?, ["tarn-readers-bi=no", "tarn-readers-analysts=yes"]);

    // What fails its audit is published to nobody: the version that is left to look at has no tags.
    let text = world.lake.read("models/shown.sql")?;
    world.lake.write("models/shown.sql", text.replace("select a from", "select nullif(a, 1) as a from"))?;
    world.tarn(&["push"])?.done();
    world.tarn(&["run", "shown"])?.ended(1);
    let shown = world.tarn(&["show", "--json"])?.done().json()?;
    let version = shown["models"][0]["inspect"].as_str().unwrap_or_default();
    assert!(version.starts_with("shown__"), "{shown}");
    assert_eq!(tags(&world, "readers", version)?, [""; 0]);
    Ok(())
}

#[test]
fn a_table_that_cannot_be_opened_is_a_failed_model() -> Result<()> {
    let world = world("unopened")?;
    make_tags(&world, "unopened", &["bi"])?;
    world.tarn(&["run", "kept"])?.ended(1);
    let shown = world.tarn(&["show", "--json"])?.done().json()?;
    assert_eq!(shown["models"][0]["failure"]["step"], "open", "{shown}");
    assert_eq!(world.rows("select a from kept")?, ["1"]);

    make_tags(&world, "unopened", &["analysts"])?;
    world.tarn(&["run", "kept"])?.done();
    assert_eq!(tags(&world, "unopened", "kept")?, ["tarn-unopened-bi=no", "tarn-unopened-analysts=yes"]);
    Ok(())
}

/// What a process has said until its end, and whether that was a good one.
fn said(mut process: Child) -> Result<(String, bool)> {
    let mut said = String::new();
    process.stderr.take().context("no stderr")?.read_to_string(&mut said)?;
    Ok((said, process.wait()?.success()))
}

#[test]
fn a_run_that_was_stopped_opens_what_it_had_published() -> Result<()> {
    let slow = "/*\ntags: [bi]\n*/\nselect 2 as a\n";
    let models = [("models/kept.sql", "select 1 as a\n"), ("models/slow.sql", slow)];
    let world = World::own("resumed", &models)?;
    world.lake.write("tarn.yaml", world.lake.read("tarn.yaml")? + ACCESS)?;
    world.tarn(&["push"])?.done();
    make_tags(&world, "resumed", &["bi"])?;
    let run = "20270401t000000000_0001";
    let slow = |seconds: u64| world.account.fault(&json!({"statement": "create table slow__", "delay": seconds}));
    slow(60)?;
    let first = world.start(&["run", "--run-id", run])?;
    until(|| Ok(world.tarn(&["show", run])?.stdout.contains("✗ kept")))?;
    let arn = format!("arn:aws:states:{REGION}:123456789012:execution:tarn-resumed-workflow:{run}");
    world.account.call("states", "AWSStepFunctions.StopExecution", &json!({"executionArn": arn}))?;
    let (stopped, ended_well) = said(first)?;
    assert!(!ended_well, "{stopped}");
    let shown = world.tarn(&["show", run])?.done();
    assert!(shown.stdout.contains("cut off"), "{}", shown.stdout);

    // What had failed is tried again and told as it is now, and whoever looks sees the execution of now.
    make_tags(&world, "resumed", &["analysts"])?;
    slow(10)?;
    let again = world.start(&["run", "--run-id", run])?;
    until(|| Ok(world.tarn(&["show", run])?.stdout.contains("✓ kept")))?;
    let shown = world.tarn(&["show", run])?.done();
    assert!(shown.stdout.contains("running"), "{}", shown.stdout);
    let (told, ended_well) = said(again)?;
    assert!(ended_well && told.contains(&format!("goes on as the execution `{run}-2`")), "{told}");
    assert!(["✓ kept", "✓ slow"].iter().all(|end| told.contains(end)) && !told.contains('✗'), "{told}");
    assert_eq!(tags(&world, "resumed", "kept")?, ["tarn-resumed-bi=no", "tarn-resumed-analysts=yes"]);
    Ok(())
}
