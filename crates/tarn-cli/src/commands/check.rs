//! `tarn check`: every mistake in the lake's files, and in the SQL of its models, before anything runs.

use std::sync::Arc;

use indexmap::IndexMap;
use tarn_pipeline::check::{self, Checked};
use tarn_pipeline::ports::Silent;

use crate::args::GlobalArguments;
use crate::lake::Place;
use crate::outcome::{Mistakes, Outcome};
use crate::terminal::{Terminal, counted};
use crate::variables;

/// What is checked.
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// A variable in place of the one in `tarn.yaml`.
    #[arg(long = "var", value_name = "NAME=VALUE", value_parser = variables::read)]
    vars: Vec<(String, String)>,
}

pub(crate) async fn run(args: &Args, global: &GlobalArguments, terminal: Terminal) -> anyhow::Result<Outcome> {
    let place = Place::find(global)?;
    let lake = Arc::new(place.read()?);
    let vars: IndexMap<String, String> = args.vars.iter().cloned().collect();
    lake.check_vars(&vars).map_err(Mistakes)?;
    // The models are planned against empty tables of the declared columns, in a place of their own.
    let scratch = tempfile::tempdir()?;
    let scratch_place = Place { folder: place.folder.clone(), data: scratch.path().to_owned() };
    let opened = scratch_place.open(Arc::new(Silent), &lake)?;
    let known = match place.data.is_dir() {
        true => Some(place.open(Arc::new(Silent), &lake)?.ports.catalogue),
        false => None,
    };
    let checked = check::check(&lake, &vars, &opened.ports, known.as_deref()).await?;
    report(&checked, lake.models.len(), terminal)
}

fn report(checked: &Checked, models: usize, terminal: Terminal) -> anyhow::Result<Outcome> {
    if terminal.json() {
        terminal.print_json(checked)?;
    }
    for mistake in &checked.mistakes {
        terminal.error(&mistake.message, mistake.hint.as_deref());
    }
    for model in &checked.unchecked {
        terminal.say(&format!("`{model}` could not be checked: something it reads has a mistake, or no columns yet"));
    }
    if checked.mistakes.is_empty() {
        terminal
            .say(&format!("{} checked, no mistake found", counted((models - checked.unchecked.len()) as u64, "model")));
        return Ok(Outcome::Done);
    }
    terminal.say(&format!("{} found", counted(checked.mistakes.len() as u64, "mistake")));
    Ok(Outcome::CouldNotStart)
}
