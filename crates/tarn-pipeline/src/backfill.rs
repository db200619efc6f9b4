//! Backfill: models are made again for a range of days, slice by slice.
//!
//! Each slice is a run of its own, with the variables of its days; models that do not change with the day run once, before the first
//! slice or after the last. In order, a slice runs all its models before the next slice begins. Several at a time go model by
//! model: all slices of one model, then all of the next, so that whatever a slice reads is complete. Slices of a model that is
//! merged are never made at the same time, since each starts from the rows of the one before; slices that overwrite partitions
//! may be, and the catalogue lets one publish after the other.
//!
//! How far it came stands in `backfills/<id>.json`: a backfill that was stopped goes on where it was. Marts are loaded once, at the
//! end, and old versions are removed then.
//!
//! On a laptop a process does all of it ([`execute`]); on AWS a state machine starts the runs, and asks [`deployed`] what comes next.

pub mod closing;
pub mod deployed;
mod estimate;
mod plan;
mod record;
mod slices;

use std::sync::Arc;

use chrono::{DateTime, Utc};
use tarn_model::{Lake, Materialization, Selected, Strategy};
use tokio::sync::watch;
use tokio::task::JoinSet;

use crate::context::{Ports, RunContext, RunSettings};
use crate::error::StepError;
use crate::load::{self, LoadRequest};
use crate::names::RunId;
use crate::record::{RunRecord, Status};
use crate::{retention, run};

pub use estimate::{Estimate, Known, ModelEstimate, estimate};
pub use plan::{Phases, SliceVars, phases, variables};
pub use record::{BackfillRecord, Request, Stage, Unit};
pub use slices::{Cut, Slice, slices};

/// How often a run is taken again after a failure that may pass.
const TRIES: usize = 3;

/// How a backfill goes about it.
#[derive(Debug, Clone)]
pub struct Settings {
    /// Slices at a time, at least 1.
    pub jobs: usize,
    /// Models of one slice at a time, at least 1.
    pub parallel: usize,
    /// The time it is for; `today` and `yesterday` are counted from it.
    pub logical_time: DateTime<Utc>,
    /// Loads the marts of what was made.
    pub load_marts: bool,
    /// Who asked, where that is known.
    pub user: Option<String>,
}

/// Somebody who watches: called when a run of the backfill starts and, with its record, when it ended.
pub type Watcher = dyn Fn(&Unit, Option<&RunRecord>) + Send + Sync;

/// Plans a backfill: its record, with nothing done yet.
///
/// # Errors
/// When the request means nothing: no model, no range, no variable that would tell a model its days.
pub fn plan(lake: &Lake, request: &Request, id: RunId, jobs: usize) -> Result<BackfillRecord, StepError> {
    let selected = lake.select(&request.select, &request.exclude)?.models;
    let slices = slices(request.from, request.to, request.cut)?;
    let (Some(first), Some(last)) = (slices.first().copied(), slices.last().copied()) else {
        return Err(StepError::permanent("the range has no day"));
    };
    let longest = slices.iter().map(Slice::days).max().unwrap_or_default();
    let vars = variables(lake, &selected, &request.slice_vars, longest)?;
    lake.check_vars(&vars.of(first, &request.vars))?;
    let phases = phases(lake, &selected, &vars)?;
    let unit = |models: &[String], slice: Slice| Unit { slice, models: models.to_vec(), run: None, status: None };
    let once = |models: &[String], slice: Slice| Stage { units: vec![unit(models, slice)], side_by_side: false };
    let of_slices = |models: &[String], side_by_side: bool| Stage {
        units: slices.iter().map(|slice| unit(models, *slice)).collect(),
        side_by_side,
    };
    let mut stages = vec![once(&phases.before, first)];
    if jobs <= 1 {
        stages.push(of_slices(&phases.each, false));
    } else {
        for model in &phases.each {
            let alone = std::slice::from_ref(model);
            stages.push(match lake.models.get(model).map(|model| &model.materialization) {
                Some(Materialization::Incremental(Strategy::InsertOverwrite)) => of_slices(alone, true),
                Some(Materialization::Incremental(_)) => of_slices(alone, false),
                // All slices of what it reads are done: it is made once.
                _ => once(alone, last),
            });
        }
    }
    stages.push(once(&phases.after, last));
    stages.retain(|stage| stage.units.iter().any(|unit| !unit.models.is_empty()));
    Ok(BackfillRecord { id, request: request.clone(), slice_vars: vars, stages, finished: None })
}

/// Does what is left of a backfill and returns its record, which is kept in the bucket as it goes.
///
/// After a failure no further run begins. When `stop` completes, those under way are dropped; nothing of them is visible, and the next
/// try takes them up again.
pub async fn execute(
    record: BackfillRecord,
    lake: Arc<Lake>,
    ports: &Ports,
    settings: &Settings,
    watcher: &Watcher,
    stop: impl Future<Output = ()>,
) -> Result<BackfillRecord, StepError> {
    let (stopping, stopped) = watch::channel(false);
    let mut backfill = Backfill { record, lake: retention::keeping_versions(&lake), ports, settings, watcher, stopped };
    let worked = {
        let work = backfill.work();
        tokio::pin!(work, stop);
        tokio::select! {
            worked = &mut work => worked,
            () = &mut stop => {
                // Nobody listens any more only when the work has ended.
                let _ = stopping.send(true);
                work.await
            }
        }
    };
    worked?;
    let Backfill { mut record, .. } = backfill;
    if record.units().all(|unit| unit.status == Some(Status::Done)) {
        finish(&record, &lake, ports, settings).await?;
        record.finished = Some(ports.clock.now());
        record.write(ports.objects.as_ref()).await?;
    }
    Ok(record)
}

struct Backfill<'a> {
    record: BackfillRecord,
    lake: Arc<Lake>,
    ports: &'a Ports,
    settings: &'a Settings,
    watcher: &'a Watcher,
    stopped: watch::Receiver<bool>,
}

impl Backfill<'_> {
    async fn work(&mut self) -> Result<(), StepError> {
        self.write().await?;
        for stage in 0..self.record.stages.len() {
            self.stage(stage).await?;
            let ended = self.record.stages.get(stage).is_some_and(|stage| stage.units.iter().all(Unit::is_done));
            if !ended {
                break;
            }
        }
        Ok(())
    }

    async fn stage(&mut self, stage: usize) -> Result<(), StepError> {
        let Some(Stage { units, side_by_side }) = self.record.stages.get(stage) else { return Ok(()) };
        let at_a_time = if *side_by_side { self.settings.jobs.max(1) } else { 1 };
        let mut waiting =
            (0..units.len()).filter(|unit| !units.get(*unit).is_some_and(Unit::is_done)).collect::<Vec<_>>();
        waiting.reverse();
        let mut running: JoinSet<(usize, Result<RunRecord, StepError>)> = JoinSet::new();
        let mut failed = None;
        loop {
            while running.len() < at_a_time && failed.is_none() && !*self.stopped.borrow() {
                let Some(unit) = waiting.pop() else { break };
                let context = self.start(stage, unit).await?;
                let stopped = self.stopped.clone();
                running.spawn(async move { (unit, make(context, stopped).await) });
            }
            match running.join_next().await {
                None => break,
                Some(Ok((unit, Ok(ended)))) => {
                    if ended.status != Some(Status::Done) {
                        failed.get_or_insert(None);
                    }
                    self.end(stage, unit, &ended).await?;
                }
                // The runs beside it are let end; then the error is told.
                Some(Ok((_, Err(error)))) => failed = Some(Some(error)),
                Some(Err(error)) => {
                    failed = Some(Some(StepError::permanent(format!("a run ended without an answer: {error}"))));
                }
            }
        }
        failed.flatten().map_or(Ok(()), Err)
    }

    /// Gives a run its id, before it begins: a second try is the same run.
    async fn start(&mut self, stage: usize, unit: usize) -> Result<(RunContext, Selected), StepError> {
        let number = self.record.stages.iter().take(stage).map(|stage| stage.units.len()).sum::<usize>() + unit;
        let now = self.ports.clock.now();
        let Some(started) = self.record.stages.get_mut(stage).and_then(|stage| stage.units.get_mut(unit)) else {
            return Err(StepError::permanent("the backfill has no such run"));
        };
        let id =
            started.run.get_or_insert_with(|| RunId::at(now, u16::try_from(number % 0x1_0000).unwrap_or_default()));
        let (id, started) = (id.clone(), started.clone());
        self.write().await?;
        (self.watcher)(&started, None);
        let request = &self.record.request;
        let settings = RunSettings {
            run: id,
            select: started.models.clone(),
            exclude: Vec::new(),
            vars: self.record.slice_vars.of(started.slice, &request.vars),
            full_refresh: false,
            logical_time: self.settings.logical_time,
            parallel: self.settings.parallel.max(1),
            load_marts: false,
            user: self.settings.user.clone(),
            resumable: false,
        };
        let context =
            RunContext { lake: Arc::clone(&self.lake), ports: self.ports.clone(), settings: Arc::new(settings) };
        let mut selected = Selected::default();
        selected.models = started.models;
        Ok((context, selected))
    }

    async fn end(&mut self, stage: usize, unit: usize, ended: &RunRecord) -> Result<(), StepError> {
        if let Some(unit) = self.record.stages.get_mut(stage).and_then(|stage| stage.units.get_mut(unit)) {
            unit.status = ended.status;
            (self.watcher)(unit, Some(ended));
        }
        self.write().await
    }

    async fn write(&self) -> Result<(), StepError> {
        self.record.write(self.ports.objects.as_ref()).await
    }
}

impl Unit {
    /// Whether it ended well.
    pub fn is_done(&self) -> bool {
        self.status == Some(Status::Done)
    }
}

/// One run; taken again while all that failed may pass, such as two slices that published at the same moment.
async fn make(
    (context, selected): (RunContext, Selected),
    stopped: watch::Receiver<bool>,
) -> Result<RunRecord, StepError> {
    let mut tried = 1;
    loop {
        let mut stopping = stopped.clone();
        let stop = async move {
            if stopping.wait_for(|stopped| *stopped).await.is_err() {
                std::future::pending::<()>().await;
            }
        };
        let record = run::run(context.clone(), &selected, stop).await?;
        let mut failures = record.models.iter().filter_map(|model| model.failure.as_ref()).peekable();
        let may_pass = failures.peek().is_some()
            && failures.all(|failure| failure.retryable || failure.step == "plan")
            && record.models.iter().any(|model| model.failure.as_ref().is_some_and(|failure| failure.retryable));
        if !may_pass || tried == TRIES || *stopped.borrow() {
            return Ok(record);
        }
        tried += 1;
    }
}

/// What a single run does at its end is done once for all of them: marts, old versions.
async fn finish(record: &BackfillRecord, lake: &Lake, ports: &Ports, settings: &Settings) -> Result<(), StepError> {
    let keep = lake.config.retention.versions as usize;
    for model in record.models().iter().filter_map(|name| lake.models.get(name)) {
        let entry = ports.catalogue.get(&model.name).await?;
        if let (Some(entry), Some(target), true) = (&entry, &model.mart, settings.load_marts) {
            let mart = ports
                .marts
                .get(&target.to)
                .ok_or_else(|| StepError::permanent(format!("there is no mart `{}` in tarn.yaml", target.to)))?;
            // Newer than every run of the backfill: the mart takes what they made and it has not seen.
            let run = RunId::at(ports.clock.now(), u16::MAX);
            let request = LoadRequest { entry, target, run: &run, anew: false };
            load::load(request, mart.as_ref(), Arc::clone(&ports.objects), &|_| {}).await?;
        }
        retention::retain(&model.name, keep, false, ports.catalogue.as_ref(), ports.objects.as_ref()).await?;
    }
    Ok(())
}
