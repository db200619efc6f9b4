//! `tarn rollback`: an older version of a model is published again.

use std::sync::Arc;

use tarn_model::Model;
use tarn_pipeline::names::RunId;
use tarn_pipeline::ports::Silent;
use tarn_pipeline::rollback::{self as pipeline_rollback, RolledBack};

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
    let done = match DeployedLoad::of(&lake, model, global.target)? {
        Some(deployed) => {
            let mut alone: Model = model.clone();
            alone.mart = None;
            let done = pipeline_rollback::rollback(&alone, to.as_ref(), &ports).await?;
            RolledBack { loaded: Some(deployed.load(&done.to, true).await?), ..done }
        }
        None => pipeline_rollback::rollback(model, to.as_ref(), &ports).await?,
    };
    if terminal.json() {
        terminal.print_json(&serde_json::json!({
            "model": model.name, "from": done.from, "to": done.to, "loaded": done.loaded,
        }))?;
    } else {
        let from = done.from.map_or_else(|| "none".to_owned(), |run| run.to_string());
        terminal.say(&format!("`{}` shows the version of run {} again (it was {from})", model.name, done.to));
        if let Some(loaded) = done.loaded {
            terminal.say(&format!("`{}` holds its {} again", loaded.table, counted(loaded.rows, "row")));
        }
    }
    Ok(Outcome::Done)
}
