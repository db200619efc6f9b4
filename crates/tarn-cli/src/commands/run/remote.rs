//! `tarn run --target aws`: the workflow is started, and followed until it ends or somebody has seen enough.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::{Duration, Instant};

use tarn_aws::{Execution, Workflow};
use tarn_model::Lake;
use tarn_pipeline::context::RunSettings;
use tarn_pipeline::cost::{Money, Price, QueryStatus};
use tarn_pipeline::names::RunId;
use tarn_pipeline::plan::{Plan, PlanRequest};
use tarn_pipeline::ports::{Event, ObjectStore, Observer};
use tarn_pipeline::record::{ModelRecord, RunRecord, Status};
use tarn_pipeline::run as pipeline_run;

use super::Args;
use crate::cloud::Cloud;
use crate::outcome::{Outcome, Refusal};
use crate::progress::Progress;
use crate::terminal::{Style, Terminal, bytes, counted, duration};

/// How often is looked.
const LOOK: Duration = Duration::from_secs(1);
/// How often a run is taken up again.
const MOST_EXECUTIONS: usize = 20;

/// Starts the workflow, or finds the one of this run, and follows it.
pub(super) async fn run(
    settings: RunSettings,
    lake: &Lake,
    args: &Args,
    progress: Arc<Progress>,
    terminal: Terminal,
) -> anyhow::Result<Outcome> {
    let started = Instant::now();
    let written = lake.config.price_per_tb();
    let price = Price::parse(written).ok_or_else(|| Refusal::new(format!("`{written}` is no price")))?;
    let cloud = Cloud::of(&lake.config)?;
    let workflow = cloud.workflow(&lake.config).await?;
    let run = settings.run.clone();
    let request = PlanRequest {
        schedule: None,
        time: args.at,
        run: Some(run.clone()),
        select: settings.select,
        exclude: settings.exclude,
        vars: settings.vars,
        full_refresh: settings.full_refresh,
        no_load: args.no_load,
        keep_versions: false,
        user: settings.user,
    };
    let name = run.to_string();
    let scheduled = Plan::find(&run, cloud.objects.as_ref()).await?.as_ref().and_then(Plan::scheduled_execution);
    let execution = match begin(&workflow, &run, scheduled, &serde_json::to_string(&request)?).await? {
        Begun::New(execution) if execution == name => execution,
        Begun::New(execution) => {
            terminal.say(&format!("run {name} did not come to its end; it goes on as the execution `{execution}`"));
            execution
        }
        Begun::Before(execution) => {
            terminal.say(&format!("run {name} has been started before; this is how it goes"));
            execution
        }
    };
    let follower = Follower {
        workflow,
        execution,
        objects: cloud.objects,
        run,
        progress,
        terminal,
        price,
        seen: BTreeSet::new(),
        cost: Money::default(),
    };
    tokio::select! {
        ended = follower.follow() => ended.and_then(|record| conclude(&record, price, started, terminal)),
        () = super::interrupted() => {
            terminal.say(&format!(
                "run {name} goes on without you; come back with `tarn run --target aws --run-id {name}`, look at it with `tarn show {name} --target aws`"
            ));
            Ok(Outcome::Done)
        }
    }
}

/// The execution that is to be followed.
enum Begun {
    /// It has just been started.
    New(String),
    /// It has been started before, and goes on or has ended well.
    Before(String),
}

/// Starts the run, or finds the execution in which it goes on. The name of an execution is taken for 90 days: a run that was cut off goes on
/// in another one, `<run>-2` and so on.
async fn begin(workflow: &Workflow, run: &RunId, scheduled: Option<String>, request: &str) -> anyhow::Result<Begun> {
    if let Some(name) = scheduled
        && workflow.look_for(&name).await? == Some(Execution::Running)
    {
        return Ok(Begun::Before(name));
    }
    for number in 1..=MOST_EXECUTIONS {
        let name = if number == 1 { run.to_string() } else { format!("{run}-{number}") };
        if workflow.start(&name, request).await? {
            return Ok(Begun::New(name));
        }
        if !matches!(workflow.look(&name).await?, Execution::Failed(_)) {
            return Ok(Begun::Before(name));
        }
    }
    let refusal = Refusal::new(format!("run {run} was started {MOST_EXECUTIONS} times and never came to a good end"));
    Err(refusal.with_hint(format!("see why with `tarn show {run} --target aws`")).into())
}

struct Follower {
    workflow: Workflow,
    execution: String,
    objects: Arc<dyn ObjectStore>,
    run: RunId,
    progress: Arc<Progress>,
    terminal: Terminal,
    price: Price,
    /// Models that were told of.
    seen: BTreeSet<String>,
    /// What their queries cost.
    cost: Money,
}

impl Follower {
    /// Tells of every model as it ends; the run's record, at its end.
    async fn follow(mut self) -> anyhow::Result<RunRecord> {
        let mut planned = None;
        loop {
            let execution = self.workflow.look(&self.execution).await?;
            if planned.is_none() {
                planned = Plan::find(&self.run, self.objects.as_ref()).await?.map(|plan| plan.models.len());
                if let Some(models) = planned {
                    self.progress.observe(Event::RunStarted { run: self.run.clone(), models });
                }
            }
            if let Some(models) = planned {
                let ended = ModelRecord::ended(&self.run, &self.seen, self.objects.as_ref()).await?;
                self.tell(ended, models);
            }
            match execution {
                Execution::Running => tokio::time::sleep(LOOK).await,
                ended => return self.record(ended, planned.unwrap_or_default()).await,
            }
        }
    }

    fn tell(&mut self, ended: Vec<ModelRecord>, models: usize) {
        let told = self.seen.len();
        for model in ended {
            if self.seen.insert(model.model.clone()) {
                self.cost = self.cost.and(cost_of(&model, self.price));
                self.progress.observe(Event::ModelFinished(Box::new(model)));
            }
        }
        if self.seen.len() > told && self.seen.len() < models && !self.terminal.json() {
            let so_far = format!("  {} of {models} models, {} so far", self.seen.len(), self.cost.for_people());
            self.progress.line(&self.terminal.paint(Style::Dim, &so_far));
        }
    }

    /// The record that the workflow wrote at its end; without one, its failure was elsewhere.
    async fn record(&mut self, ended: Execution, models: usize) -> anyhow::Result<RunRecord> {
        let found = pipeline_run::find(&self.run, self.objects.as_ref()).await?;
        if let Some(record) = found.filter(|record| record.status.is_some()) {
            self.tell(record.models.clone(), models);
            self.progress.clear();
            return Ok(record);
        }
        self.progress.clear();
        let reason = match ended {
            Execution::Failed(reason) => reason,
            _ => "it left no record".to_owned(),
        };
        Err(Refusal::new(format!("run {} did not come to its end: {reason}", self.run)).into())
    }
}

/// What the queries of a model cost, failed and cancelled ones as they are billed.
fn cost_of(model: &ModelRecord, price: Price) -> Money {
    let each = model.queries.iter().map(|query| price.of(query.bytes_scanned, QueryStatus::of(query, model)));
    each.fold(Money::default(), Money::and)
}

fn conclude(record: &RunRecord, price: Price, started: Instant, terminal: Terminal) -> anyhow::Result<Outcome> {
    if terminal.json() {
        terminal.print_json(record)?;
    } else {
        let took = duration(u64::try_from(started.elapsed().as_millis()).unwrap_or(u64::MAX));
        let scanned: u64 = record.models.iter().flat_map(|model| &model.queries).map(|query| query.bytes_scanned).sum();
        let done = counted(record.count(Status::Done) as u64, "model");
        let others = record.models.len() - record.count(Status::Done);
        let others = if others > 0 { format!(", {others} not") } else { String::new() };
        let cost = record.models.iter().fold(Money::default(), |sum, model| sum.and(cost_of(model, price)));
        let cost = cost.for_people();
        terminal.say(&format!("{done} done{others} in {took}, {} scanned for {cost}", bytes(scanned)));
        if record.status != Some(Status::Done) {
            terminal.say(&format!("see `tarn show {} --target aws`", record.run));
        }
    }
    Ok(if record.status == Some(Status::Done) { Outcome::Done } else { Outcome::Failed })
}
