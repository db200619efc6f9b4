//! Change records as a stream of DynamoDB has them, and the rows that are made of them.

use std::io::Read;
use std::sync::Arc;

use arrow::array::RecordBatch;
use arrow::util::display::{ArrayFormatter, FormatOptions};
use flate2::read::MultiGzDecoder;
use parquet::arrow::arrow_reader::ParquetRecordBatchReaderBuilder;
use tarn_pipeline::names::Key;

use crate::bucket::Bucket;

pub(crate) const STREAM: &str =
    "arn:aws:dynamodb:ap-northeast-1:123456789012:table/prod-orders/stream/2026-01-01T00:00:00.000";

/// 2026-10-31 23:30:00 in Tokyo.
pub(crate) const AT: u64 = 1_793_457_000;

/// A record of an item that was put, with these attributes (DynamoDB JSON) beside its key.
pub(crate) fn put(order: &str, sequence: u64, attributes: &str) -> String {
    change("INSERT", order, sequence, &format!(r#""NewImage":{{"order_id":{{"S":"{order}"}}{attributes}}},"#))
}

/// A record of a change with these images.
pub(crate) fn change(name: &str, order: &str, sequence: u64, images: &str) -> String {
    format!(
        r#"{{"eventID":"e{sequence}","eventName":"{name}","eventVersion":"1.1","eventSource":"aws:dynamodb","awsRegion":"ap-northeast-1","dynamodb":{{"ApproximateCreationDateTime":{AT}.0,"Keys":{{"order_id":{{"S":"{order}"}}}},{images}"SequenceNumber":"{sequence:030}","SizeBytes":26,"StreamViewType":"NEW_AND_OLD_IMAGES"}},"eventSourceARN":"{STREAM}"}}"#
    )
}

/// A batch as Lambda hands it over.
pub(crate) fn batch(records: &[String]) -> String {
    format!(r#"{{"Records":[{}]}}"#, records.join(","))
}

/// The lines of an object of the raw zone.
pub(crate) fn lines(bucket: &Bucket, key: &Key) -> Vec<String> {
    let mut text = String::new();
    MultiGzDecoder::new(bucket.objects()[key].as_ref()).read_to_string(&mut text).unwrap();
    assert!(text.ends_with('\n'));
    text.lines().map(str::to_owned).collect()
}

/// The rows of all of a source's files, sorted: one text per row, `column=value` for all columns that are not null.
pub(crate) fn rows(bucket: &Bucket) -> Vec<String> {
    let mut all = Vec::new();
    for key in bucket.keys("source/orders/") {
        for batch in batches(bucket, &key) {
            let options = FormatOptions::default().with_null("\u{0}");
            let columns: Vec<_> = batch
                .columns()
                .iter()
                .map(|column| ArrayFormatter::try_new(column.as_ref(), &options).unwrap())
                .collect();
            for row in 0..batch.num_rows() {
                let schema = batch.schema();
                let values = columns.iter().zip(schema.fields()).filter_map(|(column, field)| {
                    let value = column.value(row).to_string();
                    (value != "\u{0}").then(|| format!("{}={value}", field.name()))
                });
                all.push(values.collect::<Vec<_>>().join(" | "));
            }
        }
    }
    all.sort();
    all
}

fn batches(bucket: &Bucket, key: &Key) -> Vec<RecordBatch> {
    let bytes = bucket.objects()[key].clone();
    let reader = ParquetRecordBatchReaderBuilder::try_new(bytes).unwrap().build().unwrap();
    reader.collect::<Result<_, _>>().unwrap()
}

/// A bucket whose raw zone holds these records, and the object's key.
pub(crate) async fn kept(records: &[String]) -> (Arc<Bucket>, Key) {
    let bucket = Bucket::new();
    let captured = crate::captured(&batch(records), &bucket).await;
    assert_eq!(captured.objects.len(), 1, "{captured:?}");
    (bucket, captured.objects[0].clone())
}
