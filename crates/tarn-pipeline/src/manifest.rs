//! The manifest of a version: what was made, where, and whether readers ever saw it.
//!
//! It stands before the first byte of the version is written, so that nothing Tarn writes is ever without its marker, and it
//! holds the catalogue entry as it was published: rollback publishes that entry again.

use bytes::Bytes;
use chrono::{DateTime, Utc};
use futures::stream::{self, StreamExt, TryStreamExt};
use serde::{Deserialize, Serialize};

use crate::error::StepError;
use crate::layout;
use crate::names::{Key, RunId};
use crate::ports::{ICEBERG_METADATA, ObjectStore, TableEntry};
use crate::stored;

/// How far a version came.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum State {
    /// It is being written, or its run was killed.
    Started,
    /// An audit or a later step failed; nobody saw it.
    Rejected,
    /// It passed its audits and is, or was, what readers see.
    Published,
}

/// The manifest of one version.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Manifest {
    /// The model.
    pub model: String,
    /// The run that made it.
    pub run: RunId,
    /// How far it came.
    pub state: State,
    /// The folders it wrote, all its own.
    pub folders: Vec<Key>,
    /// The statement that made it.
    pub statement: String,
    /// The catalogue entry as published.
    pub entry: Option<TableEntry>,
    /// Rows written.
    pub rows: u64,
    /// What it takes rows over from, where it does.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub onto: Option<Onto>,
    /// The runs whose versions readers saw before this one was published: those are known to have been seen.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub replaced: Vec<RunId>,
}

/// The state of a published table that a version takes rows over from; without a run, nothing was published.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Onto {
    /// The run whose version it was.
    pub run: Option<RunId>,
    /// The metadata file of a table of Iceberg, which statements of others move on within a run's version.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub metadata: Option<String>,
}

impl Onto {
    /// The state that a published entry has.
    pub fn of(published: Option<&TableEntry>) -> Self {
        Self {
            run: published.and_then(|entry| entry.run.clone()),
            metadata: published.and_then(|entry| entry.parameters.get(ICEBERG_METADATA).cloned()),
        }
    }
}

/// A manifest as it lies in the bucket.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Kept {
    /// The manifest.
    pub manifest: Manifest,
    /// When it was last written, by the clock of the bucket. A run writes it each time it takes the model a stretch further.
    pub written: DateTime<Utc>,
}

impl Manifest {
    /// Writes the manifest in place of an older one.
    pub async fn write(&self, objects: &dyn ObjectStore) -> Result<(), StepError> {
        objects.put(&layout::manifest(&self.model, &self.run), self.json()?).await?;
        Ok(())
    }

    /// Notes of a version past its keep only what retention needs: that its folders are Tarn's.
    pub(crate) async fn write_past(&self, objects: &dyn ObjectStore) -> Result<(), StepError> {
        let past = Self { entry: None, statement: String::new(), onto: None, replaced: Vec::new(), ..self.clone() };
        objects.put(&layout::past(&self.model, &self.run), past.json()?).await?;
        Ok(())
    }

    fn json(&self) -> Result<Bytes, StepError> {
        let json = serde_json::to_vec_pretty(self).map_err(|error| {
            StepError::permanent(format!("the manifest of `{}` cannot be written as json: {error}", self.model))
        })?;
        Ok(Bytes::from(json))
    }

    /// The manifest of a run's version; `None` when there is none, or it is past its keep.
    pub async fn find(model: &str, run: &RunId, objects: &dyn ObjectStore) -> Result<Option<Self>, StepError> {
        Self::read(&layout::manifest(model, run), objects).await
    }

    /// The manifest under a key, if there is one.
    pub(crate) async fn read(key: &Key, objects: &dyn ObjectStore) -> Result<Option<Self>, StepError> {
        let Some(bytes) = stored::get(key, objects).await? else { return Ok(None) };
        let manifest = stored::parse(key, "the manifest", &bytes);
        manifest
            .map(Some)
            .map_err(|error| error.with_hint("restore it from a backup, or remove it to forget that version"))
    }

    /// All manifests of a model but those past their keep, newest run first.
    pub async fn all(model: &str, objects: &dyn ObjectStore) -> Result<Vec<Self>, StepError> {
        Ok(Self::kept(model, objects).await?.into_iter().map(|kept| kept.manifest).collect())
    }

    /// The same, with when each was written.
    pub async fn kept(model: &str, objects: &dyn ObjectStore) -> Result<Vec<Kept>, StepError> {
        let listed = objects.list(&layout::manifests(model)).await?;
        let read = async |(key, written): (Key, DateTime<Utc>)| -> Result<_, StepError> {
            Ok(Self::read(&key, objects).await?.map(|manifest| Kept { manifest, written }))
        };
        let listed = listed.into_iter().map(|object| (object.key, object.modified));
        let read: Vec<_> = stream::iter(listed).map(read).buffered(stored::AT_A_TIME).try_collect().await?;
        let mut manifests: Vec<Kept> = read.into_iter().flatten().collect();
        manifests.sort_by(|left, right| right.manifest.run.cmp(&left.manifest.run));
        Ok(manifests)
    }
}
