//! Real input that nobody here wrote: GitHub's webhook payloads, against an independent computation on the same files.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::process::Command;

use anyhow::{Context, Result};
use serde_json::Value;
use tarn_testkit::{ScratchLake, workspace};

/// The npm package, as the tests' set-up installs it.
fn package() -> PathBuf {
    let cache = std::env::var_os("TARN_TEST_CACHE")
        .map(PathBuf::from)
        .unwrap_or_else(|| PathBuf::from(std::env::var_os("HOME").unwrap_or_default()).join(".cache/tarn/tests"));
    cache.join("node_modules/@octokit/webhooks-examples")
}

fn python(script: &str, arguments: &[&std::ffi::OsStr]) -> Result<String> {
    let script = workspace().join("tests/lakes/github").join(script);
    let output = Command::new("python3").arg(&script).arg(package()).args(arguments).output()?;
    assert!(output.status.success(), "{}: {}", script.display(), String::from_utf8_lossy(&output.stderr));
    Ok(String::from_utf8(output.stdout)?)
}

/// The lake with all payloads brought in and all models run, and what an independent program says of them.
fn lake_and_expected() -> Result<(ScratchLake, Value)> {
    assert!(package().is_dir(), "the webhook examples are not installed; run the tests with `make test`");
    let lake = ScratchLake::copy_of("tests/lakes/github")?;
    let file = lake.path().join("webhooks.ndjson");
    python("prepare.py", &[file.as_os_str()])?;
    lake.tarn(&["ingest", "webhooks", "webhooks.ndjson"])?.done();
    lake.tarn(&["ingest", "webhook_events", "webhooks.ndjson"])?.done();
    lake.tarn(&["run"])?.done();
    Ok((lake, serde_json::from_str(&python("expected.py", &[])?)?))
}

fn json_rows(lake: &ScratchLake, sql: &str) -> Result<Vec<Value>> {
    let answer = lake.tarn(&["query", "--format", "json", sql])?.done();
    answer.stdout.lines().map(|line| serde_json::from_str(line).context("a row")).collect()
}

#[test]
fn models_and_flat_records_agree_with_an_independent_computation() -> Result<()> {
    let (lake, expected) = lake_and_expected()?;
    lake.tarn(&["test"])?.done();
    compare_models(&lake, &expected)?;
    compare_records(&lake, &expected)
}

/// Every count of every model is the one computed from the package's own JSON.
fn compare_models(lake: &ScratchLake, expected: &Value) -> Result<()> {
    let mut compared = 0;
    for (model, rows) in expected.as_object().context("an object")? {
        let Some(rows) = rows.as_array().filter(|_| model != "records") else { continue };
        let first = rows.first().and_then(Value::as_object).context("a row")?;
        let columns: Vec<&str> = first.keys().map(String::as_str).collect();
        let actual = sorted(json_rows(lake, &format!("select {} from {model}", columns.join(", ")))?);
        assert_eq!(actual, sorted(rows.clone()), "model {model}");
        compared += 1;
    }
    assert!(compared >= 3, "too few models were compared: {compared}");
    Ok(())
}

fn sorted(rows: Vec<Value>) -> Vec<BTreeMap<String, Value>> {
    let mut rows: Vec<BTreeMap<String, Value>> =
        rows.into_iter().filter_map(|row| row.as_object().map(|row| row.clone().into_iter().collect())).collect();
    rows.sort_by_key(|row| format!("{row:?}"));
    rows
}

/// Every record has as many values, of as many characters, as its JSON has leaves: in columns of their own or in `_extra`.
fn compare_records(lake: &ScratchLake, expected: &Value) -> Result<()> {
    let rows = json_rows(lake, "select * from webhooks")?;
    let expected = expected["records"].as_array().context("records")?;
    assert_eq!(rows.len(), expected.len());
    let key = |row: &Value, names: [&str; 3]| names.map(|name| row[name].to_string().replace('"', ""));
    let mut by_key: BTreeMap<[String; 3], (u64, u64)> = BTreeMap::new();
    for row in &rows {
        by_key.insert(key(row, ["edition", "event", "example"]), values_of(row)?);
    }
    for record in expected {
        let counted = by_key.get(&key(record, ["edition", "event", "example"])).context("a record is missing")?;
        let wanted = (record["non_null"].as_u64().unwrap(), record["characters"].as_u64().unwrap());
        assert_eq!(*counted, wanted, "{record}");
    }
    Ok(())
}

/// How many values a row has, and of how many characters.
fn values_of(row: &Value) -> Result<(u64, u64)> {
    let mut values = (0, 0);
    let mut count = |text: &str| {
        values.0 += 1;
        values.1 += text.chars().count() as u64;
    };
    for (name, value) in row.as_object().context("a row")? {
        match (name.as_str(), value.as_str()) {
            ("_id" | "day", _) | (_, None) => {}
            ("_extra", Some(extra)) => {
                for value in serde_json::from_str::<Value>(extra)?.as_object().context("an object")?.values() {
                    match value {
                        Value::Null => {}
                        Value::String(text) => count(text),
                        other => count(&other.to_string()),
                    }
                }
            }
            (_, Some(text)) => count(text),
        }
    }
    Ok(values)
}
