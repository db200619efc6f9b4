//! The manifest of a version: what was made, where, and whether readers ever saw it.
//!
//! It stands before the first byte of the version is written, so that nothing Tarn writes is ever without its marker, and it
//! holds the catalogue entry as it was published: rollback publishes that entry again.

use bytes::Bytes;
use serde::{Deserialize, Serialize};

use crate::error::StepError;
use crate::layout;
use crate::names::{Key, RunId};
use crate::ports::{ObjectStore, TableEntry};

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
}

impl Manifest {
    /// Writes the manifest in place of an older one.
    pub async fn write(&self, objects: &dyn ObjectStore) -> Result<(), StepError> {
        let json = serde_json::to_vec_pretty(self).map_err(|error| {
            StepError::permanent(format!("the manifest of `{}` cannot be written as json: {error}", self.model))
        })?;
        objects.put(&layout::manifest(&self.model, &self.run), Bytes::from(json)).await?;
        Ok(())
    }

    /// All manifests of a model, newest run first.
    pub async fn all(model: &str, objects: &dyn ObjectStore) -> Result<Vec<Self>, StepError> {
        let mut manifests = Vec::new();
        for object in objects.list(&layout::manifests(model)).await? {
            let bytes = objects.get(&object.key).await?;
            let manifest: Self = serde_json::from_slice(&bytes).map_err(|error| {
                StepError::permanent(format!("the manifest `{}` is damaged: {error}", object.key))
                    .with_hint("restore it from a backup, or remove it to forget that version")
            })?;
            manifests.push(manifest);
        }
        manifests.sort_by(|left, right| right.run.cmp(&left.run));
        Ok(manifests)
    }
}
