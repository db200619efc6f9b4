//! Change records of a DynamoDB stream.
#![allow(missing_docs, clippy::unwrap_used, reason = "a failed test may panic")]

mod support;

use support::{OwnedRow, rows_with};
use tarn_flatten::{Flattener, Input, Operation, RecordErrorKind, Settings};

const COLUMNS: &[&str] =
    &["order_id string!", "total decimal(38,2)", "photo binary", "address@address json", "address_city string"];

fn settings() -> Settings {
    Settings { input: Input::DynamoDb, ..Settings::default() }
}

fn change(record: &str) -> OwnedRow {
    let mut rows = rows_with(settings(), COLUMNS, record.as_bytes()).unwrap();
    assert_eq!(rows.len(), 1);
    rows.remove(0)
}

const INSERT: &str = r#"{
  "eventID": "1", "eventName": "INSERT", "eventVersion": "1.1", "eventSource": "aws:dynamodb", "awsRegion": "us-east-1",
  "dynamodb": {
    "ApproximateCreationDateTime": 1793491199.5,
    "Keys": {"order_id": {"S": "o-1"}},
    "NewImage": {
      "order_id": {"S": "o-1"},
      "total": {"N": "123456789012345678901234567890123456.78"},
      "photo": {"B": "AAEC/w=="},
      "address": {"M": {"city": {"S": "京都"}, "lines": {"L": [{"S": "a"}, {"N": "1.0"}]}}},
      "tags": {"SS": ["x", "y"]}, "sizes": {"NS": ["1.50"]}, "blobs": {"BS": ["AA=="]},
      "paid": {"BOOL": true}, "note": {"NULL": true}, "meta": {"M": {}}
    },
    "SequenceNumber": "111100000000000000000000000000000001", "SizeBytes": 26, "StreamViewType": "NEW_AND_OLD_IMAGES"
  },
  "eventSourceARN": "arn:aws:dynamodb:us-east-1:123456789012:table/orders/stream/2026-01-01T00:00:00.000"
}"#;

#[test]
fn an_insert_is_a_typed_row() {
    let row = change(INSERT);
    assert_eq!(
        row.values,
        [
            "\"o-1\"",
            "12345678901234567890123456789012345678d",
            "[0, 1, 2, 255]",
            r#""{\"city\":\"京都\",\"lines\":[\"a\",1.0]}""#,
            "\"京都\"",
        ]
    );
    assert_eq!(
        row.extra.unwrap(),
        r#"{"tags":["x","y"],"sizes":[1.50],"blobs":["AA=="],"paid":true,"note":null,"meta":{}}"#
    );
    let change = row.change.unwrap();
    assert_eq!(change.operation, Operation::Insert);
    assert_eq!(change.sequence, 111_100_000_000_000_000_000_000_000_000_000_001);
    assert_eq!(change.at, Some(1_793_491_199_500_000));
    assert!(!change.by_ttl);
}

#[test]
fn a_removal_by_time_to_live_is_told() {
    let record = |identity: &str| {
        format!(
            r#"{{"userIdentity":{identity},"eventName":"REMOVE","dynamodb":{{"SequenceNumber":"2","OldImage":{{"order_id":{{"S":"o-1"}},"total":{{"N":"5"}}}},"Keys":{{"order_id":{{"S":"o-1"}}}}}}}}"#
        )
    };
    let row = change(&record(r#"{"type":"Service","principalId":"dynamodb.amazonaws.com"}"#));
    assert_eq!(row.values[1], "500d");
    let found = row.change.unwrap();
    assert!(found.by_ttl && found.operation == Operation::Remove && found.at.is_none());
    for identity in
        ["null", r#"{"type":"AssumedRole","principalId":"dynamodb.amazonaws.com"}"#, r#"{"type":"Service"}"#]
    {
        assert!(!change(&record(identity)).change.unwrap().by_ttl, "{identity}");
    }
}

#[test]
fn a_removal_without_image_has_its_keys() {
    let row = change(
        r#"{"eventName":"REMOVE","dynamodb":{"Keys":{"order_id":{"S":"o-9"}},"NewImage":null,"SequenceNumber":"3"}}"#,
    );
    assert_eq!(row.values, ["\"o-9\"", "null", "null", "null", "null"]);
    assert_eq!(row.extra, None);
}

#[test]
fn records_lie_side_by_side_and_are_refused_together() {
    let two = format!("{INSERT}\n{INSERT}");
    assert_eq!(rows_with(settings(), COLUMNS, two.as_bytes()).unwrap().len(), 2);
    let broken = format!("{INSERT}\n{}", INSERT.replace("\"B\": \"AAEC/w==\"", "\"B\": 1"));
    assert!(rows_with(settings(), COLUMNS, broken.as_bytes()).is_err());
}

#[test]
fn a_value_that_does_not_fit_is_told_at_its_place() {
    let record = INSERT.replace("123456789012345678901234567890123456.78", "1.234");
    let error = rows_with(settings(), COLUMNS, record.as_bytes()).unwrap_err();
    assert_eq!(error.offset, record.find("\"1.234\"").unwrap());
    assert_eq!(
        error.to_string(),
        format!("column `total` cannot hold 1.234 as decimal(38,2) at byte {}", error.offset)
    );
}

#[test]
fn every_truncation_is_told_as_one() {
    for length in 1..INSERT.len() {
        if INSERT.is_char_boundary(length) {
            let error = rows_with(settings(), COLUMNS, &INSERT.as_bytes()[..length]).unwrap_err();
            assert_eq!(error.kind, RecordErrorKind::Truncated, "{}", &INSERT[..length]);
        }
    }
}

#[test]
fn without_a_contract_the_change_stands_beside_the_item() {
    let record = r#"{"eventName":"MODIFY","dynamodb":{"Keys":{"id":{"N":"1"}},"NewImage":{"id":{"N":"1"},"_op":{"S":"mine"},"m":{"M":{"l":{"L":[{"N":"1"}]}}}},"SequenceNumber":"4","ApproximateCreationDateTime":0}}"#;
    let target = support::lines(&mut Flattener::new(settings()), record.as_bytes()).unwrap();
    let value: serde_json::Value = serde_json::from_str(&target).unwrap();
    let members = value.as_object().unwrap();
    assert_eq!(members["id"], serde_json::json!(1));
    assert_eq!(members["m_l"], "[1]");
    assert_eq!(members["_op"], "modify");
    assert_eq!(members["_ttl"], false);
    assert_eq!(members["_seq"], 4);
    assert_eq!(members["_at"], "1970-01-01 00:00:00.000000");
    assert!(members.iter().any(|(name, value)| name.starts_with("_op__") && value == "mine"), "{target}");
}
