//! `tarn status`: how the lake is, at one look.

mod deployed;

use std::sync::Arc;

use chrono::{DateTime, Days, Utc};
use chrono_tz::Tz;
use serde::Serialize;
use tarn_model::{Cron, Lake, Schedule};
use tarn_pipeline::cost::{self, By, CostLine, Money, Price};
use tarn_pipeline::ingest::quarantine;
use tarn_pipeline::ports::{Clock, ObjectStore, Silent, SystemClock};
use tarn_pipeline::project::{self, Difference};
use tarn_pipeline::record::{RunRecord, Status as Ended};

use crate::args::{GlobalArguments, Target};
use crate::cloud::Cloud;
use crate::lake::Place;
use crate::outcome::{Outcome, Refusal};
use crate::terminal::{Style, Terminal, bytes, counted, duration};

/// How many days of costs are shown, today included.
const DAYS: u64 = 7;
/// What times look like, in the lake's zone.
const MINUTES: &str = "%Y-%m-%d %H:%M";

/// How much of it.
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// How many of the newest runs.
    #[arg(long, short = 'n', default_value_t = 5)]
    limit: usize,
}

/// All that is told.
#[derive(Debug, Serialize)]
struct Status {
    lake: String,
    target: &'static str,
    /// Now, in the lake's zone.
    time: DateTime<Tz>,
    schedules: Vec<Scheduled>,
    runs: Vec<Run>,
    costs: Costs,
    quarantine: Vec<Quarantined>,
    /// How the files here differ from what was pushed; none on a laptop, and when nothing was.
    #[serde(skip_serializing_if = "Option::is_none")]
    project: Option<Pushed>,
    /// What else is deployed otherwise than the files say; none on a laptop.
    #[serde(skip_serializing_if = "Option::is_none")]
    infrastructure: Option<Vec<String>>,
    /// Alarms that ring; none on a laptop.
    #[serde(skip_serializing_if = "Option::is_none")]
    alarms: Option<Alarms>,
}

#[derive(Debug, Serialize)]
struct Scheduled {
    name: String,
    cron: String,
    does: String,
    /// None when it never fires again.
    next: Option<DateTime<Tz>>,
}

#[derive(Debug, Serialize)]
struct Run {
    run: String,
    started: DateTime<Tz>,
    status: &'static str,
    milliseconds: Option<u64>,
    select: Vec<String>,
    done: usize,
    /// Models that did not end well, and what they said.
    failed: Vec<Failed>,
}

#[derive(Debug, Serialize)]
struct Failed {
    model: String,
    reason: String,
}

#[derive(Debug, Serialize)]
struct Costs {
    /// By day, the newest first; days without a query are left out.
    days: Vec<CostLine>,
    total: Money,
}

#[derive(Debug, Serialize)]
struct Quarantined {
    source: String,
    records: u64,
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "snake_case")]
enum Pushed {
    Nothing,
    Differs(Difference),
    Same,
}

#[derive(Debug, Serialize)]
struct Alarms {
    ringing: Vec<Ringing>,
    /// Why nobody knows.
    #[serde(skip_serializing_if = "Option::is_none")]
    unknown: Option<String>,
    /// Where to see all of them.
    #[serde(skip_serializing_if = "Option::is_none")]
    link: Option<String>,
}

#[derive(Debug, Serialize)]
struct Ringing {
    name: String,
    since: Option<DateTime<Tz>>,
    description: String,
    reason: String,
}

pub(crate) async fn run(args: &Args, global: &GlobalArguments, terminal: Terminal) -> anyhow::Result<Outcome> {
    let place = Place::find(global)?;
    let lake = place.read()?;
    let ports = place.ports(global.target, Arc::new(Silent), &lake)?;
    let objects = ports.objects.as_ref();
    let now = SystemClock.now();
    let runs = super::runs::newest(args.limit, objects).await?;
    let (project, infrastructure, alarms) = match global.target {
        Target::Local => (None, None, None),
        Target::Aws => {
            let cloud = Cloud::of(&lake.config)?;
            let drift = deployed::drift(&lake, &cloud).await?;
            (Some(pushed(&place, objects).await?), Some(drift), Some(deployed::alarms(&lake, &cloud).await))
        }
    };
    let status = Status {
        lake: lake.config.name.clone(),
        target: if global.target == Target::Aws { "aws" } else { "local" },
        time: now.with_timezone(&lake.config.timezone),
        schedules: schedules(&lake, now),
        costs: costs(&lake, now, objects).await?,
        runs: runs.iter().map(|record| of_run(record, lake.config.timezone)).collect(),
        quarantine: quarantined(&lake, objects).await?,
        project,
        infrastructure,
        alarms,
    };
    match terminal.json() {
        true => terminal.print_json(&status)?,
        false => print(&status, terminal)?,
    }
    Ok(Outcome::Done)
}

fn schedules(lake: &Lake, now: DateTime<Utc>) -> Vec<Scheduled> {
    let read = |(name, schedule): (&String, &Schedule)| {
        let does = match &schedule.export {
            Some(cluster) => format!("export of {cluster}"),
            None if schedule.select.is_empty() => "all models".to_owned(),
            None => schedule.select.join(" "),
        };
        Scheduled {
            name: name.clone(),
            cron: schedule.cron.clone(),
            does,
            // A lake whose `cron` cannot be read was refused.
            next: Cron::parse(&schedule.cron).ok().and_then(|cron| cron.next_after(now, lake.config.timezone)),
        }
    };
    lake.config.schedules.iter().map(read).collect()
}

fn of_run(record: &RunRecord, zone: Tz) -> Run {
    let failed = record.models.iter().filter(|model| model.status == Ended::Failed).map(|model| {
        let said = model.failure.as_ref().map(|failure| failure.message.as_str()).unwrap_or_default();
        Failed { model: model.model.clone(), reason: said.lines().next().unwrap_or_default().to_owned() }
    });
    let took = record.finished.map(|finished| (finished - record.started).num_milliseconds());
    Run {
        run: record.run.to_string(),
        started: record.started.with_timezone(&zone),
        status: super::runs::status(record.status),
        milliseconds: took.and_then(|took| u64::try_from(took).ok()),
        select: record.select.clone(),
        done: record.count(Ended::Done),
        failed: failed.collect(),
    }
}

async fn costs(lake: &Lake, now: DateTime<Utc>, objects: &dyn ObjectStore) -> anyhow::Result<Costs> {
    let zone = lake.config.timezone;
    let since = now.with_timezone(&zone).date_naive().checked_sub_days(Days::new(DAYS - 1));
    let runs = super::cost::runs(since, objects).await?;
    let written = lake.config.price_per_tb();
    let price = Price::parse(written).ok_or_else(|| Refusal::new(format!("`{written}` is no price")))?;
    let queries = super::cost::queries(&runs, since, zone, objects).await?;
    let days = cost::summary(&queries, By::Day, since, price);
    let total = days.iter().fold(Money::default(), |sum, line| sum.and(line.cost));
    Ok(Costs { days, total })
}

async fn quarantined(lake: &Lake, objects: &dyn ObjectStore) -> anyhow::Result<Vec<Quarantined>> {
    let mut found = Vec::new();
    for source in lake.sources.keys() {
        let records = quarantine::count(source, objects).await?;
        if records > 0 {
            found.push(Quarantined { source: source.clone(), records });
        }
    }
    Ok(found)
}

async fn pushed(place: &Place, objects: &dyn ObjectStore) -> anyhow::Result<Pushed> {
    if !project::is_pushed(objects).await? {
        return Ok(Pushed::Nothing);
    }
    let difference = project::difference(&place.files()?, objects).await?;
    Ok(if difference.is_empty() { Pushed::Same } else { Pushed::Differs(difference) })
}

fn print(status: &Status, terminal: Terminal) -> std::io::Result<()> {
    let zone = status.time.timezone();
    let head = |title: &str| terminal.print(&terminal.paint(Style::Strong, title));
    let place = if status.target == "aws" { "on AWS" } else { "on this machine" };
    head(&format!("{} {place}, {} {zone}", status.lake, status.time.format(MINUTES)))?;

    head("schedules")?;
    for schedule in &status.schedules {
        let next = schedule.next.map_or_else(|| "never again".to_owned(), |next| next.format(MINUTES).to_string());
        terminal.print(&format!("  {next}  {}: {}", schedule.name, schedule.does))?;
    }
    none(status.schedules.is_empty(), terminal)?;

    head("runs")?;
    for run in &status.runs {
        let style = if run.status == "done" { Style::Good } else { Style::Bad };
        let select = if run.select.is_empty() { "all models".to_owned() } else { run.select.join(" ") };
        terminal.print(&format!(
            "  {}  {}  {}, {} done in {}, {select}",
            run.started.format(MINUTES),
            run.run,
            terminal.paint(style, run.status),
            run.done,
            run.milliseconds.map_or_else(|| "-".to_owned(), duration),
        ))?;
        for failed in &run.failed {
            terminal.print(&format!("      {}: {}", terminal.paint(Style::Bad, &failed.model), failed.reason))?;
        }
    }
    none(status.runs.is_empty(), terminal)?;

    head("costs of seven days")?;
    for day in &status.costs.days {
        let name = day.name.as_deref().unwrap_or_default();
        let (queries, scanned) = (counted(day.queries, "statement"), bytes(day.bytes_scanned));
        terminal.print(&format!("  {name}  {}  {queries}, {scanned} scanned", day.cost))?;
    }
    match status.costs.days.is_empty() {
        true => none(true, terminal)?,
        false => terminal.print(&format!("  in all      {}", status.costs.total))?,
    }

    head("quarantine")?;
    for source in &status.quarantine {
        terminal.print(&format!("  {}: {}", source.source, counted(source.records, "record")))?;
    }
    none(status.quarantine.is_empty(), terminal)?;
    deployed::print(status, terminal)
}

fn none(is_so: bool, terminal: Terminal) -> std::io::Result<()> {
    if is_so { terminal.print("  none") } else { Ok(()) }
}
