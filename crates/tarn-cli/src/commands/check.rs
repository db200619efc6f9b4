//! `tarn check`: every mistake in the lake's files, and in the SQL of its models, before anything runs.

use std::sync::Arc;

use indexmap::IndexMap;
use tarn_model::{Diagnostics, Lake, Severity};
use tarn_pipeline::check::{self, Checked, Mistake};
use tarn_pipeline::ports::Silent;

use crate::args::GlobalArguments;
use crate::lake::{LAKE_FILE, Place};
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
    let (lake, found) = Lake::read(&place.files()?);
    if found.iter().any(|mistake| mistake.severity == Severity::Error && mistake.file == LAKE_FILE) {
        // Nothing holds that other files rely on.
        return report(&Checked::default(), &found, 0, terminal);
    }
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
    let checked = check::check(&lake, &vars, &opened.ports, known.as_deref(), &found).await?;
    report(&checked, &found, lake.models.len(), terminal)
}

/// Tells the mistakes of the files, then those that planning found.
fn report(checked: &Checked, found: &Diagnostics, models: usize, terminal: Terminal) -> anyhow::Result<Outcome> {
    let errors = found.iter().filter(|one| one.severity == Severity::Error);
    let of_files: Vec<Mistake> = errors.map(|one| Mistake::at(None, one.clone())).collect();
    let mistakes: Vec<Mistake> = of_files.into_iter().chain(checked.mistakes.iter().cloned()).collect();
    for mistake in &mistakes {
        match &mistake.shown {
            Some(shown) => terminal.mistakes(&shown.clone().into()),
            None => terminal.error(&format!("{}: {}", mistake.file, mistake.message), mistake.hint.as_deref()),
        }
    }
    let warnings: Diagnostics = found.iter().filter(|one| one.severity == Severity::Warning).cloned().collect();
    if !warnings.is_empty() {
        terminal.say(warnings.render(false).trim_end());
    }
    for model in &checked.unchecked {
        terminal.say(&format!("`{model}` could not be checked: something it reads has a mistake, or no columns yet"));
    }
    let outcome = if mistakes.is_empty() {
        let checked = models - checked.unchecked.len();
        terminal.say(&format!("{} checked, no mistake found", counted(checked as u64, "model")));
        Outcome::Done
    } else {
        terminal.say(&format!("{} found", counted(mistakes.len() as u64, "mistake")));
        Outcome::CouldNotStart
    };
    if terminal.json() {
        terminal.print_json(&Checked { mistakes, unchecked: checked.unchecked.clone() })?;
    }
    Ok(outcome)
}
