//! `tarn push`: the lake's files become what the deployed functions read.

use serde::Serialize;
use tarn_pipeline::names::Key;
use tarn_pipeline::project;

use crate::args::GlobalArguments;
use crate::cloud;
use crate::lake::Place;
use crate::outcome::Outcome;
use crate::terminal::Terminal;

/// Nothing but what every command takes.
#[derive(Debug, clap::Args)]
pub(crate) struct Args {}

#[derive(Serialize)]
struct Pushed {
    project: Key,
    location: String,
}

pub(crate) async fn run(_: &Args, global: &GlobalArguments, terminal: Terminal) -> anyhow::Result<Outcome> {
    let place = Place::find(global)?;
    let lake = place.read()?;
    let objects = cloud::buckets(&lake.config)?;
    let project = project::push(&place.files()?, objects.as_ref()).await?;
    let location = objects.uri(&project);
    if terminal.json() {
        terminal.print_json(&Pushed { project, location })?;
    } else {
        terminal.say(&format!("pushed {location}; functions take it up within a minute"));
    }
    Ok(Outcome::Done)
}
