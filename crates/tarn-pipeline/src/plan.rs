//! What a run on AWS is to do, and how far it is: the steps around the models.
//!
//! A plan is an object in the bucket, written once under the run's id; between the steps go only the run's id and numbers of
//! models, so that what a state machine carries stays small whatever the lake's size. The id comes from schedule and time: a
//! schedule that fires twice finds the plan that is there.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use bytes::Bytes;
use chrono::{DateTime, Utc};
use futures::stream::{self, StreamExt, TryStreamExt};
use indexmap::IndexMap;
use serde::{Deserialize, Serialize};
use tarn_model::{Lake, RunConfig, Selected};
use xxhash_rust::xxh3::xxh3_64;

use crate::context::{Ports, RunContext, RunSettings};
use crate::convert;
use crate::error::StepError;
use crate::layout;
use crate::names::{Key, RunId};
use crate::ports::{Clock, ObjectStore, PendingQuery};
use crate::project::Project;
use crate::record::{LoadedRecord, ModelRecord, RunRecord, Status};
use crate::retention;
use crate::run;
use crate::run_tables;
use crate::stored;

/// What is asked for: by a schedule, or by a person.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct PlanRequest {
    /// The schedule of `tarn.yaml` that fired, when one did; its selection and variables are used.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub schedule: Option<String>,
    /// The time the run is for; now when none.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub time: Option<DateTime<Utc>>,
    /// The run's id, when whoever asks has chosen one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub run: Option<RunId>,
    /// Which models, as typed; all when empty.
    pub select: Vec<String>,
    /// Which not, as typed.
    pub exclude: Vec<String>,
    /// Variables in place of the lake's.
    pub vars: IndexMap<String, String>,
    /// Computes incremental models anew from all their input.
    pub full_refresh: bool,
    /// Does not load marts.
    pub no_load: bool,
    /// Removes no old version: a slice of a backfill, beside which another is being written.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub keep_versions: bool,
    /// Who asked.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub user: Option<String>,
}

/// What a run is to do.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Plan {
    /// The run.
    pub run: RunId,
    /// The project as it was when the run was planned; a push meanwhile does not change the run.
    pub project: Key,
    /// When it was planned.
    pub started: DateTime<Utc>,
    /// The time the run is for.
    pub time: DateTime<Utc>,
    /// What was asked for.
    pub request: PlanRequest,
    /// The models in graph order; a step names a model by its number here.
    pub models: Vec<String>,
    /// Numbers of models: those of a wave wait only for what earlier waves make.
    pub waves: Vec<Vec<usize>>,
    /// For each model, the numbers of those that it waits for: the nearest it reads, also through views that are not selected.
    pub after: Vec<Vec<usize>>,
    /// How many models are made at the same time.
    #[serde(default = "at_a_time")]
    pub at_a_time: u32,
}

/// What plans meant that do not say it.
fn at_a_time() -> u32 {
    RunConfig::default().parallel_deployed()
}

impl Plan {
    /// The plan of a run.
    pub async fn read(run: &RunId, objects: &dyn ObjectStore) -> Result<Self, StepError> {
        stored::read(&layout::plan(run), "the plan", objects).await
    }

    /// Writes the plan; whatever the run does comes after that.
    pub(crate) async fn write(&self, objects: &dyn ObjectStore) -> Result<(), StepError> {
        objects.put(&layout::plan(&self.run), self.json()?).await?;
        Ok(())
    }

    fn json(&self) -> Result<Bytes, StepError> {
        let json = serde_json::to_vec(self)
            .map_err(|error| StepError::permanent(format!("the plan cannot be written as json: {error}")))?;
        Ok(json.into())
    }

    /// The plan of a run; `None` when none was made.
    pub async fn find(run: &RunId, objects: &dyn ObjectStore) -> Result<Option<Self>, StepError> {
        stored::find(&layout::plan(run), "the plan", objects).await
    }

    /// How the executions of this run's models begin that an execution of the run starts: when the run is taken up again by another one,
    /// names that the first has used are taken for 90 days.
    pub fn names_of_children(&self, execution: &str) -> String {
        format!("{}-{:08x}", self.run, xxh3_64(execution.as_bytes()) & 0xffff_ffff)
    }

    /// The name of the execution that a schedule started for this run, as `statemachines/schedule.asl.json` makes it; none when no schedule did.
    pub fn scheduled_execution(&self) -> Option<String> {
        let schedule = self.request.schedule.as_ref()?;
        Some(format!("{schedule}-{}", self.time.format("%Y-%m-%dT%H%M%SZ")))
    }

    /// The model of a number.
    pub fn model(&self, number: usize) -> Result<&str, StepError> {
        let found = self.models.get(number).map(String::as_str);
        found.ok_or_else(|| StepError::permanent(format!("run `{}` has no model number {number}", self.run)))
    }
}

/// Makes the plan of a run, or finds the one that was made before.
pub async fn plan(request: PlanRequest, objects: &dyn ObjectStore, clock: &dyn Clock) -> Result<Plan, StepError> {
    let started = clock.now();
    let time = request.time.unwrap_or(started);
    let run = run_of(&request).unwrap_or_else(|| RunId::at(time, distinction(&request)));
    if let Some(plan) = Plan::find(&run, objects).await? {
        return Ok(plan);
    }
    let Project { key, lake } = Project::load(objects).await?;
    let request = scheduled(request, &lake)?;
    let selected = lake.select(&request.select, &request.exclude)?;
    lake.check_vars(&request.vars)?;
    let (waves, after) = numbered(&lake, &selected);
    let at_a_time = lake.config.run.parallel_deployed();
    let plan = Plan { run, project: key, started, time, request, models: selected.models, waves, after, at_a_time };
    // Two executions that were started for one run go by one plan.
    match objects.put_new(&layout::plan(&plan.run), plan.json()?).await? {
        true => Ok(plan),
        false => Plan::read(&plan.run, objects).await,
    }
}

/// The run that a request is, where it says when: its own id, or the one of its time.
pub fn run_of(request: &PlanRequest) -> Option<RunId> {
    let of_time = || request.time.map(|time| RunId::at(time, distinction(request)));
    request.run.clone().or_else(of_time)
}

/// Two schedules of one minute are two runs, and one that fires twice is one.
fn distinction(request: &PlanRequest) -> u16 {
    let asked = serde_json::to_vec(&PlanRequest { user: None, ..request.clone() }).unwrap_or_default();
    (xxh3_64(&asked) & 0xffff) as u16
}

/// The request with what its schedule says.
fn scheduled(request: PlanRequest, lake: &Lake) -> Result<PlanRequest, StepError> {
    let Some(name) = &request.schedule else { return Ok(request) };
    let known = &lake.config.schedules;
    let schedule = known.get(name).ok_or_else(|| {
        let names: Vec<&str> = known.keys().map(String::as_str).collect();
        StepError::permanent(format!("`tarn.yaml` has no schedule `{name}`"))
            .with_hint(format!("it has {}", if names.is_empty() { "none".to_owned() } else { names.join(", ") }))
    })?;
    if let Some(cluster) = &schedule.export {
        return Err(StepError::permanent(format!(
            "the schedule `{name}` exports the cluster `{cluster}`: it runs no models"
        )));
    }
    let mut vars: IndexMap<String, String> = schedule.vars.clone().into_iter().collect();
    vars.extend(request.vars.clone());
    let select = if request.select.is_empty() { schedule.select.clone() } else { request.select.clone() };
    Ok(PlanRequest { vars, select, ..request })
}

/// Waves, and what each model waits for, by the models' numbers.
fn numbered(lake: &Lake, selected: &Selected) -> (Vec<Vec<usize>>, Vec<Vec<usize>>) {
    let numbers: BTreeMap<&str, usize> =
        selected.models.iter().enumerate().map(|(number, model)| (model.as_str(), number)).collect();
    let number = |model: &str| numbers.get(model).copied();
    let planned = lake.plan(selected);
    let mut after = vec![Vec::new(); selected.models.len()];
    for model in planned.models() {
        if let Some(waiting) = number(&model.name).and_then(|number| after.get_mut(number)) {
            waiting.extend(model.after.iter().filter_map(|name| number(name)));
        }
    }
    let waves = planned.waves.iter().map(|wave| wave.iter().filter_map(|model| number(&model.name)).collect());
    (waves.collect(), after)
}

/// The models of a wave that are to be made: what reads a model that did not end well is skipped, and that is recorded. When the run was
/// cut off and goes on, those that are done are left as they are.
pub async fn wave(plan: &Plan, number: usize, lake: &Lake, objects: &dyn ObjectStore) -> Result<Vec<usize>, StepError> {
    let members = plan.waves.get(number).map(Vec::as_slice).unwrap_or_default();
    let broken = broken(plan, members, objects).await?;
    let records = records(plan, members.iter().copied(), objects).await?;
    let mut ready = Vec::new();
    for (member, record) in records {
        let model = plan.model(member)?;
        if record.is_some_and(|record| is_finished(plan, lake, &record)) {
            continue;
        }
        let waits_for = plan.after.get(member).map(Vec::as_slice).unwrap_or_default();
        let cause = waits_for.iter().find(|number| broken.contains(number)).map(|number| plan.model(*number));
        let (Some(cause), Some(found)) = (cause.transpose()?, lake.models.get(model)) else {
            ready.push(member);
            continue;
        };
        let failure = StepError::permanent(format!("it reads `{cause}`, which did not succeed")).at("plan");
        let record = ModelRecord { failure: Some(failure), ..convert::empty_record(found, Status::Skipped) };
        record.write(&plan.run, objects).await?;
    }
    Ok(ready)
}

/// Whether nothing is left to be done for a model: it is published, and loaded where it has a mart that is deployed. Where the lake says who
/// may read what, nobody has noted whether the table was opened to them after its publish: that is done again.
fn is_finished(plan: &Plan, lake: &Lake, record: &ModelRecord) -> bool {
    let is_loaded = record.loaded.is_some() || deployed_mart(plan, lake, &record.model).is_none();
    record.is_published() && is_loaded && lake.config.access.is_empty()
}

/// The mart that a model of a run is loaded into. One on somebody's laptop cannot be reached from there.
fn deployed_mart(plan: &Plan, lake: &Lake, model: &str) -> Option<String> {
    let mart = lake.models.get(model)?.mart.as_ref()?.to.clone();
    (!plan.request.no_load && lake.config.deployed_mart(&mart).is_some()).then_some(mart)
}

/// Of the models that these wait for, those that did not end well; one without a record did not end at all.
async fn broken(plan: &Plan, members: &[usize], objects: &dyn ObjectStore) -> Result<BTreeSet<usize>, StepError> {
    let awaited: BTreeSet<usize> =
        members.iter().filter_map(|member| plan.after.get(*member)).flatten().copied().collect();
    let records = records(plan, awaited, objects).await?;
    let is_broken = |record: Option<ModelRecord>| !record.is_some_and(|record| record.is_published());
    Ok(records.into_iter().filter_map(|(number, record)| is_broken(record).then_some(number)).collect())
}

/// What models of a run have left so far.
async fn records(
    plan: &Plan,
    numbers: impl IntoIterator<Item = usize>,
    objects: &dyn ObjectStore,
) -> Result<Vec<(usize, Option<ModelRecord>)>, StepError> {
    let read = async |number: usize| -> Result<_, StepError> {
        Ok((number, ModelRecord::read(&plan.run, plan.model(number)?, objects).await?))
    };
    stream::iter(numbers).map(read).buffered(stored::AT_A_TIME).try_collect().await
}

/// The record of a run as far as it is: models without a record have not been begun.
pub async fn so_far(plan: &Plan, objects: &dyn ObjectStore) -> Result<RunRecord, StepError> {
    let records = records(plan, 0..plan.models.len(), objects).await?;
    Ok(begun(plan, records.into_iter().filter_map(|(_, record)| record).collect()))
}

/// The record of a run that goes on, with what these models have left.
pub(crate) fn begun(plan: &Plan, models: Vec<ModelRecord>) -> RunRecord {
    RunRecord {
        run: plan.run.clone(),
        started: plan.started,
        finished: None,
        select: plan.request.select.clone(),
        exclude: plan.request.exclude.clone(),
        vars: plan.request.vars.clone(),
        full_refresh: plan.request.full_refresh,
        status: None,
        models,
    }
}

/// Ends a run: its record is written from those of its models. A model that left none, or none of a version that was published, was cut off.
pub async fn finish(
    plan: &Plan,
    lake: &Lake,
    objects: &dyn ObjectStore,
    clock: &dyn Clock,
) -> Result<RunRecord, StepError> {
    let mut record = so_far(plan, objects).await?;
    for model in record.models.iter_mut().filter(|model| model.status == Status::Done && !model.is_published()) {
        model.status = Status::Failed;
        model.failure = Some(StepError::transient("it was cut off before it was published").at("publish"));
    }
    let recorded: BTreeSet<String> = record.models.iter().map(|model| model.model.clone()).collect();
    for model in plan.models.iter().filter(|model| !recorded.contains(*model)) {
        let Some(found) = lake.models.get(model) else { continue };
        let failure = StepError::transient("it was cut off before it ended").at("run");
        record.models.push(ModelRecord { failure: Some(failure), ..convert::empty_record(found, Status::Failed) });
    }
    record.finished = Some(clock.now());
    record.status = Some(run::overall(&record.models));
    run::write(&record, objects).await?;
    run_tables::write(&record, &lake.config, objects).await?;
    Ok(record)
}

/// What a model of a run does next.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Next {
    /// It waits for a query.
    Query(PendingQuery),
    /// Its version is published; this mart is to be loaded.
    Load {
        /// The mart's name.
        mart: String,
    },
    /// It has ended.
    Ended(Status),
}

/// Takes one model of a run one stretch further, and keeps how far it came.
///
/// `started` is when its way began, for the time that its record tells. `ports` lead to an engine that is elsewhere, with the journal of this model.
pub async fn advance(
    plan: &Plan,
    number: usize,
    started: Option<DateTime<Utc>>,
    lake: Arc<Lake>,
    ports: Ports,
) -> Result<Next, StepError> {
    let model = plan.model(number)?.to_owned();
    let objects = Arc::clone(&ports.objects);
    let clock = Arc::clone(&ports.clock);
    let before = ModelRecord::read(&plan.run, &model, objects.as_ref()).await?;
    let mart = deployed_mart(plan, &lake, &model);
    // Readers have it already, and maybe a newer one since: it is not made again.
    if let Some(record) = before.as_ref().filter(|record| record.is_published()) {
        return Ok(after(record, mart));
    }
    let lake = if plan.request.keep_versions { retention::keeping_versions(&lake) } else { lake };
    let settings = RunSettings {
        run: plan.run.clone(),
        select: plan.request.select.clone(),
        exclude: plan.request.exclude.clone(),
        vars: plan.request.vars.clone(),
        full_refresh: plan.request.full_refresh,
        logical_time: plan.time,
        parallel: 1,
        load_marts: false,
        user: plan.request.user.clone(),
        resumable: true,
    };
    let context = RunContext { lake, ports, settings: Arc::new(settings) };
    let record = match convert::advance(context, model).await {
        convert::Progress::Waiting(query) => return Ok(Next::Query(query)),
        convert::Progress::Ended(record) => *record,
    };
    let loaded = before.and_then(|record| record.loaded);
    let since = started.map(|started| clock.now().signed_duration_since(started).num_milliseconds());
    let milliseconds = since.and_then(|since| u64::try_from(since).ok()).unwrap_or(record.milliseconds);
    let record = ModelRecord { loaded, milliseconds, ..record };
    record.write(&plan.run, objects.as_ref()).await?;
    Ok(after(&record, mart))
}

/// What follows when a model's way through the queries has come to its end.
fn after(record: &ModelRecord, mart: Option<String>) -> Next {
    match (record.status, mart) {
        (Status::Done, Some(mart)) if record.loaded.is_none() => Next::Load { mart },
        (status, _) => Next::Ended(status),
    }
}

/// Notes how the load of a model's mart ended.
pub async fn note_load(
    plan: &Plan,
    number: usize,
    loaded: Result<LoadedRecord, String>,
    objects: &dyn ObjectStore,
) -> Result<Next, StepError> {
    let model = plan.model(number)?;
    let record = ModelRecord::read(&plan.run, model, objects).await?;
    let mut record =
        record.ok_or_else(|| StepError::permanent(format!("model `{model}` was loaded before it was made")))?;
    match loaded {
        Ok(loaded) => record.loaded = Some(loaded),
        Err(message) => {
            record.status = Status::Failed;
            record.failure = Some(StepError::transient(message).at("load"));
        }
    }
    record.write(&plan.run, objects).await?;
    Ok(Next::Ended(record.status))
}

/// The step of a model at which its published table is opened to those who may read it.
pub const OPENING: &str = "open";

/// Notes that a model's version is published and could not be opened to those who may read it.
pub async fn note_unopened(
    plan: &Plan,
    number: usize,
    message: &str,
    objects: &dyn ObjectStore,
) -> Result<Next, StepError> {
    let model = plan.model(number)?;
    let record = ModelRecord::read(&plan.run, model, objects).await?;
    let mut record =
        record.ok_or_else(|| StepError::permanent(format!("model `{model}` was opened before it was made")))?;
    record.status = Status::Failed;
    record.failure = Some(
        StepError::transient(format!("it is published, but who may read it was not noted down: {message}"))
            .with_hint("`make deploy` makes the tags of `access`; then run the model again")
            .at(OPENING),
    );
    record.write(&plan.run, objects).await?;
    Ok(Next::Ended(record.status))
}
