//! Ingest: records become rows of a source's table, or go to quarantine whole.
//!
//! A file goes raw zone → units → records → rows → Parquet files → parts of the table. Every name on the way is derived from the
//! bytes that came in, so each step can be repeated: a file that comes in twice, or a process that is killed and started again,
//! ends with the same objects. What an earlier contract made of the same bytes, and this one does not, is removed at the end.

mod contract;
pub mod files;
pub mod firehose;
mod framing;
mod interpret;
pub mod quarantine;
mod raw;
pub mod replay;
mod snapshot;

use std::collections::BTreeSet;
use std::path::Path;
use std::sync::Arc;

use chrono::NaiveDate;
use serde::Serialize;
use tarn_model::{Lake, Source, SourceKind};

use crate::context::Ports;
use crate::error::StepError;
use crate::ingest::interpret::{Batch, Interpreted};
use crate::ingest::raw::RawObject;
use crate::layout;
use crate::names::Key;
use crate::ports::{Column, ObjectStore, Part};
use crate::sources;

/// What became of one file.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Ingested {
    /// Where its bytes are kept.
    pub raw: Key,
    /// Its length.
    pub bytes: u64,
    /// Records in it.
    pub records: u64,
    /// Rows made from them: a record may hold several documents.
    pub rows: u64,
    /// Records that went to quarantine.
    pub quarantined: u64,
    /// Parquet files written.
    pub files: u64,
    /// Whether these bytes had come in before.
    pub repeated: bool,
}

/// Brings one file of the local disk into a source, with so many threads.
pub async fn ingest_file(
    lake: &Lake,
    source: &Source,
    path: &Path,
    threads: usize,
    ports: &Ports,
) -> Result<Ingested, StepError> {
    let today = ports.clock.now().with_timezone(&lake.config.timezone).date_naive();
    let raw = raw::admit(&source.name, path, today, ports.objects.as_ref()).await?;
    match source.kind {
        SourceKind::Snapshot => snapshot::ingest(source, &raw, ports).await,
        SourceKind::Stream | SourceKind::Table => ingest_records(lake, source, raw, threads, ports).await,
    }
}

async fn ingest_records(
    lake: &Lake,
    source: &Source,
    raw: RawObject,
    threads: usize,
    ports: &Ports,
) -> Result<Ingested, StepError> {
    let before = keys_made_from(&raw.hash, source, ports.objects.as_ref()).await?;
    let batch = Arc::new(Batch::new(lake, source, raw.clone())?);
    let interpreted = {
        let (objects, observer) = (Arc::clone(&ports.objects), Arc::clone(&ports.observer));
        tokio::task::spawn_blocking(move || interpret::all(&batch, threads, &objects, observer.as_ref()))
            .await
            .map_err(|error| {
                StepError::permanent(format!("the interpretation of `{}` ended early: {error}", raw.key))
            })??
    };
    for unit in &interpreted.quarantine {
        quarantine::write(&unit.key, &unit.records, ports.objects.as_ref()).await?;
    }
    sources::add(source, &parts(source, &interpreted), &discovered(&interpreted), ports.catalogue.as_ref()).await?;
    let stale: Vec<Key> = before.difference(&interpreted.keys()).cloned().collect();
    ports.objects.delete(&stale).await?;
    Ok(Ingested {
        raw: raw.key,
        bytes: raw.size,
        records: interpreted.records,
        rows: interpreted.rows,
        quarantined: interpreted.quarantine.iter().map(|unit| unit.records.len() as u64).sum(),
        files: interpreted.files.len() as u64,
        repeated: !before.is_empty(),
    })
}

/// What was made from these bytes before: rows, replayed rows, quarantine.
async fn keys_made_from(hash: &str, source: &Source, objects: &dyn ObjectStore) -> Result<BTreeSet<Key>, StepError> {
    let mut keys = BTreeSet::new();
    for folder in [layout::source(&source.name), layout::quarantine(&source.name)] {
        let listed = objects.list(&folder).await?;
        keys.extend(listed.into_iter().map(|object| object.key).filter(|key| key.file_name().starts_with(hash)));
    }
    Ok(keys)
}

/// The parts that hold what was written.
fn parts(source: &Source, interpreted: &Interpreted) -> Vec<Part> {
    let days: BTreeSet<Option<NaiveDate>> = interpreted.files.iter().map(|file| file.day).collect();
    days.into_iter().map(|day| part(source, day)).collect()
}

/// The part of a day; records without a day share one.
fn part(source: &Source, day: Option<NaiveDate>) -> Part {
    Part { values: vec![day.map(|day| day.to_string())], location: files::folder(source, day), run: None }
}

/// Columns that were found in a source without contract, all text.
fn discovered(interpreted: &Interpreted) -> Vec<Column> {
    interpreted.discovered.iter().map(|name| Column::new(name.clone(), "string")).collect()
}
