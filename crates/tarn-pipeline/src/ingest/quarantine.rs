//! The quarantine: records that could not be taken, whole, each with the reason, one object per batch.
//!
//! An object is NDJSON; a record's bytes are kept as base64, because they may be no text at all.

use std::io::{self, BufWriter, Write};
use std::sync::Arc;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use bytes::Bytes;
use serde::{Deserialize, Serialize};

use crate::error::StepError;
use crate::ingest::made::Made;
use crate::layout;
use crate::names::Key;
use crate::ports::{ObjectError, ObjectStore, ObjectWriter};

/// One record that could not be taken.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Quarantined {
    /// The raw object it came in; for a record that was refused before it was in one, the name of what it came in.
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

    /// A record that is refused as a whole, at its beginning, for a reason of its own.
    pub fn refused(origin: &Key, offset: u64, record: &[u8], reason: impl Into<String>) -> Self {
        Self { origin: origin.clone(), offset, reason: reason.into(), at: 0, record: STANDARD.encode(record) }
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
        write_line(&mut text, record).map_err(|error| {
            StepError::permanent(format!("a quarantined record cannot be written as json: {error}"))
        })?;
    }
    Ok(Bytes::from(text))
}

fn write_line(target: &mut impl Write, record: &Quarantined) -> io::Result<()> {
    serde_json::to_writer(&mut *target, record)?;
    target.write_all(b"\n")
}

/// A quarantine object in the making: records go to the bucket as they come, so that any number of them needs little memory.
pub(crate) struct QuarantineWriter {
    key: Key,
    made: Arc<Made>,
    file: BufWriter<Box<dyn ObjectWriter>>,
}

impl QuarantineWriter {
    /// Begins the object; nobody sees it before it is finished.
    pub(crate) fn create(key: Key, made: Arc<Made>, objects: &dyn ObjectStore) -> Result<Self, ObjectError> {
        made.begin(&key);
        let file = BufWriter::new(objects.create(&key)?);
        Ok(Self { key, made, file })
    }

    /// Adds a record.
    pub(crate) fn add(&mut self, record: &Quarantined) -> Result<(), ObjectError> {
        write_line(&mut self.file, record).map_err(|error| self.failed(error))
    }

    /// Makes the object visible and gives its key.
    pub(crate) fn finish(self) -> Result<Key, ObjectError> {
        let Self { key, made, file } = self;
        let file = file.into_inner().map_err(|error| ObjectError::Io {
            key: key.clone(),
            action: "written",
            source: error.into_error(),
        })?;
        made.note()?;
        file.finish()?;
        Ok(key)
    }

    fn failed(&self, source: io::Error) -> ObjectError {
        ObjectError::Io { key: self.key.clone(), action: "written", source }
    }
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

/// How many records of a source are in quarantine.
pub async fn count(source: &str, objects: &dyn ObjectStore) -> Result<u64, StepError> {
    let mut count = 0;
    for key in keys(source, objects).await? {
        let bytes = objects.get(&key).await?;
        count += bytes.split(|byte| *byte == b'\n').filter(|line| !line.is_empty()).count() as u64;
    }
    Ok(count)
}

/// The keys of a source's quarantine objects.
pub async fn keys(source: &str, objects: &dyn ObjectStore) -> Result<Vec<Key>, StepError> {
    Ok(objects.list(&layout::quarantine(source)).await?.into_iter().map(|object| object.key).collect())
}
