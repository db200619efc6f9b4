//! Batches of DynamoDB changes on their way in, over a bucket in memory that can fail at any step.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, missing_docs, reason = "a failed test may panic")]

mod bucket;
mod capture;
mod changes;
mod kills;
mod replay;
mod types;

use std::collections::BTreeMap;
use std::sync::Arc;

use tarn_model::{Lake, LakeFiles};
use tarn_pipeline::ingest::IngestPorts;
use tarn_pipeline::ingest::capture::{CaptureSettings, Captured, LARGEST_RECORD, capture};
use tarn_pipeline::ingest::flatten::{self, Flattened};
use tarn_pipeline::names::Key;
use tarn_pipeline::ports::Silent;

use crate::bucket::Bucket;

/// A lake with the source `orders` as this text describes it.
fn lake(orders: &str) -> Lake {
    let files: LakeFiles =
        [("tarn.yaml", "name: shop\ntimezone: Asia/Tokyo\n"), ("sources/orders.yaml", orders)].into_iter().collect();
    Lake::load(&files).unwrap_or_else(|diagnostics| panic!("{}", diagnostics.render(false)))
}

/// A source with a contract.
const ORDERS: &str = "\
kind: table
key: [order_id]
columns:
  - {name: order_id, type: string, required: true}
  - {name: total, type: 'decimal(12,2)'}
";

/// What a function has: a bucket, and no catalogue.
fn ports(bucket: &Arc<Bucket>) -> IngestPorts {
    IngestPorts { objects: Arc::clone(bucket) as _, catalogue: None, observer: Arc::new(Silent) }
}

fn settings() -> CaptureSettings {
    CaptureSettings {
        tables: BTreeMap::from([("prod-orders".to_owned(), "orders".to_owned())]),
        timezone: chrono_tz::Asia::Tokyo,
        largest_record: LARGEST_RECORD,
    }
}

async fn captured(event: &str, bucket: &Arc<Bucket>) -> Captured {
    capture(event.as_bytes(), &settings(), bucket.as_ref()).await.unwrap()
}

async fn flattened(lake: &Lake, key: &Key, bucket: &Arc<Bucket>) -> tarn_pipeline::ingest::Ingested {
    match flatten::object(lake, key, 1, &ports(bucket)).await.unwrap() {
        Flattened::Done(ingested) => ingested,
        other => panic!("`{key}` was not flattened: {other:?}"),
    }
}
