//! One model's way through a run: prepare → convert → audit → publish → load.
//!
//! Readers see nothing of it before `publish`, and after it everything. A step that fails leaves the published version as it
//! was and the new one to look at. Where the engine is elsewhere, the way is walked again from its start each time a query has
//! ended, and stops at the next one that has not ([`crate::journal`]).

mod in_place;
mod make;
pub mod preview;
mod verify;

use std::sync::Arc;
use std::time::Instant;

use tarn_model::{CompileContext, CompiledModel, Materialization, Model, Relation, RelationNames, Strategy};

use crate::context::RunContext;
use crate::error::StepError;
use crate::layout;
use crate::load::{self, LoadRequest};
use crate::manifest::{Manifest, Onto, State};
use crate::ports::{
    Attribution, EngineError, Event, NewTable, PendingQuery, QueryOutcome, QueryRequest, QueryTry, TableEntry,
};
use crate::prepare::{self, Statement};
use crate::publish::Replaces;
use crate::record::{Failure, ModelRecord, QueryRecord, Status};
use crate::retention;

/// Names of relations as they stand in the lake's own database.
#[derive(Debug, Clone, Copy, Default)]
pub struct CatalogueNames;

impl RelationNames for CatalogueNames {
    fn relation(&self, relation: Relation<'_>) -> String {
        prepare::identifier(relation.name)
    }
}

/// How far a model came.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Progress {
    /// It waits for this query.
    Waiting(PendingQuery),
    /// It went its way to the end, good or bad.
    Ended(Box<ModelRecord>),
}

/// Takes one model through all steps of a run and says how it went.
pub async fn run_model(context: RunContext, model: String) -> ModelRecord {
    let asked = model.clone();
    match advance(context, model).await {
        Progress::Ended(record) => *record,
        Progress::Waiting(query) => {
            let failure = StepError::transient(format!("query `{}` was left before it ended", query.id)).at("convert");
            ModelRecord { failure: Some(failure), ..unnamed_record(asked, Status::Failed) }
        }
    }
}

/// Takes one model as far through the steps of a run as the engine lets it.
pub async fn advance(context: RunContext, model: String) -> Progress {
    let started = Instant::now();
    let Some(model) = context.lake.models.get(&model).cloned() else {
        return Progress::Ended(Box::new(failed_before_start(model)));
    };
    let mut step = ModelStep { record: empty_record(&model, Status::Done), model, context };
    match step.run().await {
        Err(Halt::Waiting(query)) => return Progress::Waiting(*query),
        Err(Halt::Failed(failure)) => {
            step.record.status = Status::Failed;
            step.record.failure = Some(failure);
        }
        Ok(()) => {}
    }
    step.record.milliseconds = milliseconds(started);
    Progress::Ended(Box::new(step.record))
}

fn failed_before_start(model: String) -> ModelRecord {
    let failure = StepError::permanent(format!("there is no model `{model}`")).at("prepare");
    ModelRecord { failure: Some(failure), ..unnamed_record(model, Status::Failed) }
}

/// A record of a model with nothing done yet.
pub fn empty_record(model: &Model, status: Status) -> ModelRecord {
    ModelRecord {
        materialized: match &model.materialization {
            Materialization::Table => "table",
            Materialization::View => "view",
            Materialization::Incremental(Strategy::Append) => "append",
            Materialization::Incremental(Strategy::InsertOverwrite) => "insert_overwrite",
            Materialization::Incremental(Strategy::Merge { .. }) => "merge",
        }
        .to_owned(),
        ..unnamed_record(model.name.clone(), status)
    }
}

fn unnamed_record(model: String, status: Status) -> ModelRecord {
    ModelRecord {
        model,
        status,
        materialized: String::new(),
        full_refresh: false,
        rows: 0,
        files: 0,
        bytes: 0,
        partitions: 0,
        milliseconds: 0,
        published: None,
        loaded: None,
        audits: Vec::new(),
        queries: Vec::new(),
        inspect: None,
        warning: None,
        failure: None,
    }
}

fn milliseconds(since: Instant) -> u64 {
    u64::try_from(since.elapsed().as_millis()).unwrap_or(u64::MAX)
}

/// Why a model's way stops here.
enum Halt {
    /// A step failed.
    Failed(Failure),
    /// A query goes on.
    Waiting(Box<PendingQuery>),
}

/// Notes at which step an error happened.
trait AtStep<T> {
    fn at(self, step: &str) -> Result<T, Halt>;
}

impl<T, E: Into<StepError>> AtStep<T> for Result<T, E> {
    fn at(self, step: &str) -> Result<T, Halt> {
        self.map_err(|error| {
            let mut error: StepError = error.into();
            match error.pending.take() {
                Some(query) => Halt::Waiting(query),
                None => Halt::Failed(error.at(step)),
            }
        })
    }
}

struct ModelStep {
    context: RunContext,
    model: Model,
    record: ModelRecord,
}

/// A version that was made and is not published yet.
struct Version {
    replaces: Replaces,
    /// The published state that it takes rows over from, if it does.
    onto: Option<Onto>,
    manifest: Manifest,
    entry: Option<TableEntry>,
}

impl ModelStep {
    async fn run(&mut self) -> Result<(), Halt> {
        let published = self.context.ports.catalogue.get(&self.model.name).await.at("prepare")?;
        let entry = match published {
            // This run has published this model before it was cut off: what is left is the load.
            Some(entry) if entry.run.as_ref() == Some(&self.context.settings.run) => {
                self.remember().await.at("publish")?;
                self.context.ports.catalogue.remove(&self.staging_table()).await.at("publish")?;
                self.record.published = entry.run.clone();
                entry
            }
            published => {
                let version = self.make(published).await?;
                self.audit_and_publish(version).await?
            }
        };
        self.load(&entry).await.at("load")?;
        // Readers have the new version: what could not be tidied up is no reason to call the model failed.
        if let Err(error) = self.retain().await {
            tracing::warn!(model = %self.model.name, %error, "old versions could not be removed");
            self.record.warning = Some(format!("old versions could not be removed: {error}"));
        }
        Ok(())
    }

    /// Keeps the model's record where this run finds it when it is taken up again.
    async fn keep(&self) -> Result<(), StepError> {
        if self.context.settings.resumable {
            self.record.write(&self.context.settings.run, self.context.ports.objects.as_ref()).await?;
        }
        Ok(())
    }

    /// Goes on with the record that was kept when the version was published. What failed since is what is tried again now.
    async fn remember(&mut self) -> Result<(), StepError> {
        if self.context.settings.resumable {
            let run = &self.context.settings.run;
            let kept = ModelRecord::read(run, &self.model.name, self.context.ports.objects.as_ref()).await?;
            if let Some(kept) = kept {
                self.record = ModelRecord { status: Status::Done, failure: None, warning: None, inspect: None, ..kept };
            }
        }
        Ok(())
    }

    fn compile(&self, incremental: bool) -> Result<CompiledModel, StepError> {
        Ok(self.context.lake.compile(&self.model.name, &self.compile_context(incremental))?)
    }

    fn compile_context(&self, incremental: bool) -> CompileContext<'static> {
        let settings = &self.context.settings;
        CompileContext {
            vars: settings.vars.clone(),
            incremental,
            relations: &CatalogueNames,
            logical_time: settings.logical_time,
        }
    }

    async fn load(&mut self, entry: &TableEntry) -> Result<(), StepError> {
        let Some(target) = self.model.mart.as_ref().filter(|_| self.context.settings.load_marts) else {
            return Ok(());
        };
        self.started("load");
        let ports = &self.context.ports;
        let mart = ports
            .marts
            .get(&target.to)
            .ok_or_else(|| StepError::permanent(format!("there is no mart `{}` in tarn.yaml", target.to)))?;
        let request = LoadRequest { entry, target, run: &self.context.settings.run, anew: false };
        let progress = |rows: u64| {
            ports.observer.observe(Event::LoadProgress { model: self.model.name.clone(), rows });
        };
        let loaded = load::load(request, mart.as_ref(), Arc::clone(&ports.objects), &progress).await?;
        self.record.loaded = Some(loaded);
        Ok(())
    }

    /// Whether the engine is elsewhere, and with it others who use it: nobody holds the lake there.
    fn is_elsewhere(&self) -> bool {
        self.context.ports.engine.writers().is_some()
    }

    async fn retain(&self) -> Result<(), StepError> {
        let keep = self.context.lake.config.retention.versions as usize;
        let ports = &self.context.ports;
        let (catalogue, objects) = (ports.catalogue.as_ref(), ports.objects.as_ref());
        match self.is_elsewhere() {
            true => retention::retain_unheld(&self.model.name, keep, catalogue, objects).await?,
            false => retention::retain(&self.model.name, keep, false, catalogue, objects).await?,
        };
        Ok(())
    }

    /// Notes that nobody will see this version, and where it lies. Best effort: the step has failed already for another reason.
    async fn reject(&mut self, manifest: Manifest) {
        let rejected = Manifest { state: State::Rejected, ..manifest };
        if let Err(error) = rejected.write(self.context.ports.objects.as_ref()).await {
            tracing::warn!(model = %self.model.name, %error, "a rejected version could not be noted");
        }
        if matches!(self.context.ports.catalogue.get(&self.staging_table()).await, Ok(Some(_))) {
            self.record.inspect = Some(self.staging_table());
        }
    }

    async fn query(&mut self, text: String, purpose: &str) -> Result<QueryOutcome, StepError> {
        let request = QueryRequest::new(text, self.attribution(purpose));
        self.send(request).await.map_err(StepError::from)
    }

    /// Runs a statement that makes a table; `user_sql` is where its mistakes are shown, if the user wrote it.
    async fn execute(
        &mut self,
        statement: &Statement,
        makes: Option<NewTable>,
        user_sql: Option<&CompiledModel>,
    ) -> Result<QueryOutcome, StepError> {
        let request = QueryRequest { makes, ..QueryRequest::new(statement.text.clone(), self.attribution("convert")) };
        self.send(request).await.map_err(|error| match user_sql {
            Some(compiled) => self.sql_error(compiled, error, statement.lines_before),
            None => error.into(),
        })
    }

    async fn send(&mut self, request: QueryRequest) -> Result<QueryOutcome, EngineError> {
        if let Err(error) = prepare::refuse_long(&request.statement) {
            return Err(EngineError { hint: error.hint, ..EngineError::permanent(error.message) });
        }
        let started = Instant::now();
        let outcome = self.context.ports.engine.execute(&request).await;
        let this = QueryTry {
            id: String::new(),
            succeeded: outcome.is_ok(),
            cancelled: false,
            bytes_scanned: outcome.as_ref().map_or(0, |outcome| outcome.bytes_scanned),
            milliseconds: milliseconds(started),
        };
        let counted = match &outcome {
            Ok(outcome) => outcome.tries.clone(),
            Err(error) => error.tries.clone(),
        };
        // An engine that counts has sent the statement as often as it says, which may be never.
        let tries = match &outcome {
            Err(error) if error.pending.is_some() => Vec::new(),
            _ if counted.is_empty() => vec![this],
            _ => counted,
        };
        let QueryRequest { statement, attribution, .. } = request;
        self.record.queries.extend(tries.into_iter().map(|sent| QueryRecord {
            statement: statement.clone(),
            attribution: attribution.clone(),
            id: Some(sent.id).filter(|id| !id.is_empty()),
            succeeded: sent.succeeded,
            cancelled: sent.cancelled,
            bytes_scanned: sent.bytes_scanned,
            milliseconds: sent.milliseconds,
        }));
        outcome
    }

    fn attribution(&self, purpose: &str) -> Attribution {
        Attribution {
            run: Some(self.context.settings.run.clone()),
            model: Some(self.model.name.clone()),
            purpose: purpose.to_owned(),
            user: self.context.settings.user.clone(),
        }
    }

    fn sql_error(&self, compiled: &CompiledModel, error: EngineError, lines_before: usize) -> StepError {
        crate::sql_error::in_model(&self.model, compiled, error, lines_before)
    }

    fn started(&self, step: &'static str) {
        self.context.ports.observer.observe(Event::StepStarted { model: self.model.name.clone(), step });
    }

    fn staging_table(&self) -> String {
        layout::staging_table(&self.model.name, &self.context.settings.run)
    }

    fn delta_table(&self) -> String {
        layout::delta_table(&self.model.name, &self.context.settings.run)
    }
}
