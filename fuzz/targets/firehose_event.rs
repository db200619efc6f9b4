//! Any bytes as an event, and any bytes as the records of one: every record is answered once, within the limit.
#![no_main]

use libfuzzer_sys::fuzz_target;
use serde_json::Value;
use tarn_columnar::PartitionRule;
use tarn_flatten::Settings;
use tarn_pipeline::ingest::firehose::{Outcome, Transform};

const LIMIT: usize = 16 << 10;
const DIGITS: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

fn base64(bytes: &[u8]) -> String {
    let mut text = String::new();
    for chunk in bytes.chunks(3) {
        let bits = chunk.iter().chain([0, 0].iter()).take(3).fold(0u32, |bits, byte| bits << 8 | u32::from(*byte));
        for place in 0..4 {
            let digit = DIGITS[(bits >> (18 - 6 * place)) as usize & 63];
            text.push(if place > chunk.len() { '=' } else { char::from(digit) });
        }
    }
    text
}

fn answer(event: &[u8]) -> Option<(usize, usize)> {
    let mut transform = Transform::with(Settings::default(), None, &PartitionRule::None, "day", LIMIT);
    let batch = transform.batch(event).ok()?;
    let (records, open) = (batch.records(), batch.refused().len() + batch.put_backs().len());
    let response = batch.response(&Outcome::default());
    assert!(response.len() <= LIMIT);
    let answer: Value = serde_json::from_slice(response).unwrap_or_default();
    let answers = answer["records"].as_array().map_or(0, Vec::len);
    assert_eq!(answers, records);
    Some((records, open))
}

fuzz_target!(|bytes: &[u8]| {
    answer(bytes);
    let records: Vec<_> = bytes.split(|byte| *byte == 0xff).take(50).collect();
    let members: Vec<_> = records
        .iter()
        .enumerate()
        .map(|(id, record)| format!(r#"{{"recordId":"{id}","approximateArrivalTimestamp":1,"data":"{}"}}"#, base64(record)))
        .collect();
    let event = format!(r#"{{"invocationId":"i","records":[{}]}}"#, members.join(","));
    assert_eq!(answer(event.as_bytes()).map(|(records, _)| records), Some(records.len()));
});
