//! The function `workflow-plan`: the steps of a run around its models, and of a backfill around its runs. What it answers stays small whatever the lake's size: the
//! plan itself is an object in the bucket, and a model goes by its number.

use std::sync::Arc;

use bytes::Bytes;
use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};
use tarn_aws::BucketNames;
use tarn_lambda::{Answer, Failure, Handler, Invocation, Report, Settings};
use tarn_pipeline::backfill::deployed::{self, Given};
use tarn_pipeline::names::RunId;
use tarn_pipeline::plan::{self, Plan, PlanRequest};
use tarn_pipeline::ports::{Clock, ObjectStore};
use tarn_pipeline::project::Project;
use tarn_pipeline::record::{ModelRecord, Status};
use tarn_pipeline::run;

/// Failed models that are named in an answer; the run's record has all of them.
const NAMED: usize = 5;
/// Characters of a reason that are told in an answer.
const REASON: usize = 500;

/// What the function is told by its environment.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FunctionSettings {
    /// Where project, plans and records are.
    pub buckets: BucketNames,
}

impl FunctionSettings {
    /// Reads the settings.
    pub fn read(settings: &mut Settings) -> Self {
        let lake = settings.required("TARN_BUCKET", "the lake's bucket, with the project and the plans");
        let raw = settings.optional("TARN_RAW_BUCKET").unwrap_or_else(|| lake.clone());
        Self { buckets: BucketNames { lake, raw } }
    }
}

/// One step of a run.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(tag = "step", rename_all = "snake_case")]
enum Event {
    /// Which models, in which waves.
    Plan {
        /// What was asked for.
        request: PlanRequest,
        /// The name of the execution that is to follow the plan.
        #[serde(default)]
        execution: String,
    },
    /// The models of a wave that can be made.
    Wave {
        /// The run.
        run: RunId,
        /// The wave, from 0.
        wave: usize,
    },
    /// The end of a run, good or bad.
    Finish {
        /// The run.
        run: RunId,
    },
    /// The slices of a backfill that can be begun.
    NextSlices {
        /// What the backfill was started with.
        given: Given,
        /// When this try of it began.
        since: DateTime<Utc>,
    },
    /// Whether a slice begins, and as which run.
    Slice {
        /// What the backfill was started with.
        given: Given,
        /// When this try of it began.
        since: DateTime<Utc>,
        /// The slice's number.
        slice: usize,
        /// When the state machine came here.
        now: DateTime<Utc>,
    },
    /// The end of a slice, good or bad.
    SliceEnded {
        /// What the backfill was started with.
        given: Given,
        /// When this try of it began.
        since: DateTime<Utc>,
        /// The slice's number.
        slice: usize,
        /// Its run.
        run: RunId,
        /// Why its execution failed, when it did.
        #[serde(default)]
        error: Option<String>,
    },
    /// Whether all slices are done, and which models are to be closed then.
    BackfillEnd {
        /// What the backfill was started with.
        given: Given,
        /// When the state machine came here.
        now: DateTime<Utc>,
    },
    /// The end of a backfill.
    BackfillFinish {
        /// What the backfill was started with.
        given: Given,
        /// The run under which its models were closed.
        run: RunId,
    },
}

/// What is answered to `slice_ended`.
#[derive(Debug, PartialEq, Eq, Serialize)]
struct SliceEnded {
    status: Status,
}

/// What is answered to `plan`.
#[derive(Debug, PartialEq, Eq, Serialize)]
struct Planned<'a> {
    run: &'a RunId,
    waves: Vec<usize>,
    models: usize,
    at_a_time: u32,
    /// What the names of the models' executions begin with.
    children: String,
}

/// What is answered to `wave`.
#[derive(Debug, PartialEq, Eq, Serialize)]
struct Wave {
    models: Vec<usize>,
}

/// What is answered to `finish`.
#[derive(Debug, PartialEq, Eq, Serialize)]
struct Finished {
    run: RunId,
    status: Status,
    done: usize,
    failed: usize,
    skipped: usize,
    /// The first models that failed, and why.
    failures: Vec<FailedModel>,
}

#[derive(Debug, PartialEq, Eq, Serialize)]
struct FailedModel {
    model: String,
    step: String,
    reason: String,
}

/// The function.
pub struct WorkflowPlan {
    objects: Arc<dyn ObjectStore>,
    clock: Arc<dyn Clock>,
}

impl WorkflowPlan {
    /// The function on this bucket.
    pub fn new(objects: Arc<dyn ObjectStore>, clock: Arc<dyn Clock>) -> Self {
        Self { objects, clock }
    }

    async fn plan(&self, request: PlanRequest, execution: &str) -> Result<Answer, Failure> {
        let plan = plan::plan(request, self.objects.as_ref(), self.clock.as_ref()).await?;
        run::begin(&plan, self.objects.as_ref()).await?;
        tracing::info!(run = %plan.run, models = plan.models.len(), waves = plan.waves.len(), "the run is planned");
        let report = Report::default().with("Models", plan.models.len() as u64);
        let planned = Planned {
            run: &plan.run,
            waves: (0..plan.waves.len()).collect(),
            models: plan.models.len(),
            at_a_time: plan.at_a_time,
            children: plan.names_of_children(execution),
        };
        answer(&planned, report)
    }

    async fn wave(&self, run: &RunId, number: usize) -> Result<Answer, Failure> {
        let objects = self.objects.as_ref();
        let plan = Plan::read(run, objects).await?;
        let lake = Project::read(plan.project.clone(), objects).await?.lake;
        let models = plan::wave(&plan, number, &lake, objects).await?;
        let report = Report::default().with("Models", models.len() as u64);
        answer(&Wave { models }, report)
    }

    async fn finish(&self, run: &RunId) -> Result<Answer, Failure> {
        let objects = self.objects.as_ref();
        let plan = Plan::read(run, objects).await?;
        let lake = Project::read(plan.project.clone(), objects).await?.lake;
        let record = plan::finish(&plan, &lake, objects, self.clock.as_ref()).await?;
        let report = Report::default()
            .with("Done", record.count(Status::Done) as u64)
            .with("Failed", record.count(Status::Failed) as u64)
            .with("Skipped", record.count(Status::Skipped) as u64);
        let failures = record.models.iter().filter(|model| model.status == Status::Failed).take(NAMED);
        let finished = Finished {
            run: record.run.clone(),
            status: record.status.unwrap_or(Status::Failed),
            done: record.count(Status::Done),
            failed: record.count(Status::Failed),
            skipped: record.count(Status::Skipped),
            failures: failures.map(failed).collect(),
        };
        answer(&finished, report)
    }
}

impl WorkflowPlan {
    /// A step of a backfill.
    async fn backfill(&self, event: Event) -> Result<Answer, Failure> {
        let (objects, clock) = (self.objects.as_ref(), self.clock.as_ref());
        match event {
            Event::NextSlices { given, since } => {
                let next = deployed::next(&given, since, objects).await?;
                tracing::info!(backfill = %given.backfill, ?next, "the next slices");
                answer(&next, Report::default())
            }
            Event::Slice { given, since, slice, now } => {
                let begun = deployed::slice(&given, since, slice, now, objects).await?;
                answer(&begun, Report::default())
            }
            Event::SliceEnded { given, since, slice, run, error } => {
                let status = deployed::slice_ended(&given, since, slice, &run, error, objects, clock).await?;
                tracing::info!(backfill = %given.backfill, slice, %run, ?status, "a slice has ended");
                answer(&SliceEnded { status }, Report::default().with("Slices", 1))
            }
            Event::BackfillEnd { given, now } => answer(&deployed::end(&given, now, objects).await?, Report::default()),
            Event::BackfillFinish { given, run } => {
                let ended = deployed::finish(&given, &run, objects, clock).await?;
                tracing::info!(backfill = %given.backfill, status = ?ended.status, left = ended.left, "the backfill has ended");
                answer(&ended, Report::default())
            }
            Event::Plan { .. } | Event::Wave { .. } | Event::Finish { .. } => {
                Err(Failure::permanent("this is no step of a backfill"))
            }
        }
    }
}

impl Handler for WorkflowPlan {
    async fn handle(&self, invocation: Invocation) -> Result<Answer, Failure> {
        let event = serde_json::from_slice(&invocation.body)
            .map_err(|error| Failure::permanent(format!("the event is no step of a run: {error}")))?;
        match event {
            Event::Plan { request, execution } => self.plan(request, &execution).await,
            Event::Wave { run, wave } => self.wave(&run, wave).await,
            Event::Finish { run } => self.finish(&run).await,
            event => self.backfill(event).await,
        }
    }
}

fn failed(record: &ModelRecord) -> FailedModel {
    let failure = record.failure.as_ref();
    FailedModel {
        model: record.model.clone(),
        step: failure.map(|failure| failure.step.clone()).unwrap_or_default(),
        reason: failure.map(|failure| failure.message.chars().take(REASON).collect()).unwrap_or_default(),
    }
}

fn answer(value: &impl Serialize, report: Report) -> Result<Answer, Failure> {
    let body = serde_json::to_vec(value).map(Bytes::from).map_err(Failure::permanent)?;
    Ok(Answer { body, report })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_sample_events_are_steps() {
        for sample in [
            include_str!("../events/plan.json"),
            include_str!("../events/scheduled.json"),
            include_str!("../events/wave.json"),
            include_str!("../events/finish.json"),
            include_str!("../events/next_slices.json"),
            include_str!("../events/slice.json"),
            include_str!("../events/slice_ended.json"),
            include_str!("../events/backfill_end.json"),
            include_str!("../events/backfill_finish.json"),
        ] {
            serde_json::from_str::<Event>(sample).unwrap();
        }
        let wrong = serde_json::from_str::<Event>(r#"{"step": "plan", "request": {"selct": []}}"#);
        assert!(wrong.unwrap_err().to_string().contains("selct"));
    }
}
