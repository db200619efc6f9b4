//! Ingest: records become rows of a source's table, or go to quarantine whole.
//!
//! A file goes raw zone → units → records → rows → Parquet files → parts of the table. Every name on the way is derived from the
//! bytes that came in, so each step can be repeated: a file that comes in twice, or a process that is killed and started again,
//! ends with the same objects. What an earlier contract made of the same bytes, and this one does not, is removed at the end.
//!
//! On a laptop a command does all of it. On AWS [`capture`] keeps a batch of changes in the raw zone, and the object's arrival
//! there ([`arrivals`], [`flatten`]) starts the rest.

pub mod arrivals;
pub mod capture;
mod contract;
pub mod delivery;
pub mod export;
pub mod files;
pub mod firehose;
pub mod flatten;
mod framing;
mod given_up;
mod interpret;
mod made;
pub mod quarantine;
mod raw;
pub mod replay;
mod snapshot;
mod unit;

use std::collections::BTreeSet;
use std::path::Path;
use std::sync::Arc;

use chrono::NaiveDate;
use serde::Serialize;
use tarn_model::{Lake, Source, SourceKind};

use crate::context::Ports;
use crate::error::StepError;
use crate::ingest::interpret::{Batch, Interpreted};
use crate::ingest::made::Made;
use crate::ingest::raw::RawObject;
use crate::names::Key;
use crate::ports::{Catalogue, Column, ObjectStore, Observer, Part};
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
        SourceKind::Stream | SourceKind::Table => ingest_records(lake, source, raw, threads, &ports.into()).await,
    }
}

/// The part of the world that ingest needs.
#[derive(Clone)]
pub struct IngestPorts {
    /// The bucket.
    pub objects: Arc<dyn ObjectStore>,
    /// Who is told of new parts and columns; `None` where a source's table finds its files by itself (partition projection).
    pub catalogue: Option<Arc<dyn Catalogue>>,
    /// Who watches.
    pub observer: Arc<dyn Observer>,
}

impl From<&Ports> for IngestPorts {
    fn from(ports: &Ports) -> Self {
        Self {
            objects: Arc::clone(&ports.objects),
            catalogue: Some(Arc::clone(&ports.catalogue)),
            observer: Arc::clone(&ports.observer),
        }
    }
}

impl From<&IngestPorts> for IngestPorts {
    fn from(ports: &IngestPorts) -> Self {
        ports.clone()
    }
}

impl IngestPorts {
    /// Tells the catalogue, where there is one, of what was written.
    async fn add(&self, source: &Source, interpreted: &Interpreted) -> Result<(), StepError> {
        let Some(catalogue) = &self.catalogue else {
            return Ok(());
        };
        sources::add(source, &parts(source, interpreted), &discovered(interpreted), catalogue.as_ref()).await
    }
}

/// Makes rows of a raw object, and removes what was made of it before and is not made now.
async fn ingest_records(
    lake: &Lake,
    source: &Source,
    raw: RawObject,
    threads: usize,
    ports: &IngestPorts,
) -> Result<Ingested, StepError> {
    let made = Arc::new(Made::of(&source.name, &raw.hash, Arc::clone(&ports.objects)).await?);
    let batch = Arc::new(Batch::new(lake, source, raw.clone(), Arc::clone(&made))?);
    let interpreted = {
        let (objects, observer) = (Arc::clone(&ports.objects), Arc::clone(&ports.observer));
        blocking(&raw.key, move || interpret::all(&batch, threads, &objects, observer.as_ref())).await?
    };
    ports.add(source, &interpreted).await?;
    made.settle(&interpreted.keys()).await?;
    Ok(Ingested {
        raw: raw.key,
        bytes: raw.size,
        records: interpreted.records,
        rows: interpreted.rows,
        quarantined: interpreted.refused,
        files: interpreted.files.len() as u64,
        repeated: made.is_repeated(),
    })
}

/// Work on an object that reads and writes in pieces, on a thread that may block.
async fn blocking<T: Send + 'static>(
    key: &Key,
    work: impl FnOnce() -> Result<T, StepError> + Send + 'static,
) -> Result<T, StepError> {
    tokio::task::spawn_blocking(work).await.unwrap_or_else(|error| {
        Err(StepError::permanent(format!("the interpretation of `{key}` ended early: {error}")))
    })
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
