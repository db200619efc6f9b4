//! `tarn cost`: what queries cost.

use std::collections::HashSet;
use std::sync::Arc;

use chrono::{NaiveDate, TimeDelta};
use chrono_tz::Tz;
use clap::ValueEnum;
use serde_json::json;
use tarn_pipeline::cost::{self, By, CostLine, CountedQuery, Money, Price};
use tarn_pipeline::error::StepError;
use tarn_pipeline::ports::{ObjectStore, Silent};
use tarn_pipeline::query_costs::{self, QueryCost};
use tarn_pipeline::record::RunRecord;
use tarn_pipeline::run as pipeline_run;

use crate::args::{GlobalArguments, Target};
use crate::lake::Place;
use crate::outcome::{Outcome, Refusal};
use crate::rows::{ColumnHead, RowWriter, TableRows};
use crate::terminal::{Terminal, bytes, counted, thousands};

/// Which queries, and what they are added up by.
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// What costs are told by.
    #[arg(long, value_name = "WHAT", default_value = "model")]
    by: Sort,
    /// Leaves out what was before this day, in the lake's time zone.
    #[arg(long, value_name = "DAY")]
    since: Option<NaiveDate>,
    /// The price of a scanned terabyte; by default as `tarn.yaml` says.
    #[arg(long, value_name = "AMOUNT")]
    price: Option<String>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Sort {
    Model,
    Run,
    User,
    Day,
}

impl Sort {
    fn by(self) -> (By, &'static str) {
        match self {
            Self::Model => (By::Model, "model"),
            Self::Run => (By::Run, "run"),
            Self::User => (By::User, "user"),
            Self::Day => (By::Day, "day"),
        }
    }
}

pub(crate) async fn run(args: &Args, global: &GlobalArguments, terminal: Terminal) -> anyhow::Result<Outcome> {
    let place = Place::find(global)?;
    let lake = place.read()?;
    let written = args.price.as_deref().unwrap_or_else(|| lake.config.price_per_tb());
    let price = Price::parse(written)
        .ok_or_else(|| Refusal::new(format!("`{written}` is no price")).with_hint("write an amount like `5.00`"))?;
    let ports = place.ports(global.target, Arc::new(Silent), &lake)?;
    let runs = runs(args.since, ports.objects.as_ref()).await?;
    let queries = queries(&runs, args.since, lake.config.timezone, ports.objects.as_ref()).await?;
    let (by, word) = args.by.by();
    let lines = cost::summary(&queries, by, args.since, price);
    let total = lines.iter().fold(Money::default(), |sum, line| sum.and(line.cost));
    if terminal.json() {
        terminal.print_json(&json!({"by": word, "price_per_tb": written, "lines": lines, "total": total}))?;
        return Ok(Outcome::Done);
    }
    if lines.is_empty() {
        terminal.say("no query was run yet");
        return Ok(Outcome::Done);
    }
    print(&lines, word)?;
    let queries: u64 = lines.iter().map(|line| line.queries).sum();
    let scanned: u64 = lines.iter().map(|line| line.bytes_scanned).sum();
    terminal.say(&format!(
        "{total} for {}, {} scanned, {written} a terabyte",
        counted(queries, "statement"),
        bytes(scanned)
    ));
    if global.target == Target::Local {
        terminal.say("nothing is paid for on this machine: it is what Athena would ask for the same bytes");
    }
    Ok(Outcome::Done)
}

/// The runs that have left something since the beginning of a day, wherever that begins; without one all of them.
pub(super) async fn runs(since: Option<NaiveDate>, objects: &dyn ObjectStore) -> Result<Vec<RunRecord>, StepError> {
    match since.and_then(|day| day.and_hms_opt(0, 0, 0)) {
        // A day begins up to fourteen hours earlier elsewhere.
        Some(begin) => pipeline_run::since(begin.and_utc() - TimeDelta::days(1), objects).await,
        None => pipeline_run::all(objects).await,
    }
}

/// Every query once: those that were counted as they ended, which are all on AWS, and of the records of runs the others.
pub(super) async fn queries(
    runs: &[RunRecord],
    since: Option<NaiveDate>,
    timezone: Tz,
    objects: &dyn ObjectStore,
) -> Result<Vec<CountedQuery>, StepError> {
    let counted = query_costs::all(since, objects).await?;
    let mut queries: Vec<CountedQuery> = counted.iter().map(QueryCost::counted).collect();
    let known: HashSet<String> = queries.iter().filter_map(|query| query.id.clone()).collect();
    let of_runs = cost::of_runs(runs, timezone);
    let is_new = |query: &CountedQuery| query.id.as_ref().is_none_or(|id| !known.contains(id));
    queries.extend(of_runs.into_iter().filter(is_new));
    Ok(queries)
}

fn print(lines: &[CostLine], word: &str) -> anyhow::Result<()> {
    let mut table = TableRows::new(Box::new(std::io::stdout()));
    let head = [(word, false), ("queries", true), ("unsuccessful", true), ("scanned", true), ("cost", true)]
        .map(|(name, numeric)| ColumnHead { name: name.to_owned(), numeric, boolean: false, json: false });
    table.columns(&head)?;
    for line in lines {
        table.row(&[
            line.name.clone(),
            Some(thousands(line.queries)),
            Some(thousands(line.unsuccessful)),
            Some(bytes(line.bytes_scanned)),
            Some(line.cost.to_string()),
        ])?;
    }
    table.finish()?;
    Ok(())
}
