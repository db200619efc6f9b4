//! Publishing: one catalogue change after which readers see the new version, and before which they see the old one.

use std::collections::BTreeSet;

use crate::error::StepError;
use crate::names::RunId;
use crate::ports::{Catalogue, CatalogueError, Part, TableEntry, TableKind};

/// How often a publish is tried again when somebody else changed the entry meanwhile.
const TRIES: usize = 5;

/// Which parts of the published table a version replaces.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Replaces {
    /// All of them: a full refresh, a merge, a view.
    Everything,
    /// Those with the same partition values: `insert_overwrite`.
    SamePartitions,
    /// None: `append`.
    Nothing,
}

/// The parts that readers see after a publish.
///
/// A part that this very run wrote before, in a try that was cut off, is replaced in any case.
fn parts_after(published: &[Part], version: &[Part], replaces: Replaces, run: &RunId) -> Vec<Part> {
    let overwritten: BTreeSet<&Vec<Option<String>>> = version.iter().map(|part| &part.values).collect();
    let stays = |part: &&Part| {
        part.run.as_ref() != Some(run)
            && match replaces {
                Replaces::Everything => false,
                Replaces::SamePartitions => !overwritten.contains(&part.values),
                Replaces::Nothing => true,
            }
    };
    let mut parts: Vec<Part> = published.iter().filter(stays).cloned().collect();
    parts.extend(version.iter().map(|part| Part { run: Some(run.clone()), ..part.clone() }));
    parts
}

/// The entry to publish: the version's columns and parts under the model's name.
fn entry_after(published: Option<&TableEntry>, version: &TableEntry, replaces: Replaces, run: &RunId) -> TableEntry {
    let kind = match &version.kind {
        TableKind::View { sql } => TableKind::View { sql: sql.clone() },
        TableKind::Table { parts } => {
            let before = published.map(TableEntry::parts).unwrap_or_default();
            TableKind::Table { parts: parts_after(before, parts, replaces, run) }
        }
    };
    TableEntry { kind, run: Some(run.clone()), version: published.map_or(0, |entry| entry.version), ..version.clone() }
}

/// Publishes a version under `version.name`, in place of what is there.
///
/// `before` gets the entry while it is not yet visible, to note it down; it may be called again when somebody else changed the
/// table meanwhile. Publishing the same run twice changes nothing the second time.
pub async fn publish<Note, Noted>(
    version: TableEntry,
    replaces: Replaces,
    run: &RunId,
    catalogue: &dyn Catalogue,
    mut before: Note,
) -> Result<TableEntry, StepError>
where
    Note: FnMut(TableEntry) -> Noted,
    Noted: Future<Output = Result<(), StepError>>,
{
    let mut attempt = 1;
    loop {
        let published = catalogue.get(&version.name).await?;
        let entry = entry_after(published.as_ref(), &version, replaces, run);
        before(entry.clone()).await?;
        match catalogue.publish(entry).await {
            Err(CatalogueError::Conflict { .. }) if attempt < TRIES => attempt += 1,
            published => return Ok(published?),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::names::Key;

    fn run(text: &str) -> RunId {
        RunId::try_from(text.to_owned()).unwrap()
    }

    fn part(value: &str, by: &str) -> Part {
        Part {
            values: vec![Some(value.to_owned())],
            location: Key::new(format!("model/m/run={by}/day={value}/")),
            run: Some(run(by)),
        }
    }

    #[test]
    fn an_overwrite_swaps_only_the_partitions_it_holds() {
        let after = parts_after(
            &[part("1", "a"), part("2", "a")],
            &[part("2", "b"), part("3", "b")],
            Replaces::SamePartitions,
            &run("b"),
        );
        assert_eq!(after, [part("1", "a"), part("2", "b"), part("3", "b")]);
    }

    #[test]
    fn an_append_that_is_repeated_adds_its_rows_once() {
        let once = parts_after(&[part("1", "a")], &[part("1", "b")], Replaces::Nothing, &run("b"));
        let twice = parts_after(&once, &[part("1", "b")], Replaces::Nothing, &run("b"));
        assert_eq!(once, twice);
        assert_eq!(once.len(), 2);
    }
}
