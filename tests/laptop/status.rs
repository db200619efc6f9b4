//! `tarn status`: how the lake is, at one look.

use anyhow::Result;
use serde_json::json;
use tarn_testkit::ScratchLake;

/// The text with a `#` for each number, so that no clock and no speed is in it.
fn without_numbers(text: &str) -> String {
    let mut plain = String::new();
    for character in text.chars() {
        match character {
            digit if digit.is_ascii_digit() => {
                if !plain.ends_with('#') {
                    plain.push('#');
                }
            }
            other => plain.push(other),
        }
    }
    plain
}

#[test]
fn an_empty_lake_has_nothing_to_tell() -> Result<()> {
    let lake = ScratchLake::empty()?;
    lake.write("tarn.yaml", "name: scratch\ntimezone: Asia/Tokyo\n")?;
    let told = lake.tarn(&["status"])?.done();
    assert_eq!(
        without_numbers(&told.stdout),
        "scratch on this machine, #-#-# #:# Asia/Tokyo
schedules
  none
runs
  none
costs of seven days
  none
quarantine
  none
"
    );
    Ok(())
}

#[test]
fn schedules_runs_costs_and_quarantine() -> Result<()> {
    let lake = ScratchLake::empty()?;
    lake.write(
        "tarn.yaml",
        "name: scratch
timezone: Asia/Tokyo
schedules:
  nightly: {cron: \"15 3 * * ? *\", select: [\"good\"]}
  leap: {cron: \"0 0 1 1 ? 2020\"}
",
    )?;
    lake.write("sources/clicks.yaml", "kind: stream\ncolumns:\n  - {name: n, type: int, required: true}\n")?;
    lake.write("clicks.ndjson", "{\"n\": 1}\n{\"n\": \"x\"}\n{}\n")?;
    lake.write("models/good.sql", "select n from {{ source('clicks') }}")?;
    let ingested = lake.tarn(&["ingest", "clicks", "clicks.ndjson"])?;
    assert!(ingested.stderr.contains("quarantine"), "{}", ingested.stderr);
    lake.tarn(&["run", "--run-id", "r1"])?.done();
    lake.write("models/bad.sql", "/*\naudits:\n  - row_count: {min: 5}\n*/\nselect n from {{ ref('good') }}")?;
    lake.tarn(&["run", "bad", "--run-id", "r2"])?.ended(1);

    let told = lake.tarn(&["status", "--json"])?.done().json()?;
    assert_eq!(
        (&told["lake"], &told["target"], &told["quarantine"]),
        (&json!("scratch"), &json!("local"), &json!([{"source": "clicks", "records": 2}]))
    );
    let next = told["schedules"][0]["next"].as_str().unwrap_or_default();
    assert!(next.ends_with("T03:15:00+09:00"), "{told}");
    assert_eq!(told["schedules"][1]["next"], json!(null));
    let runs: Vec<(&str, &str)> = told["runs"]
        .as_array()
        .unwrap()
        .iter()
        .map(|run| (run["run"].as_str().unwrap(), run["status"].as_str().unwrap()))
        .collect();
    assert_eq!(runs, [("r2", "failed"), ("r1", "done")]);
    assert_eq!(told["runs"][0]["failed"][0]["model"], "bad");
    assert_eq!(told["costs"]["total"], told["costs"]["days"][0]["cost"]);
    assert!(told.get("project").is_none() && told.get("alarms").is_none());

    let shown = lake.tarn(&["status", "-n", "1"])?.done();
    let shown = without_numbers(&shown.stdout);
    let beginning = "scratch on this machine, #-#-# #:# Asia/Tokyo
schedules
  #-#-# #:#  nightly: good
  never again  leap: all models
runs
  #-#-# #:#  r#  failed, # done in #.#s, bad
      bad: ";
    assert!(shown.starts_with(beginning), "{shown}");
    let (_, costs) = shown.split_once("costs of seven days\n").unwrap();
    assert!(costs.starts_with("  #-#-#  #.#  # statements, "), "{shown}");
    assert!(
        costs.ends_with("  in all      #.#\nquarantine\n  clicks: # records\n") && !shown.contains("r1"),
        "{shown}"
    );
    Ok(())
}
