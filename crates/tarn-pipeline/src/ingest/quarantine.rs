//! The quarantine: records that could not be taken, whole, each with the reason, one object per batch.
//!
//! An object is NDJSON; a record's bytes are kept as base64, because they may be no text at all.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use bytes::Bytes;
use serde::{Deserialize, Serialize};

use crate::error::StepError;
use crate::layout;
use crate::names::Key;
use crate::ports::ObjectStore;

/// One record that could not be taken.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Quarantined {
    /// The raw object it came in.
    pub origin: Key,
    /// The byte of that (unpacked) object at which it begins.
    pub offset: u64,
    /// Why it was not taken.
    pub reason: String,
    /// The byte of the record at which the reason stands.
    pub at: u64,
    /// The record, in base64.
    pub record: String,
}

impl Quarantined {
    /// A record with the reason for which it was not taken.
    pub fn new(origin: &Key, offset: u64, record: &[u8], error: &tarn_flatten::RecordError) -> Self {
        Self {
            origin: origin.clone(),
            offset,
            reason: error.kind.to_string(),
            at: error.offset as u64,
            record: STANDARD.encode(record),
        }
    }

    /// The record's bytes.
    pub fn bytes(&self) -> Result<Vec<u8>, StepError> {
        STANDARD.decode(&self.record).map_err(|error| {
            StepError::permanent(format!("a quarantined record of `{}` is damaged: {error}", self.origin))
        })
    }
}

/// Writes quarantined records as one object; none is no object.
pub async fn write(key: &Key, records: &[Quarantined], objects: &dyn ObjectStore) -> Result<(), StepError> {
    if records.is_empty() {
        return objects.delete(std::slice::from_ref(key)).await.map_err(StepError::from);
    }
    objects.put(key, encode(records)?).await?;
    Ok(())
}

fn encode(records: &[Quarantined]) -> Result<Bytes, StepError> {
    let mut text = Vec::new();
    for record in records {
        serde_json::to_writer(&mut text, record).map_err(|error| {
            StepError::permanent(format!("a quarantined record cannot be written as json: {error}"))
        })?;
        text.push(b'\n');
    }
    Ok(Bytes::from(text))
}

/// The records of a quarantine object.
pub async fn read(key: &Key, objects: &dyn ObjectStore) -> Result<(Bytes, Vec<Quarantined>), StepError> {
    let bytes = objects.get(key).await?;
    let records = bytes
        .split(|byte| *byte == b'\n')
        .filter(|line| !line.is_empty())
        .map(|line| {
            serde_json::from_slice(line)
                .map_err(|error| StepError::permanent(format!("the quarantine object `{key}` is damaged: {error}")))
        })
        .collect::<Result<_, _>>()?;
    Ok((bytes, records))
}

/// The keys of a source's quarantine objects.
pub async fn keys(source: &str, objects: &dyn ObjectStore) -> Result<Vec<Key>, StepError> {
    Ok(objects.list(&layout::quarantine(source)).await?.into_iter().map(|object| object.key).collect())
}
