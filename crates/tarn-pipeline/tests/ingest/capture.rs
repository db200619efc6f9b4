//! Capture keeps every record letter for letter, under a name that a repeat has too.

use proptest::prelude::*;
use tarn_pipeline::ingest::capture::{CaptureSettings, capture};
use tarn_pipeline::ingest::quarantine;
use tarn_pipeline::names::Key;

use crate::bucket::Bucket;
use crate::changes::{AT, STREAM, batch, change, lines, put};
use crate::{captured, settings};

#[tokio::test]
async fn records_are_kept_letter_for_letter() {
    let records = [
        put("o-1", 7, r#","n":{"N":"1.50"},"名":{"S":"\u540d\/前 \ud83c\udf63"},"e":{"M":{}}"#),
        // White space, unknown members and their order are kept as they came.
        format!(r#"{{ "eventSourceARN" : "{STREAM}", "new":[1e5 , 007e-1], "dynamodb":{{"SequenceNumber":"8"}}}}"#)
            .replace("007e-1", "0.70"),
        change("REMOVE", "o-1", 9, ""),
    ];
    let bucket = Bucket::new();
    let captured = captured(&batch(&records), &bucket).await;
    assert_eq!((captured.records, captured.quarantined, captured.failures.len()), (3, 0, 0));
    assert_eq!(captured.bytes, records.iter().map(|record| record.len() as u64).sum::<u64>());
    let [key] = captured.objects.as_slice() else { panic!("{captured:?}") };
    assert_eq!(lines(&bucket, key), records);
    let name = key.as_str();
    let start = format!("raw/orders/day=2026-10-31/{:030}-{:030}-", 7, 9);
    assert!(name.starts_with(&start) && name.ends_with(".ndjson.gz"), "{name}");
}

#[tokio::test]
async fn a_repeated_batch_is_the_same_object_and_others_are_not() {
    let bucket = Bucket::new();
    let records: Vec<String> = (1..=4).map(|number| put("o-1", number, "")).collect();
    let first = captured(&batch(&records), &bucket).await;
    let objects = bucket.objects();
    assert_eq!(captured(&batch(&records), &bucket).await, first);
    assert_eq!(bucket.objects(), objects);
    // Parts of the batch, and the same numbers in the stream of a table that was made anew.
    let other_stream: Vec<String> = records.iter().map(|record| record.replace("2026-01-01", "2026-02-02")).collect();
    for other in [&records[..2], &records[2..], &[records[0].clone(), records[3].clone()], &other_stream] {
        let keys = captured(&batch(other), &bucket).await.objects;
        assert!(!objects.contains_key(&keys[0]), "{keys:?}");
    }
    assert_eq!(bucket.keys("raw/").len(), 5);
}

#[tokio::test]
async fn the_day_is_that_of_the_earliest_change_in_the_lakes_zone() {
    let bucket = Bucket::new();
    let late = put("o-2", 1, "").replace(&AT.to_string(), &(AT + 1_800).to_string());
    for (records, day) in [
        (vec![late.clone()], "2026-11-01"),
        (vec![late.clone(), put("o-1", 2, "")], "2026-10-31"),
        (
            vec![late.replace(&(AT + 1_800).to_string(), "1.7934588E9").replace(".7934588E9.0", ".7934588E9")],
            "2026-11-01",
        ),
        // A record without a time has no day of its own.
        (vec![late.replace(&format!(r#""ApproximateCreationDateTime":{}.0,"#, AT + 1_800), "")], "1970-01-01"),
    ] {
        let keys = captured(&batch(&records), &bucket).await.objects;
        assert!(keys[0].as_str().starts_with(&format!("raw/orders/day={day}/")), "{keys:?}");
    }
}

#[tokio::test]
async fn line_breaks_between_the_parts_of_a_record_become_spaces() {
    let bucket = Bucket::new();
    let record = put("o-1", 1, "").replace("{\"", "{\r\n  \"");
    let captured = captured(&batch(std::slice::from_ref(&record)), &bucket).await;
    let kept = lines(&bucket, &captured.objects[0]);
    assert_eq!(kept, [record.replace(['\r', '\n'], " ")]);
}

#[tokio::test]
async fn what_cannot_be_captured_is_quarantined_whole_and_the_rest_goes_on() {
    let bucket = Bucket::new();
    let large = put("o-1", 2, &format!(r#","text":{{"S":"{}"}}"#, "x".repeat(2_000)));
    let records =
        [put("o-1", 1, ""), large.clone(), "7".to_owned(), r#"{"dynamodb":[1, 2]}"#.to_owned(), put("o-1", 5, "")];
    let settings = CaptureSettings { largest_record: 2_000, ..settings() };
    let event = batch(&records);
    for _ in 0..2 {
        let captured = capture(event.as_bytes(), &settings, bucket.as_ref()).await.unwrap();
        assert_eq!((captured.records, captured.quarantined, captured.failures.len()), (2, 3, 0));
        assert_eq!(lines(&bucket, &captured.objects[0]), [records[0].clone(), records[4].clone()]);
        let keys = bucket.keys("quarantine/");
        assert_eq!(keys.len(), 1, "{keys:?}");
        let (_, quarantined) = quarantine::read(&keys[0], bucket.as_ref()).await.unwrap();
        let whole: Vec<String> =
            quarantined.iter().map(|record| String::from_utf8(record.bytes().unwrap()).unwrap()).collect();
        assert_eq!(whole, records[1..4]);
        for record in &quarantined {
            let start = usize::try_from(record.offset).unwrap();
            assert!(event.as_bytes()[start..].starts_with(&record.bytes().unwrap()));
        }
        assert_eq!(quarantined[0].reason, "the record is larger than 2000 bytes");
        assert!(quarantined[1].reason.starts_with("not a dynamodb change record"), "{}", quarantined[1].reason);
    }
    // A batch of nothing else says by its only table whose it is.
    let captured = capture(batch(&["null".to_owned()]).as_bytes(), &settings, bucket.as_ref()).await.unwrap();
    assert_eq!((captured.objects.len(), captured.quarantined), (0, 1));
}

#[tokio::test]
async fn a_write_that_fails_fails_the_batch_from_its_first_sequence_number() {
    let records = [put("o-1", 11, ""), "7".to_owned(), put("o-1", 12, "")];
    for refused in ["raw/", "quarantine/"] {
        let bucket = Bucket::new();
        bucket.refuse(Some(refused));
        let captured = captured(&batch(&records), &bucket).await;
        let [failure] = captured.failures.as_slice() else { panic!("{captured:?}") };
        assert_eq!(failure.sequence_number, format!("{:030}", 11));
        assert!(failure.error.retryable && failure.error.message.contains("slow down"), "{}", failure.error);
        bucket.refuse(None);
        assert!(crate::captured(&batch(&records), &bucket).await.failures.is_empty());
        assert_eq!((bucket.keys("raw/").len(), bucket.keys("quarantine/").len()), (1, 1));
    }
    // When the first record has no sequence number, the whole batch has to come again: Lambda begins at the one that is named.
    for refused in ["raw/", "quarantine/"] {
        let bucket = Bucket::new();
        bucket.refuse(Some(refused));
        let error = capture(batch(&records[1..]).as_bytes(), &settings(), bucket.as_ref()).await.unwrap_err();
        assert!(error.retryable, "{error}");
    }
}

#[tokio::test]
async fn tables_go_to_their_sources_and_an_unknown_one_fails() {
    let bucket = Bucket::new();
    let carts = put("o-1", 2, "").replace("table/prod-orders/", "table/prod-carts/");
    let stray = put("o-1", 3, "").replace("table/prod-orders/", "table/stray/");
    let mut settings = settings();
    settings.tables.insert("prod-carts".to_owned(), "carts".to_owned());
    let event = batch(&[put("o-1", 1, ""), carts.clone(), stray]);
    let captured = capture(event.as_bytes(), &settings, bucket.as_ref()).await.unwrap();
    assert_eq!((bucket.keys("raw/orders/").len(), bucket.keys("raw/carts/").len()), (1, 1));
    assert_eq!(captured.failures.len(), 1);
    assert_eq!(captured.failures[0].sequence_number, format!("{:030}", 3));
    let error = &captured.failures[0].error;
    assert_eq!(error.message, "no source takes the changes of the table `stray`");
    assert!(error.hint.as_deref().is_some_and(|hint| hint.ends_with("known tables: prod-carts, prod-orders")));
    // One that names no table goes with the others of its batch.
    capture(batch(&["7".to_owned(), carts]).as_bytes(), &settings, bucket.as_ref()).await.unwrap();
    assert_eq!(bucket.keys("quarantine/carts/").len(), 1);
}

#[tokio::test]
async fn events_that_are_no_batch_are_refused() {
    let bucket = Bucket::new();
    for event in ["", "{}", "null", r#"{"Records":{}}"#, "{\"Records\":[\"\u{0}\"]}"] {
        let error = capture(event.as_bytes(), &settings(), bucket.as_ref()).await.unwrap_err();
        assert!(error.message.starts_with("this is no batch of a DynamoDB stream"), "{event}: {error}");
    }
    assert_eq!(captured(&batch(&[]), &bucket).await.objects, Vec::<Key>::new());
    assert!(bucket.objects().is_empty());
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 64, ..ProptestConfig::default() })]

    /// Whatever a record holds beside what capture reads, and in whatever spelling, it is kept as it came.
    #[test]
    fn no_letter_is_changed(values in prop::collection::vec((any::<String>(), any::<i128>(), any::<u64>(), any::<i16>()), 1..6)) {
        let records: Vec<String> = values
            .iter()
            .enumerate()
            .map(|(number, (text, whole, fraction, exponent))| {
                let text = serde_json::to_string(text).unwrap();
                let odd = format!(r#","text":{{"S":{text}}},"odd":[{whole}.{fraction}e{exponent} ,{{ }}]"#);
                put("o-1", number as u64, &odd)
            })
            .collect();
        let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
        runtime.block_on(async {
            let bucket = Bucket::new();
            let captured = captured(&batch(&records), &bucket).await;
            assert_eq!(lines(&bucket, &captured.objects[0]), records);
        });
    }
}
