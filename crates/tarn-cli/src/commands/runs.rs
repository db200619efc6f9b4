//! `tarn runs`: what was run, and how it ended.

use std::sync::Arc;

use tarn_pipeline::error::StepError;
use tarn_pipeline::ports::{ObjectStore, Silent};
use tarn_pipeline::record::{RunRecord, Status};
use tarn_pipeline::run as pipeline_run;

use crate::args::GlobalArguments;
use crate::lake::Place;
use crate::outcome::Outcome;
use crate::terminal::{Terminal, duration};

/// How many.
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// How many of the newest.
    #[arg(long, short = 'n', default_value_t = 20)]
    limit: usize,
}

pub(crate) async fn run(args: &Args, global: &GlobalArguments, terminal: Terminal) -> anyhow::Result<Outcome> {
    let place = Place::find(global)?;
    let lake = place.read()?;
    let ports = place.ports(global.target, Arc::new(Silent), &lake)?;
    let runs = newest(args.limit, ports.objects.as_ref()).await?;
    if terminal.json() {
        terminal.print_json(&runs)?;
        return Ok(Outcome::Done);
    }
    if runs.is_empty() {
        terminal.say("nothing was run yet");
    }
    for record in runs {
        terminal.print(&line(&record))?;
    }
    Ok(Outcome::Done)
}

/// The newest runs as they are now, newest first.
pub(super) async fn newest(count: usize, objects: &dyn ObjectStore) -> Result<Vec<RunRecord>, StepError> {
    let mut runs = Vec::new();
    for record in pipeline_run::newest(count, objects).await? {
        runs.push(pipeline_run::present(record, objects).await?);
    }
    Ok(runs)
}

fn line(record: &RunRecord) -> String {
    let took = record
        .finished
        .map(|finished| u64::try_from((finished - record.started).num_milliseconds()).unwrap_or_default())
        .map_or_else(|| "-".to_owned(), duration);
    let select = if record.select.is_empty() { "all models".to_owned() } else { record.select.join(" ") };
    format!(
        "{}  {}  {:>8}  {:<10} {} done, {} failed, {} skipped  {select}",
        record.run,
        record.started.format("%Y-%m-%d %H:%M:%S UTC"),
        took,
        status(record.status),
        record.count(Status::Done),
        record.count(Status::Failed),
        record.count(Status::Skipped),
    )
}

/// How a run ended; one without an end goes on still, or was killed.
pub(crate) fn status(status: Option<Status>) -> &'static str {
    match status {
        Some(Status::Done) => "done",
        Some(Status::Failed | Status::Skipped) => "failed",
        Some(Status::Cancelled) => "cancelled",
        None => "unfinished",
    }
}
