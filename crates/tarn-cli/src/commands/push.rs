//! `tarn push`: the lake's files become what the deployed functions read.

use std::sync::Arc;

use indexmap::IndexMap;
use serde::Serialize;
use tarn_pipeline::names::Key;
use tarn_pipeline::ports::Silent;
use tarn_pipeline::{project, run_tables, seeds, sources};

use crate::args::{GlobalArguments, Target};
use crate::cloud::Cloud;
use crate::lake::Place;
use crate::outcome::{Mistakes, Outcome};
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
    let cloud = Cloud::of(&lake.config)?;
    let objects = Arc::clone(&cloud.objects);
    // Tables before files: what does not fit together is refused before a function reads it.
    cloud.catalogue.create_database().await?;
    sources::register_all(&lake, cloud.catalogue.as_ref()).await?;
    run_tables::register(cloud.catalogue.as_ref(), Target::Aws.query_rows()).await?;
    let project = project::push(&place.files()?, objects.as_ref()).await?;
    let location = objects.uri(&project);
    let everything = lake.select(&[], &[]).map_err(Mistakes)?;
    let ports = cloud.ports(&lake.config, None, IndexMap::new(), Arc::new(Silent));
    seeds::load_all(&lake, &everything, &ports).await?;
    if terminal.json() {
        terminal.print_json(&Pushed { project, location })?;
    } else {
        terminal.say(&format!("pushed {location}; functions take it up within a minute"));
    }
    Ok(Outcome::Done)
}
