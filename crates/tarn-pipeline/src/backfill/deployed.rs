//! A backfill on AWS: what its state machine asks between runs.
//!
//! The state machine has ids and numbers only. One step at a time writes the backfill's record ([`next`], [`end`], [`finish`]); slices
//! that go on side by side have an object each. A try is one execution of the state machine: a slice that failed before it began is
//! taken again, under a new run, because a run on AWS is planned once with the project of that moment; a slice that fails after it
//! began keeps further ones from beginning.

use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};

use super::{BackfillRecord, Unit};
use crate::convert;
use crate::error::StepError;
use crate::layout;
use crate::names::{Key, RunId};
use crate::plan::{self, Plan, PlanRequest};
use crate::ports::{Clock, ObjectStore};
use crate::project::Project;
use crate::record::{ModelRecord, RunRecord, Status};
use crate::run;
use crate::run_tables;
use crate::stored;

/// Slices of a batch per slice at a time: more are fewer executions, fewer are younger runs.
const DEPTH: usize = 10;
/// The most slices of a batch, and models: some twenty events each in a history that holds 25,000.
const MOST: usize = 200;
/// The most slices at a time. They begin in their order, but for those of one moment: behind so many that have not, none has.
const AT_A_TIME: usize = 100;
/// Failures that are named in an answer.
const NAMED: usize = 5;
/// Characters of a reason that are told.
const REASON: usize = 500;

/// What a backfill was started with; it goes along from step to step.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Given {
    /// The backfill.
    pub backfill: RunId,
    /// The time it is for; `today` and `yesterday` are counted from it.
    pub time: DateTime<Utc>,
    /// Slices at a time, at least 1.
    #[serde(default)]
    pub jobs: usize,
    /// Does not load marts.
    #[serde(default)]
    pub no_load: bool,
    /// Who asked.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub user: Option<String>,
}

/// What comes next.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(tag = "next", rename_all = "snake_case")]
pub enum Next {
    /// These slices.
    Slices {
        /// Their numbers among all runs of the backfill.
        slices: Vec<usize>,
        /// How many of them at a time.
        at_a_time: usize,
    },
    /// None: all are done, or one has failed.
    End,
}

/// Whether a slice begins.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(tag = "next", rename_all = "snake_case")]
pub enum Begun {
    /// As this run.
    Run {
        /// Its id.
        run: RunId,
        /// What it is to make.
        request: Box<PlanRequest>,
    },
    /// It waits for the next try: another slice has failed.
    Stop,
}

/// How the slices ended, or the models after them.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Ended {
    /// `done` or `failed`.
    pub status: Status,
    /// The run under which models are closed.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub run: Option<RunId>,
    /// Numbers of the models to close, in batches.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub batches: Vec<Vec<usize>>,
    /// Runs that are not done, or models that are not closed.
    pub left: usize,
    /// The first of them that failed, and why.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub failures: Vec<String>,
}

/// The run of one slice, and how it ended.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct SliceRun {
    /// The run.
    pub run: RunId,
    /// How it ended; none before it did.
    pub status: Option<Status>,
}

/// What is left behind when a slice has failed.
#[derive(Serialize, Deserialize)]
struct Stopped {
    since: DateTime<Utc>,
}

/// The slices that can be begun; `since` is when this try began.
pub async fn next(given: &Given, since: DateTime<Utc>, objects: &dyn ObjectStore) -> Result<Next, StepError> {
    let record = brought_up_to_date(&given.backfill, objects).await?;
    record.write(objects).await?;
    // A run of this try that has not ended well has failed: nothing goes on while this is asked.
    let tried = |unit: &Unit| unit.run.as_ref().is_some_and(|run| is_since(run, since));
    if record.units().any(|unit| tried(unit) && !unit.is_done()) {
        return Ok(Next::End);
    }
    let mut first = 0;
    for stage in &record.stages {
        let left = stage.units.iter().enumerate().filter(|(_, unit)| !unit.is_done());
        let mut slices: Vec<usize> = left.map(|(number, _)| first + number).collect();
        if !slices.is_empty() {
            let at_a_time = if stage.side_by_side { given.jobs.max(1) } else { 1 };
            slices.truncate((DEPTH * at_a_time).min(MOST));
            return Ok(Next::Slices { slices, at_a_time });
        }
        first += stage.units.len();
    }
    Ok(Next::End)
}

/// Gives a slice its run; `now` is when this was first asked, so that asking again gives the same.
pub async fn slice(
    given: &Given,
    since: DateTime<Utc>,
    number: usize,
    now: DateTime<Utc>,
    objects: &dyn ObjectStore,
) -> Result<Begun, StepError> {
    let stopped: Option<Stopped> = stored::find(&layout::stopped(&given.backfill), "the note", objects).await?;
    if stopped.is_some_and(|stopped| stopped.since >= since) {
        return Ok(Begun::Stop);
    }
    let record = BackfillRecord::read(&given.backfill, objects).await?;
    let unit = unit(&record, number)?;
    let run = RunId::at(now, u16::try_from(number % 0x1_0000).unwrap_or_default());
    write(&layout::slice(&given.backfill, number), &SliceRun { run: run.clone(), status: None }, objects).await?;
    let request = PlanRequest {
        time: Some(given.time),
        run: Some(run.clone()),
        select: unit.models.clone(),
        vars: record.slice_vars.of(unit.slice, &record.request.vars),
        no_load: true,
        keep_versions: true,
        user: given.user.clone(),
        ..PlanRequest::default()
    };
    Ok(Begun::Run { run, request: Box::new(request) })
}

/// Notes how a slice ended: as its run's record says, and as failed for `error` when it left none.
pub async fn slice_ended(
    given: &Given,
    since: DateTime<Utc>,
    number: usize,
    run: &RunId,
    error: Option<String>,
    objects: &dyn ObjectStore,
    clock: &dyn Clock,
) -> Result<Status, StepError> {
    let record = match run::find(run, objects).await? {
        Some(record) if record.status.is_some() => record,
        _ => cut_off(given, number, run, error, objects, clock).await?,
    };
    let status = record.status.unwrap_or(Status::Failed);
    if status != Status::Done {
        write(&layout::stopped(&given.backfill), &Stopped { since }, objects).await?;
    }
    write(&layout::slice(&given.backfill, number), &SliceRun { run: run.clone(), status: Some(status) }, objects)
        .await?;
    Ok(status)
}

/// The record of a run that left none: it was cut off, or never planned.
async fn cut_off(
    given: &Given,
    number: usize,
    run: &RunId,
    error: Option<String>,
    objects: &dyn ObjectStore,
    clock: &dyn Clock,
) -> Result<RunRecord, StepError> {
    if let Some(plan) = Plan::find(run, objects).await? {
        let lake = Project::read(plan.project.clone(), objects).await?.lake;
        return plan::finish(&plan, &lake, objects, clock).await;
    }
    let backfill = BackfillRecord::read(&given.backfill, objects).await?;
    let unit = unit(&backfill, number)?;
    let lake = Project::load(objects).await?.lake;
    let reason = error.unwrap_or_else(|| "it did not begin".to_owned());
    let failed = |name: &String| {
        let failure = StepError::permanent(reason.clone()).at("plan");
        let model = lake.models.get(name)?;
        Some(ModelRecord { failure: Some(failure), ..convert::empty_record(model, Status::Failed) })
    };
    let now = clock.now();
    let record = RunRecord {
        run: run.clone(),
        started: now,
        finished: Some(now),
        select: unit.models.clone(),
        exclude: Vec::new(),
        vars: backfill.slice_vars.of(unit.slice, &backfill.request.vars),
        full_refresh: false,
        status: Some(Status::Failed),
        models: unit.models.iter().filter_map(failed).collect(),
    };
    run::write(&record, objects).await?;
    run_tables::write(&record, &lake.config, objects).await?;
    Ok(record)
}

/// Whether all slices are done, and then the run under which their models are closed.
pub async fn end(given: &Given, now: DateTime<Utc>, objects: &dyn ObjectStore) -> Result<Ended, StepError> {
    let record = brought_up_to_date(&given.backfill, objects).await?;
    record.write(objects).await?;
    let left: Vec<&Unit> = record.units().filter(|unit| !unit.is_done()).collect();
    if !left.is_empty() {
        let failures = reasons(&left, objects).await?;
        return Ok(Ended { status: Status::Failed, run: None, batches: Vec::new(), left: left.len(), failures });
    }
    let Project { key, lake } = Project::load(objects).await?;
    let models: Vec<String> = record.models().into_iter().filter(|name| lake.models.contains_key(name)).collect();
    let numbers: Vec<usize> = (0..models.len()).collect();
    let request = PlanRequest {
        time: Some(given.time),
        no_load: given.no_load,
        user: given.user.clone(),
        ..PlanRequest::default()
    };
    // Newer than every slice.
    let run = RunId::at(now, u16::MAX);
    let plan = Plan {
        run: run.clone(),
        project: key,
        started: now,
        time: given.time,
        request,
        models,
        waves: Vec::new(),
        after: Vec::new(),
        at_a_time: lake.config.run.parallel_deployed(),
    };
    plan.write(objects).await?;
    let batches = numbers.chunks(MOST).map(<[usize]>::to_vec).collect();
    Ok(Ended { status: Status::Done, run: Some(run), batches, left: 0, failures: Vec::new() })
}

/// Why runs have failed.
async fn reasons(units: &[&Unit], objects: &dyn ObjectStore) -> Result<Vec<String>, StepError> {
    let mut reasons = Vec::new();
    for unit in units.iter().filter(|unit| unit.status == Some(Status::Failed)).take(NAMED) {
        let record = match &unit.run {
            Some(run) => run::find(run, objects).await?,
            None => None,
        };
        let failed = record.and_then(|record| record.models.into_iter().find_map(|model| model.failure));
        reasons.push(match failed {
            Some(failure) => format!("{}: {}: {}", unit.slice, failure.step, shortened(&failure.message)),
            None => unit.slice.to_string(),
        });
    }
    Ok(reasons)
}

fn shortened(reason: &str) -> String {
    reason.chars().take(REASON).collect()
}

/// Ends a backfill whose slices are done: it is finished when every model is closed.
pub async fn finish(
    given: &Given,
    run: &RunId,
    objects: &dyn ObjectStore,
    clock: &dyn Clock,
) -> Result<Ended, StepError> {
    let plan = Plan::read(run, objects).await?;
    let (mut left, mut failures) = (0, Vec::new());
    for model in &plan.models {
        let record = ModelRecord::read(run, model, objects).await?;
        if record.as_ref().is_some_and(|record| record.status == Status::Done) {
            continue;
        }
        left += 1;
        if failures.len() < NAMED {
            let reason = record.and_then(|record| record.failure).map(|failure| shortened(&failure.message));
            failures.push(format!("{model}: {}", reason.as_deref().unwrap_or("it was cut off before it ended")));
        }
    }
    if left == 0 {
        let mut record = BackfillRecord::read(&given.backfill, objects).await?;
        record.finished = Some(clock.now());
        record.write(objects).await?;
    }
    let status = if left == 0 { Status::Done } else { Status::Failed };
    Ok(Ended { status, run: None, batches: Vec::new(), left, failures })
}

/// The record with what has become of the slices since it was written; what is done stays done.
///
/// # Errors
/// When it cannot be read.
pub async fn brought_up_to_date(backfill: &RunId, objects: &dyn ObjectStore) -> Result<BackfillRecord, StepError> {
    let mut record = BackfillRecord::read(backfill, objects).await?;
    let mut absent = 0;
    for (number, unit) in record.stages.iter_mut().flat_map(|stage| &mut stage.units).enumerate() {
        if unit.is_done() {
            continue;
        }
        match stored::find(&layout::slice(backfill, number), "the record", objects).await? {
            Some(SliceRun { run, status }) => {
                unit.run = Some(run);
                unit.status = status;
                absent = 0;
            }
            None => absent += 1,
        }
        if absent > AT_A_TIME {
            break;
        }
    }
    Ok(record)
}

/// Whether a run was begun at this time or later.
fn is_since(run: &RunId, since: DateTime<Utc>) -> bool {
    *run >= RunId::at(since, 0)
}

fn unit(record: &BackfillRecord, number: usize) -> Result<&Unit, StepError> {
    let found = record.units().nth(number);
    found.ok_or_else(|| StepError::permanent(format!("backfill `{}` has no run number {number}", record.id)))
}

async fn write(key: &Key, value: &impl Serialize, objects: &dyn ObjectStore) -> Result<(), StepError> {
    let json = serde_json::to_vec(value)
        .map_err(|error| StepError::permanent(format!("`{key}` cannot be written as json: {error}")))?;
    Ok(objects.put(key, json.into()).await?)
}
