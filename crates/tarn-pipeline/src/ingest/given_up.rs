//! What Firehose gave up: records whose batch the transform did not answer, or answered wrongly, lie below its error prefix, whole.
//!
//! A replay brings them into quarantine first, one object for one, under a name that the object's key gives, and notes that it did: an
//! object is taken once. It stays where it is, since Tarn did not write it. Firehose writes lines of JSON with the record in base64
//! (<https://docs.aws.amazon.com/firehose/latest/dev/data-transformation-failure-handling.html>).

use bytes::Bytes;
use serde::Deserialize;
use tarn_model::Source;
use xxhash_rust::xxh3::xxh3_128;

use crate::error::StepError;
use crate::ingest::quarantine::{self, Quarantined};
use crate::ingest::raw::RawObject;
use crate::layout;
use crate::names::Key;
use crate::ports::{ObjectError, ObjectStore};

/// A line of an object in the error prefix, as far as it matters.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Line {
    raw_data: String,
    error_code: String,
}

/// The records that Firehose gave up and no replay has taken.
pub(super) async fn list(source: &Source, objects: &dyn ObjectStore) -> Result<Vec<Quarantined>, StepError> {
    let mut all = Vec::new();
    for key in untaken(source, objects).await? {
        all.extend(read(&key, objects).await?);
    }
    Ok(all)
}

/// Brings what Firehose gave up into quarantine.
pub(super) async fn take(source: &Source, objects: &dyn ObjectStore) -> Result<(), StepError> {
    for key in untaken(source, objects).await? {
        let records = read(&key, objects).await?;
        let place = layout::quarantine(&source.name).join(&format!("given-up-{}.ndjson", name(&key)));
        quarantine::write(&place, &records, objects).await?;
        // Nothing is replayed before this is written: whoever is killed here writes the same object again.
        let list = serde_json::json!({"made": [place]}).to_string();
        objects.put(&noted(source, &key), Bytes::from(list)).await?;
    }
    Ok(())
}

async fn untaken(source: &Source, objects: &dyn ObjectStore) -> Result<Vec<Key>, StepError> {
    let mut untaken = Vec::new();
    for object in objects.list(&layout::given_up(&source.name)).await? {
        match objects.get(&noted(source, &object.key)).await {
            // Without a day of arrival nothing could be made of it; Terraform's error prefix has one.
            Err(ObjectError::NotFound(_)) if RawObject::at(&object.key).is_some() => untaken.push(object.key),
            Err(ObjectError::NotFound(_)) => {
                return Err(StepError::permanent(format!("`{}` does not say on which day it arrived", object.key))
                    .with_hint("the error prefix of a stream has to hold `day=!{timestamp:yyyy-MM-dd}/`"));
            }
            Ok(_) => {}
            Err(error) => return Err(error.into()),
        }
    }
    Ok(untaken)
}

async fn read(key: &Key, objects: &dyn ObjectStore) -> Result<Vec<Quarantined>, StepError> {
    let bytes = objects.get(key).await?;
    let mut records = Vec::new();
    let mut offset = 0;
    for line in bytes.split(|byte| *byte == b'\n') {
        if !line.is_empty() {
            let said: Line = serde_json::from_slice(line).map_err(|error| {
                StepError::permanent(format!("`{key}` is not as Firehose writes what it gives up: {error}"))
            })?;
            let reason = format!("firehose gave it up: {}", said.error_code);
            records.push(Quarantined { origin: key.clone(), offset, reason, at: 0, record: said.raw_data });
        }
        offset += line.len() as u64 + 1;
    }
    Ok(records)
}

fn noted(source: &Source, key: &Key) -> Key {
    layout::made(&source.name).join(&format!("given-up-{}.json", name(key)))
}

/// What stands for an object of the error prefix: its own names tell batches apart, not what is in them.
fn name(key: &Key) -> String {
    format!("{:032x}", xxh3_128(key.as_str().as_bytes()))
}
