//! `tarn backfill`: models are made again for a range of days.

mod remote;

use std::io::{BufRead, IsTerminal, Write};
use std::sync::Arc;
use std::time::Instant;

use chrono::NaiveDate;
use clap::ValueEnum;
use indexmap::IndexMap;
use indicatif::{ProgressBar, ProgressStyle};
use serde_json::json;
use tarn_model::Lake;
use tarn_pipeline::backfill::{
    self as pipeline_backfill, BackfillRecord, Cut, Estimate, Known, Request, Settings, SliceVars, Unit,
};
use tarn_pipeline::context::Ports;
use tarn_pipeline::cost::Price;
use tarn_pipeline::names::RunId;
use tarn_pipeline::ports::{Clock, Silent, SystemClock};
use tarn_pipeline::record::{RunRecord, Status};
use tarn_pipeline::{run as pipeline_run, run_tables, seeds, sources};

use super::run::{distinction, interrupted};
use crate::args::{GlobalArguments, Target};
use crate::lake::Place;
use crate::outcome::{Mistakes, Outcome, Refusal};
use crate::terminal::{Style, Terminal, bytes, counted, duration};
use crate::variables;

/// The newest runs, which may tell what a model reads.
const EARLIER_RUNS: usize = 200;

/// Which models, and for which days.
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// Models as in `tarn run`: `sessions+`, `tag:nightly`.
    #[arg(value_name = "SELECT", required = true)]
    select: Vec<String>,
    /// Leaves these out.
    #[arg(long, value_name = "SELECT")]
    exclude: Vec<String>,
    /// The first day.
    #[arg(long, value_name = "DAY")]
    from: NaiveDate,
    /// The last day.
    #[arg(long, value_name = "DAY")]
    to: NaiveDate,
    /// How the range is cut: days, weeks from Monday, or months of the calendar.
    #[arg(long, value_name = "SLICE", default_value = "day")]
    slices: Slices,
    /// Slices of so many days instead.
    #[arg(long, value_name = "DAYS", conflicts_with = "slices", value_parser = clap::value_parser!(u32).range(1..))]
    by: Option<u32>,
    /// Slices at a time; more than one goes model by model.
    #[arg(long, short, value_name = "N", default_value_t = 1, value_parser = clap::value_parser!(u16).range(1..=100))]
    jobs: u16,
    /// The variable that gets the first day of a slice; by default `backfill: {first: …}` in `tarn.yaml`.
    #[arg(long, value_name = "NAME")]
    first_var: Option<String>,
    /// The variable that gets the last day of a slice; by default `backfill: {last: …}` in `tarn.yaml`, else the only one of
    /// type date that the models read.
    #[arg(long, value_name = "NAME")]
    last_var: Option<String>,
    /// A variable in place of the one in `tarn.yaml`, for all slices.
    #[arg(long = "var", value_name = "NAME=VALUE", value_parser = variables::read)]
    vars: Vec<(String, String)>,
    /// Goes on with the same backfill where it was left.
    #[arg(long)]
    resume: bool,
    /// Shows the slices and what they will read, and does nothing.
    #[arg(long)]
    dry_run: bool,
    /// Does not ask before it spends money.
    #[arg(long, short)]
    yes: bool,
    /// Does not load marts.
    #[arg(long)]
    no_load: bool,
    /// Waits when another command holds the lake.
    #[arg(long)]
    wait: bool,
    /// On AWS: takes the steps in this process instead of starting the state machine.
    #[arg(long)]
    here: bool,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Slices {
    Day,
    Week,
    Month,
}

pub(crate) async fn run(args: &Args, global: &GlobalArguments, terminal: Terminal) -> anyhow::Result<Outcome> {
    let started = Instant::now();
    let place = Place::find(global)?;
    let lake = Arc::new(place.read()?);
    let request = request(args);
    lake.check_vars(&request.vars).map_err(Mistakes)?;
    let id = RunId::at(SystemClock.now(), distinction()?);
    let planned = pipeline_backfill::plan(&lake, &request, id, usize::from(args.jobs)).map_err(refused)?;
    let _lock = match (global.target, args.dry_run) {
        (Target::Local, false) => Some(place.lock("tarn backfill", args.wait, terminal).await?),
        _ => None,
    };
    // The opened lake lives as long as the backfill: queries spill to its folder.
    let opened;
    let ports = match global.target {
        Target::Local => {
            opened = place.open(Arc::new(Silent), &lake)?;
            opened.ports.clone()
        }
        Target::Aws => place.ports(Target::Aws, Arc::new(Silent), &lake)?,
    };
    let record = taken_up(args, planned, &ports).await?;
    let estimate = estimate(&record, &lake, &ports).await?;
    if args.dry_run {
        show(&record, &estimate, global.target, &lake, terminal)?;
        return Ok(Outcome::Done);
    }
    announce(&record, &estimate, global.target, terminal);
    if global.target == Target::Aws && !consent(&estimate, args.yes)? {
        terminal.say("nothing was started");
        return Ok(Outcome::CouldNotStart);
    }
    if global.target == Target::Aws && !args.here {
        let bar = progress(&record, terminal);
        let record = remote::run(record, args, &lake, bar, terminal).await?;
        return record.map_or(Ok(Outcome::Done), |record| summarise(&record, started, terminal));
    }
    sources::register_all(&lake, ports.catalogue.as_ref()).await?;
    run_tables::register(ports.catalogue.as_ref(), global.target.query_rows()).await?;
    let selected = lake.select(&args.select, &args.exclude).map_err(Mistakes)?;
    seeds::load_all(&lake, &selected, &ports).await?;
    let settings = Settings {
        jobs: usize::from(args.jobs),
        parallel: lake.config.run.parallel_here() as usize,
        logical_time: ports.clock.now(),
        load_marts: !args.no_load,
        user: crate::cloud::user(),
    };
    let bar = progress(&record, terminal);
    let shown = bar.clone();
    let watcher = move |unit: &Unit, ended: Option<&RunRecord>| watch(unit, ended, &shown, terminal);
    let record =
        pipeline_backfill::execute(record, Arc::clone(&lake), &ports, &settings, &watcher, interrupted()).await?;
    bar.finish_and_clear();
    summarise(&record, started, terminal)
}

/// What keeps a backfill from beginning is a mistake in the command line.
fn refused(error: tarn_pipeline::error::StepError) -> Refusal {
    Refusal { message: error.message, hint: error.hint }
}

fn request(args: &Args) -> Request {
    let cut = match (args.by, args.slices) {
        (Some(days), _) => Cut::Days(days),
        (None, Slices::Day) => Cut::Days(1),
        (None, Slices::Week) => Cut::Week,
        (None, Slices::Month) => Cut::Month,
    };
    Request {
        select: args.select.clone(),
        exclude: args.exclude.clone(),
        from: args.from,
        to: args.to,
        cut,
        vars: args.vars.iter().cloned().collect::<IndexMap<_, _>>(),
        slice_vars: SliceVars { first: args.first_var.clone(), last: args.last_var.clone() },
    }
}

/// The record to work on: the planned one, or the one that was left unfinished.
async fn taken_up(args: &Args, planned: BackfillRecord, ports: &Ports) -> anyhow::Result<BackfillRecord> {
    if !args.resume {
        return Ok(planned);
    }
    let found = BackfillRecord::unfinished(&planned.request, ports.objects.as_ref()).await?;
    Ok(found.ok_or_else(|| {
        Refusal::new("there is no unfinished backfill of these models and days")
            .with_hint("start one without `--resume`")
    })?)
}

async fn estimate(record: &BackfillRecord, lake: &Lake, ports: &Ports) -> anyhow::Result<Estimate> {
    let earlier = pipeline_run::newest(EARLIER_RUNS, ports.objects.as_ref()).await?;
    let price = lake.config.price_per_tb();
    let price = Price::parse(price).ok_or_else(|| Refusal::new(format!("`{price}` is no price")))?;
    let (catalogue, objects) = (ports.catalogue.as_ref(), ports.objects.as_ref());
    Ok(pipeline_backfill::estimate(record, lake, &earlier, price, catalogue, objects).await?)
}

fn show(
    record: &BackfillRecord,
    estimate: &Estimate,
    target: Target,
    lake: &Lake,
    terminal: Terminal,
) -> anyhow::Result<()> {
    if terminal.json() {
        return terminal.print_json(&json!({"backfill": record, "estimate": estimate}));
    }
    for unit in record.units() {
        let vars: Vec<String> = record
            .slice_vars
            .of(unit.slice, &IndexMap::new())
            .iter()
            .map(|(name, day)| format!("{name}={day}"))
            .collect();
        let done = if unit.is_done() { "  done" } else { "" };
        terminal.print(&format!("{}  {}  {}{done}", unit.slice, unit.models.join(" "), vars.join(" ")))?;
    }
    for model in &estimate.models {
        let known = match model.known {
            Known::EarlierRuns => "as earlier runs did",
            Known::SizeOfSources => "the size of what it reads",
        };
        let (runs, bytes) = (counted(model.runs, "run"), bytes(model.bytes));
        terminal.print(&format!("{}  {runs}  about {bytes}, {known}", model.model))?;
    }
    announce(record, estimate, target, terminal);
    if target == Target::Local {
        let price = lake.config.price_per_tb();
        terminal.say(&format!("on Athena it would cost about {} at {price} a terabyte", estimate.cost));
    }
    Ok(())
}

fn announce(record: &BackfillRecord, estimate: &Estimate, target: Target, terminal: Terminal) {
    let all = record.units().count();
    let left = all - record.done();
    let of = if left == all { String::new() } else { format!(" of {all} left") };
    let cost = if target == Target::Aws { format!(", about {}", estimate.cost) } else { String::new() };
    terminal.say(&format!(
        "backfill {}: {}{of}, {} to read{cost}",
        record.id,
        counted(left as u64, "run"),
        bytes(estimate.bytes)
    ));
}

/// What is to be done about the money.
#[derive(Debug, PartialEq, Eq)]
enum Money {
    Spend,
    Ask,
    Refuse,
}

fn money(estimate: &Estimate, yes: bool, is_terminal: bool) -> Money {
    match (yes || estimate.cost.is_nothing(), is_terminal) {
        (true, _) => Money::Spend,
        (false, true) => Money::Ask,
        (false, false) => Money::Refuse,
    }
}

/// Whether the money may be spent; asked where somebody is there to answer.
fn consent(estimate: &Estimate, yes: bool) -> anyhow::Result<bool> {
    match money(estimate, yes, std::io::stdin().is_terminal()) {
        Money::Spend => Ok(true),
        Money::Refuse => Err(Refusal::new(format!("this would cost about {}", estimate.cost))
            .with_hint("say `--yes` where nobody can be asked")
            .into()),
        Money::Ask => {
            let mut stderr = std::io::stderr();
            write!(stderr, "spend about {}? [y/N] ", estimate.cost)?;
            stderr.flush()?;
            let mut answer = String::new();
            std::io::stdin().lock().read_line(&mut answer)?;
            Ok(matches!(answer.trim().to_lowercase().as_str(), "y" | "yes"))
        }
    }
}

fn progress(record: &BackfillRecord, terminal: Terminal) -> ProgressBar {
    if !terminal.shows_progress() {
        return ProgressBar::hidden();
    }
    let bar = ProgressBar::new(record.units().count() as u64);
    bar.set_position(record.done() as u64);
    if let Ok(style) = ProgressStyle::with_template("  {bar:30} {pos}/{len} {msg} {elapsed} (eta {eta})") {
        bar.set_style(style);
    }
    bar
}

fn watch(unit: &Unit, ended: Option<&RunRecord>, bar: &ProgressBar, terminal: Terminal) {
    let Some(ended) = ended else {
        bar.set_message(unit.slice.to_string());
        return;
    };
    let took = ended.finished.map_or(0, |finished| (finished - ended.started).num_milliseconds());
    let took = duration(u64::try_from(took).unwrap_or_default());
    let rows: u64 = ended.models.iter().map(|model| model.rows).sum();
    let mark = match ended.status {
        Some(Status::Done) => terminal.paint(Style::Good, "✓"),
        _ => terminal.paint(Style::Bad, "✗"),
    };
    let models = unit.models.join(" ");
    bar.suspend(|| terminal.say(&format!("  {mark} {}  {models}  {}  {took}", unit.slice, counted(rows, "row"))));
    for failure in ended.models.iter().filter_map(|model| model.failure.as_ref()) {
        bar.suspend(|| terminal.say(&format!("    {}: {}", failure.step, failure.message)));
    }
    if unit.is_done() {
        bar.inc(1);
    }
}

fn summarise(record: &BackfillRecord, started: Instant, terminal: Terminal) -> anyhow::Result<Outcome> {
    if terminal.json() {
        terminal.print_json(record)?;
    }
    let took = duration(u64::try_from(started.elapsed().as_millis()).unwrap_or(u64::MAX));
    let (done, all) = (record.done() as u64, record.units().count() as u64);
    if record.finished.is_some() {
        terminal.say(&format!("{} done in {took}", counted(all, "run")));
        return Ok(Outcome::Done);
    }
    terminal
        .say(&format!("{done} of {} done in {took}; the same command with `--resume` goes on", counted(all, "run")));
    Ok(Outcome::Failed)
}

#[cfg(test)]
mod tests {
    use super::*;
    use tarn_pipeline::cost::QueryStatus;

    #[test]
    fn money_is_not_spent_unasked() {
        let free = Estimate::default();
        let cost = Price::parse("5.00").unwrap().of(1, QueryStatus::Succeeded);
        let dear = Estimate { cost, ..Estimate::default() };
        assert_eq!(money(&free, false, false), Money::Spend);
        assert_eq!(money(&dear, false, true), Money::Ask);
        assert_eq!(money(&dear, false, false), Money::Refuse);
        assert_eq!(money(&dear, true, false), Money::Spend);
    }
}
