//! `tarn run --target aws`: the workflow is started, and followed until it ends or somebody has seen enough.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::{Duration, Instant};

use tarn_aws::{Execution, Workflow};
use tarn_model::Lake;
use tarn_pipeline::context::RunSettings;
use tarn_pipeline::names::RunId;
use tarn_pipeline::plan::{self, Plan, PlanRequest};
use tarn_pipeline::ports::{Event, ObjectStore, Observer};
use tarn_pipeline::record::{RunRecord, Status};
use tarn_pipeline::run as pipeline_run;

use super::Args;
use crate::cloud::Cloud;
use crate::outcome::{Outcome, Refusal};
use crate::progress::Progress;
use crate::terminal::{Terminal, bytes, counted, duration};

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
    let is_new = workflow.start(&name, &serde_json::to_string(&request)?).await?;
    let follower = Follower { workflow, objects: cloud.objects, run, progress, seen: BTreeSet::new() };
    if !is_new {
        terminal.say(&format!("run {name} has been started before; this is how it goes"));
    }
    tokio::select! {
        ended = follower.follow() => ended.and_then(|record| conclude(&record, started, terminal)),
        () = super::interrupted() => {
            terminal.say(&format!(
                "run {name} goes on without you; come back with `tarn run --target aws --run-id {name}`, look at it with `tarn show {name} --target aws`"
            ));
            Ok(Outcome::Done)
        }
    }
}

struct Follower {
    workflow: Workflow,
    objects: Arc<dyn ObjectStore>,
    run: RunId,
    progress: Arc<Progress>,
    seen: BTreeSet<String>,
}

impl Follower {
    /// Tells of every model as it ends; the run's record, at its end.
    async fn follow(mut self) -> anyhow::Result<RunRecord> {
        let mut is_announced = false;
        loop {
            let execution = self.workflow.look(self.run.as_str()).await?;
            if let Ok(plan) = Plan::read(&self.run, self.objects.as_ref()).await {
                if !is_announced {
                    let models = plan.models.len();
                    self.progress.observe(Event::RunStarted { run: self.run.clone(), models });
                }
                is_announced = true;
                self.tell(&plan).await?;
            }
            match execution {
                Execution::Running => tokio::time::sleep(LOOK).await,
                ended => return self.record(ended).await,
            }
        }
    }

    async fn tell(&mut self, plan: &Plan) -> anyhow::Result<()> {
        for model in plan::so_far(plan, self.objects.as_ref()).await?.models {
            if self.seen.insert(model.model.clone()) {
                self.progress.observe(Event::ModelFinished(Box::new(model)));
            }
        }
        Ok(())
    }

    /// The record that the workflow wrote at its end; without one, its failure was elsewhere.
    async fn record(&self, ended: Execution) -> anyhow::Result<RunRecord> {
        self.progress.clear();
        match pipeline_run::find(&self.run, self.objects.as_ref()).await? {
            Some(record) => Ok(record),
            None => {
                let reason = match ended {
                    Execution::Failed(reason) => reason,
                    _ => "it left no record".to_owned(),
                };
                Err(Refusal::new(format!("run {} did not come to its end: {reason}", self.run)).into())
            }
        }
    }
}

fn conclude(record: &RunRecord, started: Instant, terminal: Terminal) -> anyhow::Result<Outcome> {
    if terminal.json() {
        terminal.print_json(record)?;
    } else {
        let took = duration(u64::try_from(started.elapsed().as_millis()).unwrap_or(u64::MAX));
        let scanned: u64 = record.models.iter().flat_map(|model| &model.queries).map(|query| query.bytes_scanned).sum();
        let done = counted(record.count(Status::Done) as u64, "model");
        let others = record.models.len() - record.count(Status::Done);
        let others = if others > 0 { format!(", {others} not") } else { String::new() };
        terminal.say(&format!("{done} done{others} in {took}, {} scanned", bytes(scanned)));
        if record.status != Some(Status::Done) {
            terminal.say(&format!("see `tarn show {} --target aws`", record.run));
        }
    }
    Ok(if record.status == Some(Status::Done) { Outcome::Done } else { Outcome::Failed })
}
