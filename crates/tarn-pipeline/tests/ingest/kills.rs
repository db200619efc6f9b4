//! Killed at any step and started again, a batch is in the lake once; shuffled and doubled batches end alike.

use std::collections::BTreeMap;
use std::sync::Arc;

use bytes::Bytes;
use tarn_model::Lake;
use tarn_pipeline::ingest::capture::capture;
use tarn_pipeline::ingest::flatten::{self, Flattened};
use tarn_pipeline::names::Key;

use crate::bucket::Bucket;
use crate::changes::{batch, change, kept, put, rows};
use crate::{ORDERS, captured, flattened, lake, ports, settings};

/// A contract that takes the order's number apart from the others into days of their own.
const BY_DAY: &str = "\
kind: table
key: [order_id]
partitioned_by: {ordered_day: ordered_at}
columns:
  - {name: order_id, type: string, required: true}
  - {name: total, type: string}
  - {name: ordered_at, type: timestamp}
";

/// Changes on three days by the item's own time, two of which do not fit [`ORDERS`].
fn records() -> Vec<String> {
    (0..6)
        .map(|number| {
            let total = if number % 3 == 2 { "much" } else { "1.50" };
            let attributes =
                format!(r#","total":{{"S":"{total}"}},"ordered_at":{{"S":"2026-10-0{}T00:00:00Z"}}"#, number % 3 + 1);
            put(&format!("o-{number}"), number, &attributes)
        })
        .collect()
}

/// Both functions one after the other, as far as they come.
async fn run(lake: &Lake, event: &str, bucket: &Arc<Bucket>) -> bool {
    let Ok(captured) = capture(event.as_bytes(), &settings(), bucket.as_ref()).await else { return false };
    if !captured.failures.is_empty() {
        return false;
    }
    for key in &captured.objects {
        if flatten::object(lake, key, 1, &ports(bucket)).await.is_err() {
            return false;
        }
    }
    true
}

/// What a bucket holds after one undisturbed run.
async fn undisturbed(lake: &Lake, event: &str) -> BTreeMap<Key, Bytes> {
    let bucket = Bucket::new();
    assert!(run(lake, event, &bucket).await);
    bucket.objects()
}

#[tokio::test]
async fn killed_at_every_step_a_batch_is_there_once() {
    let mut with_refused = records();
    with_refused.insert(2, "7".to_owned());
    let event = batch(&with_refused);
    for contract in [ORDERS, BY_DAY] {
        let lake = lake(contract);
        let expected = undisturbed(&lake, &event).await;
        let mut kills = 0;
        loop {
            let bucket = Bucket::new();
            bucket.kill_after(Some(kills));
            let done = run(&lake, &event, &bucket).await;
            bucket.kill_after(None);
            assert!(run(&lake, &event, &bucket).await);
            assert_eq!(bucket.objects(), expected, "killed after {kills} steps");
            if done {
                break;
            }
            kills += 1;
        }
        // Raw object, its quarantine, the list, rows and quarantine; with days of their own three files of rows.
        assert!(kills >= 5, "{kills}");
    }
}

#[tokio::test]
async fn killed_at_every_step_and_again_with_another_contract() {
    let event = batch(&records());
    let contracts = [ORDERS, BY_DAY, "kind: table\nkey: [order_id]\n"].map(lake);
    for before in &contracts {
        for after in &contracts {
            let expected = undisturbed(after, &event).await;
            let mut kills = 0;
            loop {
                let bucket = Bucket::new();
                bucket.kill_after(Some(kills));
                let done = run(before, &event, &bucket).await;
                // The second attempt is killed as well, at every step; the third comes to its end.
                let halfway = bucket.objects();
                for again in 0.. {
                    let bucket = Bucket::new();
                    for (key, bytes) in &halfway {
                        bucket.place(key.as_str(), bytes);
                    }
                    bucket.kill_after(Some(again));
                    let done = run(after, &event, &bucket).await;
                    bucket.kill_after(None);
                    assert!(run(after, &event, &bucket).await);
                    assert_eq!(bucket.objects(), expected, "killed after {kills} and {again} steps");
                    if done {
                        break;
                    }
                }
                if done {
                    break;
                }
                kills += 1;
            }
        }
    }
}

#[tokio::test]
async fn shuffled_and_doubled_batches_make_the_same_rows() {
    let lake = lake(ORDERS);
    let batches: Vec<String> = (0..5)
        .map(|number| {
            let changes: Vec<String> = (0..4)
                .map(|position| match (number + position) % 4 {
                    3 => change("REMOVE", "o-3", number * 10 + position, ""),
                    item => put(&format!("o-{item}"), number * 10 + position, r#","total":{"N":"1"}"#),
                })
                .collect();
            batch(&changes)
        })
        .collect();
    let mut results = Vec::new();
    for order in [vec![0, 1, 2, 3, 4], vec![4, 2, 0, 1, 3, 2, 2], vec![3, 3, 4, 1, 0, 2, 4, 0]] {
        let bucket = Bucket::new();
        let mut keys = Vec::new();
        for number in order {
            keys.extend(captured(&batches[number], &bucket).await.objects);
        }
        // Notices come late, twice, and in another order than the objects.
        for key in keys.iter().rev().chain(&keys) {
            flattened(&lake, key, &bucket).await;
        }
        results.push(bucket.objects());
    }
    assert_eq!(rows_of(&results[0]), 20);
    assert!(results.windows(2).all(|pair| pair[0] == pair[1]));
}

fn rows_of(objects: &BTreeMap<Key, Bytes>) -> usize {
    let bucket = Bucket::default();
    for (key, bytes) in objects {
        bucket.place(key.as_str(), bytes);
    }
    rows(&bucket).len()
}

#[tokio::test]
async fn a_repeat_is_told_and_changes_nothing() {
    let (bucket, key) = kept(&records()).await;
    let lake = lake(ORDERS);
    let first = flattened(&lake, &key, &bucket).await;
    assert_eq!((first.records, first.rows, first.quarantined, first.repeated), (6, 4, 2, false));
    let objects = bucket.objects();
    let second = flattened(&lake, &key, &bucket).await;
    assert_eq!(second, tarn_pipeline::ingest::Ingested { repeated: true, ..first });
    assert_eq!(bucket.objects(), objects);
}

#[tokio::test]
async fn objects_that_are_gone_foreign_or_damaged() {
    let (bucket, key) = kept(&records()).await;
    let shop = lake(ORDERS);
    for (key, reason) in [
        ("source/orders/day=2026-10-31/x.parquet", "it does not lie in the raw zone of a source"),
        ("raw/orders/", "it does not lie in the raw zone of a source"),
        ("raw/stray.ndjson", "it does not lie in the raw zone of a source"),
    ] {
        let found = flatten::object(&shop, &Key::new(key), 1, &ports(&bucket)).await.unwrap();
        assert_eq!(found, Flattened::NotMeant { reason });
    }
    let stream = lake("kind: stream\ncolumns: [{name: a, type: string}]\n");
    assert!(matches!(flatten::object(&stream, &key, 1, &ports(&bucket)).await.unwrap(), Flattened::NotMeant { .. }));
    bucket.remove(&key);
    assert_eq!(flatten::object(&shop, &key, 1, &ports(&bucket)).await.unwrap(), Flattened::Gone);
    let before = bucket.objects();
    let cut = bucket.place("raw/orders/day=2026-10-31/cut.ndjson.gz", &[0x1f, 0x8b, 8, 0, 0, 0]);
    for (key, message) in [
        (Key::new("raw/carts/day=2026-10-31/x.ndjson"), "which is no source of this lake"),
        (Key::new("raw/orders/x.ndjson"), "does not say on which day the object arrived"),
        (cut.clone(), "cannot be read"),
    ] {
        let error = flatten::object(&shop, &key, 1, &ports(&bucket)).await.unwrap_err();
        assert!(error.message.contains(message) && error.hint.is_some(), "{error}");
    }
    bucket.remove(&cut);
    assert_eq!(bucket.objects(), before);
}

#[tokio::test]
async fn keys_of_any_script_and_plain_objects_are_flattened() {
    let bucket = Bucket::new();
    let lake = lake(ORDERS);
    let text = format!("{}\n\n{}\n", put("o-1", 1, ""), put("o-2", 2, ""));
    for (number, name) in (29..).zip(["注文 +.ndjson", "part.json", "part.ndjson"]) {
        let key = bucket.place(&format!("raw/orders/day=2026-10-{number}/{name}"), text.as_bytes());
        assert_eq!(flattened(&lake, &key, &bucket).await.rows, 2);
    }
    // The same name on another day is another object.
    let key = bucket.place("raw/orders/day=2026-11-01/part.ndjson", text.as_bytes());
    flattened(&lake, &key, &bucket).await;
    assert_eq!(rows(&bucket).len(), 8);
}
