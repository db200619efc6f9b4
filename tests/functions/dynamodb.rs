//! `dynamodb-capture` and `dynamodb-flatten`: from a batch of a stream to rows, killed and repeated at any moment.

use std::collections::BTreeMap;
use std::io::Read;
use std::path::PathBuf;
use std::time::Duration;

use anyhow::{Context, Result};
use serde_json::{Value, json};
use tarn_testkit::{RuntimeApi, workspace};

use crate::world::World;

const ORDERS: &str = "kind: table
key: [order_id]
partitioned_by: {day: _at}
columns:
  - {name: order_id, type: string, required: true}
  - {name: total, type: \"decimal(12,2)\"}
  - {name: ledger_number, type: \"decimal(38,0)\"}
  - {name: shipping_prefecture, path: shipping.prefecture, type: string}
";

const CAPTURE: [(&str, &str); 2] =
    [("TARN_TABLES", "prod-orders=orders,Example-Table=orders"), ("TARN_TIMEZONE", "Asia/Tokyo")];

fn capture(world: &World) -> Result<RuntimeApi> {
    world.start("dynamodb-capture", &CAPTURE)
}

fn flatten(world: &World) -> Result<RuntimeApi> {
    world.start("dynamodb-flatten", &[])
}

fn orders() -> Result<Vec<u8>> {
    Ok(std::fs::read(workspace().join("functions/dynamodb-capture/events/orders.json"))?)
}

/// An event of S3 that tells of these keys.
fn notices(keys: &[String]) -> Vec<u8> {
    let notice = |key: &String| {
        json!({
            "eventVersion": "2.1",
            "eventSource": "aws:s3",
            "awsRegion": "us-east-1",
            "eventTime": "2026-10-31T14:30:05.123Z",
            "eventName": "ObjectCreated:Put",
            "s3": {"bucket": {"name": "raw"}, "object": {"key": encoded(key), "size": 1, "sequencer": "00"}},
        })
    };
    json!({"Records": keys.iter().map(notice).collect::<Vec<_>>()}).to_string().into_bytes()
}

/// A key as S3 writes it in a notice.
fn encoded(key: &str) -> String {
    let letter = |byte: u8| match byte {
        b' ' => "+".to_owned(),
        b'/' | b'-' | b'_' | b'.' | b'*' => char::from(byte).to_string(),
        byte if byte.is_ascii_alphanumeric() => char::from(byte).to_string(),
        byte => format!("%{byte:02X}"),
    };
    key.bytes().map(letter).collect()
}

/// Every object but the project's.
fn contents(world: &World) -> Result<BTreeMap<String, Vec<u8>>> {
    let mut all = BTreeMap::new();
    for bucket in [&world.names.lake, &world.names.raw] {
        for key in world.moto.keys(bucket, "")? {
            if !key.starts_with("project/") {
                all.insert(key.clone(), world.moto.get(bucket, &key)?);
            }
        }
    }
    Ok(all)
}

fn raw_keys(world: &World) -> Result<Vec<String>> {
    world.moto.keys(&world.names.raw, "raw/")
}

/// The lines of a gzip object of the raw zone.
fn lines(world: &World, key: &str) -> Result<Vec<String>> {
    let mut text = String::new();
    flate2::read::MultiGzDecoder::new(world.moto.get(&world.names.raw, key)?.as_slice()).read_to_string(&mut text)?;
    Ok(text.lines().map(str::to_owned).collect())
}

#[test]
fn a_batch_goes_from_the_stream_to_rows() -> Result<()> {
    let world = World::new()?;
    world.push("orders", ORDERS)?;
    let mut capture = capture(&world)?;
    assert_eq!(capture.invoke(orders()?)?.json(), json!({"batchItemFailures": []}));
    let closing = capture.closing()?;
    assert_eq!((&closing["Records"], &closing["Quarantined"], &closing["Files"]), (&json!(4), &json!(0), &json!(1)));
    let keys = raw_keys(&world)?;
    let [key] = keys.as_slice() else { panic!("{keys:?}") };
    assert!(key.starts_with("raw/orders/day=2026-10-31/000000000000000000000000004000-"), "{key}");
    let kept: Vec<Value> =
        lines(&world, key)?.iter().map(|line| serde_json::from_str(line)).collect::<Result<_, _>>()?;
    assert_eq!(json!({"Records": kept}), serde_json::from_slice::<Value>(&orders()?)?);

    let mut flatten = flatten(&world)?;
    let expected =
        json!({"objects": 1, "records": 4, "rows": 4, "quarantined": 0, "files": 1, "gone": 0, "ignored": 0});
    assert_eq!(flatten.invoke(notices(&keys))?.json(), expected);
    let closing = flatten.closing()?;
    assert_eq!((&closing["Rows"], &closing["Source"]), (&json!(4), &json!("orders")));
    let first = contents(&world)?;
    let files: Vec<&String> = first.keys().filter(|key| key.starts_with("source/orders/day=2026-10-31/")).collect();
    assert_eq!(files.len(), 1, "{:?}", first.keys());
    assert_eq!(first[files[0]][..4], *b"PAR1");

    // The batch and the notice come again, and nothing changes.
    capture.invoke(orders()?)?.response();
    flatten.invoke(notices(&[keys.clone(), keys].concat()))?.response();
    assert_eq!(contents(&world)?, first);
    Ok(())
}

/// The state after one undisturbed way through both functions.
fn undisturbed(event: &[u8]) -> Result<BTreeMap<String, Vec<u8>>> {
    let world = World::new()?;
    world.push("orders", ORDERS)?;
    capture(&world)?.invoke(event)?.response();
    flatten(&world)?.invoke(notices(&raw_keys(&world)?))?.response();
    contents(&world)
}

/// A batch that takes both functions a while, with records that neither takes.
fn long_batch() -> Result<Vec<u8>> {
    let mut event: Value = serde_json::from_slice(&orders()?)?;
    let sample = event["Records"][0].clone();
    let records = event["Records"].as_array_mut().context("no records")?;
    for number in 0..1_500_u64 {
        let mut record = sample.clone();
        record["dynamodb"]["SequenceNumber"] = json!(format!("{:030}", 5_000 + number));
        // A day of its own for each third of them, and a total that is none for a few.
        record["dynamodb"]["ApproximateCreationDateTime"] = json!(1_793_457_000 + 86_400 * (number % 3));
        if number % 400 == 7 {
            record["dynamodb"]["NewImage"]["total"] = json!({"S": "much"});
        }
        records.push(record);
    }
    records.push(json!({"eventName": "INSERT"}));
    Ok(event.to_string().into_bytes())
}

#[test]
fn killed_at_many_moments_a_batch_is_there_once() -> Result<()> {
    let event = long_batch()?;
    let expected = undisturbed(&event)?;
    assert_eq!(expected.keys().filter(|key| key.starts_with("source/")).count(), 3, "{:?}", expected.keys());
    assert_eq!(expected.keys().filter(|key| key.starts_with("quarantine/")).count(), 2, "{:?}", expected.keys());
    let (mut before_the_answer, mut states) = (0, BTreeMap::new());
    for delay in [0, 2, 4, 7, 10, 14, 18, 23, 28, 34, 40, 50, 60, 75, 90, 120] {
        let delay = Duration::from_millis(delay);
        let world = World::new()?;
        world.push("orders", ORDERS)?;
        let killed = capture(&world)?.invoke_and_kill(event.clone(), delay)?;
        before_the_answer += u32::from(killed.is_none());
        capture(&world)?.invoke(event.clone())?.response();
        let keys = raw_keys(&world)?;
        assert_eq!(keys.len(), 1, "after {delay:?}: {keys:?}");
        let killed = flatten(&world)?.invoke_and_kill(notices(&keys), delay)?;
        before_the_answer += u32::from(killed.is_none());
        *states.entry(contents(&world)?.len()).or_insert(0) += 1;
        flatten(&world)?.invoke(notices(&keys))?.response();
        assert!(contents(&world)? == expected, "after {delay:?}");
    }
    assert!(before_the_answer >= 2, "nothing was killed at work: {states:?}");
    Ok(())
}

#[test]
fn memory_is_bounded_whatever_the_size_of_an_object() -> Result<()> {
    let world = World::new()?;
    world.push("orders", ORDERS)?;
    let mut event: Value = serde_json::from_slice(&orders()?)?;
    let record = &mut event["Records"][0];
    record["dynamodb"]["NewImage"]["note"] = json!({"S": "x".repeat(1_000)});
    let good = record.to_string() + "\n";
    record["dynamodb"]["NewImage"]["total"] = json!({"S": "much"});
    let bad = record.to_string() + "\n";
    let mut packed = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
    // 200 MB, a fifth of it refused: more than a unit, and more than the function may hold.
    for _ in 0..20_000 {
        std::io::Write::write_all(&mut packed, [good.as_str(), &good, &good, &good, &bad].concat().as_bytes())?;
    }
    let key = "raw/orders/day=2026-10-31/large.ndjson.gz";
    world.moto.put(&world.names.raw, key, &packed.finish()?)?;
    let mut flatten = flatten(&world)?;
    let answered = flatten.invoke(notices(&[key.to_owned()]))?.json();
    assert_eq!((&answered["rows"], &answered["quarantined"]), (&json!(80_000), &json!(20_000)));
    let peak = flatten.peak_memory()? >> 20;
    assert!(peak < 256, "{peak} MiB");
    Ok(())
}

#[test]
fn notices_that_mean_nothing_are_no_errors_and_one_failure_does_not_keep_the_others() -> Result<()> {
    let world = World::new()?;
    world.push("orders", ORDERS)?;
    capture(&world)?.invoke(orders()?)?.response();
    let keys = raw_keys(&world)?;
    let mut flatten = flatten(&world)?;
    let event = |name: &str| std::fs::read(workspace().join("functions/dynamodb-flatten/events").join(name));
    let answered = flatten.invoke(event("test-event.json")?)?.json();
    assert_eq!((&answered["objects"], &answered["ignored"]), (&json!(0), &json!(1)));
    // Two objects that were removed since, and a removal.
    let answered = flatten.invoke(event("two-objects.json")?)?.json();
    assert_eq!((&answered["gone"], &answered["ignored"]), (&json!(2), &json!(1)));
    let answered = flatten.invoke(notices(&["elsewhere/a".to_owned(), "raw/".to_owned()]))?.json();
    assert_eq!(answered["ignored"], 2);

    let stranger = "raw/carts/day=2026-10-31/a b 注文.ndjson".to_owned();
    world.moto.put(&world.names.raw, &stranger, b"{}\n")?;
    let (kind, message) = flatten.invoke(notices(&[stranger.clone(), keys[0].clone()]))?.error();
    assert_eq!(kind, "Tarn.Retryable");
    assert!(message.starts_with("1 of 2 objects were not flattened") && message.contains(&stranger), "{message}");
    assert_eq!(world.moto.keys(&world.names.lake, "source/orders/")?.len(), 1);
    let (kind, message) = flatten.invoke("{}")?.error();
    assert_eq!(kind, "Tarn.Permanent");
    assert!(message.starts_with("this is no event of S3"), "{message}");
    Ok(())
}

#[test]
fn a_raw_zone_that_does_not_take_it_fails_the_batch_from_its_first_record() -> Result<()> {
    let world = World::new()?;
    let settings = [CAPTURE[0], ("TARN_RAW_BUCKET", "no-such-bucket")];
    let mut function = world.start("dynamodb-capture", &settings)?;
    let expected = json!({"batchItemFailures": [{"itemIdentifier": format!("{:030}", 4_000)}]});
    assert_eq!(function.invoke(orders()?)?.json(), expected);
    let told = function.log().into_iter().find(|line| line["level"] == "ERROR").context("nothing is told")?;
    assert!(told["error"].as_str().is_some_and(|error| error.contains("NoSuchBucket")), "{told}");
    // A batch of a table that no source takes.
    let strange = String::from_utf8(orders()?)?.replace("table/prod-orders/", "table/strange/");
    assert_eq!(function.invoke(strange)?.json(), expected);
    let (kind, message) = function.invoke("[]")?.error();
    assert_eq!(kind, "Tarn.Permanent");
    assert!(message.starts_with("this is no batch of a DynamoDB stream"), "{message}");
    Ok(())
}

#[test]
fn settings_that_are_missing_are_named() -> Result<()> {
    let world = World::new()?;
    for (settings, names) in [
        (vec![], vec!["`TARN_TABLES` is not set"]),
        (vec![("TARN_TABLES", "orders")], vec!["`orders` in `TARN_TABLES` is no pair"]),
        (vec![CAPTURE[0], ("TARN_TIMEZONE", "Tokyo")], vec!["`TARN_TIMEZONE`"]),
    ] {
        let error = world.start("dynamodb-capture", &settings).err().context("it started")?.to_string();
        assert!(names.iter().all(|name| error.contains(name)), "{error}");
    }
    Ok(())
}

/// The folder of sample events that come with the crate of Lambda's event types.
fn fixtures() -> Result<PathBuf> {
    let cargo = std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
    let output = std::process::Command::new(cargo)
        .args(["metadata", "--format-version", "1", "--offline"])
        .current_dir(workspace())
        .output()?;
    let metadata: Value = serde_json::from_slice(&output.stdout)?;
    let packages = metadata["packages"].as_array().context("no packages")?;
    let events = packages.iter().find(|package| package["name"] == "aws_lambda_events").context("no such package")?;
    let manifest = PathBuf::from(events["manifest_path"].as_str().context("no path")?);
    Ok(manifest.with_file_name("src").join("fixtures"))
}

#[test]
fn sample_events_of_others_are_taken_whole() -> Result<()> {
    let folder = fixtures()?;
    for name in ["example-dynamodb-event.json", "example-dynamodb-event-null-items.json"] {
        let world = World::new()?;
        world.push("orders", ORDERS)?;
        let event = std::fs::read(folder.join(name))?;
        let sent = serde_json::from_slice::<Value>(&event)?["Records"].as_array().context("no records")?.clone();
        assert_eq!(capture(&world)?.invoke(event)?.json(), json!({"batchItemFailures": []}), "{name}");
        let keys = raw_keys(&world)?;
        let mut kept: Vec<Value> = Vec::new();
        for key in &keys {
            for line in lines(&world, key)? {
                kept.push(serde_json::from_str(&line)?);
            }
        }
        assert_eq!(kept, sent, "{name}");
        // Their keys are not those of the contract, or null: every record is in quarantine, and none is lost.
        let answered = flatten(&world)?.invoke(notices(&keys))?.json();
        assert_eq!(
            (&answered["records"], &answered["quarantined"]),
            (&json!(sent.len()), &json!(sent.len())),
            "{name}"
        );
    }
    // A record of another tool's, without stream and number.
    let world = World::new()?;
    world.push("orders", ORDERS)?;
    let record = std::fs::read_to_string(folder.join("example-dynamodb-event-record-with-optional-fields.json"))?;
    capture(&world)?.invoke(format!(r#"{{"Records":[{record}]}}"#))?.error();
    let mut flatten = flatten(&world)?;
    for name in ["example-s3-event.json", "example-s3-event-with-decoded.json"] {
        let answered = flatten.invoke(std::fs::read(folder.join(name))?)?.json();
        assert_eq!(answered["ignored"], 1, "{name}: a picture is no change of a table");
    }
    Ok(())
}
