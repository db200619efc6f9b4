//! Answers for scripts: JSON and CSV on stdout, exit codes.

use anyhow::Result;
use serde_json::json;
use tarn_testkit::ScratchLake;

#[test]
fn nested_values_are_json() -> Result<()> {
    let lake = ScratchLake::new()?;
    let sql = "select array[1, null] as a, map(array['k', 'ü'], array[1.50, nan()]) as m, \
               cast(row(1, 'x', array[true]) as row(n bigint, t varchar, b array(boolean))) as r, \
               array[date '2020-01-01'] as d, array['1', '\"'] as t, cast(null as array(integer)) as nothing";
    let answer = lake.tarn(&["query", "--format", "json", sql])?.done().json()?;
    assert_eq!(
        answer,
        json!({
            "a": [1, null], "m": {"k": 1.5, "ü": "NaN"}, "r": {"n": 1, "t": "x", "b": [true]},
            "d": ["2020-01-01"], "t": ["1", "\""], "nothing": null,
        })
    );
    Ok(())
}

#[test]
fn a_query_that_fails_has_no_header() -> Result<()> {
    let lake = ScratchLake::new()?;
    lake.tarn(&["ingest", "visits", "data/visits.ndjson"])?.done();
    let failed =
        lake.tarn(&["query", "-f", "csv", "select 1 / (length(page) - length(page)) as x from visits"])?.ended(1);
    assert_eq!(failed.stdout, "");
    let empty = lake.tarn(&["query", "-f", "csv", "select page from visits where page = 'none'"])?.done();
    assert_eq!(empty.stdout, "page\n");
    Ok(())
}

#[test]
fn every_command_answers_scripts() -> Result<()> {
    let lake = ScratchLake::new()?;
    let graph = lake.tarn(&["graph", "--json"])?.done().json()?;
    let nodes = graph["nodes"].as_array().unwrap();
    assert!(nodes.contains(&json!({"name": "visits", "kind": "source"})), "{graph}");
    assert!(graph["edges"].as_array().unwrap().contains(&json!({"from": "visits", "to": "visits_per_day"})), "{graph}");
    let written = lake.tarn(&["schema", "schemas", "--json"])?.done().json()?;
    assert!(written["files"].as_array().is_some_and(|files| !files.is_empty()), "{written}");
    let made = lake.tarn(&["init", "another", "--json"])?.done().json()?;
    assert_eq!(made["name"], "another");
    assert!(made["files"].as_array().unwrap().contains(&json!("tarn.yaml")), "{made}");
    Ok(())
}

#[test]
fn files_that_hold_no_records_are_refused_by_name() -> Result<()> {
    let lake = ScratchLake::new()?;
    for (file, start, what) in [("a.parquet", "PAR1", "a Parquet file"), ("a.zip", "PK\u{3}\u{4}", "a zip archive")] {
        lake.write(file, format!("{start} and more"))?;
        let refused = lake.tarn(&["ingest", "visits", file])?.ended(2).stderr;
        assert!(refused.contains(file) && refused.contains(what), "{refused}");
    }
    lake.write("broken.ndjson", "{\"visit_id\": \n")?;
    lake.tarn(&["ingest", "visits", "broken.ndjson"])?.ended(1);
    lake.write("half.ndjson", "{\"visit_id\": \n{\"visit_id\":\"v\",\"occurred_at\":\"2026-01-01T00:00:00Z\"}\n")?;
    lake.tarn(&["ingest", "visits", "half.ndjson"])?.done();
    Ok(())
}
