//! Flattening an object that arrived in the raw zone of a bucket: what `tarn ingest` does after it has kept a file.
//!
//! A source without a contract gets files of text columns, one for each name found, as on a laptop.

use tarn_model::{Lake, SourceKind};

use crate::error::StepError;
use crate::ingest::raw::RawObject;
use crate::ingest::{IngestPorts, Ingested, blocking, ingest_records};
use crate::layout;
use crate::names::Key;
use crate::ports::ObjectError;

/// What became of an object of the raw zone.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Flattened {
    /// Its records are rows, or in quarantine.
    Done(Ingested),
    /// There is no such object any more: it was removed since its arrival was told.
    Gone,
    /// It is no object of a table's changes.
    NotMeant {
        /// Why not.
        reason: &'static str,
    },
}

/// Makes rows of an object in the raw zone that holds changes of a table, with so many threads.
///
/// The source is the one whose folder it lies in, the day of arrival the one in its key. Repeating it, now or after the
/// contract changed, leaves what one time would.
///
/// # Errors
/// When the lake has no such source, when the key names no day, and when the object is damaged: it stays where it is.
pub async fn object(lake: &Lake, key: &Key, threads: usize, ports: &IngestPorts) -> Result<Flattened, StepError> {
    let Some(name) = source_name(key) else {
        return Ok(Flattened::NotMeant { reason: "it does not lie in the raw zone of a source" });
    };
    let source = lake.sources.get(name).ok_or_else(|| {
        StepError::permanent(format!("`{key}` lies in the raw zone of `{name}`, which is no source of this lake"))
            .with_hint(format!("add `sources/{name}.yaml`, then flatten the object again; nothing is lost until then"))
    })?;
    match source.kind {
        SourceKind::Table => {}
        SourceKind::Stream => {
            return Ok(Flattened::NotMeant { reason: "records of a stream were flattened on their way" });
        }
        SourceKind::Snapshot => return Ok(Flattened::NotMeant { reason: "a snapshot is registered, not flattened" }),
    }
    let raw = RawObject::at(key).ok_or_else(|| {
        StepError::permanent(format!("the key `{key}` does not say on which day the object arrived"))
            .with_hint(format!("copy it to `{}day=YYYY-MM-DD/`", layout::raw(name)))
    })?;
    let size = {
        let (objects, key) = (std::sync::Arc::clone(&ports.objects), key.clone());
        blocking(&raw.key, move || match objects.open(&key) {
            Ok(object) => Ok(Some(object.size())),
            Err(ObjectError::NotFound(_)) => Ok(None),
            Err(error) => Err(error.into()),
        })
        .await?
    };
    let Some(size) = size else {
        return Ok(Flattened::Gone);
    };
    let ingested = ingest_records(lake, source, RawObject { size, ..raw }, threads, ports).await?;
    Ok(Flattened::Done(ingested))
}

/// The source in whose raw zone an object lies.
fn source_name(key: &Key) -> Option<&str> {
    let (source, object) = key.as_str().strip_prefix("raw/")?.split_once('/')?;
    let is_object = !source.is_empty() && !object.is_empty() && !object.ends_with('/');
    is_object.then_some(source)
}
