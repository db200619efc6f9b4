//! Taking versions away whose time is over.
//!
//! A version past its keep often has files that readers still see: a partition that nobody overwrote since, rows that were
//! appended. Such a version leaves a marker behind, and is looked at again only when a list of parts goes that names it. So what
//! retention reads stays small however many runs a table is made of.

use std::collections::BTreeSet;

use super::Removed;
use crate::error::StepError;
use crate::layout;
use crate::manifest::Manifest;
use crate::names::{Key, RunId};
use crate::ports::{Catalogue, ObjectStore};

/// What is removed of a model, and what not.
pub(super) struct Removal<'a> {
    pub(super) model: &'a str,
    /// The folders that kept versions need.
    pub(super) needed: BTreeSet<Key>,
    pub(super) only_look: bool,
    pub(super) catalogue: &'a dyn Catalogue,
    pub(super) objects: &'a dyn ObjectStore,
}

impl Removal<'_> {
    /// Removes these versions, and what they alone kept of versions before them. Their manifests go last, so that a removal that
    /// is cut off is done again.
    pub(super) async fn remove(&self, going: &[Manifest]) -> Result<Removed, StepError> {
        let mut removed = Removed::default();
        for run in self.past_runs().await? {
            removed = removed.and(self.remove_past(&run, going).await?);
        }
        for manifest in going {
            removed = removed.and(self.remove_version(manifest).await?);
        }
        Ok(removed)
    }

    /// The runs that have left a marker: those of the listing, whose objects need not be read.
    async fn past_runs(&self) -> Result<Vec<RunId>, StepError> {
        let listed = self.objects.list(&layout::pasts(self.model)).await?;
        let runs = listed.iter().filter_map(|object| object.key.file_name().strip_suffix(".json").map(str::to_owned));
        Ok(runs.filter_map(|run| RunId::try_from(run).ok()).collect())
    }

    /// Removes what the versions that go alone kept of this one; all of it when nothing is needed any more.
    async fn remove_past(&self, run: &RunId, going: &[Manifest]) -> Result<Removed, StepError> {
        let folder = layout::version(self.model, run);
        if self.needs_some_of(&folder) {
            let parts = going.iter().flat_map(|manifest| &manifest.entry).flat_map(|entry| entry.parts());
            let dropped: BTreeSet<&Key> =
                parts.map(|part| &part.location).filter(|location| location.is_in(&folder)).collect();
            let mut removed = Removed::default();
            for location in dropped.into_iter().filter(|location| !self.needs(location)) {
                removed = removed.and(self.empty(location).await?.0);
            }
            return Ok(removed);
        }
        let marker = layout::past(self.model, run);
        let mut removed = Removed { versions: 1, ..Removed::default() };
        let Some(manifest) = Manifest::read(&marker, self.objects).await? else { return Ok(Removed::default()) };
        for folder in self.folders(&manifest) {
            removed = removed.and(self.empty(folder).await?.0);
        }
        if !self.only_look {
            self.objects.delete(&[marker]).await?;
        }
        Ok(removed)
    }

    /// Removes what no kept version refers to.
    async fn remove_version(&self, manifest: &Manifest) -> Result<Removed, StepError> {
        let mut removed = Removed::default();
        let mut is_needed = false;
        for folder in self.folders(manifest) {
            let (of_folder, stays) = self.empty(folder).await?;
            removed = removed.and(of_folder);
            is_needed |= stays;
        }
        removed.versions = usize::from(!is_needed);
        if self.only_look {
            return Ok(removed);
        }
        for table in [layout::staging_table, layout::delta_table, layout::passing_table] {
            self.catalogue.remove(&table(self.model, &manifest.run)).await?;
        }
        if is_needed {
            manifest.write_past(self.objects).await?;
        }
        self.objects.delete(&[layout::manifest(self.model, &manifest.run)]).await?;
        Ok(removed)
    }

    /// The folders of a version that lie where versions lie.
    fn folders<'m>(&self, manifest: &'m Manifest) -> impl Iterator<Item = &'m Key> {
        let ours = layout::models().join(self.model).join("");
        manifest.folders.iter().filter(move |folder| folder.is_in(&ours))
    }

    /// Removes the files of a folder that are not needed; whether some are.
    async fn empty(&self, folder: &Key) -> Result<(Removed, bool), StepError> {
        let files = self.objects.list(folder).await?;
        let (stay, go): (Vec<_>, Vec<_>) = files.into_iter().partition(|file| self.needs(&file.key));
        let removed = Removed { versions: 0, files: go.len(), bytes: go.iter().map(|file| file.size).sum::<u64>() };
        if !self.only_look && !go.is_empty() {
            let keys: Vec<Key> = go.into_iter().map(|file| file.key).collect();
            self.objects.delete(&keys).await?;
        }
        Ok((removed, !stay.is_empty()))
    }

    /// Whether a file, or a folder, is one that is needed or lies in one.
    fn needs(&self, key: &Key) -> bool {
        let text = key.as_str();
        let above = text.match_indices('/').filter_map(|(at, slash)| text.get(..at + slash.len()));
        above.map(Key::new).any(|folder| self.needed.contains(&folder))
    }

    /// Whether a folder, or one in it, is needed.
    fn needs_some_of(&self, folder: &Key) -> bool {
        let next = self.needed.range(folder.clone()..).next();
        next.is_some_and(|key| key.as_str().starts_with(folder.as_str())) || self.needs(folder)
    }
}
