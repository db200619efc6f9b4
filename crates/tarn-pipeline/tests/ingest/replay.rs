//! What either function quarantined can be replayed without a catalogue: what fits enters once, the rest stays with its reason.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use bytes::Bytes;
use serde_json::json;
use tarn_pipeline::ingest::capture::{CaptureSettings, capture};
use tarn_pipeline::ingest::replay::{self, Replayed};
use tarn_pipeline::names::Key;
use tarn_pipeline::ports::ObjectStore as _;

use crate::bucket::Bucket;
use crate::changes::{batch, put, rows};
use crate::{ORDERS, flattened, lake, ports, settings};

/// Four changes: one that fits, one too large to capture, one whose total is no number, one that is no change at all.
fn event() -> String {
    batch(&[
        put("o-1", 1, r#","total":{"N":"1"}"#),
        put("o-2", 2, &format!(r#","total":{{"N":"2"}},"note":{{"S":"{}"}}"#, "x".repeat(1_000))),
        put("o-3", 3, r#","total":{"S":"three"}"#),
        r#"{"eventName":"INSERT"}"#.to_owned(),
    ])
}

async fn brought_in() -> (std::sync::Arc<Bucket>, tarn_pipeline::names::Key) {
    let bucket = Bucket::new();
    let settings = CaptureSettings { largest_record: 1_000, ..settings() };
    let captured = capture(event().as_bytes(), &settings, bucket.as_ref()).await.unwrap();
    let key = captured.objects[0].clone();
    let ingested = flattened(&lake(ORDERS), &key, &bucket).await;
    assert_eq!((captured.quarantined, ingested.rows, ingested.quarantined), (2, 1, 1));
    (bucket, key)
}

fn orders(bucket: &Bucket) -> Vec<String> {
    rows(bucket).iter().map(|row| row.split(" | ").next().unwrap().to_owned()).collect()
}

#[tokio::test]
async fn what_fits_enters_once_and_the_rest_stays_with_its_new_reason() {
    let (bucket, key) = brought_in().await;
    let strict = lake(ORDERS);
    let source = &strict.sources["orders"];
    let listed = replay::list(source, None, &ports(&bucket)).await.unwrap();
    let reasons: Vec<&str> = listed.iter().map(|record| record.reason.as_str()).collect();
    assert!(reasons.contains(&"the record is larger than 1000 bytes"), "{reasons:?}");

    // What was only too large to capture fits; the others say why they do not.
    let done = replay::replay(&strict, source, None, &ports(&bucket)).await.unwrap();
    assert_eq!(done, Replayed { records: 3, rows: 1, quarantined: 2 });
    let staying = replay::list(source, None, &ports(&bucket)).await.unwrap();
    let reasons: Vec<&str> = staying.iter().map(|record| record.reason.as_str()).collect();
    assert!(reasons.contains(&r#"column `total` cannot hold "three" as decimal(12,2)"#), "{reasons:?}");
    assert!(reasons.contains(&"not a dynamodb change record: `dynamodb.SequenceNumber` is absent"), "{reasons:?}");

    let mended = lake(&ORDERS.replace("'decimal(12,2)'", "string"));
    let source = &mended.sources["orders"];
    let done = replay::replay(&mended, source, None, &ports(&bucket)).await.unwrap();
    assert_eq!(done, Replayed { records: 2, rows: 1, quarantined: 1 });
    let done = replay::replay(&mended, source, None, &ports(&bucket)).await.unwrap();
    assert_eq!(done, Replayed { records: 1, rows: 0, quarantined: 1 });
    assert_eq!(orders(&bucket), ["order_id=o-1", "order_id=o-2", "order_id=o-3"]);

    // The notice of the object comes once more: its rows replace those that were replayed from it.
    flattened(&mended, &key, &bucket).await;
    assert_eq!(orders(&bucket), ["order_id=o-1", "order_id=o-2", "order_id=o-3"]);
}

#[tokio::test]
async fn only_what_arrived_since_a_day() {
    let (bucket, _) = brought_in().await;
    let lake = lake(ORDERS);
    let source = &lake.sources["orders"];
    for (since, records) in [("2026-10-31", 3), ("2026-11-01", 0)] {
        let since = Some(since.parse().unwrap());
        assert_eq!(replay::list(source, since, &ports(&bucket)).await.unwrap().len(), records);
    }
    let done = replay::replay(&lake, source, Some("2026-11-01".parse().unwrap()), &ports(&bucket)).await.unwrap();
    assert_eq!(done, Replayed::default());
}

#[tokio::test]
async fn killed_at_every_step_a_replay_brings_everything_once() {
    let contracts = [ORDERS.to_owned(), ORDERS.replace("'decimal(12,2)'", "string")];
    for before in &contracts {
        let (before, after) = (lake(before), lake(&contracts[1]));
        for kills in 0.. {
            let (bucket, _) = brought_in().await;
            bucket.kill_after(Some(kills));
            let done = replay::replay(&before, &before.sources["orders"], None, &ports(&bucket)).await.is_ok();
            bucket.kill_after(None);
            replay::replay(&after, &after.sources["orders"], None, &ports(&bucket)).await.unwrap();
            assert_eq!(orders(&bucket), ["order_id=o-1", "order_id=o-2", "order_id=o-3"], "after {kills} steps");
            assert_eq!(replay::list(&after.sources["orders"], None, &ports(&bucket)).await.unwrap().len(), 1);
            if done {
                break;
            }
        }
    }
}

/// An object as Firehose writes what it gives up.
async fn given_up(bucket: &Bucket, name: &str, records: &[String]) {
    let lines: Vec<String> = records
        .iter()
        .map(|record| {
            json!({
                "attemptsMade": 4, "arrivalTimestamp": 1_793_457_000_000_u64, "errorCode": "Lambda.FunctionError",
                "errorMessage": "The Lambda function was successfully invoked but it returned an error result.",
                "attemptEndingTimestamp": 1_793_457_100_000_u64, "rawData": STANDARD.encode(record), "lambdaArn": "arn",
            })
            .to_string()
        })
        .collect();
    let key = Key::new(format!("errors/orders/processing-failed/day=2026-10-31/{name}"));
    bucket.put(&key, Bytes::from(lines.join("\n") + "\n")).await.unwrap();
}

#[tokio::test]
async fn what_firehose_gave_up_enters_once_and_stays_where_it_is() {
    let lake = lake(ORDERS);
    let source = &lake.sources["orders"];
    for kills in 0.. {
        let bucket = Bucket::new();
        let records = [put("o-1", 1, r#","total":{"N":"1"}"#), put("o-2", 2, r#","total":{"S":"two"}"#)];
        given_up(&bucket, "first", &records).await;
        let listed = replay::list(source, None, &ports(&bucket)).await.unwrap();
        assert!(listed.iter().all(|record| record.reason == "firehose gave it up: Lambda.FunctionError"));
        assert_eq!(listed.len(), 2);
        bucket.kill_after(Some(kills));
        let done = replay::replay(&lake, source, None, &ports(&bucket)).await.is_ok();
        bucket.kill_after(None);
        replay::replay(&lake, source, None, &ports(&bucket)).await.unwrap();
        assert_eq!(orders(&bucket), ["order_id=o-1"], "after {kills} steps");
        let staying = replay::list(source, None, &ports(&bucket)).await.unwrap();
        assert_eq!(staying.len(), 1, "after {kills} steps: {staying:#?}");
        assert!(staying[0].reason.contains("total"), "{staying:#?}");
        assert_eq!(bucket.keys("errors/").len(), 1);
        // Another batch of the same records is another object, as two events that are alike are two.
        given_up(&bucket, "second", &records[..1]).await;
        let done_again = replay::replay(&lake, source, None, &ports(&bucket)).await.unwrap();
        assert_eq!((done_again.records, done_again.rows), (2, 1));
        if done {
            break;
        }
    }
}

#[tokio::test]
async fn an_error_object_that_is_none_of_firehoses_is_told() {
    let (bucket, lake) = (Bucket::new(), lake(ORDERS));
    for (name, text, said) in
        [("day=2026-10-31/x", "{\"a\": 1}\n", "is not as Firehose writes"), ("x", "", "does not say on which day")]
    {
        let key = Key::new(format!("errors/orders/processing-failed/{name}"));
        bucket.put(&key, Bytes::from(text)).await.unwrap();
        let error = replay::replay(&lake, &lake.sources["orders"], None, &ports(&bucket)).await.unwrap_err();
        assert!(error.to_string().contains(said), "{error}");
        bucket.delete(&[key]).await.unwrap();
    }
}
