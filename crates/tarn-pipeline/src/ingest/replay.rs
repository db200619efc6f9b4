//! Replay: quarantined records go through the present contract again.
//!
//! What now fits enters the lake once; what does not stays with its new reason. The rows are written first, under a name derived
//! from the quarantine object's content, and the quarantine object shrinks after that: a replay that is killed in between writes
//! the same file again.

use chrono::NaiveDate;
use serde::Serialize;
use tarn_model::{Lake, Source};
use xxhash_rust::xxh3::xxh3_64;

use crate::context::Ports;
use crate::error::StepError;
use crate::ingest::interpret::{Batch, Interpreted};
use crate::ingest::quarantine::{self, Quarantined};
use crate::ingest::raw::RawObject;
use crate::ingest::{discovered, interpret, parts};
use crate::names::Key;
use crate::sources;

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

/// All quarantined records of a source that arrived on `since` or later.
pub async fn list(source: &Source, since: Option<NaiveDate>, ports: &Ports) -> Result<Vec<Quarantined>, StepError> {
    let mut all = Vec::new();
    for key in quarantine::keys(&source.name, ports.objects.as_ref()).await? {
        let (_, records) = quarantine::read(&key, ports.objects.as_ref()).await?;
        all.extend(records.into_iter().filter(|record| arrived(record, since)));
    }
    Ok(all)
}

/// Sends a source's quarantined records through its present contract.
pub async fn replay(
    lake: &Lake,
    source: &Source,
    since: Option<NaiveDate>,
    ports: &Ports,
) -> Result<Replayed, StepError> {
    let mut sum = Replayed::default();
    for key in quarantine::keys(&source.name, ports.objects.as_ref()).await? {
        let done = replay_object(lake, source, &key, since, ports).await?;
        sum.records += done.records;
        sum.rows += done.rows;
        sum.quarantined += done.quarantined;
    }
    Ok(sum)
}

async fn replay_object(
    lake: &Lake,
    source: &Source,
    key: &Key,
    since: Option<NaiveDate>,
    ports: &Ports,
) -> Result<Replayed, StepError> {
    let (bytes, records) = quarantine::read(key, ports.objects.as_ref()).await?;
    let (meant, mut staying): (Vec<_>, Vec<_>) = records.into_iter().partition(|record| arrived(record, since));
    let Some(raw) = meant.first().and_then(|record| raw_object(&record.origin)) else {
        return Ok(Replayed::default());
    };
    let stem = format!("{}-replay-{:016x}", key.file_name().trim_end_matches(".ndjson"), xxh3_64(&bytes));
    let batch = Batch::new(lake, source, raw)?;
    let interpreted: Interpreted = interpret::quarantined(&batch, &stem, &meant, &ports.objects)?;
    sources::add(source, &parts(source, &interpreted), &discovered(&interpreted), ports.catalogue.as_ref()).await?;
    let refused: Vec<Quarantined> = interpreted.quarantine.iter().flat_map(|unit| unit.records.clone()).collect();
    let quarantined = refused.len() as u64;
    staying.extend(refused);
    staying.sort_by_key(|record| record.offset);
    quarantine::write(key, &staying, ports.objects.as_ref()).await?;
    Ok(Replayed { records: meant.len() as u64, rows: interpreted.rows, quarantined })
}

fn arrived(record: &Quarantined, since: Option<NaiveDate>) -> bool {
    since.is_none_or(|since| raw_object(&record.origin).is_some_and(|raw| raw.day >= since))
}

/// What a raw object's key tells of it.
fn raw_object(key: &Key) -> Option<RawObject> {
    let day = key.as_str().split('/').find_map(|part| part.strip_prefix("day="))?.parse().ok()?;
    let hash = key.file_name().split('.').next()?.to_owned();
    Some(RawObject { key: key.clone(), hash, day, size: 0 })
}
