//! One model's way through a run: prepare → convert → audit → publish → load.
//!
//! Readers see nothing of it before `publish`, and after it everything. A step that fails leaves the published version as it
//! was and the new one to look at.

use std::sync::Arc;
use std::time::Instant;

use tarn_model::{CompileContext, CompiledModel, Materialization, Model, OnEmpty, Relation, RelationNames, Strategy};

use crate::audit::{self, Check};
use crate::columns;
use crate::context::RunContext;
use crate::error::StepError;
use crate::layout;
use crate::load::{self, LoadRequest};
use crate::manifest::{Manifest, State};
use crate::names::Key;
use crate::ports::{Attribution, Column, EngineError, Event, QueryOutcome, QueryRequest, TableEntry, TableKind};
use crate::prepare::{self, Merge, Statement, TableProperties};
use crate::publish::{self, Replaces};
use crate::record::{AuditRecord, Failure, ModelRecord, QueryRecord, Status};
use crate::retention;

/// Names of relations as they stand in the lake's own database.
#[derive(Debug, Clone, Copy, Default)]
pub struct CatalogueNames;

impl RelationNames for CatalogueNames {
    fn relation(&self, relation: Relation<'_>) -> String {
        prepare::identifier(relation.name)
    }
}

/// Takes one model through all steps of a run and says how it went.
pub async fn run_model(context: RunContext, model: String) -> ModelRecord {
    let started = Instant::now();
    let Some(model) = context.lake.models.get(&model).cloned() else {
        return failed_before_start(model);
    };
    let mut step = ModelStep { record: empty_record(&model, Status::Done), model, context };
    if let Err(failure) = step.run().await {
        step.record.status = Status::Failed;
        step.record.failure = Some(failure);
    }
    step.record.milliseconds = milliseconds(started);
    step.record
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
        loaded: None,
        audits: Vec::new(),
        queries: Vec::new(),
        inspect: None,
        failure: None,
    }
}

fn milliseconds(since: Instant) -> u64 {
    u64::try_from(since.elapsed().as_millis()).unwrap_or(u64::MAX)
}

/// Notes at which step an error happened.
trait AtStep<T> {
    fn at(self, step: &str) -> Result<T, Failure>;
}

impl<T, E: Into<StepError>> AtStep<T> for Result<T, E> {
    fn at(self, step: &str) -> Result<T, Failure> {
        self.map_err(|error| error.into().at(step))
    }
}

/// What prepare found out.
struct Prepared {
    compiled: CompiledModel,
    columns: Vec<Column>,
    /// The published entry that this version adds to or changes; none for a full refresh.
    onto: Option<TableEntry>,
}

struct ModelStep {
    context: RunContext,
    model: Model,
    record: ModelRecord,
}

impl ModelStep {
    async fn run(&mut self) -> Result<(), Failure> {
        let published = self.context.ports.catalogue.get(&self.model.name).await.at("prepare")?;
        let entry = match published {
            // This run has published this model before it was cut off: what is left is the load.
            Some(entry) if entry.run.as_ref() == Some(&self.context.settings.run) => entry,
            published => {
                let version = self.make(published).await?;
                self.audit_and_publish(version).await?
            }
        };
        self.load(&entry).await.at("load")?;
        self.retain().await.at("retention")
    }

    /// Prepares and converts: afterwards the version lies in its folder, under its staging name in the catalogue.
    async fn make(&mut self, published: Option<TableEntry>) -> Result<Version, Failure> {
        self.started("prepare");
        let prepared = self.prepare(published).await.at("prepare")?;
        self.record.full_refresh = prepared.onto.is_none();
        self.started("convert");
        let mut version = Version {
            replaces: replaces(&self.model, prepared.onto.is_some()),
            manifest: self.new_manifest(),
            entry: None,
        };
        self.clear_leftovers(&version.manifest).await.at("prepare")?;
        version.manifest.write(self.context.ports.objects.as_ref()).await.at("prepare")?;
        let made = match (&self.model.materialization, &prepared.onto) {
            (Materialization::View, _) => self.make_view(&prepared, &mut version).await,
            (Materialization::Incremental(Strategy::Merge { .. }), Some(onto)) => {
                self.make_merge(&prepared, onto, &mut version).await
            }
            _ => self.make_table(&prepared, &mut version).await,
        };
        match made {
            Ok(()) => Ok(version),
            Err(error) => {
                self.reject(version.manifest).await;
                Err(error.at("convert"))
            }
        }
    }

    async fn prepare(&mut self, published: Option<TableEntry>) -> Result<Prepared, StepError> {
        let onto = published.filter(|entry| self.is_incremental(entry));
        let compiled = self.compile(onto.is_some())?;
        let columns = self
            .context
            .ports
            .engine
            .columns(&compiled.sql)
            .await
            .map_err(|error| self.sql_error(&compiled, error, 0))?;
        columns::check(&self.model, &columns)?;
        if let Some(onto) = &onto {
            columns::check_same(&self.model, onto, &columns)?;
        }
        Ok(Prepared { compiled, columns, onto })
    }

    /// Whether the version is made onto what is published, and not anew.
    fn is_incremental(&self, published: &TableEntry) -> bool {
        matches!(self.model.materialization, Materialization::Incremental(_))
            && !self.context.settings.full_refresh
            && matches!(published.kind, TableKind::Table { .. })
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

    fn new_manifest(&self) -> Manifest {
        let run = &self.context.settings.run;
        let folders = match self.model.materialization {
            Materialization::View => vec![],
            Materialization::Incremental(Strategy::Merge { .. }) => {
                vec![layout::version(&self.model.name, run), layout::delta(&self.model.name, run)]
            }
            _ => vec![layout::version(&self.model.name, run)],
        };
        Manifest {
            model: self.model.name.clone(),
            run: run.clone(),
            state: State::Started,
            folders,
            statement: String::new(),
            entry: None,
            rows: 0,
        }
    }

    /// A try of this very run that was cut off may have left files: they are ours, nobody saw them, and Athena writes only into
    /// an empty folder.
    async fn clear_leftovers(&self, manifest: &Manifest) -> Result<(), StepError> {
        let ports = &self.context.ports;
        ports.catalogue.remove(&self.staging_table()).await?;
        ports.catalogue.remove(&self.delta_table()).await?;
        for folder in &manifest.folders {
            let keys: Vec<Key> = ports.objects.list(folder).await?.into_iter().map(|object| object.key).collect();
            ports.objects.delete(&keys).await?;
        }
        Ok(())
    }

    async fn make_view(&mut self, prepared: &Prepared, version: &mut Version) -> Result<(), StepError> {
        let statement = prepare::create_view(&self.staging_table(), &prepared.compiled.sql);
        self.execute(&statement, Some(&prepared.compiled)).await?;
        self.finish_version(statement, version).await
    }

    async fn make_table(&mut self, prepared: &Prepared, version: &mut Version) -> Result<(), StepError> {
        let table = self.staging_table();
        let location = layout::version(&self.model.name, &self.context.settings.run);
        let statement = self.create_table_as(&table, &location, &prepared.compiled.sql);
        let outcome = self.execute(&statement, Some(&prepared.compiled)).await?;
        self.count(&outcome);
        self.finish_version(statement, version).await
    }

    /// A merge in two statements: the new rows are computed once, checked for keys that cannot be placed, and then merged with
    /// the published rows into a version of its own.
    async fn make_merge(
        &mut self,
        prepared: &Prepared,
        onto: &TableEntry,
        version: &mut Version,
    ) -> Result<(), StepError> {
        let Materialization::Incremental(Strategy::Merge { unique_key, order }) = self.model.materialization.clone()
        else {
            return Err(StepError::permanent("only a model with the strategy `merge` is merged"));
        };
        let order = order.as_ref().map(|order| order.column.as_str());
        let run = &self.context.settings.run;
        let delta = self.delta_table();
        let location = layout::delta(&self.model.name, run);
        let statement = prepare::create_table_as(
            TableProperties {
                table: &delta,
                location: &location,
                partitioned_by: &[],
                compression: self.model.compression,
            },
            &prepared.compiled.sql,
            self.context.ports.objects.as_ref(),
        );
        self.execute(&statement, Some(&prepared.compiled)).await?;
        self.refuse_unmergeable(&delta, &unique_key, order).await?;
        let merged = prepare::merged_rows(Merge {
            published: &onto.name,
            delta: &delta,
            columns: &prepared.columns,
            key: &unique_key,
            order,
        });
        let location = layout::version(&self.model.name, &self.context.settings.run);
        let statement = self.create_table_as(&self.staging_table(), &location, &merged);
        let outcome = self.execute(&statement, None).await?;
        self.count(&outcome);
        self.context.ports.catalogue.remove(&delta).await?;
        self.finish_version(statement, version).await
    }

    async fn refuse_unmergeable(&mut self, delta: &str, key: &[String], order: Option<&str>) -> Result<(), StepError> {
        let statement = Statement { text: prepare::unmergeable_keys(delta, key, order), lines_before: 0 };
        let outcome = self.execute(&statement, None).await?;
        let Some(row) = outcome.rows.first() else {
            return Ok(());
        };
        let values: Vec<&str> = row.iter().take(key.len()).map(|value| value.as_deref().unwrap_or("null")).collect();
        Err(StepError::permanent(format!(
            "the rows to merge do not have one row per key: ({}) = ({}) is null or stands there more than once",
            key.join(", "),
            values.join(", ")
        ))
        .with_hint("make the key unique and not null in the model's `select`, or name a `merge_order` column whose highest value wins"))
    }

    fn create_table_as(&self, table: &str, location: &Key, query: &str) -> Statement {
        let properties = TableProperties {
            table,
            location,
            partitioned_by: &self.model.partitioned_by,
            compression: self.model.compression,
        };
        prepare::create_table_as(properties, query, self.context.ports.objects.as_ref())
    }

    fn count(&mut self, outcome: &QueryOutcome) {
        self.record.rows = outcome.rows_written;
        self.record.files = outcome.files_written;
        self.record.bytes = outcome.bytes_written;
    }

    /// Notes the version that lies under the staging name now.
    async fn finish_version(&mut self, statement: Statement, version: &mut Version) -> Result<(), StepError> {
        let table = self.staging_table();
        let entry =
            self.context.ports.catalogue.get(&table).await?.ok_or_else(|| {
                StepError::permanent(format!("`{table}` is not in the catalogue after it was created"))
            })?;
        self.record.partitions = match entry.partition_keys.is_empty() {
            true => 0,
            false => entry.parts().len() as u64,
        };
        version.manifest.statement = statement.text;
        version.manifest.rows = self.record.rows;
        version.entry = Some(entry);
        Ok(())
    }

    async fn audit_and_publish(&mut self, version: Version) -> Result<TableEntry, Failure> {
        self.started("audit");
        if let Err(error) = self.audit().await {
            self.reject(version.manifest).await;
            return Err(error.at("audit"));
        }
        self.started("publish");
        self.publish(version).await.at("publish")
    }

    async fn audit(&mut self) -> Result<(), StepError> {
        let checks = self.checks()?;
        if checks.is_empty() {
            return Ok(());
        }
        let outcome = self.query(audit::counts(&checks), "audit").await?;
        let counts = audit::read_counts(&outcome.rows, checks.len())
            .ok_or_else(|| StepError::permanent("the query of the audits did not answer for each of them"))?;
        for (check, failures) in checks.iter().zip(counts) {
            let record = self.audit_record(check, failures).await?;
            self.record.audits.push(record);
        }
        refuse_failed(&self.record.audits)
    }

    fn checks(&self) -> Result<Vec<Check>, StepError> {
        let relation = prepare::identifier(&self.staging_table());
        let context = self.compile_context(!self.record.full_refresh);
        let mut checks = audit::checks(&self.model.audits, &relation, &self.context.lake, &context)?;
        if self.model.on_empty == OnEmpty::Fail {
            checks.push(audit::not_empty(&relation));
        }
        Ok(checks)
    }

    async fn audit_record(&mut self, check: &Check, failures: u64) -> Result<AuditRecord, StepError> {
        if failures == 0 {
            return Ok(check.passed());
        }
        let outcome = self.query(audit::sample(check), "audit").await?;
        Ok(AuditRecord { failures, columns: outcome.columns, sample: outcome.rows, ..check.passed() })
    }

    async fn publish(&mut self, version: Version) -> Result<TableEntry, StepError> {
        let Version { replaces, manifest, entry } = version;
        let staged = entry.ok_or_else(|| StepError::permanent("there is no version to publish"))?;
        let ports = self.context.ports.clone();
        let entry = TableEntry { name: self.model.name.clone(), description: self.model.description.clone(), ..staged };
        let note = |entry: TableEntry| {
            let published = Manifest { state: State::Published, entry: Some(entry), ..manifest.clone() };
            let objects = Arc::clone(&ports.objects);
            async move { published.write(objects.as_ref()).await }
        };
        let published =
            publish::publish(entry, replaces, &self.context.settings.run, ports.catalogue.as_ref(), note).await?;
        ports.catalogue.remove(&self.staging_table()).await?;
        Ok(published)
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

    async fn retain(&self) -> Result<(), StepError> {
        let keep = self.context.lake.config.retention.versions as usize;
        let ports = &self.context.ports;
        retention::retain(&self.model.name, keep, false, ports.catalogue.as_ref(), ports.objects.as_ref()).await?;
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
        let attribution = self.attribution(purpose);
        self.execute_as(&Statement { text, lines_before: 0 }, attribution).await.map_err(StepError::from)
    }

    async fn execute(
        &mut self,
        statement: &Statement,
        user_sql: Option<&CompiledModel>,
    ) -> Result<QueryOutcome, StepError> {
        if statement.text.len() > prepare::STATEMENT_LIMIT {
            return Err(StepError::permanent(format!(
                "the statement has {} bytes; Athena takes at most {}",
                statement.text.len(),
                prepare::STATEMENT_LIMIT
            )));
        }
        let attribution = self.attribution("convert");
        let outcome = self.execute_as(statement, attribution).await;
        outcome.map_err(|error| match user_sql {
            Some(compiled) => self.sql_error(compiled, error, statement.lines_before),
            None => error.into(),
        })
    }

    async fn execute_as(
        &mut self,
        statement: &Statement,
        attribution: Attribution,
    ) -> Result<QueryOutcome, EngineError> {
        let started = Instant::now();
        let request = QueryRequest { statement: statement.text.clone(), attribution: attribution.clone() };
        let outcome = self.context.ports.engine.execute(&request).await;
        self.record.queries.push(QueryRecord {
            statement: request.statement,
            attribution,
            succeeded: outcome.is_ok(),
            bytes_scanned: outcome.as_ref().map_or(0, |outcome| outcome.bytes_scanned),
            milliseconds: milliseconds(started),
        });
        outcome
    }

    fn attribution(&self, purpose: &str) -> Attribution {
        Attribution {
            run: Some(self.context.settings.run.clone()),
            model: Some(self.model.name.clone()),
            purpose: purpose.to_owned(),
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

/// A version that was made and is not published yet.
struct Version {
    replaces: Replaces,
    manifest: Manifest,
    entry: Option<TableEntry>,
}

fn replaces(model: &Model, incremental: bool) -> Replaces {
    match &model.materialization {
        Materialization::Incremental(Strategy::Append) if incremental => Replaces::Nothing,
        Materialization::Incremental(Strategy::InsertOverwrite) if incremental => Replaces::SamePartitions,
        _ => Replaces::Everything,
    }
}

/// A failed audit is a failed step that names each failed check.
fn refuse_failed(audits: &[AuditRecord]) -> Result<(), StepError> {
    let failed: Vec<String> = audits
        .iter()
        .filter(|audit| audit.failures > 0)
        .map(|audit| format!("{} ({} rows)", audit.name, audit.failures))
        .collect();
    if failed.is_empty() {
        return Ok(());
    }
    Err(StepError::permanent(format!("{} of {} audits failed: {}", failed.len(), audits.len(), failed.join(", ")))
        .with_hint("readers still see the version from before; look at the failing rows with `tarn show`"))
}
