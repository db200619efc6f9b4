//! Records as applications send them, and what of them arrived.

use std::collections::BTreeMap;
use std::process::Command;
use std::thread;
use std::time::Duration;

use anyhow::{Context, Result, bail};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Value, json};
use tarn_pipeline::ports::{Clock, SystemClock};
use tarn_testkit::{ScratchLake, program};

use crate::deployment::{Deployment, ORDERS};
use crate::wait_for;

/// A record that lacks what its contract requires.
pub(crate) const WITHOUT_TYPE: &str = r#"{"event_id":"without-type","occurred_at":"2026-10-31T01:02:03.004Z","user":{"anonymous_id":"visitor of it"},"device":{"type":"mobile"}}"#;

/// Records in one call: Firehose takes 500, and 4 MiB.
const BATCH: usize = 400;

/// Puts records on the delivery stream of a source, as an application does.
pub(crate) fn send(deployed: &Deployment, source: &str, records: &[String]) -> Result<()> {
    for batch in records.chunks(BATCH) {
        let records: Vec<Value> =
            batch.iter().map(|record| json!({"Data": STANDARD.encode(format!("{record}\n"))})).collect();
        let body = json!({"DeliveryStreamName": format!("tarn-shop-{source}"), "Records": records});
        let answer = deployed.account.call("firehose", "Firehose_20150804.PutRecordBatch", &body)?;
        if answer["FailedPutCount"] != 0 {
            bail!("{answer:#}");
        }
    }
    Ok(())
}

/// The sample's events into the stream, its orders into the table, and the tables of its database by an export.
pub(crate) fn send_all(deployed: &Deployment) -> Result<()> {
    let data = deployed.folder("data");
    let generated = Command::new(program("shop-generator")?).arg(&data).args(["--events", "3000"]).output()?;
    assert!(generated.status.success(), "{}", String::from_utf8_lossy(&generated.stderr));
    let lines = |bytes: Vec<u8>| -> Vec<String> {
        bytes.split(|byte| *byte == b'\n').map(|line| String::from_utf8_lossy(line).into_owned()).collect()
    };
    let events: Vec<String> = lines(std::fs::read(data.join("site_events.ndjson"))?);
    let events: Vec<String> = events.into_iter().filter(|line| !line.is_empty()).collect();
    send(deployed, "site_events", &events)?;
    // What the application did to its table, in the order in which it did it.
    let mut changes: BTreeMap<(usize, String), Value> = BTreeMap::new();
    for line in lines(std::fs::read(data.join("orders.ndjson"))?) {
        let Ok(record) = serde_json::from_str::<Value>(&line) else { continue };
        let number = record["dynamodb"]["SequenceNumber"].as_str().context("a change has a number")?.to_owned();
        changes.insert((number.len(), number), record);
    }
    for record in changes.values() {
        let change = &record["dynamodb"];
        let (target, body) = match record["eventName"].as_str() {
            Some("REMOVE") => ("DeleteItem", json!({"TableName": ORDERS, "Key": change["Keys"]})),
            _ => ("PutItem", json!({"TableName": ORDERS, "Item": change["NewImage"]})),
        };
        deployed.account.call("dynamodb", &format!("DynamoDB_20120810.{target}"), &body)?;
    }
    settle(deployed)?;
    export(deployed)
}

/// The database's tables, by the schedule that exports its cluster.
fn export(deployed: &Deployment) -> Result<()> {
    deployed.account.create_bucket("crm-database")?;
    for source in ["customers", "contracts"] {
        let rows = std::fs::read(deployed.folder("data").join(format!("{source}.parquet")))?;
        deployed.account.put("crm-database", &format!("{source}/rows.parquet"), &rows)?;
        deployed.account.export_of(&format!("crm.public.{source}"), &format!("s3://crm-database/{source}/"))?;
    }
    let ended = deployed.fire("crm", &SystemClock.now().to_rfc3339())?;
    assert_eq!(ended["status"], "SUCCEEDED", "{ended:#}");
    Ok(())
}

/// Waits until every change that was captured is flattened, and no more come.
fn settle(deployed: &Deployment) -> Result<()> {
    let mut before = 0;
    wait_for("end of the changes", || {
        let captured = deployed.account.keys("shop-raw", "raw/orders/")?.len();
        let flattened = deployed.account.keys("shop-lake", "made/orders/")?.len();
        let is_quiet = captured > 0 && captured == flattened && captured == before;
        before = captured;
        thread::sleep(Duration::from_secs(2));
        Ok(is_quiet.then_some(()))
    })
}

/// What arrived in the raw zone, into a lake on a laptop.
pub(crate) fn bring_to(deployed: &Deployment, laptop: &ScratchLake) -> Result<()> {
    let folder = deployed.folder("arrived");
    std::fs::create_dir_all(&folder)?;
    for source in ["site_events", "orders"] {
        let keys = deployed.account.keys("shop-raw", &format!("raw/{source}/"))?;
        assert!(!keys.is_empty(), "{source}");
        let mut files = Vec::new();
        for (number, key) in keys.iter().enumerate() {
            let name = key.rsplit('/').next().unwrap_or_default();
            let ending = if name.ends_with(".gz") { "ndjson.gz" } else { "ndjson" };
            let file = folder.join(format!("{source}-{number}.{ending}"));
            std::fs::write(&file, deployed.account.get("shop-raw", key)?)?;
            files.push(file.display().to_string());
        }
        let typed: Vec<&str> = ["ingest", source].into_iter().chain(files.iter().map(String::as_str)).collect();
        // A file none of whose records fits is told as a failure.
        let answer = laptop.tarn(&typed)?;
        assert!(answer.code == 0 || answer.stderr.contains("0 rows"), "{}\n{}", answer.stdout, answer.stderr);
    }
    for source in ["customers", "contracts"] {
        let file = deployed.folder("data").join(format!("{source}.parquet"));
        laptop.tarn(&["ingest", source, &file.display().to_string()])?.done();
    }
    Ok(())
}
