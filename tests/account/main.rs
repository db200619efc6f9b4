//! The stand-in AWS account itself: its own tests, its starter, and that its Athena gives the rows that the laptop gives.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "a failed test may panic")]

use std::process::Command;

use anyhow::Result;
use serde_json::json;
use tarn_testkit::{Account, ScratchLake, program, workspace};

/// Runs a part of the account's own code, which says on stderr what is wrong.
fn passes(arguments: &[&str]) -> Result<()> {
    let output = Command::new(tarn_testkit::python()?)
        .args(["-W", "ignore", "-m"])
        .args(arguments)
        .current_dir(workspace().join("tests"))
        .env("PYTHONDONTWRITEBYTECODE", "1")
        .output()?;
    let said = [String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr)].concat();
    assert!(output.status.success(), "{said}");
    Ok(())
}

#[test]
fn its_services_keep_what_they_promise() -> Result<()> {
    passes(&["unittest", "discover", "-s", "account/tests", "-t", "."])
}

#[test]
fn what_reads_the_policies_of_a_deployment_finds_what_is_too_wide() -> Result<()> {
    passes(&["unittest", "discover", "-s", "infra"])
}

#[test]
fn it_starts_counts_fails_on_demand_and_ends() -> Result<()> {
    let account = Account::start()?;
    account.create_bucket("somewhere")?;
    account.fault(&json!({"service": "s3", "operation": "PutObject", "error": "SlowDown", "status": 503}))?;
    assert!(account.put("somewhere", "key", b"body").is_err());
    account.put("somewhere", "key", b"body")?;
    assert_eq!(account.get("somewhere", "key")?, b"body");
    assert_eq!(account.calls("s3", "PutObject")?, 2);
    account.clear_calls()?;
    assert_eq!(account.calls("s3", "PutObject")?, 0);
    assert!(account.slack_messages()?.is_empty());
    let endpoint = account.endpoint();
    drop(account);
    assert!(std::net::TcpStream::connect(endpoint.trim_start_matches("http://")).is_err());
    Ok(())
}

#[test]
fn its_athena_gives_the_rows_of_the_laptop() -> Result<()> {
    let lake = ScratchLake::copy_of("examples/shop")?;
    let generated = lake.path().join("generated");
    let status = Command::new(program("shop-generator")?).arg(&generated).args(["--events", "2000"]).output()?;
    assert!(status.status.success(), "{}", String::from_utf8_lossy(&status.stderr));
    let sources = ["site_events.ndjson", "orders.ndjson", "customers.parquet", "contracts.parquet"];
    for file in sources {
        let source = file.split('.').next().unwrap();
        lake.tarn(&["ingest", source, &format!("generated/{file}")])?.done();
    }
    lake.tarn(&["run"])?.done();
    let (tarn, folder) = (program("tarn")?, lake.path().to_owned());
    passes(&["account.laptop", folder.to_str().unwrap(), "--program", tarn.to_str().unwrap()])
}
