//! `tarn rollback`: an older version of a model is published again.

use std::sync::Arc;

use tarn_pipeline::error::StepError;
use tarn_pipeline::load;
use tarn_pipeline::names::RunId;
use tarn_pipeline::ports::Silent;
use tarn_pipeline::rollback as pipeline_rollback;

use crate::args::{GlobalArguments, Target};
use crate::deployed_load::DeployedLoad;
use crate::lake::Place;
use crate::outcome::{Outcome, Refusal};
use crate::terminal::{Terminal, counted};

/// Which model, and to which version.
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// The model.
    model: String,
    /// The run whose version to publish; by default the one before the published one.
    #[arg(long, value_name = "RUN")]
    to: Option<String>,
    /// Waits when another command holds the lake.
    #[arg(long)]
    wait: bool,
}

pub(crate) async fn run(args: &Args, global: &GlobalArguments, terminal: Terminal) -> anyhow::Result<Outcome> {
    let place = Place::find(global)?;
    let lake = place.read()?;
    let model = lake
        .models
        .get(&args.model)
        .ok_or_else(|| Refusal::new(format!("there is no model `{}`", args.model)).with_hint("see `tarn ls`"))?;
    let to = args.to.clone().map(RunId::try_from).transpose().map_err(|error| Refusal::new(error.to_string()))?;
    let _lock = match global.target {
        Target::Local => Some(place.lock("tarn rollback", args.wait, terminal).await?),
        // On AWS the catalogue itself refuses a change that was made for another one's entry.
        Target::Aws => None,
    };
    let ports = place.ports(global.target, Arc::new(Silent), &lake)?;
    let deployed = DeployedLoad::of(&lake, model, global.target)?;
    let done = pipeline_rollback::rollback(&model.name, to.as_ref(), &ports).await?;
    let loaded = match (&model.mart, deployed) {
        (None, _) => Ok(None),
        (Some(_), Some(deployed)) => deployed.load(&done.to, true).await.map(Some),
        (Some(_), None) => load::published(model, true, &ports, &|_| {}).await.map(Some).map_err(Into::into),
    };
    let loaded = loaded.map_err(|error| not_loaded(&model.name, &done.to, global.target, &error))?;
    if terminal.json() {
        terminal.print_json(&serde_json::json!({
            "model": model.name, "from": done.from, "to": done.to, "loaded": loaded,
        }))?;
    } else {
        let from = done.from.map_or_else(|| "none".to_owned(), |run| run.to_string());
        terminal.say(&format!("`{}` shows the version of run {} again (it was {from})", model.name, done.to));
        if let Some(loaded) = loaded {
            terminal.say(&format!("`{}` holds its {} again", loaded.table, counted(loaded.rows, "row")));
        }
    }
    Ok(Outcome::Done)
}

/// The table is changed already when its mart refuses: the same command would go back one more version.
fn not_loaded(model: &str, to: &RunId, target: Target, error: &anyhow::Error) -> StepError {
    let target = if target == Target::Aws { " --target aws" } else { "" };
    StepError::permanent(format!("`{model}` shows the version of run {to} already, but its mart does not: {error}"))
        .with_hint(format!("`tarn load {model} --anew{target}` loads the mart; another rollback would go further back"))
}
