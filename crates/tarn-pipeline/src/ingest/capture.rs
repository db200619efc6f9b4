//! Capture: a batch of a DynamoDB stream is kept in the raw zone, its change records letter for letter.
//!
//! The batch comes as the event that Lambda hands over. Nothing of a record is interpreted but what its object's name is made
//! of: the table, the sequence number, the time. A batch of the same records is the same object with the same bytes, so Lambda
//! may hand it over as often as it likes.
//!
//! ```text
//! raw/<source>/day=<day of the earliest change>/<first>-<last>-<hash>.ndjson.gz
//! ```
//!
//! `first` and `last` are sequence numbers. The event does not name the shard; the hash is of the stream's name and all sequence
//! numbers, so that two shards, or two parts of one batch, never share a name.

mod batch;

use std::collections::BTreeMap;
use std::io::Write;

use chrono::NaiveDate;
use chrono_tz::Tz;
use flate2::Compression;
use flate2::write::GzEncoder;
use xxhash_rust::xxh3::{xxh3_64, xxh3_128};

use crate::error::StepError;
use crate::ingest::capture::batch::{BatchRecord, Head};
use crate::ingest::quarantine::{self, Quarantined};
use crate::ingest::raw::CAPTURE_REFUSED;
use crate::layout;
use crate::names::Key;
use crate::ports::ObjectStore;

/// The largest change record that is captured unless said otherwise: the largest event that Lambda hands over. No record of
/// DynamoDB comes near, with two images of an item of at most 400 KB.
pub const LARGEST_RECORD: usize = 6 << 20;

/// How batches are captured.
#[derive(Debug, Clone)]
pub struct CaptureSettings {
    /// The source that takes the changes of each table, by the table's name.
    pub tables: BTreeMap<String, String>,
    /// The zone in which a day begins; the lake's.
    pub timezone: Tz,
    /// Bytes of the largest record that is captured; a larger one goes to quarantine.
    pub largest_record: usize,
}

/// What became of a batch.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Captured {
    /// Objects written to the raw zone, at most one per source.
    pub objects: Vec<Key>,
    /// Records in them.
    pub records: u64,
    /// Bytes of those records.
    pub bytes: u64,
    /// Records that went to quarantine instead.
    pub quarantined: u64,
    /// What could not be kept: Lambda is to hand over the batch again from here on.
    pub failures: Vec<CaptureFailure>,
}

/// The records of a source that could not be kept.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CaptureFailure {
    /// The sequence number of the first of them.
    pub sequence_number: String,
    /// Why.
    pub error: StepError,
}

/// Keeps a batch of a DynamoDB stream.
///
/// # Errors
/// When the event is no batch of a DynamoDB stream, or the first record that could not be kept has no sequence number: then the
/// whole batch is to come again. Everything else is told in [`Captured::failures`].
pub async fn capture(
    event: &[u8],
    settings: &CaptureSettings,
    objects: &dyn ObjectStore,
) -> Result<Captured, StepError> {
    let records = batch::records(event, settings.largest_record)?;
    // All records of a batch are of one stream: one that does not say which has the others' word for it.
    let only = match settings.tables.len() {
        1 => settings.tables.keys().next().map(String::as_str),
        _ => None,
    };
    let other = records.iter().find_map(|record| record.head.table.as_deref()).or(only);
    let mut tables: BTreeMap<&str, Vec<&BatchRecord<'_>>> = BTreeMap::new();
    for record in &records {
        let table = record.head.table.as_deref().or(other);
        let table = table.ok_or_else(|| StepError::permanent("no record of this batch says which table it is of"))?;
        tables.entry(table).or_default().push(record);
    }
    let mut captured = Captured::default();
    for (table, records) in tables {
        match keep(table, &records, settings, objects).await {
            Ok(kept) => captured.add(kept),
            Err(error) => {
                // What stands before the record that is named would not come again, so it has to be the very first.
                let first = records.first().and_then(|record| record.head.sequence_number.clone());
                let sequence_number = first.ok_or_else(|| error.clone())?;
                captured.failures.push(CaptureFailure { sequence_number, error });
            }
        }
    }
    Ok(captured)
}

impl Captured {
    fn add(&mut self, other: Self) {
        self.objects.extend(other.objects);
        self.records += other.records;
        self.bytes += other.bytes;
        self.quarantined += other.quarantined;
    }
}

/// Keeps the records of one table: those that can be read in the raw zone, the others in quarantine.
async fn keep(
    table: &str,
    records: &[&BatchRecord<'_>],
    settings: &CaptureSettings,
    objects: &dyn ObjectStore,
) -> Result<Captured, StepError> {
    let source = settings.tables.get(table).ok_or_else(|| {
        let known: Vec<&str> = settings.tables.keys().map(String::as_str).collect();
        StepError::permanent(format!("no source takes the changes of the table `{table}`"))
            .with_hint(format!("name its source in the settings of this function; known tables: {}", known.join(", ")))
    })?;
    let day = records.iter().filter_map(|record| record.head.at).min();
    let day = day.map_or(NaiveDate::default(), |at| at.with_timezone(&settings.timezone).date_naive());
    let folder = layout::raw(source).join(&format!("day={day}/"));
    let readable: Vec<_> = records.iter().filter(|record| record.refusal.is_none()).collect();
    let mut kept = Captured::default();
    if !readable.is_empty() {
        let key = folder.join(&object_name(readable.iter().map(|record| &record.head)));
        let packed = packed(readable.iter().map(|record| record.text))
            .map_err(|error| StepError::permanent(format!("`{key}` cannot be packed: {error}")))?;
        objects.put(&key, packed.into()).await?;
        kept.objects.push(key);
        kept.records = readable.len() as u64;
        kept.bytes = readable.iter().map(|record| record.text.len() as u64).sum();
    }
    kept.quarantined = refuse(source, &folder, records, objects).await?;
    Ok(kept)
}

/// `<first>-<last>-<hash>.ndjson.gz`
fn object_name<'h>(heads: impl Iterator<Item = &'h Head> + Clone) -> String {
    let stream = heads.clone().map(|head| head.stream.as_str()).next().unwrap_or_default();
    let numbers: Vec<&str> = heads.filter_map(|head| head.sequence_number.as_deref()).collect();
    let hash = xxh3_64([&[stream], numbers.as_slice()].concat().join("\n").as_bytes());
    let (first, last) = (numbers.first().copied().unwrap_or_default(), numbers.last().copied().unwrap_or_default());
    format!("{first}-{last}-{hash:016x}.ndjson.gz")
}

/// The records as lines. Between the parts of a record a line break means what a space does; inside a text there is none.
fn packed<'r>(records: impl Iterator<Item = &'r str>) -> std::io::Result<Vec<u8>> {
    let mut file = GzEncoder::new(Vec::new(), Compression::fast());
    for record in records {
        for (position, line) in record.split(['\n', '\r']).enumerate() {
            if position > 0 {
                file.write_all(b" ")?;
            }
            file.write_all(line.as_bytes())?;
        }
        file.write_all(b"\n")?;
    }
    file.finish()
}

/// Writes the records that cannot be captured to quarantine, whole, and gives their number.
async fn refuse(
    source: &str,
    folder: &Key,
    records: &[&BatchRecord<'_>],
    objects: &dyn ObjectStore,
) -> Result<u64, StepError> {
    let refused: Vec<_> =
        records.iter().filter_map(|record| record.refusal.as_ref().map(|why| (record, why))).collect();
    if refused.is_empty() {
        return Ok(0);
    }
    let texts: Vec<&str> = refused.iter().map(|(record, _)| record.text).collect();
    let name = format!("{CAPTURE_REFUSED}-{:032x}", xxh3_128(texts.join("\n").as_bytes()));
    let origin = folder.join(&name);
    let quarantined: Vec<Quarantined> = refused
        .into_iter()
        .map(|(record, why)| Quarantined::refused(&origin, record.offset, record.text.as_bytes(), why))
        .collect();
    let key = layout::quarantine(source).join(&format!("{name}.ndjson"));
    quarantine::write(&key, &quarantined, objects).await?;
    Ok(quarantined.len() as u64)
}
