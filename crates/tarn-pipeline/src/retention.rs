//! Retention: versions past their keep are removed, and nothing else ever is.
//!
//! A folder goes only if a manifest of ours names it, it lies where versions lie, no catalogue entry that is kept refers to it,
//! and the version that replaced it is published.

use std::collections::BTreeSet;
use std::sync::Arc;

use tarn_model::Lake;

use crate::error::StepError;
use crate::layout;
use crate::manifest::{Manifest, State};
use crate::names::{Key, RunId};
use crate::ports::{Catalogue, ObjectStore, TableEntry};

/// Versions to keep where none may be removed: several runs of one model are under way.
pub const KEEP_ALL: u32 = u32::MAX;

/// The same lake, whose runs remove no version.
pub(crate) fn keeping_versions(lake: &Lake) -> Arc<Lake> {
    let mut lake = lake.clone();
    lake.config.retention.versions = KEEP_ALL;
    Arc::new(lake)
}

/// What retention removed.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Removed {
    /// Versions.
    pub versions: usize,
    /// Files.
    pub files: usize,
    /// Bytes.
    pub bytes: u64,
}

impl Removed {
    /// The sum of two removals.
    pub fn and(self, other: Self) -> Self {
        Self {
            versions: self.versions + other.versions,
            files: self.files + other.files,
            bytes: self.bytes + other.bytes,
        }
    }
}

/// Removes the versions of a model that are past their keep: all but the published one, the `keep` published before it, and
/// versions that were rejected after it was published (they are there to be looked at). `only_look` counts without removing.
///
/// To be called by the one that holds the lake's lock: a version that is just being written has no other protection.
pub async fn retain(
    model: &str,
    keep: usize,
    only_look: bool,
    catalogue: &dyn Catalogue,
    objects: &dyn ObjectStore,
) -> Result<Removed, StepError> {
    if keep >= KEEP_ALL as usize {
        return Ok(Removed::default());
    }
    let Some(current) = catalogue.get(model).await? else {
        return Ok(Removed::default());
    };
    let Some(published_run) = current.run.clone() else {
        return Ok(Removed::default());
    };
    let manifests = Manifest::all(model, objects).await?;
    let kept = kept_runs(&manifests, &published_run, keep);
    let mut referenced: BTreeSet<Key> = locations(&current);
    for manifest in manifests.iter().filter(|manifest| kept.contains(&manifest.run)) {
        referenced.extend(manifest.entry.iter().flat_map(locations));
        if manifest.state != State::Published {
            referenced.extend(manifest.folders.iter().cloned());
        }
    }
    let mut removed = Removed::default();
    for manifest in manifests.iter().filter(|manifest| !kept.contains(&manifest.run)) {
        removed = removed.and(remove_version(manifest, &referenced, only_look, catalogue, objects).await?);
    }
    Ok(removed)
}

/// The runs whose versions stay.
fn kept_runs(manifests: &[Manifest], published: &RunId, keep: usize) -> BTreeSet<RunId> {
    let older =
        manifests.iter().filter(|manifest| manifest.state == State::Published && &manifest.run != published).take(keep);
    let to_look_at =
        manifests.iter().filter(|manifest| manifest.state == State::Rejected && &manifest.run > published).take(1);
    older.chain(to_look_at).map(|manifest| manifest.run.clone()).chain([published.clone()]).collect()
}

fn locations(entry: &TableEntry) -> BTreeSet<Key> {
    entry.parts().iter().map(|part| part.location.clone()).collect()
}

/// Removes what no kept version refers to; the manifest goes last, and only when nothing of its folders is left.
async fn remove_version(
    manifest: &Manifest,
    referenced: &BTreeSet<Key>,
    only_look: bool,
    catalogue: &dyn Catalogue,
    objects: &dyn ObjectStore,
) -> Result<Removed, StepError> {
    let ours = layout::models().join(&manifest.model).join("");
    let mut removed = Removed::default();
    let mut left = false;
    for folder in manifest.folders.iter().filter(|folder| folder.is_in(&ours)) {
        let files = objects.list(folder).await?;
        let (stay, go): (Vec<_>, Vec<_>) =
            files.into_iter().partition(|file| referenced.iter().any(|location| file.key.is_in(location)));
        left |= !stay.is_empty();
        removed.files += go.len();
        removed.bytes += go.iter().map(|file| file.size).sum::<u64>();
        if !only_look {
            let keys: Vec<Key> = go.into_iter().map(|file| file.key).collect();
            objects.delete(&keys).await?;
        }
    }
    removed.versions = usize::from(!left);
    if !only_look {
        catalogue.remove(&layout::staging_table(&manifest.model, &manifest.run)).await?;
        catalogue.remove(&layout::delta_table(&manifest.model, &manifest.run)).await?;
        if !left {
            objects.delete(&[layout::manifest(&manifest.model, &manifest.run)]).await?;
        }
    }
    Ok(removed)
}
