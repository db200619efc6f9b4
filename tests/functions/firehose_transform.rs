//! `firehose-transform`: every record is answered, and none is lost.

use std::collections::BTreeMap;
use std::io::Write as _;

use anyhow::{Context, Result};
use aws_lambda_events::event::firehose::KinesisFirehoseEvent;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use flate2::Compression;
use flate2::write::GzEncoder;
use serde_json::{Value, json};
use tarn_testkit::{RuntimeApi, workspace};

use crate::world::World;

const CLICKS: &str = "kind: stream
columns:
  - {name: event_id, type: string, required: true}
  - {name: user_id, path: user.id, type: \"decimal(38,0)\"}
  - {name: prefecture, path: user.geo.pref, type: string}
  - {name: price, type: \"decimal(12,2)\"}
  - {name: occurred_at, type: timestamp}
";

const LOGS: &str = "kind: stream
columns:
  - {name: log_group, path: logGroup, type: string, required: true}
  - {name: id, type: string}
  - {name: at, path: timestamp, type: bigint}
  - {name: message, type: string}
";

fn gzip(text: &str) -> Vec<u8> {
    let mut packed = GzEncoder::new(Vec::new(), Compression::fast());
    packed.write_all(text.as_bytes()).unwrap();
    packed.finish().unwrap()
}

/// The answer to one record: its result, and its rows.
#[derive(Debug, Clone, PartialEq)]
struct Answered {
    result: String,
    rows: Vec<Value>,
}

/// Answers by record id, in the event's order; every record must be answered once.
fn answers(event: &Value, response: &Value) -> Result<Vec<Answered>> {
    let mut by_id = BTreeMap::new();
    for answer in response["records"].as_array().context("no records")? {
        let rows = match answer["data"].as_str() {
            Some(data) => serde_json::Deserializer::from_slice(&STANDARD.decode(data)?)
                .into_iter::<Value>()
                .collect::<Result<_, _>>()?,
            None => Vec::new(),
        };
        let result = answer["result"].as_str().context("no result")?.to_owned();
        let id = answer["recordId"].as_str().context("no id")?.to_owned();
        assert!(by_id.insert(id.clone(), Answered { result, rows }).is_none(), "`{id}` is answered twice");
    }
    let ids: Vec<&str> =
        event["records"].as_array().unwrap().iter().map(|record| record["recordId"].as_str().unwrap()).collect();
    assert_eq!(by_id.len(), ids.len());
    ids.iter().map(|id| by_id.get(*id).cloned().with_context(|| format!("`{id}` is not answered"))).collect()
}

fn results(answers: &[Answered]) -> Vec<&str> {
    answers.iter().map(|answer| answer.result.as_str()).collect()
}

fn event_of(stream: &str, records: &[Vec<u8>]) -> Value {
    let entry = |(position, record): (usize, &Vec<u8>)| {
        json!({
            "recordId": format!("{position:056}"),
            "approximateArrivalTimestamp": 1_760_022_000_000_u64,
            "data": STANDARD.encode(record),
        })
    };
    json!({
        "invocationId": "4b3cf9d5-08f8-4b5e-9a4a-5a3c8a3d2b10",
        "deliveryStreamArn": format!("arn:aws:firehose:us-east-1:123456789012:deliverystream/{stream}"),
        "region": "us-east-1",
        "records": records.iter().enumerate().map(entry).collect::<Vec<_>>(),
    })
}

fn fixture(name: &str) -> Result<Value> {
    let path = workspace().join("functions/firehose-transform/events").join(name);
    Ok(serde_json::from_slice(&std::fs::read(path)?)?)
}

fn invoke(function: &mut RuntimeApi, event: &Value) -> Result<Vec<Answered>> {
    answers(event, &function.invoke(event.to_string())?.json())
}

/// The function for a source called `clicks`, its project pushed.
fn start(world: &World, contract: &str, settings: &[(&str, &str)]) -> Result<RuntimeApi> {
    world.push("clicks", contract)?;
    let mut all = vec![("TARN_SOURCE", "clicks")];
    all.extend_from_slice(settings);
    world.start("firehose-transform", &all)
}

#[test]
fn rows_come_out_as_the_contract_says() -> Result<()> {
    let world = World::new()?;
    let mut function = start(&world, CLICKS, &[])?;
    let answers = invoke(&mut function, &fixture("direct-put.json")?)?;
    assert_eq!(results(&answers), ["Ok", "Ok", "Dropped"]);
    let row = &answers[0].rows[0];
    assert_eq!(row["event_id"], "e-1");
    assert_eq!(row["user_id"].to_string().trim_matches('"'), "12345678901234567890");
    assert_eq!(row["prefecture"], "東京都");
    assert_eq!(answers[1].rows.iter().map(|row| &row["event_id"]).collect::<Vec<_>>(), ["e-2", "e-3"]);
    let closing = function.closing()?;
    assert_eq!((&closing["Records"], &closing["Ok"], &closing["Dropped"]), (&json!(3), &json!(2), &json!(1)));
    assert_eq!((&closing["Source"], &closing["Failures"]), (&json!("clicks"), &json!(0)));
    assert!(world.moto.keys(&world.names.lake, "quarantine/")?.is_empty());
    Ok(())
}

#[test]
fn a_record_that_is_refused_lies_in_quarantine_whole() -> Result<()> {
    let world = World::new()?;
    let mut function = start(&world, CLICKS, &[])?;
    let event = fixture("kinesis.json")?;
    assert_eq!(results(&invoke(&mut function, &event)?), ["Dropped", "Ok"]);
    assert_eq!(function.closing()?["Quarantined"], 1);
    let keys = world.moto.keys(&world.names.lake, "quarantine/")?;
    assert!(keys.len() == 1 && keys[0].starts_with("quarantine/clicks/firehose-"), "{keys:?}");
    let kept: Value = serde_json::from_slice(&world.moto.get(&world.names.lake, &keys[0])?)?;
    assert_eq!(STANDARD.decode(kept["record"].as_str().unwrap())?, b"Hello World");
    assert!(!kept["reason"].as_str().unwrap().is_empty());
    // 2017-10-05T15:33:44Z is the next day in the lake's Tokyo.
    assert!(kept["origin"].as_str().unwrap().starts_with("raw/clicks/day=2017-10-06/"), "{kept}");

    // Firehose tries a batch again under other ids: the same object, not a second one.
    let mut again = event;
    again["invocationId"] = json!("another");
    again["records"][0]["recordId"] = json!("another1");
    again["records"][1]["recordId"] = json!("another2");
    assert_eq!(results(&invoke(&mut function, &again)?), ["Dropped", "Ok"]);
    assert_eq!(world.moto.keys(&world.names.lake, "quarantine/")?, keys);
    Ok(())
}

/// The examples are what the crate of Lambda's events takes for events of Firehose, and each of their records is answered once.
#[test]
fn the_examples_are_events_of_firehose() -> Result<()> {
    let world = World::new()?;
    let mut function = start(&world, CLICKS, &[])?;
    for name in ["direct-put.json", "kinesis.json"] {
        let event = fixture(name)?;
        let typed: KinesisFirehoseEvent = serde_json::from_value(event.clone())?;
        assert_eq!(typed.source_kinesis_stream_arn.is_some(), name == "kinesis.json");
        assert_eq!(invoke(&mut function, &event)?.len(), typed.records.len());
        let written = serde_json::to_value(&typed)?;
        assert_eq!(written["records"][0]["data"], event["records"][0]["data"]);
    }
    Ok(())
}

#[test]
fn a_poisoned_record_harms_no_other() -> Result<()> {
    let world = World::new()?;
    let mut function = start(&world, CLICKS, &[])?;
    let good = br#"{"event_id":"good"}"#.to_vec();
    let mut deep = br#"{"event_id":"#.to_vec();
    deep.extend(std::iter::repeat_n(b'[', 100_000));
    let poisons: Vec<Vec<u8>> = vec![
        deep,
        b"{\"event_id\":\"\xff\xfe\"}".to_vec(),
        br#"{"event_id":null}"#.to_vec(),
        br#"{"event_id":"a","price":"dear"}"#.to_vec(),
        vec![0x1f, 0x8b, 8, 0, 1, 2, 3],
        br#"{"event_id":"a""#.to_vec(),
        vec![0; 1_000],
        gzip(&format!("{{{}\"event_id\":\"a\"}}", "\"a\":1,".repeat(10_000_000))),
        gzip(&format!("{{{}\"event_id\":\"a\"}}", "\"a\":1,".repeat(2_000_000))),
        gzip(&format!(
            "{{{}\"event_id\":\"a\"}}",
            (0..1_000_000).map(|key| format!("\"{key}\":1,")).collect::<String>()
        )),
    ];
    let records: Vec<Vec<u8>> = poisons.iter().flat_map(|poison| [poison.clone(), good.clone()]).collect();
    let mut event = event_of("clicks", &records);
    event["records"].as_array_mut().unwrap().push(json!({"recordId": "not-base64", "data": "@@@"}));
    event["records"].as_array_mut().unwrap().push(json!({"recordId": "no-data"}));
    let answers = invoke(&mut function, &event)?;
    for (position, answer) in answers.iter().enumerate() {
        let is_good = position < records.len() && position % 2 == 1;
        assert_eq!(answer.result, if is_good { "Ok" } else { "Dropped" }, "record {position}");
    }
    let keys = world.moto.keys(&world.names.lake, "quarantine/")?;
    let text = String::from_utf8(world.moto.get(&world.names.lake, &keys[0])?)?;
    let kept: Vec<Vec<u8>> = text
        .lines()
        .map(|line| {
            serde_json::from_str::<Value>(line).map(|kept| STANDARD.decode(kept["record"].as_str().unwrap()).unwrap())
        })
        .collect::<Result<_, _>>()?;
    assert_eq!(kept[..poisons.len()], poisons);
    assert_eq!(kept.len(), poisons.len() + 2);
    // Some kilobytes that unpack to millions of keys are told before they take the memory of the function.
    let peak = function.peak_memory()? >> 20;
    assert!(peak < 200, "{peak} MB");
    Ok(())
}

#[test]
fn what_cannot_be_kept_is_not_dropped() -> Result<()> {
    let world = World::new()?;
    let mut function = start(&world, CLICKS, &[])?;
    let event = fixture("kinesis.json")?;
    assert_eq!(results(&invoke(&mut function, &event)?), ["Dropped", "Ok"]);
    world.moto.delete_bucket(&world.names.lake)?;
    assert_eq!(results(&invoke(&mut function, &event)?), ["ProcessingFailed", "Ok"]);
    let closing = function.closing()?;
    assert_eq!((&closing["Quarantined"], &closing["Failed"]), (&json!(0), &json!(1)));
    assert!(function.log().iter().any(|line| line["level"] == "ERROR" && line["requestId"] == "request-2"));
    Ok(())
}

/// A contract whose rows are much longer than their records, and so many records that the rows do not fit into a response.
fn growing() -> (String, Vec<Vec<u8>>) {
    let long = |letter: &str| letter.repeat(200);
    let contract = format!(
        "kind: stream\ncolumns:\n  - {{name: n, type: bigint, required: true}}\n  - {{name: {}, path: a, type: bigint}}\n  - {{name: {}, path: b, type: bigint}}\n",
        long("a"),
        long("b")
    );
    let records = (0..12_000).map(|number| format!("{{\"n\":{number},\"a\":1,\"b\":2}}").into_bytes()).collect();
    (contract, records)
}

#[test]
fn what_does_not_fit_is_put_back_on_the_stream() -> Result<()> {
    let world = World::new()?;
    let (contract, records) = growing();
    let stream = format!("stream-{}", world.names.lake);
    world.moto.create_delivery_stream(&stream, &world.names.raw)?;
    let mut function = start(&world, &contract, &[])?;
    let event = event_of(&stream, &records);
    let response = function.invoke(event.to_string())?.response();
    assert!(response.len() <= 6_291_556, "{} bytes", response.len());
    let answers = answers(&event, &serde_json::from_slice(&response)?)?;
    let mut seen: Vec<u64> = Vec::new();
    for answer in &answers {
        match answer.result.as_str() {
            "Ok" => seen.push(answer.rows[0]["n"].as_u64().unwrap()),
            "Dropped" => assert!(answer.rows.is_empty()),
            other => panic!("{other}"),
        }
    }
    let answered = seen.len();
    assert!(answered > 1_000 && answered < records.len(), "{answered} of {}", records.len());
    for key in world.moto.keys(&world.names.raw, &format!("{stream}/"))? {
        let body = world.moto.get(&world.names.raw, &key)?;
        for document in serde_json::Deserializer::from_slice(&body).into_iter::<Value>() {
            seen.push(document?["n"].as_u64().unwrap());
        }
    }
    seen.sort_unstable();
    assert!(seen.iter().copied().eq(0..records.len() as u64), "every record once: answered or put back");
    let closing = function.closing()?;
    assert_eq!(closing["PutBack"], records.len() - answered);
    assert_eq!((&closing["Ok"], &closing["Failed"]), (&json!(answered), &json!(0)));
    Ok(())
}

#[test]
fn what_can_neither_be_answered_nor_put_back_has_failed() -> Result<()> {
    let world = World::new()?;
    let (contract, records) = growing();
    // There is no such stream.
    let event = event_of("nowhere", &records);
    let mut function = start(&world, &contract, &[])?;
    let failed = |answers: &[Answered]| {
        assert!(answers.iter().all(|answer| answer.result != "Dropped"));
        answers.iter().filter(|answer| answer.result == "ProcessingFailed").count()
    };
    let without_stream = failed(&invoke(&mut function, &event)?);
    assert!(without_stream > 0);
    assert_eq!(function.closing()?["Failed"], without_stream);

    // A Kinesis stream has other readers: nothing is put on it.
    let mut kinesis = event.clone();
    kinesis["sourceKinesisStreamArn"] = json!("arn:aws:kinesis:us-east-1:123456789012:stream/test");
    assert_eq!(failed(&invoke(&mut function, &kinesis)?), without_stream);
    assert_eq!(function.closing()?["Failed"], without_stream);

    let mut unwilling = start(&world, &contract, &[("TARN_PUT_BACK", "false")])?;
    assert_eq!(failed(&invoke(&mut unwilling, &event)?), without_stream);
    Ok(())
}

#[test]
fn messages_of_cloudwatch_logs_become_rows() -> Result<()> {
    let world = World::new()?;
    let mut function = start(&world, LOGS, &[])?;
    let answers = invoke(&mut function, &fixture("cloudwatch-logs.json")?)?;
    assert_eq!(results(&answers), ["Ok", "Dropped"]);
    let messages: Vec<&Value> = answers[0].rows.iter().map(|row| &row["message"]).collect();
    assert_eq!(messages, ["START \"a\"", "END"]);
    assert!(answers[0].rows.iter().all(|row| row["log_group"] == "/aws/lambda/shop"));
    Ok(())
}

#[test]
fn a_newer_project_is_used_without_a_new_start() -> Result<()> {
    let world = World::new()?;
    let mut function =
        start(&world, "kind: stream\ncolumns:\n  - {name: n, type: bigint}\n", &[("TARN_PROJECT_SECONDS", "0")])?;
    let event = event_of("clicks", &[br#"{"n":1,"colour":"red"}"#.to_vec()]);
    let before = invoke(&mut function, &event)?;
    assert!(before[0].rows[0].get("colour").is_none());
    world.push("clicks", "kind: stream\ncolumns:\n  - {name: n, type: bigint}\n  - {name: colour, type: string}\n")?;
    let after = invoke(&mut function, &event)?;
    assert_eq!(after[0].rows[0]["colour"], "red");
    // A pointer that leads nowhere: the project at hand stays.
    world.moto.put(&world.names.lake, "project/current.json", b"{}")?;
    assert_eq!(invoke(&mut function, &event)?, after);
    assert!(
        function
            .log()
            .iter()
            .any(|line| line["level"] == "WARN" && line["message"].as_str().unwrap().contains("the old one stays"))
    );
    Ok(())
}

#[test]
fn what_is_no_event_is_an_error_and_the_next_event_works() -> Result<()> {
    let world = World::new()?;
    let mut function = start(&world, CLICKS, &[])?;
    for event in ["", "null", "{\"records\": 1}", "{\"records\":[{}]}", "{\"Records\":[]}", "\u{0}\u{1}"] {
        let (error_type, message) = function.invoke(event)?.error();
        assert_eq!(error_type, "Tarn.Permanent", "{event}: {message}");
        assert!(message.contains("event"), "{event}: {message}");
        assert_eq!(function.closing()?["Failures"], 1);
    }
    assert_eq!(results(&invoke(&mut function, &fixture("direct-put.json")?)?), ["Ok", "Ok", "Dropped"]);
    assert!(invoke(&mut function, &json!({"records": []}))?.is_empty());
    Ok(())
}

#[test]
fn without_a_project_the_error_says_what_to_do() -> Result<()> {
    let world = World::new()?;
    let mut function = world.start("firehose-transform", &[("TARN_SOURCE", "clicks")])?;
    let event = fixture("direct-put.json")?.to_string();
    let (error_type, message) = function.invoke(event.clone())?.error();
    assert_eq!(error_type, "Tarn.Permanent");
    assert!(message.contains("no project has been pushed") && message.contains("push"), "{message}");
    world.push("orders", CLICKS)?;
    let (_, message) = function.invoke(event.clone())?.error();
    assert!(message.contains("has no source `clicks`"), "{message}");
    Ok(())
}

#[test]
fn missing_settings_are_told_together() {
    let error = RuntimeApi::start("firehose-transform", &[("TARN_PUT_BACK", "perhaps")]).err().unwrap().to_string();
    for name in ["TARN_SOURCE", "TARN_BUCKET", "TARN_PUT_BACK"] {
        assert!(error.contains(name), "{error}");
    }
    assert!(error.contains("Tarn.Permanent"), "{error}");
}

#[test]
fn no_log_holds_a_secret() -> Result<()> {
    let world = World::new()?;
    let mut function = start(&world, CLICKS, &[("AWS_LAMBDA_LOG_LEVEL", "TRACE")])?;
    invoke(&mut function, &fixture("kinesis.json")?)?;
    function.closing()?;
    let log = function.log_text();
    assert!(log.contains("records went to quarantine"));
    assert!(!log.contains("that-no-log-may-hold"), "{log}");
    Ok(())
}

#[test]
fn an_event_of_three_megabytes_takes_little_memory() -> Result<()> {
    let world = World::new()?;
    let mut function = start(&world, CLICKS, &[])?;
    let record = |number: u32| {
        let title = "x".repeat(400);
        format!(
            "{{\"event_id\":\"e-{number}\",\"user\":{{\"id\":{number},\"geo\":{{\"pref\":\"p\"}}}},\"price\":1.5,\"title\":\"{title}\"}}"
        )
    };
    let records: Vec<Vec<u8>> = (0..6_000).map(|number| record(number).into_bytes()).collect();
    let event = event_of("clicks", &records);
    for _ in 0..3 {
        assert!(invoke(&mut function, &event)?.iter().all(|answer| answer.result == "Ok"));
    }
    let peak = function.peak_memory()?;
    println!("peak memory {} MB, cold start {:?}", peak >> 20, function.cold_start());
    assert!(peak < 64 << 20, "{} MB", peak >> 20);
    Ok(())
}
