//! Rollback: an older version is published again, by the same one change.

use crate::context::Ports;
use crate::error::StepError;
use crate::manifest::{Manifest, State};
use crate::names::{Key, RunId};
use crate::ports::{CatalogueError, ICEBERG_METADATA, Part, TableEntry};
use crate::stored;

use futures::stream::{self, StreamExt, TryStreamExt};

/// How often a rollback is tried when somebody else changed the entry meanwhile.
const TRIES: usize = 5;

/// What a rollback did.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RolledBack {
    /// The run whose version readers saw before.
    pub from: Option<RunId>,
    /// The run whose version readers see now.
    pub to: RunId,
}

/// Publishes the version of the run `to`, or the newest one before what is published. To go back to what readers see already,
/// as a rollback that was cut off may find it, changes nothing. The model's mart is then to be loaded anew.
pub async fn rollback(model: &str, to: Option<&RunId>, ports: &Ports) -> Result<RolledBack, StepError> {
    let current = published(model, ports).await?;
    let from = current.run.clone();
    if from.is_some() && from.as_ref() == to {
        return ended(from, current);
    }
    let manifests = Manifest::all(model, ports.objects.as_ref()).await?;
    let (chosen, entry) = choose(model, &manifests, from.as_ref(), to)?;
    refuse_if_gone(&entry, &manifests, ports).await?;
    // So that retention knows of what readers see now that they have seen it.
    let seen = from.iter().filter(|run| !chosen.replaced.contains(run));
    let replaced = chosen.replaced.iter().chain(seen).cloned().collect();
    Manifest { replaced, ..chosen.clone() }.write(ports.objects.as_ref()).await?;
    let mut version = current.version;
    for _ in 1..=TRIES {
        let tried = ports.catalogue.publish(TableEntry { version, ..entry.clone() }).await;
        let Err(conflict @ CatalogueError::Conflict { .. }) = tried else {
            return ended(from, tried?);
        };
        // Somebody's change that was cut off has been finished, perhaps this very one.
        let now = published(model, ports).await?;
        match now.run {
            Some(_) if now.run.as_ref() == Some(&chosen.run) => return ended(from, now),
            _ if now.run == from => version = now.version,
            _ => return Err(conflict.into()),
        }
    }
    Err(StepError::transient(format!("model `{model}` is being published by others")))
}

async fn published(model: &str, ports: &Ports) -> Result<TableEntry, StepError> {
    ports.catalogue.get(model).await?.ok_or_else(|| {
        StepError::permanent(format!("model `{model}` was never published")).with_hint("make it with `tarn run`")
    })
}

/// What readers see now.
fn ended(from: Option<RunId>, entry: TableEntry) -> Result<RolledBack, StepError> {
    let to = entry.run.ok_or_else(|| StepError::permanent("the published entry names no run"))?;
    Ok(RolledBack { from, to })
}

/// The version to go back to, and its entry.
fn choose<'m>(
    model: &str,
    manifests: &'m [Manifest],
    current: Option<&RunId>,
    to: Option<&RunId>,
) -> Result<(&'m Manifest, TableEntry), StepError> {
    let published =
        || manifests.iter().filter(|manifest| manifest.state == State::Published && Some(&manifest.run) != current);
    let chosen = match to {
        Some(run) => published().find(|manifest| &manifest.run == run),
        None => published().find(|manifest| current.is_none_or(|current| &manifest.run < current)),
    };
    let entry = chosen.and_then(|manifest| manifest.entry.clone().map(|entry| (manifest, entry)));
    entry.ok_or_else(|| {
        let kept: Vec<String> = published().map(|manifest| manifest.run.to_string()).collect();
        let asked = to.map_or_else(|| "an older version".to_owned(), |run| format!("the version of run `{run}`"));
        let error = StepError::permanent(format!("there is no {asked} of model `{model}` to go back to"));
        match kept.is_empty() {
            true => {
                error.with_hint("no other version is kept; `retention: {versions: …}` in tarn.yaml says how many are")
            }
            false => error.with_hint(format!("kept are {}", kept.join(", "))),
        }
    })
}

/// A version whose files were removed by hand cannot be published.
async fn refuse_if_gone(entry: &TableEntry, manifests: &[Manifest], ports: &Ports) -> Result<(), StepError> {
    let metadata = entry.parameters.get(ICEBERG_METADATA).map(Key::new);
    let folders = entry.parts().iter().filter(|part| has_files(part, manifests)).map(|part| part.location.clone());
    let needed: Vec<Key> = metadata.into_iter().chain(folders).collect();
    let look = async |key: Key| -> Result<_, StepError> {
        let is_gone = ports.objects.list(&key).await?.is_empty();
        Ok(is_gone.then_some(key))
    };
    let gone: Vec<Option<Key>> = stream::iter(needed).map(look).buffered(stored::AT_A_TIME).try_collect().await?;
    let Some(first) = gone.iter().flatten().next() else { return Ok(()) };
    Err(StepError::permanent(format!("the files of `{first}` are gone"))
        .with_hint("choose another version with `--to`, or make the model anew: `tarn run MODEL --full-refresh`"))
}

/// Whether there must be a file: a partition has rows, and so has a version that says so. Where Athena writes no rows, it writes
/// no file.
fn has_files(part: &Part, manifests: &[Manifest]) -> bool {
    let made = manifests.iter().find(|manifest| Some(&manifest.run) == part.run.as_ref());
    part.values.iter().any(Option::is_some) || made.is_some_and(|made| made.rows > 0)
}
