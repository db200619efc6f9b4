//! Retention: versions past their keep are removed, and nothing else ever is.
//!
//! A folder goes only if a manifest of ours names it, it lies where versions lie, no catalogue entry that is kept refers to it,
//! and the version that replaced it is published.
//!
//! Nothing holds a lake on AWS: two runs of one model may overlap, and the one that ends first must not take the other's version
//! away. So a version that readers have not seen stays for as long as somebody may still be working on it.

mod removal;

use std::collections::BTreeSet;
use std::sync::Arc;

use chrono::TimeDelta;
use tarn_model::Lake;

use crate::error::StepError;
use crate::manifest::{Kept, Manifest, State};
use crate::names::{Key, RunId};
use crate::ports::{Catalogue, ObjectStore, TableEntry};
use removal::Removal;

/// How long a version that readers have not seen is left alone after it was last worked on.
const UNDER_WAY: TimeDelta = TimeDelta::hours(24);

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

/// Whether other runs may be working on a model.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Others {
    /// None: the lake is held.
    None,
    /// Some.
    MayBe,
}

/// Removes the versions of a model that are past their keep: all but the published one, the `keep` published before it, and the
/// newest that was rejected after it was published, which is there to be looked at. `only_look` counts without removing.
///
/// To be called by the one that holds the lake's lock: a version that is just being written has no other protection.
pub async fn retain(
    model: &str,
    keep: usize,
    only_look: bool,
    catalogue: &dyn Catalogue,
    objects: &dyn ObjectStore,
) -> Result<Removed, StepError> {
    retain_beside(model, keep, only_look, Others::None, catalogue, objects).await
}

/// The same where nobody holds the lake: versions that readers have not seen stay, too, while they may be under way.
pub async fn retain_unheld(
    model: &str,
    keep: usize,
    catalogue: &dyn Catalogue,
    objects: &dyn ObjectStore,
) -> Result<Removed, StepError> {
    retain_beside(model, keep, false, Others::MayBe, catalogue, objects).await
}

async fn retain_beside(
    model: &str,
    keep: usize,
    only_look: bool,
    others: Others,
    catalogue: &dyn Catalogue,
    objects: &dyn ObjectStore,
) -> Result<Removed, StepError> {
    if keep >= KEEP_ALL as usize {
        return Ok(Removed::default());
    }
    // Listed before the entry is read: what is published after that is in neither, and stays.
    let manifests = Manifest::kept(model, objects).await?;
    let Some(current) = catalogue.get(model).await? else {
        return Ok(Removed::default());
    };
    let Some(published_run) = current.run.clone() else {
        return Ok(Removed::default());
    };
    let mut runs = kept_runs(&manifests, &published_run, keep);
    if others == Others::MayBe {
        runs.extend(under_way(&manifests, &published_run));
    }
    let mut needed = locations(&current);
    let mut going = Vec::new();
    for Kept { manifest, .. } in manifests {
        if !runs.contains(&manifest.run) {
            going.push(manifest);
            continue;
        }
        needed.extend(manifest.entry.iter().flat_map(locations));
        if manifest.state != State::Published {
            needed.extend(manifest.folders);
        }
    }
    Removal { model, needed, only_look, catalogue, objects }.remove(&going).await
}

/// The runs whose versions stay in any case.
fn kept_runs(manifests: &[Kept], published: &RunId, keep: usize) -> BTreeSet<RunId> {
    let of_state =
        |state: State| manifests.iter().map(|kept| &kept.manifest).filter(move |manifest| manifest.state == state);
    let older = of_state(State::Published).filter(|manifest| &manifest.run != published).take(keep);
    let to_look_at = of_state(State::Rejected).filter(|manifest| &manifest.run > published).take(1);
    older.chain(to_look_at).map(|manifest| manifest.run.clone()).chain([published.clone()]).collect()
}

/// The runs whose versions readers have not seen, and that may still be worked on.
///
/// Run ids are sorted by the time they are for, which need not be the order in which they run; how old a manifest is, is
/// counted from the newest one, which is never later than now.
fn under_way(manifests: &[Kept], published: &RunId) -> BTreeSet<RunId> {
    let newest = manifests.iter().map(|kept| kept.written).max();
    let is_young = |kept: &Kept| newest.is_some_and(|newest| newest - kept.written < UNDER_WAY);
    // A version is noted as published just before it is: whether readers ever saw it, those tell that came after it.
    let seen: BTreeSet<&RunId> = manifests.iter().flat_map(|kept| &kept.manifest.replaced).collect();
    let unseen = manifests.iter().filter(|kept| match kept.manifest.state {
        State::Published => !seen.contains(&kept.manifest.run) && is_young(kept),
        State::Started => &kept.manifest.run > published || is_young(kept),
        State::Rejected => &kept.manifest.run > published,
    });
    unseen.map(|kept| kept.manifest.run.clone()).collect()
}

fn locations(entry: &TableEntry) -> BTreeSet<Key> {
    entry.parts().iter().map(|part| part.location.clone()).collect()
}

#[cfg(test)]
mod tests {
    use chrono::DateTime;

    use super::*;
    use crate::layout;

    fn run(text: &str) -> RunId {
        RunId::try_from(text.to_owned()).unwrap()
    }

    /// A manifest of a run, last written so many hours after the first.
    fn kept(name: &str, state: State, hour: i64, replaced: &[&str]) -> Kept {
        let manifest = Manifest {
            model: "m".to_owned(),
            run: run(name),
            state,
            folders: vec![layout::version("m", &run(name))],
            statement: String::new(),
            entry: None,
            rows: 0,
            onto: None,
            replaced: replaced.iter().map(|name| run(name)).collect(),
        };
        Kept { manifest, written: DateTime::UNIX_EPOCH + TimeDelta::hours(hour) }
    }

    fn stay(manifests: &[Kept], published: &str, keep: usize) -> Vec<String> {
        let mut runs = kept_runs(manifests, &run(published), keep);
        runs.extend(under_way(manifests, &run(published)));
        runs.iter().map(RunId::to_string).collect()
    }

    #[test]
    fn what_may_be_under_way_stays() {
        let manifests = [
            kept("r6", State::Rejected, 40, &[]),
            kept("r5", State::Started, 1, &[]),
            kept("r4", State::Published, 48, &["r1"]),
            kept("r3", State::Started, 30, &[]),
            kept("r2", State::Started, 20, &[]),
            kept("r1", State::Published, 10, &[]),
        ];
        assert_eq!(stay(&manifests, "r4", 1), ["r1", "r3", "r4", "r5", "r6"]);
        assert_eq!(stay(&manifests, "r4", 0), ["r3", "r4", "r5", "r6"]);
        // Where the lake is held, nothing else is under way.
        assert_eq!(kept_runs(&manifests, &run("r4"), 1), ["r1", "r4", "r6"].map(run).into());
    }

    #[test]
    fn a_version_that_is_just_being_published_stays_and_one_that_was_seen_does_not() {
        let manifests = [
            kept("r4", State::Published, 3, &["r1"]),
            kept("r3", State::Published, 3, &["r1"]),
            kept("r2", State::Rejected, 2, &[]),
            kept("r1", State::Published, 1, &[]),
        ];
        assert_eq!(stay(&manifests, "r4", 0), ["r3", "r4"]);
        // A day later nobody is publishing it any more.
        let later = [vec![kept("r5", State::Published, 30, &["r4"])], manifests.to_vec()].concat();
        assert_eq!(stay(&later, "r5", 0), ["r5"]);
        assert_eq!(stay(&later, "r5", 1), ["r4", "r5"]);
    }
}
