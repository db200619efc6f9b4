//! A run: all selected models, each after the models it reads, as many at a time as the settings say.
//!
//! A model that fails skips the models that read it, and the rest goes on. The record of the run is written as models end, so
//! that a run that is killed leaves what it did.

use std::collections::{BTreeMap, BTreeSet};
use std::future::Future;

use chrono::{DateTime, Utc};
use futures::stream::{self, StreamExt, TryStreamExt};
use tarn_model::Selected;
use tokio::task::JoinSet;

use crate::context::RunContext;
use crate::convert;
use crate::error::StepError;
use crate::layout;
use crate::names::RunId;
use crate::plan::{self, Plan};
use crate::ports::{Event, Object, ObjectStore};
use crate::record::{ModelRecord, RunRecord, Status};
use crate::run_tables;
use crate::stored;

/// Runs the selected models and returns the run's record, which is also kept in the bucket.
///
/// When `stop` completes, no further model starts, those under way are dropped (nothing of them is visible), and the record says
/// `cancelled`.
pub async fn run(
    context: RunContext,
    selected: &Selected,
    stop: impl Future<Output = ()>,
) -> Result<RunRecord, StepError> {
    let mut run = Run::new(context, selected);
    run.observe_start();
    run.write_record().await?;
    tokio::pin!(stop);
    loop {
        run.start_what_can();
        if run.running.is_empty() {
            break;
        }
        tokio::select! {
            biased;
            () = &mut stop => {
                run.cancel().await;
                break;
            }
            ended = run.running.join_next() => match ended {
                Some(Ok(record)) => run.note(record).await?,
                Some(Err(error)) => return Err(StepError::permanent(format!("a model's task ended without an answer: {error}"))),
                None => break,
            }
        }
    }
    run.finish().await
}

struct Run {
    context: RunContext,
    record: RunRecord,
    /// Models not started yet, in graph order.
    waiting: Vec<String>,
    /// For each selected model, the selected models that it waits for: the nearest it reads, also through views that are not selected.
    upstream: BTreeMap<String, BTreeSet<String>>,
    running: JoinSet<ModelRecord>,
    under_way: BTreeSet<String>,
}

impl Run {
    fn new(context: RunContext, selected: &Selected) -> Self {
        let waiting: Vec<String> = selected.models.clone();
        let plan = context.lake.plan(selected);
        let upstream = plan.models().map(|model| (model.name.clone(), model.after.iter().cloned().collect())).collect();
        let settings = &context.settings;
        let record = RunRecord {
            run: settings.run.clone(),
            started: context.ports.clock.now(),
            finished: None,
            select: settings.select.clone(),
            exclude: settings.exclude.clone(),
            vars: settings.vars.clone(),
            full_refresh: settings.full_refresh,
            status: None,
            models: Vec::new(),
        };
        Self { context, record, waiting, upstream, running: JoinSet::new(), under_way: BTreeSet::new() }
    }

    fn observe_start(&self) {
        self.context
            .ports
            .observer
            .observe(Event::RunStarted { run: self.record.run.clone(), models: self.waiting.len() });
    }

    /// Starts the models whose upstream is done, up to the limit.
    fn start_what_can(&mut self) {
        let limit = self.context.settings.parallel.max(1);
        while self.running.len() < limit {
            let Some(position) = self.waiting.iter().position(|model| self.is_ready(model)) else {
                return;
            };
            let model = self.waiting.remove(position);
            self.under_way.insert(model.clone());
            self.running.spawn(convert::run_model(self.context.clone(), model));
        }
    }

    fn is_ready(&self, model: &str) -> bool {
        self.upstream.get(model).is_none_or(|upstream| {
            upstream.iter().all(|name| !self.waiting.contains(name) && !self.under_way.contains(name))
        })
    }

    /// Notes how a model ended; its failure skips what reads it, directly or not.
    async fn note(&mut self, record: ModelRecord) -> Result<(), StepError> {
        self.under_way.remove(&record.model);
        let broken = (record.status != Status::Done).then(|| record.model.clone());
        self.push(record);
        if let Some(broken) = broken {
            self.skip_downstream(broken);
        }
        self.write_record().await
    }

    fn skip_downstream(&mut self, broken: String) {
        let mut causes = vec![broken];
        while let Some(cause) = causes.pop() {
            let (skipped, waiting) = std::mem::take(&mut self.waiting)
                .into_iter()
                .partition(|model| self.upstream.get(model).is_some_and(|upstream| upstream.contains(&cause)));
            self.waiting = waiting;
            let skipped: Vec<String> = skipped;
            for model in skipped {
                let failure = StepError::permanent(format!("it reads `{cause}`, which did not succeed")).at("plan");
                self.push_unstarted(&model, Status::Skipped, Some(failure));
                causes.push(model);
            }
        }
    }

    fn push_unstarted(&mut self, model: &str, status: Status, failure: Option<crate::record::Failure>) {
        if let Some(found) = self.context.lake.models.get(model) {
            let record = ModelRecord { failure, ..convert::empty_record(found, status) };
            self.push(record);
        }
    }

    fn push(&mut self, record: ModelRecord) {
        self.context.ports.observer.observe(Event::ModelFinished(Box::new(record.clone())));
        self.record.models.push(record);
    }

    async fn cancel(&mut self) {
        self.running.shutdown().await;
        let unfinished: Vec<String> =
            std::mem::take(&mut self.under_way).into_iter().chain(std::mem::take(&mut self.waiting)).collect();
        for model in unfinished {
            self.push_unstarted(&model, Status::Cancelled, None);
        }
    }

    async fn finish(mut self) -> Result<RunRecord, StepError> {
        self.record.finished = Some(self.context.ports.clock.now());
        self.record.status = Some(overall(&self.record.models));
        self.write_record().await?;
        let RunContext { lake, ports, .. } = &self.context;
        run_tables::write(&self.record, &lake.config, ports.objects.as_ref()).await?;
        Ok(self.record)
    }

    async fn write_record(&self) -> Result<(), StepError> {
        write(&self.record, self.context.ports.objects.as_ref()).await
    }
}

pub(crate) fn overall(models: &[ModelRecord]) -> Status {
    let has = |status| models.iter().any(|model| model.status == status);
    if has(Status::Cancelled) {
        Status::Cancelled
    } else if has(Status::Failed) || has(Status::Skipped) {
        Status::Failed
    } else {
        Status::Done
    }
}

pub(crate) async fn write(record: &RunRecord, objects: &dyn ObjectStore) -> Result<(), StepError> {
    let json = serde_json::to_vec_pretty(record).map_err(|error| {
        StepError::permanent(format!("the record of run `{}` cannot be written as json: {error}", record.run))
    })?;
    objects.put(&layout::run(&record.run), json.into()).await?;
    Ok(())
}

/// The record of one run; `None` when there is none.
pub async fn find(run: &RunId, objects: &dyn ObjectStore) -> Result<Option<RunRecord>, StepError> {
    stored::find(&layout::run(run), RECORD, objects).await
}

/// How a record is called that is damaged.
const RECORD: &str = "the run record";

/// The objects of records, the newest run first: a run's id begins with its time.
async fn kept(objects: &dyn ObjectStore, begin: &str) -> Result<Vec<Object>, StepError> {
    // The tables of runs lie in folders below.
    let listed = objects.list_beside(&layout::runs().join(begin)).await?;
    let mut kept: Vec<Object> = listed.into_iter().filter(|object| object.key.as_str().ends_with(".json")).collect();
    kept.sort_by(|left, right| right.key.cmp(&left.key));
    Ok(kept)
}

/// The records in these objects, in their order.
async fn read(kept: Vec<Object>, objects: &dyn ObjectStore) -> Result<Vec<RunRecord>, StepError> {
    let one = async |object: Object| stored::read(&object.key, RECORD, objects).await;
    stream::iter(kept).map(one).buffered(stored::AT_A_TIME).try_collect().await
}

/// All runs, newest first.
pub async fn all(objects: &dyn ObjectStore) -> Result<Vec<RunRecord>, StepError> {
    read(kept(objects, "").await?, objects).await
}

/// The newest runs, newest first.
pub async fn newest(count: usize, objects: &dyn ObjectStore) -> Result<Vec<RunRecord>, StepError> {
    let mut found = kept(objects, "").await?;
    found.truncate(count);
    read(found, objects).await
}

/// The runs whose record was written since, newest first; those that began since are among them.
pub async fn since(time: DateTime<Utc>, objects: &dyn ObjectStore) -> Result<Vec<RunRecord>, StepError> {
    let mut found = kept(objects, "").await?;
    found.retain(|object| object.modified >= time);
    read(found, objects).await
}

/// The ids of the runs that begin so, newest first.
pub async fn named(begin: &str, objects: &dyn ObjectStore) -> Result<Vec<RunId>, StepError> {
    let found = kept(objects, begin).await?;
    let name = |object: &Object| object.key.file_name().trim_end_matches(".json").to_owned();
    Ok(found.iter().filter_map(|object| RunId::try_from(name(object)).ok()).collect())
}

/// Leaves the record of a run that begins elsewhere, so that it can be found while it goes on; one that is there stays.
pub async fn begin(plan: &Plan, objects: &dyn ObjectStore) -> Result<(), StepError> {
    match find(&plan.run, objects).await? {
        Some(_) => Ok(()),
        None => write(&plan::begun(plan, Vec::new()), objects).await,
    }
}

/// A run as it is now: the record of one that goes on elsewhere is written at its end, and till then its models tell.
pub async fn present(record: RunRecord, objects: &dyn ObjectStore) -> Result<RunRecord, StepError> {
    if record.status.is_some() {
        return Ok(record);
    }
    match Plan::find(&record.run, objects).await? {
        Some(plan) => plan::so_far(&plan, objects).await,
        None => Ok(record),
    }
}
