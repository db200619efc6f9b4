//! What the models of a run read together, counted as each of them begins, wherever it is made.
//!
//! Each model leaves an object whose name tells what it will read, and then looks at those of all: of two that begin at the same
//! time at least the later one sees both. So the sum of those that went on never passes the limit, and nobody has to keep it.

use std::collections::BTreeMap;

use bytes::Bytes;
use tarn_model::Model;

use super::amount;
use crate::context::RunContext;
use crate::error::StepError;
use crate::layout;
use crate::names::{Key, RunId};
use crate::ports::ObjectStore;

/// Takes what a model reads from what its run may read.
///
/// # Errors
/// When less is left; then nothing was taken.
pub(super) async fn take(context: &RunContext, model: &Model, reads: u64, limit: u64) -> Result<(), StepError> {
    let (run, objects) = (&context.settings.run, context.ports.objects.as_ref());
    let own = layout::scan(run, &model.name, reads);
    objects.put(&own, Bytes::from_static(b"{}")).await?;
    let (taken, before) = taken(run, &model.name, objects).await?;
    let earlier: Vec<Key> = before.into_iter().filter(|key| *key != own).collect();
    if !earlier.is_empty() {
        objects.delete(&earlier).await?;
    }
    let together = taken.saturating_add(reads);
    if together <= limit {
        return Ok(());
    }
    objects.delete(&[own]).await?;
    Err(StepError::permanent(format!(
        "with the query of model `{}`, which would read about {}, this run would read about {}; `run: {{scan_limit: …}}` in tarn.yaml \
         allows {}. The query was not started",
        model.name,
        amount(reads),
        amount(together),
        amount(limit)
    ))
    .with_hint("select fewer models or days, or raise the limit"))
}

/// What the other models of the run have taken, and what this one has from an earlier try.
async fn taken(run: &RunId, model: &str, objects: &dyn ObjectStore) -> Result<(u64, Vec<Key>), StepError> {
    let mut others: BTreeMap<String, u64> = BTreeMap::new();
    let mut own = Vec::new();
    for object in objects.list(&layout::scans(run)).await? {
        let name = object.key.file_name().trim_end_matches(".json");
        let Some((of, bytes)) = name.rsplit_once('-') else { continue };
        let Ok(bytes) = bytes.parse::<u64>() else { continue };
        if of == model {
            own.push(object.key);
            continue;
        }
        // One that is being tried again may have two for a moment.
        let most = others.entry(of.to_owned()).or_default();
        *most = bytes.max(*most);
    }
    Ok((others.values().fold(0, |sum, bytes| sum.saturating_add(*bytes)), own))
}
