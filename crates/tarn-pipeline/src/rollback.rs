//! Rollback: an older version is published again, by the same one change, and its mart is loaded anew.

use crate::context::Ports;
use crate::error::StepError;
use crate::load::{self, LoadRequest};
use crate::manifest::{Manifest, State};
use crate::names::RunId;
use crate::ports::TableEntry;
use crate::record::LoadedRecord;

use std::sync::Arc;

use tarn_model::Model;

/// What a rollback did.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RolledBack {
    /// The run whose version readers saw before.
    pub from: Option<RunId>,
    /// The run whose version readers see now.
    pub to: RunId,
    /// What was loaded into the mart.
    pub loaded: Option<LoadedRecord>,
}

/// Publishes the version of the run `to`, or the newest one before what is published.
pub async fn rollback(model: &Model, to: Option<&RunId>, ports: &Ports) -> Result<RolledBack, StepError> {
    let current = ports.catalogue.get(&model.name).await?.ok_or_else(|| {
        StepError::permanent(format!("model `{}` was never published", model.name)).with_hint("make it with `tarn run`")
    })?;
    let manifests = Manifest::all(&model.name, ports.objects.as_ref()).await?;
    let (target, entry) = choose(&model.name, &manifests, current.run.as_ref(), to)?;
    refuse_if_gone(&entry, ports).await?;
    let published = ports.catalogue.publish(TableEntry { version: current.version, ..entry }).await?;
    Ok(RolledBack {
        from: current.run,
        to: target.clone(),
        loaded: load_again(model, &published, &target, ports).await?,
    })
}

/// The version to go back to.
fn choose(
    model: &str,
    manifests: &[Manifest],
    current: Option<&RunId>,
    to: Option<&RunId>,
) -> Result<(RunId, TableEntry), StepError> {
    let published =
        || manifests.iter().filter(|manifest| manifest.state == State::Published && Some(&manifest.run) != current);
    let chosen = match to {
        Some(run) => published().find(|manifest| &manifest.run == run),
        None => published().find(|manifest| current.is_none_or(|current| &manifest.run < current)),
    };
    let entry = chosen.and_then(|manifest| manifest.entry.clone().map(|entry| (manifest.run.clone(), entry)));
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
async fn refuse_if_gone(entry: &TableEntry, ports: &Ports) -> Result<(), StepError> {
    for part in entry.parts() {
        if part.values.iter().any(Option::is_some) && ports.objects.list(&part.location).await?.is_empty() {
            return Err(StepError::permanent(format!("the files of `{}` are gone", part.location))
                .with_hint("choose another version with `--to`"));
        }
    }
    Ok(())
}

async fn load_again(
    model: &Model,
    entry: &TableEntry,
    run: &RunId,
    ports: &Ports,
) -> Result<Option<LoadedRecord>, StepError> {
    let Some(target) = &model.mart else {
        return Ok(None);
    };
    let mart = ports
        .marts
        .get(&target.to)
        .ok_or_else(|| StepError::permanent(format!("there is no mart `{}` in tarn.yaml", target.to)))?;
    let request = LoadRequest { entry, target, run, anew: true };
    let loaded = load::load(request, mart.as_ref(), Arc::clone(&ports.objects), &|_| {}).await?;
    Ok(Some(loaded))
}
