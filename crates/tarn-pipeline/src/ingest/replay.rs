//! Replay: quarantined records, and those that Firehose gave up, go through the present contract again.
//!
//! What now fits enters the lake once; what does not stays with its new reason. The rows are written first, under a name derived
//! from the quarantine object's content, and the quarantine object shrinks after that: a replay that is killed in between writes
//! the same file again.

use std::collections::BTreeMap;
use std::sync::Arc;

use chrono::NaiveDate;
use serde::Serialize;
use tarn_model::{Lake, Source};
use xxhash_rust::xxh3::xxh3_64;

use crate::error::StepError;
use crate::ingest::given_up;
use crate::ingest::interpret::{self, Batch, Interpreted};
use crate::ingest::made::Made;
use crate::ingest::quarantine::{self, Quarantined};
use crate::ingest::raw::RawObject;
use crate::ingest::{IngestPorts, blocking};
use crate::names::Key;

/// What a replay did.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct Replayed {
    /// Records sent through again.
    pub records: u64,
    /// Rows that entered the lake.
    pub rows: u64,
    /// Records that stay in quarantine.
    pub quarantined: u64,
}

impl Replayed {
    fn add(&mut self, other: &Self) {
        self.records += other.records;
        self.rows += other.rows;
        self.quarantined += other.quarantined;
    }
}

/// All quarantined records of a source, and those that Firehose gave up, that arrived on `since` or later.
pub async fn list(
    source: &Source,
    since: Option<NaiveDate>,
    ports: impl Into<IngestPorts>,
) -> Result<Vec<Quarantined>, StepError> {
    let objects = ports.into().objects;
    let mut all = Vec::new();
    for key in quarantine::keys(&source.name, objects.as_ref()).await? {
        let (_, records) = quarantine::read(&key, objects.as_ref()).await?;
        all.extend(records);
    }
    all.extend(given_up::list(source, objects.as_ref()).await?);
    all.retain(|record| arrived(record, since));
    Ok(all)
}

/// Sends a source's quarantined records through its present contract.
pub async fn replay(
    lake: &Lake,
    source: &Source,
    since: Option<NaiveDate>,
    ports: impl Into<IngestPorts>,
) -> Result<Replayed, StepError> {
    let ports = ports.into();
    given_up::take(source, ports.objects.as_ref()).await?;
    let mut sum = Replayed::default();
    for key in quarantine::keys(&source.name, ports.objects.as_ref()).await? {
        sum.add(&replay_object(lake, source, &key, since, &ports).await?);
    }
    Ok(sum)
}

async fn replay_object(
    lake: &Lake,
    source: &Source,
    key: &Key,
    since: Option<NaiveDate>,
    ports: &IngestPorts,
) -> Result<Replayed, StepError> {
    let (bytes, records) = quarantine::read(key, ports.objects.as_ref()).await?;
    let (meant, mut staying): (Vec<_>, Vec<_>) = records.into_iter().partition(|record| arrived(record, since));
    if meant.is_empty() {
        return Ok(Replayed::default());
    }
    let mut by_origin: BTreeMap<Key, Vec<Quarantined>> = BTreeMap::new();
    for record in meant {
        by_origin.entry(record.origin.clone()).or_default().push(record);
    }
    let mut sum = Replayed::default();
    for (origin, records) in by_origin {
        let content: Vec<u8> = [key.as_str().as_bytes(), origin.as_str().as_bytes(), &bytes].join(&0);
        let name = key.file_name().trim_end_matches(".ndjson");
        let stem = format!("{name}-replay-{:016x}", xxh3_64(&content));
        let sent = records.len() as u64;
        let interpreted = replay_origin(lake, source, &origin, stem, records, ports).await?;
        sum.add(&Replayed { records: sent, rows: interpreted.rows, quarantined: interpreted.refused });
        staying.extend(interpreted.kept);
    }
    staying.sort_by(|left, right| (&left.origin, left.offset).cmp(&(&right.origin, right.offset)));
    quarantine::write(key, &staying, ports.objects.as_ref()).await?;
    Ok(sum)
}

/// Sends the records of one raw object through again.
async fn replay_origin(
    lake: &Lake,
    source: &Source,
    origin: &Key,
    stem: String,
    records: Vec<Quarantined>,
    ports: &IngestPorts,
) -> Result<Interpreted, StepError> {
    let raw = RawObject::at(origin).ok_or_else(|| {
        StepError::permanent(format!("the quarantined records of `{origin}` do not say on which day they arrived"))
    })?;
    // What is made here is made of the raw object too: when that comes in again, its rows replace these.
    let made = Arc::new(Made::of(&source.name, &raw.hash, Arc::clone(&ports.objects)).await?);
    let batch = Batch::new(lake, source, raw, Arc::clone(&made))?;
    let (objects, name) = (Arc::clone(&ports.objects), stem.clone());
    let interpreted = blocking(origin, move || interpret::quarantined(&batch, &name, &records, &objects)).await?;
    ports.add(source, &interpreted).await?;
    made.settle_those_named(&stem, &interpreted.keys()).await?;
    Ok(interpreted)
}

fn arrived(record: &Quarantined, since: Option<NaiveDate>) -> bool {
    since.is_none_or(|since| RawObject::at(&record.origin).is_some_and(|raw| raw.day >= since))
}
