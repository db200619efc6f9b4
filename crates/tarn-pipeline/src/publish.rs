//! Publishing: one catalogue change after which readers see the new version, and before which they see the old one.

use std::collections::BTreeSet;

use crate::error::StepError;
use crate::manifest::Onto;
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

/// A version that takes rows over from a published one can only follow that one: what another run, a rollback or a statement of
/// somebody else's has published since would be lost.
///
/// # Errors
/// A permanent one, when readers see another state than the version was computed onto.
pub fn refuse_other(table: &str, published: Option<&TableEntry>, onto: &Onto) -> Result<(), StepError> {
    let now = Onto::of(published);
    if now == *onto {
        return Ok(());
    }
    let told = |run: &Option<RunId>| run.as_ref().map_or("no run".to_owned(), |run| format!("run `{run}`"));
    let message = match now.run == onto.run {
        true => format!("`{table}` was changed by a statement since this version was computed onto it"),
        false => format!(
            "`{table}` has the version of {} now; this one was computed onto that of {}",
            told(&now.run),
            told(&onto.run)
        ),
    };
    Err(StepError::permanent(message)
        .with_hint("run the model again: a new run is computed onto what is published then; nothing was lost"))
}

/// Publishes a version under `version.name`, in place of what is there.
///
/// `onto` is what the version takes rows over from, if it does. `before` gets the entry while it is not yet visible, and the run
/// that readers see until then, to note them down; it may be called again when somebody else changed the table meanwhile.
/// Publishing the same run twice changes nothing the second time.
pub async fn publish<Note, Noted>(
    version: TableEntry,
    replaces: Replaces,
    onto: Option<&Onto>,
    run: &RunId,
    catalogue: &dyn Catalogue,
    mut before: Note,
) -> Result<TableEntry, StepError>
where
    Note: FnMut(TableEntry, Option<RunId>) -> Noted,
    Noted: Future<Output = Result<(), StepError>>,
{
    let mut attempt = 1;
    loop {
        let published = catalogue.get(&version.name).await?;
        let seen = published.as_ref().and_then(|entry| entry.run.clone());
        // The answer to an earlier call of this very run may have been lost.
        if let Some(onto) = onto.filter(|_| seen.as_ref() != Some(run)) {
            refuse_other(&version.name, published.as_ref(), onto)?;
        }
        let entry = entry_after(published.as_ref(), &version, replaces, run);
        before(entry.clone(), seen).await?;
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
    use crate::ports::ICEBERG_METADATA;

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

    #[test]
    fn a_version_follows_only_what_it_was_computed_onto() {
        let entry = |by: &str, metadata: &str| TableEntry {
            name: "m".to_owned(),
            kind: TableKind::Table { parts: Vec::new() },
            columns: Vec::new(),
            partition_keys: Vec::new(),
            description: None,
            run: Some(run(by)),
            parameters: [(ICEBERG_METADATA.to_owned(), metadata.to_owned())].into(),
            version: 7,
        };
        let refused = |now: Option<&TableEntry>, onto: Option<&TableEntry>| {
            refuse_other("m", now, &Onto::of(onto)).map_err(|error| (error.message, error.retryable))
        };
        let (a, moved, b) = (entry("a", "1"), entry("a", "2"), entry("b", "3"));
        assert_eq!(refused(Some(&TableEntry { version: 9, ..a.clone() }), Some(&a)), Ok(()));
        assert_eq!(refused(None, None), Ok(()));
        for (now, onto, why) in [
            (Some(&b), Some(&a), "`m` has the version of run `b` now; this one was computed onto that of run `a`"),
            (Some(&b), None, "`m` has the version of run `b` now; this one was computed onto that of no run"),
            (None, Some(&a), "`m` has the version of no run now; this one was computed onto that of run `a`"),
            (Some(&moved), Some(&a), "`m` was changed by a statement since this version was computed onto it"),
        ] {
            assert_eq!(refused(now, onto), Err((why.to_owned(), false)));
        }
    }
}
