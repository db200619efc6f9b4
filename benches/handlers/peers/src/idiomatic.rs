//! Handlers as most would write them in Rust: typed events, `serde_json::Value`, a recursive function.

use anyhow::Result;
use aws_lambda_events::dynamodb::EventRecord;
use aws_lambda_events::firehose::{KinesisFirehoseEvent, KinesisFirehoseResponse, KinesisFirehoseResponseRecord};
use serde_json::{Map, Value};

/// A Firehose transform.
pub(crate) fn firehose(event: &[u8], response: &mut Vec<u8>) -> Result<()> {
    let event: KinesisFirehoseEvent = serde_json::from_slice(event)?;
    let mut answer = KinesisFirehoseResponse::default();
    for record in event.records {
        let mut answered = KinesisFirehoseResponseRecord::default();
        answered.record_id = record.record_id;
        match flat_line(&record.data) {
            Ok(line) => {
                answered.result = Some("Ok".to_owned());
                answered.data.0 = line;
            }
            Err(_) => {
                answered.result = Some("ProcessingFailed".to_owned());
                answered.data = record.data;
            }
        }
        answer.records.push(answered);
    }
    *response = serde_json::to_vec(&answer)?;
    Ok(())
}

fn flat_line(document: &[u8]) -> Result<Vec<u8>> {
    let document: Map<String, Value> = serde_json::from_slice(document)?;
    let mut flat = Map::new();
    flatten(document, None, &mut flat);
    let mut line = serde_json::to_vec(&flat)?;
    line.push(b'\n');
    Ok(line)
}

/// The lines of a file of change records as flat lines.
pub(crate) fn changes(event: &[u8], response: &mut Vec<u8>) -> Result<()> {
    response.clear();
    for record in serde_json::Deserializer::from_slice(event).into_iter() {
        serde_json::to_writer(&mut *response, &flat_change(record?)?)?;
        response.push(b'\n');
    }
    Ok(())
}

fn flat_change(record: EventRecord) -> Result<Map<String, Value>> {
    let change = record.change;
    let image = if change.new_image.is_empty() { change.old_image } else { change.new_image };
    let item: Map<String, Value> = serde_dynamo::from_item(image)?;
    let mut flat = Map::new();
    flatten(item, None, &mut flat);
    let by_ttl = record.user_identity.is_some_and(|identity| identity.principal_id == "dynamodb.amazonaws.com");
    let at = change.approximate_creation_date_time.format("%Y-%m-%d %H:%M:%S%.6f");
    flat.insert("_op".to_owned(), record.event_name.to_lowercase().into());
    flat.insert("_ttl".to_owned(), by_ttl.into());
    flat.insert("_seq".to_owned(), change.sequence_number.into());
    flat.insert("_at".to_owned(), at.to_string().into());
    Ok(flat)
}

fn flatten(object: Map<String, Value>, prefix: Option<&str>, flat: &mut Map<String, Value>) {
    for (key, value) in object {
        let name = match prefix {
            Some(prefix) => format!("{prefix}_{key}"),
            None => key,
        };
        match value {
            Value::Object(members) if !members.is_empty() => flatten(members, Some(&name), flat),
            Value::Object(_) | Value::Array(_) => {
                flat.insert(name, Value::String(value.to_string()));
            }
            scalar => {
                flat.insert(name, scalar);
            }
        }
    }
}
