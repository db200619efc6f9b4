//! The Firehose transformation: every record is answered once, in order, within Lambda's limit, and nothing is lost.
#![allow(missing_docs, clippy::unwrap_used, clippy::panic, reason = "a failed test may panic")]

use std::io::Write as _;
use std::sync::Arc;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use proptest::prelude::*;
use serde_json::{Value, json};
use tarn_columnar::{PartitionRule, PartitionSource};
use tarn_flatten::{ColumnPath, ColumnType, Contract, ContractColumn, Settings};
use tarn_pipeline::ingest::firehose::{EventError, LARGEST_RESPONSE, Outcome, Transform};
use tarn_pipeline::names::Key;

/// Enough for a few short answers beside the margin.
const SMALL: usize = 4096 + 1_000;

fn transform(limit: usize) -> Transform {
    Transform::with(Settings::default(), None, &PartitionRule::None, "day", limit)
}

/// As Firehose writes an event of records that were put to it directly.
fn event<R: AsRef<[u8]>>(records: &[R]) -> String {
    let records: Vec<_> = records
        .iter()
        .enumerate()
        .map(|(number, record)| {
            format!(
                r#"{{"recordId":"4966{number:04}000000","approximateArrivalTimestamp":1510772160000,"data":"{}"}}"#,
                STANDARD.encode(record)
            )
        })
        .collect();
    format!(
        r#"{{"invocationId":"invocation","deliveryStreamArn":"arn:aws:firehose:eu-west-1:1:deliverystream/clicks","region":"eu-west-1","records":[{}]}}"#,
        records.join(",")
    )
}

fn answers(response: &[u8]) -> Vec<Value> {
    let answer: Value = serde_json::from_slice(response).unwrap();
    assert_eq!(answer.as_object().unwrap().len(), 1);
    answer["records"].as_array().unwrap().clone()
}

fn rows(answer: &Value) -> Vec<Value> {
    let text = String::from_utf8(STANDARD.decode(answer["data"].as_str().unwrap()).unwrap()).unwrap();
    assert!(text.ends_with('\n'));
    text.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
}

fn results(answers: &[Value]) -> Vec<&str> {
    answers.iter().map(|answer| answer["result"].as_str().unwrap()).collect()
}

const DONE: Outcome = Outcome { quarantined: true, put_back: Vec::new() };

fn zipped(text: &str) -> Vec<u8> {
    let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
    encoder.write_all(text.as_bytes()).unwrap();
    encoder.finish().unwrap()
}

#[test]
fn records_of_every_kind_are_answered_in_order() {
    let log = r#"{"messageType":"DATA_MESSAGE","owner":"1","logGroup":"g","logStream":"s","subscriptionFilters":["f"],"logEvents":[{"id":"1","timestamp":5,"message":"a"},{"id":"2","timestamp":6,"message":"b"}]}"#;
    let records = [
        br#"{"a":{"b":1},"c":[1,2]}"#.to_vec(),
        b"{\"a\":1}\n{\"a\":2}\n".to_vec(),
        zipped(log),
        zipped(&log.replace("DATA_MESSAGE", "CONTROL_MESSAGE")),
        b" \n".to_vec(),
        br#"{"a":"#.to_vec(),
        vec![0xff, 0xfe],
        br#"{"a":"last"}"#.to_vec(),
    ];
    let event = event(&records);
    let mut transform = transform(LARGEST_RESPONSE);
    for (outcome, refused) in [(DONE, "Dropped"), (Outcome::default(), "ProcessingFailed")] {
        let batch = transform.batch(event.as_bytes()).unwrap();
        assert_eq!((batch.records(), batch.invocation_id().as_ref()), (8, "invocation"));
        assert_eq!(batch.delivery_stream(), "arn:aws:firehose:eu-west-1:1:deliverystream/clicks");
        let quarantined = batch.quarantined(&Key::new("firehose/invocation"));
        let kept: Vec<_> = quarantined.iter().map(|record| (record.offset, record.bytes().unwrap())).collect();
        assert_eq!(kept, [(5, records[5].clone()), (6, records[6].clone())]);
        assert_eq!(quarantined[0].reason, "the record ends inside a document");
        let answers = answers(batch.response(&outcome));
        assert_eq!(results(&answers), ["Ok", "Ok", "Ok", "Dropped", "Dropped", refused, refused, "Ok"]);
        for (number, answer) in answers.iter().enumerate() {
            assert_eq!(answer["recordId"], format!("4966{number:04}000000"));
            assert_eq!(answer.get("data").is_some(), answer["result"] == "Ok");
        }
        assert_eq!((&rows(&answers[0])[0]["a_b"], &rows(&answers[0])[0]["c"]), (&json!(1), &json!("[1,2]")));
        assert_eq!((rows(&answers[1]).len(), rows(&answers[2]).len()), (2, 2));
        assert_eq!(rows(&answers[7])[0]["a"], "last");
    }
}

#[test]
fn an_event_may_be_written_in_any_way() {
    let data = STANDARD.encode("{\"a\":\"???>>>\"}");
    assert!(data.contains('/'));
    let escaped = data.replace('/', "\\/");
    let event = format!(
        r#" {{ "records" : [ {{ "kinesisRecordMetadata" : {{ "shardId" : "s", "partitionKey" : "\"]}}" , "subsequenceNumber" : 0 }} ,
        "data" : "{escaped}" , "new" : [ null , true , -1.5e3 , {{}} ] , "record\u0049d" : "id\u0031\/" }},
        {{"recordId":"2","approximateArrivalTimestamp":1,"data":"{escaped}"}},
        {{"recordId":"3","approximateArrivalTimestamp":1,"data":"x\""}},
        {{"recordId":"4","approximateArrivalTimestamp":1}},
        {{"recordId":"5","data":null}} ] ,
        "region" : "r" , "sourceKinesisStreamArn" : "arn" , "invocationId" : "i\n" }} "#
    );
    let mut transform = transform(LARGEST_RESPONSE);
    let batch = transform.batch(event.as_bytes()).unwrap();
    assert_eq!(batch.invocation_id(), "i\n");
    let reasons: Vec<_> = batch.refused().iter().map(|refused| (refused.position, refused.reason.as_str())).collect();
    assert_eq!(reasons, [(2, "the data is not base64"), (3, "the record has no data"), (4, "the record has no data")]);
    assert_eq!(batch.refused()[0].record, b"x\"");
    let answers = answers(batch.response(&DONE));
    assert_eq!(results(&answers), ["Ok", "Ok", "Dropped", "Dropped", "Dropped"]);
    assert_eq!(answers[0]["recordId"], "id1/");
    assert_eq!(rows(&answers[0])[0]["a"], "???>>>");
    assert_eq!(rows(&answers[1]), rows(&answers[0]));
}

#[test]
fn what_is_no_event_is_an_error() {
    let mut transform = transform(LARGEST_RESPONSE);
    let no_id = r#"{"records":[{"recordId":"1","data":""},{"data":""}]}"#;
    assert_eq!(transform.batch(no_id.as_bytes()).unwrap_err(), EventError::NoRecordId { position: 1 });
    for id in ["\"\"", "1", "\"\\ud800\"", "\"\u{1}\""] {
        let event = format!(r#"{{"records":[{{"recordId":{id},"data":""}}]}}"#);
        assert_eq!(transform.batch(event.as_bytes()).unwrap_err(), EventError::NoRecordId { position: 0 }, "{id}");
    }
    assert_eq!(transform.batch(b"{}").unwrap_err(), EventError::NoRecords);
    let twice = r#"{"records":[{"recordId":"1","recordId":"2","data":""}]}"#;
    assert!(matches!(transform.batch(twice.as_bytes()), Err(EventError::Repeated { member: "recordId", .. })));
    for text in ["", "[]", "{\"records\":{}}", "{\"records\":[1]}", "{\"records\":[]} x", "{\"records\":[],\"a\":}"] {
        assert!(matches!(transform.batch(text.as_bytes()), Err(EventError::Malformed { .. })), "{text}");
    }
    let whole = event(&["{\"a\":1}", "x"]);
    for length in 0..whole.len() {
        assert!(transform.batch(&whole.as_bytes()[..length]).is_err(), "{length}");
    }
    assert_eq!(answers(transform.batch(b"{\"records\":[]}").unwrap().response(&DONE)).len(), 0);
}

#[test]
fn what_does_not_fit_is_put_back_or_left_to_firehose() {
    let records: Vec<_> = (0..10).map(|number| format!("{{\"n\":{number},\"t\":\"{}\"}}", "x".repeat(100))).collect();
    let direct = event(&records);
    let streamed = direct.replace("\"region\"", "\"sourceKinesisStreamArn\":\"arn\",\"region\"");
    let mut transform = transform(SMALL);
    let batch = transform.batch(direct.as_bytes()).unwrap();
    let back: Vec<_> = batch.put_backs().iter().map(|back| (back.position, back.record.clone())).collect();
    assert!(!back.is_empty() && back.len() < records.len() && batch.refused().is_empty());
    for (position, record) in &back {
        assert_eq!(record, records[*position].as_bytes());
    }
    // The first one is on the stream again, the others are not.
    let outcome = Outcome { quarantined: false, put_back: vec![true] };
    let response = batch.response(&outcome);
    assert!(response.len() <= SMALL - 4096);
    let answers_direct = answers(response);
    for (position, answer) in answers_direct.iter().enumerate() {
        let expected = match back.iter().position(|(back, _)| *back == position) {
            None => "Ok",
            Some(0) => "Dropped",
            Some(_) => "ProcessingFailed",
        };
        assert_eq!(answer["result"], expected);
    }
    for streamed in [&streamed, &streamed.replace("sourceKinesisStreamArn", "sourceMSKArn")] {
        let batch = transform.batch(streamed.as_bytes()).unwrap();
        assert!(batch.put_backs().is_empty());
        let failed =
            answers(batch.response(&outcome)).iter().filter(|answer| answer["result"] == "ProcessingFailed").count();
        assert_eq!(failed, back.len());
    }
}

#[test]
fn what_fits_in_no_answer_is_refused() {
    let large = format!("{{\"t\":\"{}\"}}", "x".repeat(2_000));
    let event_text = event(&[large.as_str(), "{\"a\":1}"]);
    let mut small = transform(SMALL);
    let batch = small.batch(event_text.as_bytes()).unwrap();
    assert_eq!(batch.refused()[0].reason, "the rows of the record are larger than an answer to firehose");
    assert_eq!(batch.refused()[0].record, large.as_bytes());
    assert_eq!(results(&answers(batch.response(&DONE))), ["Dropped", "Ok"]);
    let many = event(&vec!["{}"; 100]);
    assert!(matches!(small.batch(many.as_bytes()), Err(EventError::TooManyRecords { records: 100, .. })));
}

#[test]
fn the_day_of_the_rows_goes_with_them() {
    let column = ContractColumn {
        name: "at".to_owned(),
        path: ColumnPath::FlatName,
        column_type: ColumnType::Timestamp,
        required: false,
    };
    let contract = Arc::new(Contract::new(vec![column]).unwrap());
    let rule = PartitionRule::DateOf {
        source: PartitionSource::Column(0),
        // Nine hours east of UTC.
        day_of: Arc::new(|instant| i32::try_from((instant + 32_400_000_000).div_euclid(86_400_000_000)).unwrap()),
    };
    let mut transform = Transform::with(Settings::default(), Some(contract), &rule, "sold_on", LARGEST_RESPONSE);
    let event = event(&[
        r#"{"at":"2026-10-01T14:59:59Z"}"#,
        r#"{"at":"2026-10-01T15:00:00Z"}{"at":"2026-10-02T14:00:00Z"}"#,
        r#"{"at":null}"#,
        r#"{"at":"2026-10-01T14:59:59Z"}{"at":"2026-10-01T15:00:00Z"}"#,
    ]);
    let batch = transform.batch(event.as_bytes()).unwrap();
    assert_eq!(batch.refused()[0].reason, "the rows of the record belong to several days");
    let answers = answers(batch.response(&DONE));
    assert_eq!(results(&answers), ["Ok", "Ok", "Ok", "Dropped"]);
    let days: Vec<_> = answers.iter().map(|answer| answer["metadata"]["partitionKeys"]["sold_on"].clone()).collect();
    assert_eq!(days, [json!("2026-10-01"), json!("2026-10-02"), json!("__HIVE_DEFAULT_PARTITION__"), Value::Null]);
}

/// A record of any kind: documents, several of them, white space, and bytes that are none of it.
fn record() -> impl Strategy<Value = Vec<u8>> {
    let document = prop::collection::vec(("[a-c]{1,2}", "\\PC{0,30}", any::<i64>()), 0..5).prop_map(|members| {
        let members = members.into_iter().map(|(key, text, number)| (key, json!({"t": text, "n": number})));
        Value::Object(members.collect()).to_string()
    });
    prop_oneof![
        4 => document.clone().prop_map(String::into_bytes),
        2 => prop::collection::vec(document.clone(), 0..4).prop_map(|documents| documents.join("\n").into_bytes()),
        1 => document.clone().prop_map(|text| zipped(&text)),
        1 => (document, any::<prop::sample::Index>()).prop_map(|(text, cut)| {
            let bytes = text.into_bytes();
            let length = cut.index(bytes.len() + 1);
            bytes[..length].to_vec()
        }),
        1 => prop::collection::vec(any::<u8>(), 0..40),
    ]
}

/// The texts and numbers of all documents of a record.
fn values(record: &[u8]) -> Vec<String> {
    let mut text = Vec::new();
    if std::io::Read::read_to_end(&mut flate2::read::MultiGzDecoder::new(record), &mut text).is_err() {
        text = record.to_vec();
    }
    let documents = serde_json::Deserializer::from_slice(&text).into_iter::<Value>();
    let mut found = Vec::new();
    for document in documents {
        let members = document.unwrap();
        for member in members.as_object().unwrap().values() {
            found.extend([member["t"].to_string(), member["n"].to_string()]);
        }
    }
    found
}

proptest! {
    #[test]
    fn nothing_is_lost(records in prop::collection::vec(record(), 0..12), roomy: bool, quarantined: bool) {
        let limit = if roomy { LARGEST_RESPONSE } else { 4096 + 2_500 };
        let event = event(&records);
        let mut used = transform(limit);
        prop_assert!(!used.batch(event.as_bytes()).unwrap().response(&Outcome::default()).is_empty());
        let mut responses = Vec::new();
        for transform in [&mut used, &mut transform(limit)] {
            let batch = transform.batch(event.as_bytes()).unwrap();
            let kept: Vec<_> = batch.refused().iter().map(|refused| (refused.position, refused.record.clone())).collect();
            let back: Vec<_> = batch.put_backs().iter().map(|back| (back.position, back.record.clone())).collect();
            let outcome = Outcome { quarantined, put_back: vec![true; back.len()] };
            let response = batch.response(&outcome).to_vec();
            prop_assert!(response.len() <= limit - 4096);
            let answers = answers(&response);
            prop_assert_eq!(answers.len(), records.len());
            for (position, (answer, record)) in answers.iter().zip(&records).enumerate() {
                let id = format!("4966{position:04}000000");
                prop_assert_eq!(answer["recordId"].as_str(), Some(id.as_str()));
                let is_kept = kept.contains(&(position, record.clone()));
                let is_back = back.contains(&(position, record.clone()));
                match answer["result"].as_str().unwrap() {
                    "Ok" => {
                        let mut found: Vec<String> = rows(answer)
                            .iter()
                            .flat_map(|row| row.as_object().unwrap().clone())
                            .filter(|(name, _)| name != "_id")
                            .map(|(_, value)| value.to_string())
                            .filter(|value| value != "\"{}\"")
                            .collect();
                        let mut expected = values(record);
                        expected.retain(|value| value != "\"{}\"");
                        found.sort();
                        expected.sort();
                        prop_assert_eq!(found, expected);
                    }
                    "Dropped" if is_back => {}
                    "Dropped" if is_kept => prop_assert!(quarantined),
                    "Dropped" => prop_assert!(values(record).is_empty()),
                    _ => prop_assert!(is_kept && !quarantined),
                }
            }
            responses.push(response);
        }
        prop_assert_eq!(&responses[0], &responses[1]);
    }

    #[test]
    fn nothing_panics(text in "[\\[\\]{}:,\"\\\\a0-9.erecodsIat -]{0,80}", place: prop::sample::Index, byte: u8) {
        let mut transform = transform(LARGEST_RESPONSE);
        let _ = transform.batch(text.as_bytes()).map(|batch| batch.response(&DONE).len());
        let mut event = event(&["{\"a\":1}", "x"]).into_bytes();
        let at = place.index(event.len());
        event[at] = byte;
        if let Ok(batch) = transform.batch(&event) {
            let records = batch.records();
            prop_assert_eq!(answers(batch.response(&DONE)).len(), records);
        }
    }
}
