//! Kills, Ctrl-C and two at once: whatever happens, readers see a whole version, and a re-run converges.

use std::time::{Duration, Instant};

use anyhow::Result;
use tarn_testkit::ScratchLake;

/// A model that takes a while, and its answer.
const SLOW: &str = "select count(*) as n from unnest(sequence(1, 3000)) as a(x) cross join unnest(sequence(1, 3000)) as b(y) where (x * y) % 7 <> 3";

fn lake() -> Result<ScratchLake> {
    let lake = ScratchLake::empty()?;
    lake.write("tarn.yaml", "name: scratch\nmarts:\n  reporting: {url: \"sqlite:reporting.db\"}\n")?;
    lake.write("models/answer.sql", "/*\nmart: {to: reporting, mode: replace}\n*/\nselect 1 as n")?;
    lake.tarn(&["run"])?.done();
    Ok(lake)
}

fn signal(child: &std::process::Child, name: &str) -> Result<()> {
    let status = std::process::Command::new("kill").args([&format!("-{name}"), &child.id().to_string()]).status()?;
    assert!(status.success());
    Ok(())
}

#[test]
fn a_killed_run_leaves_the_old_version_and_a_rerun_converges() -> Result<()> {
    let lake = lake()?;
    lake.write("models/answer.sql", "/*\nmart: {to: reporting, mode: replace}\n*/\nselect 2 as n")?;
    // Killed at many moments: before, in and after each step.
    for delay in (0..60).step_by(4) {
        let mut child = lake.start(&["run"])?;
        std::thread::sleep(Duration::from_millis(delay));
        signal(&child, "KILL")?;
        child.wait()?;
        let seen = lake.rows("select n from answer")?;
        assert!(seen == ["1"] || seen == ["2"], "after {delay} ms: {seen:?}");
        let seen = lake.mart_rows("reporting", "select n from answer")?;
        assert!(seen == ["1"] || seen == ["2"], "mart after {delay} ms: {seen:?}");
    }
    lake.tarn(&["run"])?.done();
    assert_eq!(lake.rows("select n from answer")?, ["2"]);
    assert_eq!(lake.mart_rows("reporting", "select n from answer")?, ["2"]);
    Ok(())
}

#[test]
fn what_a_killed_run_left_behind_goes_with_later_runs() -> Result<()> {
    let lake = lake()?;
    lake.write("models/answer.sql", SLOW)?;
    let mut child = lake.start(&["run", "--run-id", "killed"])?;
    let folder = lake.path().join(".tarn/lake/model/answer/_tarn/killed.json");
    wait_for(|| folder.is_file());
    signal(&child, "KILL")?;
    child.wait()?;
    lake.write("models/answer.sql", "select 3 as n")?;
    for _ in 0..2 {
        lake.tarn(&["run"])?.done();
    }
    assert!(!folder.is_file(), "the manifest of the killed run is still there");
    assert!(!lake.path().join(".tarn/lake/model/answer/run=killed").exists());
    Ok(())
}

#[test]
fn ctrl_c_stops_and_says_so() -> Result<()> {
    let lake = lake()?;
    lake.write("models/answer.sql", SLOW)?;
    let child = lake.start(&["run", "--run-id", "stopped"])?;
    wait_for(|| lake.path().join(".tarn/lake/model/answer/_tarn/stopped.json").is_file());
    signal(&child, "INT")?;
    let output = child.wait_with_output()?;
    let talk = String::from_utf8(output.stderr)?;
    assert_eq!(output.status.code(), Some(1), "{talk}");
    assert!(talk.contains("cancelled"), "{talk}");
    assert_eq!(lake.rows("select n from answer")?, ["1"]);
    let shown = lake.tarn(&["show", "stopped"])?.done();
    assert!(shown.stdout.contains("cancelled"), "{}", shown.stdout);
    Ok(())
}

#[test]
fn a_second_run_is_told_who_holds_the_lake_or_waits() -> Result<()> {
    let lake = lake()?;
    lake.write("models/answer.sql", SLOW)?;
    let mut first = lake.start(&["run", "--run-id", "first"])?;
    wait_for(|| lake.path().join(".tarn/lake/model/answer/_tarn/first.json").is_file());
    let refused = lake.tarn(&["run"])?.ended(2);
    assert!(refused.stderr.contains(&format!("process {}", first.id())), "{}", refused.stderr);
    assert!(refused.stderr.contains("--wait"), "{}", refused.stderr);
    // Readers are never kept waiting.
    assert_eq!(lake.rows("select n from answer")?, ["1"]);
    lake.tarn(&["run", "--wait"])?.done();
    assert!(first.wait()?.success());
    Ok(())
}

#[test]
fn readers_see_the_old_rows_or_the_new_ones() -> Result<()> {
    let lake = lake()?;
    lake.write("models/answer.sql", "select x as n from unnest(sequence(1, 1000)) as t(x)")?;
    lake.tarn(&["run"])?.done();
    let stop = std::sync::atomic::AtomicBool::new(false);
    std::thread::scope(|scope| {
        let reader = scope.spawn(|| {
            let mut seen = Vec::new();
            while !stop.load(std::sync::atomic::Ordering::Relaxed) {
                seen.push(lake.rows("select count(*), min(n), max(n) from answer").unwrap());
            }
            seen
        });
        for round in 1..=5 {
            let sql = format!("select x + {round}000 as n from unnest(sequence(1, 1000)) as t(x)");
            lake.write("models/answer.sql", sql).unwrap();
            lake.tarn(&["run"]).unwrap().done();
        }
        stop.store(true, std::sync::atomic::Ordering::Relaxed);
        for rows in reader.join().unwrap() {
            let whole = (0..=5).any(|round| rows == [format!("1000,{},{}", round * 1000 + 1, round * 1000 + 1000)]);
            assert!(whole, "{rows:?}");
        }
    });
    Ok(())
}

fn wait_for(condition: impl Fn() -> bool) {
    let started = Instant::now();
    while !condition() {
        assert!(started.elapsed() < Duration::from_secs(30), "it did not come");
        std::thread::sleep(Duration::from_millis(2));
    }
}
