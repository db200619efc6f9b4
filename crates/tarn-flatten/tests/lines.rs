//! Lines: what they say is what rows and fields say, byte for byte on every level of instructions.
#![allow(missing_docs, clippy::unwrap_used, clippy::panic, reason = "a failed test may panic")]

mod support;

use proptest::prelude::*;
use serde_json::{Value as Json, json};
use support::{Kept, contract, lines, rows_with};
use tarn_flatten::{Flattener, Input, Moment, MomentOf, PaddedBuffer, RecordErrorKind, Settings};

fn columns(columns: &[&str], record: &str) -> Json {
    let mut flattener = Flattener::with_contract(Settings::default(), contract(columns));
    let text = lines(&mut flattener, record.as_bytes()).unwrap();
    assert!(text.ends_with("}\n") && text.lines().count() == 1, "{text}");
    serde_json::from_str(&text).unwrap()
}

#[test]
fn each_type_is_written_as_its_reader_wants_it() {
    let record = r#"{"s":"a\u00e9\n\"b\"","n":[1, {"x":"y"}],"i":"12","big":9223372036854775807,"d":"1.5e2","r":0.1,
        "f":1e300,"b":true,"day":"2026-10-01","at":"2026-10-01T09:00:00.5+09:00","bin":"AAEC/w","gone":null,"t":1.10}"#;
    let types = &[
        "t string",
        "s string",
        "n json",
        "i int",
        "big bigint",
        "d decimal(38,3)",
        "r float",
        "f double",
        "b boolean",
        "day date",
        "at timestamp",
        "bin binary",
        "gone string",
        "absent int",
    ];
    let text = lines(&mut Flattener::with_contract(Settings::default(), contract(types)), record.as_bytes()).unwrap();
    let id = &text[text.len() - 35..text.len() - 3];
    assert_eq!(
        text,
        format!(
            concat!(
                r#"{{"t":"1.10","s":"a\u00e9\n\"b\"","n":"[1,{{\"x\":\"y\"}}]","i":12,"big":9223372036854775807,"d":150.000,"#,
                r#""r":0.1,"f":1e300,"b":true,"day":"2026-10-01","at":"2026-10-01 00:00:00.500000","bin":"AAEC/w==","#,
                r#""_id":"{id}"}}"#,
                "\n"
            ),
            id = id
        )
    );
    let row = &rows_with(Settings::default(), types, record.as_bytes()).unwrap()[0];
    assert_eq!(id, format!("{:032x}", u128::from_be_bytes(row.id)));
}

#[test]
fn what_no_column_wants_is_text_in_extra() {
    let line = columns(&["a int", "o json"], r#"{"a":1,"b":{"c":"x\"y"},"l":[1, 2],"o":"text"}"#);
    assert_eq!(line["a"], 1);
    assert_eq!(line["o"], "\"text\"");
    let extra: Json = serde_json::from_str(line["_extra"].as_str().unwrap()).unwrap();
    assert_eq!(extra, json!({"b_c": "x\"y", "l": [1, 2]}));
    assert_eq!(columns(&["a int"], r#"{"a":1}"#).get("_extra"), None);
}

#[test]
fn a_record_of_nothing_but_nulls_is_a_row() {
    let line = columns(&["a int"], r#"{"a":null}"#);
    assert_eq!(line.as_object().unwrap().len(), 1);
    assert_eq!(lines(&mut Flattener::new(Settings::default()), b"{}").unwrap().find("{\"_id\":\""), Some(0));
    assert_eq!(lines(&mut Flattener::new(Settings::default()), b" \n ").unwrap(), "");
}

#[test]
fn moments_come_with_the_rows() {
    let types = contract(&["day date", "at timestamp"]);
    let record = r#"{"day":"1970-01-02","at":"1970-01-01T00:00:01Z"}{"day":null}"#;
    let mut buffer = PaddedBuffer::default();
    for (column, expected) in [(0, Some(Moment::Date(1))), (1, Some(Moment::Timestamp(1_000_000)))] {
        let flattener = Flattener::with_contract(Settings::default(), types.clone());
        let mut flattener = flattener.with_moments(MomentOf::Column(column));
        let lines = flattener.lines(buffer.copy(record.as_bytes())).unwrap();
        assert_eq!((lines.rows, lines.moments), (2, &[expected, None][..]));
    }
}

#[test]
fn a_change_ends_with_what_happened() {
    let record = r#"{"eventName":"REMOVE","userIdentity":{"type":"Service","principalId":"dynamodb.amazonaws.com"},"dynamodb":{"Keys":{"id":{"N":"1"}},"SequenceNumber":"12345678901234567890123456789012345678","ApproximateCreationDateTime":1}}"#;
    let settings = Settings { input: Input::DynamoDb, ..Settings::default() };
    let mut flattener = Flattener::with_contract(settings, contract(&["id bigint"]));
    assert_eq!(
        lines(&mut flattener, record.as_bytes()).unwrap(),
        "{\"id\":1,\"_op\":\"remove\",\"_ttl\":true,\"_seq\":12345678901234567890123456789012345678,\
         \"_at\":\"1970-01-01 00:00:01.000000\"}\n"
    );
}

#[test]
fn messages_of_a_log_subscription_are_a_row_an_event() {
    let message = r#"{"messageType":"DATA_MESSAGE","owner":"1","logGroup":"g","logStream":"s","subscriptionFilters":["f"],"logEvents":[{"id":"1","timestamp":5,"message":"a"},{"id":"2","timestamp":6,"message":"b"}]}"#;
    let text = lines(&mut Flattener::new(Settings::default()), message.as_bytes()).unwrap();
    let rows: Vec<Json> = text.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    assert_eq!((&rows[0]["message"], &rows[1]["id"], &rows[1]["loggroup"]), (&json!("a"), &json!("2"), &json!("g")));
    assert_ne!(rows[0]["_id"], rows[1]["_id"]);
    let control = message.replace("DATA_MESSAGE", "CONTROL_MESSAGE");
    assert_eq!(lines(&mut Flattener::new(Settings::default()), control.as_bytes()).unwrap(), "");
}

#[test]
fn lines_that_grow_past_the_limit_are_refused() {
    let key = "k".repeat(200);
    let members: Vec<_> = (0..2_000).map(|number| format!("\"{number}\":1")).collect();
    let record = format!("{{\"{key}\":{{{}}}}}", members.join(","));
    let mut flattener = Flattener::new(Settings { max_line_bytes: 100_000, ..Settings::default() });
    let error = lines(&mut flattener, record.as_bytes()).unwrap_err();
    assert_eq!(error.kind, RecordErrorKind::OutputTooLarge { limit: 100_000 });
    assert_eq!(lines(&mut flattener, b"{\"a\":1}").unwrap().lines().count(), 1);
}

#[test]
fn extreme_records_are_taken_whole() {
    let deep = format!("{{\"a\":{}{}}}", "[".repeat(100_000), "]".repeat(100_000));
    let deep_objects = format!("{}1{}", "{\"a\":".repeat(100_000), "}".repeat(100_000));
    let long = format!("{{\"s\":\"{}\"}}", "x\\u0041".repeat(150_000));
    let wide = format!("{{{}}}", (0..10_000).map(|key| format!("\"k{key}\":{key}")).collect::<Vec<_>>().join(","));
    let key = format!("{{\"{}\":1,\"{}\":2}}", "k".repeat(100_000), "k".repeat(100_001));
    for (record, members) in [(deep, 2), (deep_objects, 2), (long, 2), (wide, 10_001), (key, 3)] {
        let text = lines(&mut Flattener::new(Settings::default()), record.as_bytes()).unwrap();
        let object: Json = serde_json::from_str(&text).unwrap();
        assert_eq!(object.as_object().unwrap().len(), members, "{}", &record[..40]);
        let marked = format!("\u{feff}{record}");
        assert_eq!(lines(&mut Flattener::new(Settings::default()), marked.as_bytes()).unwrap().len(), text.len());
    }
}

const RECORD: &str = r#"{"a":"x\n\u00e9\ud83d\ude00","b":{"c":-1.5e3,"d":[true,null,{"e":"f"}],"g":{}},"h":"0123456789012345678901234567890123456789"}"#;

#[test]
fn every_truncation_is_refused_as_fields_refuse_it() {
    let mut flattener = Flattener::new(Settings::default());
    for length in 0..RECORD.len() {
        let record = &RECORD.as_bytes()[..length];
        let fields = flattener.flat(record, &mut Kept::default()).map(|outcome| outcome.rows);
        assert_eq!(lines(&mut flattener, record).map(|text| text.lines().count()), fields, "{length}");
        assert_eq!(fields.is_err(), length > 0);
    }
}

#[test]
fn every_byte_in_every_place_is_judged_as_fields_judge_it() {
    let mut flattener = Flattener::new(Settings::default());
    let mut columns = Flattener::with_contract(Settings::default(), contract(&["a string", "b_c double"]));
    for place in 0..RECORD.len() {
        for byte in [0, 1, b'"', b'\\', b'{', b'}', b'[', b']', b',', b':', b' ', b'0', b'u', b'x', 0x7f, 0x80, 0xff] {
            let mut record = RECORD.as_bytes().to_vec();
            record[place] = byte;
            let fields = flattener.flat(&record, &mut Kept::default()).map(|outcome| outcome.rows);
            assert_eq!(lines(&mut flattener, &record).map(|text| text.lines().count()), fields, "{place} {byte}");
            let rows = columns.record(&record, &mut Kept::default()).map(|outcome| outcome.rows);
            assert_eq!(lines(&mut columns, &record).map(|text| text.lines().count()), rows, "{place} {byte}");
        }
    }
}

#[test]
fn invalid_escapes_are_refused() {
    for escape in ["\\x", "\\u12", "\\u12g4", "\\ud800", "\\udc00", "\\ud800\\u0041", "\\"] {
        let record = format!("{{\"a\":\"{escape}\"}}");
        assert!(lines(&mut Flattener::new(Settings::default()), record.as_bytes()).is_err(), "{escape}");
    }
}

proptest! {
    #[test]
    fn both_levels_of_instructions_write_the_same(
        texts in prop::collection::vec("[a-z\"\\\\é ]{0,70}", 1..12), number: i64, cut: prop::sample::Index, byte: u8,
        dynamodb: bool,
    ) {
        let mut record = serde_json::to_string(&json!({"t": texts, "o": {"n": number, "t": texts[0]}, "e": {}})).unwrap();
        if dynamodb {
            let list: Vec<_> = texts.iter().map(|text| json!({"S": text})).collect();
            let item = json!({"t": {"L": list}, "n": {"N": number.to_string()}, "s": {"SS": texts}});
            record = json!({"eventName": "INSERT", "dynamodb": {"Keys": {}, "NewImage": item, "SequenceNumber": "1"}})
                .to_string();
        }
        let mut mutated = record.clone().into_bytes();
        let at = cut.index(mutated.len());
        mutated[at] = byte;
        for record in [record.as_bytes(), &mutated, &record.as_bytes()[..at]] {
            for typed in [false, true] {
                let results = [true, false].map(|accelerated| {
                    let input = if dynamodb { Input::DynamoDb } else { Input::Json };
                    let settings = Settings { accelerated, input, ..Settings::default() };
                    let mut flattener = match typed {
                        true => Flattener::with_contract(settings, contract(&["o_n bigint", "t json", "o_t string"])),
                        false => Flattener::new(settings),
                    };
                    // The second time every key is expected.
                    let first = lines(&mut flattener, record);
                    prop_assert_eq!(&first, &lines(&mut flattener, record));
                    Ok(first)
                });
                let [accelerated, portable] = results;
                prop_assert_eq!(accelerated?, portable?);
            }
        }
    }

    #[test]
    fn values_of_columns_are_read_back(
        text in "\\PC{0,50}", whole: i64, unscaled in -(10i64.pow(17))..10i64.pow(17), double: f64, micros in 0i64..4_000_000_000_000_000,
    ) {
        prop_assume!(double.is_finite());
        let types = &["text string", "whole bigint", "price decimal(20,3)", "ratio double", "doc json"];
        let sign = if unscaled < 0 { "-" } else { "" };
        let price = format!("{sign}{}.{:03}", unscaled.abs() / 1_000, unscaled.abs() % 1_000);
        let record = format!(
            "{{\"text\":{0},\"whole\":{whole},\"price\":{price},\"ratio\":{double:?},\"doc\":{{\"m\":{micros},\"t\":{0}}}}}",
            serde_json::to_string(&text).unwrap()
        );
        let line = columns(types, &record);
        prop_assert_eq!(line["text"].as_str().unwrap(), text.as_str());
        prop_assert_eq!(line["whole"].to_string(), whole.to_string());
        prop_assert_eq!(line["price"].to_string(), price);
        prop_assert_eq!(line["ratio"].to_string().parse::<f64>().unwrap(), double);
        let document: Json = serde_json::from_str(line["doc"].as_str().unwrap()).unwrap();
        prop_assert_eq!(document, json!({"m": micros, "t": text}));
    }
}
