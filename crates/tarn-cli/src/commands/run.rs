//! `tarn run`: convert, audit, publish and load models.

pub(super) mod executions;
mod remote;

use std::sync::Arc;
use std::time::Instant;

use chrono::{DateTime, Utc};
use indexmap::IndexMap;
use tarn_pipeline::context::{RunContext, RunSettings};
use tarn_pipeline::names::RunId;
use tarn_pipeline::ports::{Clock, Observer, SystemClock};
use tarn_pipeline::record::{RunRecord, Status};
use tarn_pipeline::{layout, run as pipeline_run, run_tables, scan, seeds, sources};

use crate::args::{GlobalArguments, Target};
use crate::cloud::{self, Cloud};
use crate::lake::Place;
use crate::outcome::{Mistakes, Outcome, Refusal};
use crate::progress::Progress;
use crate::terminal::{Terminal, counted, duration};
use crate::variables;

/// Which models, and how.
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// Models: `sessions`, `+daily_kpi` with what it reads, `sessions+` with what reads it, `tag:nightly`,
    /// `path:models/marts`; all when none is named.
    #[arg(value_name = "SELECT")]
    select: Vec<String>,
    /// Leaves these out.
    #[arg(long, value_name = "SELECT")]
    exclude: Vec<String>,
    /// A variable in place of the one in `tarn.yaml`.
    #[arg(long = "var", value_name = "NAME=VALUE", value_parser = variables::read)]
    vars: Vec<(String, String)>,
    /// Computes incremental models anew from all their input.
    #[arg(long)]
    full_refresh: bool,
    /// How many models at a time; by default as `tarn.yaml` says.
    #[arg(long, short, value_name = "N", value_parser = clap::value_parser!(u16).range(1..))]
    jobs: Option<u16>,
    /// Does not load marts.
    #[arg(long)]
    no_load: bool,
    /// Waits when another command holds the lake.
    #[arg(long)]
    wait: bool,
    /// Repeats or finishes the run of this id; the workflow on AWS repeats none that came to its end.
    #[arg(long, value_name = "RUN")]
    run_id: Option<String>,
    /// On AWS: takes the steps in this process instead of starting the workflow.
    #[arg(long)]
    here: bool,
    /// The time the run is for (RFC 3339); `today` and `yesterday` are counted from it.
    #[arg(long, value_name = "TIME")]
    at: Option<DateTime<Utc>>,
}

pub(crate) async fn run(args: &Args, global: &GlobalArguments, terminal: Terminal) -> anyhow::Result<Outcome> {
    let started = Instant::now();
    let place = Place::find(global)?;
    let lake = Arc::new(place.read()?);
    let selected = lake.select(&args.select, &args.exclude).map_err(Mistakes)?;
    let vars: IndexMap<String, String> = args.vars.iter().cloned().collect();
    lake.check_vars(&vars).map_err(Mistakes)?;
    if selected.models.is_empty() {
        terminal.say("no model is selected; nothing to do");
        return Ok(Outcome::Done);
    }
    let progress = Arc::new(Progress::new(terminal));
    let settings = settings(args, vars, lake.config.run.parallel_here() as usize, SystemClock.now())?;
    if global.target == Target::Aws && !args.here {
        return remote::run(settings, &lake, args, progress, terminal).await;
    }
    let _lock = match global.target {
        Target::Local => Some(place.lock("tarn run", args.wait, terminal).await?),
        Target::Aws => None,
    };
    let opened;
    let ports = match global.target {
        // The opened lake lives as long as the run: queries spill to its folder.
        Target::Local => {
            opened = place.open(Arc::clone(&progress) as Arc<dyn Observer>, &lake)?;
            opened.ports.clone()
        }
        Target::Aws => {
            let journal = layout::work(&settings.run).join("here.json");
            let observer = Arc::clone(&progress) as Arc<dyn Observer>;
            Cloud::of(&lake.config)?.ports(&lake.config, Some(journal), place.marts(&lake)?, observer)
        }
    };
    let context = RunContext { lake: Arc::clone(&lake), ports: ports.clone(), settings: Arc::new(settings) };
    sources::register_all(&lake, ports.catalogue.as_ref()).await?;
    run_tables::register(ports.catalogue.as_ref(), global.target.query_rows()).await?;
    seeds::load_all(&lake, &selected, &ports).await?;
    scan::check_run(&context, &selected.models).await?;
    let record = pipeline_run::run(context, &selected, interrupted()).await?;
    progress.clear();
    summarise(&record, &place, global.target, started, terminal)?;
    Ok(match record.status {
        Some(Status::Done) => Outcome::Done,
        _ => Outcome::Failed,
    })
}

/// Completes at Ctrl-C, or when the process is asked to end.
pub(super) async fn interrupted() {
    let mut terminate = tokio::signal::unix::signal(tokio::signal::unix::SignalKind::terminate()).ok();
    let asked = async {
        match terminate.as_mut() {
            Some(signal) => signal.recv().await,
            None => std::future::pending().await,
        }
    };
    tokio::select! {
        pressed = tokio::signal::ctrl_c() => if pressed.is_err() { std::future::pending().await },
        _ = asked => {}
    }
}

fn settings(
    args: &Args,
    vars: IndexMap<String, String>,
    parallel: usize,
    now: DateTime<Utc>,
) -> anyhow::Result<RunSettings> {
    let run = match &args.run_id {
        Some(text) => RunId::try_from(text.clone()).map_err(|error| Refusal::new(error.to_string()))?,
        None => RunId::at(now, distinction()?),
    };
    Ok(RunSettings {
        run,
        select: args.select.clone(),
        exclude: args.exclude.clone(),
        vars,
        full_refresh: args.full_refresh,
        logical_time: args.at.unwrap_or(now),
        parallel: args.jobs.map_or(parallel, usize::from),
        load_marts: !args.no_load,
        user: cloud::user(),
        resumable: false,
    })
}

/// Tells two runs of one millisecond apart.
pub(crate) fn distinction() -> anyhow::Result<u16> {
    let random =
        getrandom::u32().map_err(|error| Refusal::new(format!("the system gives no random numbers: {error}")))?;
    Ok(u16::try_from(random & 0xffff)?)
}

fn summarise(
    record: &RunRecord,
    place: &Place,
    target: Target,
    started: Instant,
    terminal: Terminal,
) -> anyhow::Result<()> {
    if terminal.json() {
        return terminal.print_json(record);
    }
    let took = duration(u64::try_from(started.elapsed().as_millis()).unwrap_or(u64::MAX));
    let mut ended = vec![format!("{} done", counted(record.count(Status::Done) as u64, "model"))];
    for (status, word) in [(Status::Failed, "failed"), (Status::Skipped, "skipped"), (Status::Cancelled, "cancelled")] {
        if record.count(status) > 0 {
            ended.push(format!("{} {word}", record.count(status)));
        }
    }
    terminal.say(&format!("{} in {took}", ended.join(", ")));
    if record.status != Some(Status::Done) {
        let lake = global_lake(place);
        let target = if target == Target::Aws { " --target aws" } else { "" };
        terminal.say(&format!("see `tarn{lake} show {}{target}`", record.run));
    }
    Ok(())
}

/// The flag that names the lake, where it is needed to repeat a command.
fn global_lake(place: &Place) -> String {
    match std::env::current_dir() {
        Ok(here) if here.starts_with(&place.folder) => String::new(),
        _ => format!(" --lake {}", place.folder.display()),
    }
}
