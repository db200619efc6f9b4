//! `tarn run --target aws`: the workflow is started, and followed until it ends or somebody has seen enough.

use std::collections::{BTreeMap, HashSet};
use std::sync::Arc;
use std::time::{Duration, Instant};

use tarn_aws::{Execution, Workflow};
use tarn_model::Lake;
use tarn_pipeline::context::RunSettings;
use tarn_pipeline::cost::{Money, Price, QueryStatus};
use tarn_pipeline::names::RunId;
use tarn_pipeline::plan::{Plan, PlanRequest};
use tarn_pipeline::ports::{Event, Object, ObjectStore, Observer};
use tarn_pipeline::record::{ModelRecord, RunRecord, Status};
use tarn_pipeline::run as pipeline_run;

use super::Args;
use super::executions::{self, Begun};
use crate::cloud::Cloud;
use crate::outcome::{Outcome, Refusal};
use crate::progress::Progress;
use crate::terminal::{Style, Terminal, bytes, counted, duration};

/// How often is looked.
const LOOK: Duration = Duration::from_secs(1);

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
    let name = run.to_string();
    if let Some(record) = pipeline_run::find(&run, cloud.objects.as_ref()).await?.filter(has_ended) {
        terminal.say(&format!("run {name} has been started before, and has ended; nothing is started"));
        progress.observe(Event::RunStarted { run, models: record.models.len() });
        record.models.iter().for_each(|model| progress.observe(Event::ModelFinished(Box::new(model.clone()))));
        progress.clear();
        return conclude(&record, price, started, terminal);
    }
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
    let plan = Plan::find(&run, cloud.objects.as_ref()).await?;
    let request = serde_json::to_string(&request)?;
    let left = ModelRecord::left(&run, cloud.objects.as_ref()).await?;
    let (execution, before) = match executions::begin(&workflow, &run, plan.as_ref(), &request).await? {
        Begun::New(execution) => (execution, HashSet::new()),
        Begun::Again(execution) => {
            terminal.say(&format!("run {name} did not come to its end; it goes on as the execution `{execution}`"));
            (execution, left)
        }
        Begun::Before(execution) => {
            terminal.say(&format!("run {name} has been started before; this is how it goes"));
            (execution, HashSet::new())
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
        before,
        told: BTreeMap::new(),
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

/// Whether a run has come to its end, whatever became of its models. What one did that was left in the middle is made up for when it goes on.
fn has_ended(record: &RunRecord) -> bool {
    record.status.is_some_and(|status| status != Status::Cancelled)
}

struct Follower {
    workflow: Workflow,
    execution: String,
    objects: Arc<dyn ObjectStore>,
    run: RunId,
    progress: Arc<Progress>,
    terminal: Terminal,
    price: Price,
    /// What models have left in executions before this one.
    before: HashSet<Object>,
    /// Models that were told of, and how they had ended.
    told: BTreeMap<String, Status>,
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
                let is_told = |model: &str| self.told.contains_key(model);
                let ended = ModelRecord::ended(&self.run, is_told, &self.before, self.objects.as_ref()).await?;
                self.tell(ended, models);
            }
            match execution {
                Execution::Running => tokio::time::sleep(LOOK).await,
                ended => return self.record(ended, planned.unwrap_or_default()).await,
            }
        }
    }

    /// Tells of models that have ended, and of those that ended otherwise than was told: a published one whose mart was not loaded.
    fn tell(&mut self, ended: Vec<ModelRecord>, models: usize) {
        let told = self.told.len();
        for model in ended {
            let before = self.told.insert(model.model.clone(), model.status);
            if before.is_none() {
                self.cost = self.cost.and(cost_of(&model, self.price));
            }
            if before != Some(model.status) {
                self.progress.observe(Event::ModelFinished(Box::new(model)));
            }
        }
        if self.told.len() > told && self.told.len() < models && !self.terminal.json() {
            let so_far = format!("  {} of {models} models, {} so far", self.told.len(), self.cost.for_people());
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
