//! What a newcomer does first: `tarn init`, then every command it names.

use anyhow::Result;
use tarn_testkit::ScratchLake;

#[test]
fn a_new_lake_runs_from_events_to_a_mart() -> Result<()> {
    let lake = ScratchLake::new()?;
    lake.tarn(&["check"])?.done();
    let ingested = lake.tarn(&["ingest", "visits", "data/visits.ndjson", "--json"])?.done().json()?;
    assert_eq!(ingested[0]["records"], 41);
    assert_eq!(ingested[0]["rows"], 40);
    assert_eq!(ingested[0]["quarantined"], 1);
    lake.tarn(&["test"])?.done();
    let run = lake.tarn(&["run", "--json"])?.done().json()?;
    assert_eq!(run["status"], "done");
    assert_eq!(run["models"][0]["model"], "visits_per_day");
    assert_eq!(run["models"][0]["audits"].as_array().map(Vec::len), Some(3));
    // The lake and its mart tell the same.
    let sql = "select day, country, visits, users, cast(seconds as real) from visits_per_day order by day, country";
    let in_lake = lake.rows(sql)?;
    assert_eq!(in_lake, lake.mart_rows("reporting", sql)?);
    assert_eq!(lake.rows("select sum(visits) from visits_per_day")?, ["40"]);
    assert!(in_lake.len() > 5, "{in_lake:?}");
    Ok(())
}

#[test]
fn the_mart_is_a_database_that_others_can_read() -> Result<()> {
    let lake = ScratchLake::new()?;
    lake.tarn(&["ingest", "visits", "data/visits.ndjson"])?.done();
    lake.tarn(&["run"])?.done();
    let database = rusqlite::Connection::open(lake.path().join(".tarn/reporting.db"))?;
    let visits: i64 = database.query_row("select sum(visits) from visits_per_day", [], |row| row.get(0))?;
    assert_eq!(visits, 40);
    Ok(())
}

#[test]
fn data_goes_to_stdout_and_talk_to_stderr() -> Result<()> {
    let lake = ScratchLake::new()?;
    let ingest = lake.tarn(&["ingest", "visits", "data/visits.ndjson"])?.done();
    assert_eq!(ingest.stdout, "");
    assert!(ingest.stderr.contains("41 records in, 40 rows, 1 record quarantined"), "{}", ingest.stderr);
    assert!(!ingest.stderr.contains('\u{1b}'), "colours in a pipe: {:?}", ingest.stderr);
    let quiet = lake.tarn(&["--quiet", "run"])?.done();
    assert_eq!((quiet.stdout.as_str(), quiet.stderr.as_str()), ("", ""));
    let query = lake.tarn(&["query", "select 1 as one"])?.done();
    assert!(query.stdout.contains("one"), "{}", query.stdout);
    assert!(query.stderr.contains("1 row"), "{}", query.stderr);
    Ok(())
}

#[test]
fn a_run_can_be_listed_and_shown() -> Result<()> {
    let lake = ScratchLake::new()?;
    lake.tarn(&["ingest", "visits", "data/visits.ndjson"])?.done();
    let run = lake.tarn(&["run", "--json"])?.done().json()?;
    let id = run["run"].as_str().unwrap().to_owned();
    let runs = lake.tarn(&["runs", "--json"])?.done().json()?;
    assert_eq!(runs[0]["run"], id.as_str());
    let shown = lake.tarn(&["show", &id, "--sql"])?.done();
    assert!(shown.stdout.contains("create table"), "{}", shown.stdout);
    assert!(shown.stdout.contains("✓ visits_per_day"), "{}", shown.stdout);
    lake.tarn(&["show", "20000101"])?.ended(2);
    Ok(())
}

#[test]
fn the_lake_can_be_looked_at_without_running_it() -> Result<()> {
    let lake = ScratchLake::new()?;
    let listed = lake.tarn(&["ls"])?.done();
    for name in ["visits", "countries", "visits_per_day"] {
        assert!(listed.stdout.contains(name), "{}", listed.stdout);
    }
    let graph = lake.tarn(&["graph", "--format", "mermaid"])?.done();
    assert!(graph.stdout.contains("visits_per_day"), "{}", graph.stdout);
    let compiled = lake.tarn(&["compile", "visits_per_day"])?.done();
    assert!(compiled.stdout.contains("date '2026-01-01'"), "{}", compiled.stdout);
    let with = lake.tarn(&["compile", "visits_per_day", "--var", "first_day=2026-01-02"])?.done();
    assert!(with.stdout.contains("date '2026-01-02'"), "{}", with.stdout);
    let completions = lake.tarn(&["completions", "bash"])?.done();
    assert!(completions.stdout.contains("rollback"));
    let schemas = lake.tarn(&["schema"])?.done().json()?;
    assert!(schemas.as_object().is_some_and(|schemas| schemas.len() >= 4), "{schemas}");
    Ok(())
}

#[test]
fn nothing_that_is_there_is_written_over() -> Result<()> {
    let lake = ScratchLake::new()?;
    let again = lake.tarn(&["init", "."])?.ended(2);
    assert!(again.stderr.contains("exists already"), "{}", again.stderr);
    Ok(())
}
