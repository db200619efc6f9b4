//! The first half of a model's way: prepare its query, and make a version that nobody sees yet.

use std::sync::Arc;

use tarn_model::{CompiledModel, Format, Materialization, Model, Strategy, TableType};

use super::{AtStep, Halt, ModelStep, Version};
use crate::columns;
use crate::error::StepError;
use crate::iceberg;
use crate::layout;
use crate::manifest::{Manifest, Onto, State};
use crate::names::Key;
use crate::ports::{Column, ICEBERG_METADATA, NewTable, Object, QueryOutcome, QueryRequest, TableEntry, TableKind};
use crate::prepare::{self, Batch, Merge, Rows, Statement, TableProperties, WrittenKeys};
use crate::publish::{self, Replaces};
use crate::scan;

/// What prepare found out.
pub(super) struct Prepared {
    pub(super) compiled: CompiledModel,
    /// The model's query with its columns as the table has them.
    pub(super) rows: Rows,
    pub(super) columns: Vec<Column>,
    /// Columns that the published table does not have yet.
    pub(super) added: Vec<String>,
    /// The published entry that this version adds to or changes; none for a full refresh.
    pub(super) onto: Option<TableEntry>,
}

impl ModelStep {
    /// Prepares and converts: afterwards the version lies in its folder, under its staging name in the catalogue.
    pub(super) async fn make(&mut self, published: Option<TableEntry>) -> Result<Version, Halt> {
        self.started("prepare");
        let prepared = self.prepare(published).await.at("prepare")?;
        let onto = self.onto(&prepared).await.at("prepare")?;
        self.record.full_refresh = prepared.onto.is_none();
        self.started("convert");
        let mut version = Version {
            replaces: replaces(&self.model, prepared.onto.is_some() && !self.is_iceberg()),
            manifest: Manifest { onto: onto.clone(), ..self.new_manifest() },
            onto: onto.filter(|_| prepared.onto.is_some()),
            entry: None,
        };
        version.manifest.write(self.context.ports.objects.as_ref()).await.at("prepare")?;
        let made = match (&self.model.materialization, &prepared.onto) {
            (Materialization::View, _) => self.make_view(&prepared, &mut version).await,
            (Materialization::Incremental(strategy), Some(onto)) if self.is_iceberg() => {
                let strategy = strategy.clone();
                self.make_in_place(&strategy, &prepared, onto, &mut version).await
            }
            (Materialization::Incremental(Strategy::Merge { .. }), Some(onto)) => {
                self.make_merge(&prepared, onto, &mut version).await
            }
            _ => self.make_table(&prepared, &mut version).await,
        };
        match made.at("convert") {
            Ok(()) => Ok(version),
            Err(Halt::Failed(failure)) => {
                self.reject(version.manifest).await;
                Err(Halt::Failed(failure))
            }
            Err(waiting) => Err(waiting),
        }
    }

    pub(super) async fn prepare(&mut self, published: Option<TableEntry>) -> Result<Prepared, StepError> {
        let onto = published.filter(|entry| self.is_incremental(entry));
        let compiled = self.compile(onto.is_some())?;
        prepare::refuse_long(&compiled.sql)?;
        let attribution = self.attribution("prepare");
        let columns = self
            .context
            .ports
            .engine
            .columns(&compiled.sql, &attribution)
            .await
            .map_err(|error| self.sql_error(&compiled, error, 0))?;
        columns::check(&self.model, &columns)?;
        let mut prepared = Prepared { rows: Rows::of(&compiled.sql), compiled, columns, added: Vec::new(), onto };
        if let Some(onto) = &prepared.onto {
            if self.is_iceberg() {
                prepared.columns = prepare::iceberg_columns(&prepared.columns);
            }
            let change = columns::onto(&self.model, onto, &prepared.columns)?;
            prepared.rows = change.arrange(&prepared.compiled.sql);
            (prepared.columns, prepared.added) = (change.columns, change.added);
        }
        scan::check(&self.context, &self.model, &prepared.compiled.sql, prepared.onto.as_ref()).await?;
        Ok(prepared)
    }

    /// What the version takes rows over from, if versions of the model do: the same from the first statement of a run to its last,
    /// though the way to it is walked many times.
    ///
    /// # Errors
    /// When something else was published meanwhile.
    async fn onto(&self, prepared: &Prepared) -> Result<Option<Onto>, StepError> {
        let takes_over = match &self.model.materialization {
            Materialization::Incremental(Strategy::Merge { .. }) => true,
            Materialization::Incremental(_) => self.is_iceberg(),
            Materialization::Table | Materialization::View => false,
        };
        if !takes_over {
            return Ok(None);
        }
        let published = prepared.onto.as_ref();
        let (run, objects) = (&self.context.settings.run, &self.context.ports.objects);
        let begun = Manifest::find(&self.model.name, run, objects.as_ref()).await?.and_then(|manifest| manifest.onto);
        let onto = begun.unwrap_or_else(|| Onto::of(published));
        publish::refuse_other(&self.model.name, published, &onto)?;
        Ok(Some(onto))
    }

    /// Whether the version is made onto what is published, and not anew.
    fn is_incremental(&self, published: &TableEntry) -> bool {
        matches!(self.model.materialization, Materialization::Incremental(_))
            && !self.context.settings.full_refresh
            && matches!(published.kind, TableKind::Table { .. })
            // A table of the other type has nothing that could be added to.
            && self.is_iceberg() == published.parameters.contains_key(ICEBERG_METADATA)
    }

    /// Whether the version is a table of Iceberg: on Athena, when the model says so.
    pub(super) fn is_iceberg(&self) -> bool {
        self.model.table_type == TableType::Iceberg && self.context.ports.engine.writers().is_some()
    }

    fn new_manifest(&self) -> Manifest {
        let run = &self.context.settings.run;
        let folders = match self.model.materialization {
            Materialization::View => vec![],
            _ if self.may_have_delta() => {
                vec![layout::version(&self.model.name, run), layout::delta(&self.model.name, run)]
            }
            _ => vec![layout::version(&self.model.name, run)],
        };
        let passing = self.may_need_batches().then(|| layout::passing(&self.model.name, run));
        let folders = folders.into_iter().chain(passing).collect();
        Manifest {
            model: self.model.name.clone(),
            run: run.clone(),
            state: State::Started,
            folders,
            statement: String::new(),
            entry: None,
            rows: 0,
            onto: None,
            replaced: Vec::new(),
        }
    }

    /// Whether the new rows may be computed into a table of their own, before they join others.
    fn may_have_delta(&self) -> bool {
        match &self.model.materialization {
            Materialization::Incremental(Strategy::Merge { .. }) => true,
            Materialization::Incremental(Strategy::InsertOverwrite) => self.is_iceberg(),
            _ => false,
        }
    }

    /// Whether a version may have more partitions than one statement writes.
    pub(super) fn may_need_batches(&self) -> bool {
        self.context.ports.engine.writers().is_some() && !self.model.partitioned_by.is_empty()
    }

    async fn make_view(&mut self, prepared: &Prepared, version: &mut Version) -> Result<(), StepError> {
        let statement = prepare::create_view(&self.staging_table(), &prepared.compiled.sql);
        self.execute(&statement, None, Some(&prepared.compiled)).await?;
        self.finish_version(statement, version).await
    }

    async fn make_table(&mut self, prepared: &Prepared, version: &mut Version) -> Result<(), StepError> {
        let statement = self.write_version(prepared, &prepared.rows, Some(&prepared.compiled)).await?;
        self.finish_version(statement, version).await
    }

    /// Writes the rows of a query as the version: by one statement, or by as many as its partitions need.
    async fn write_version(
        &mut self,
        prepared: &Prepared,
        rows: &Rows,
        user_sql: Option<&CompiledModel>,
    ) -> Result<Statement, StepError> {
        let model = self.model.clone();
        let table = self.version_table();
        let values = self.partitions(rows).await?;
        let keys = prepared.columns.get(prepared.columns.len() - model.partitioned_by.len()..).unwrap_or_default();
        let written = self.written_keys(keys, &values)?;
        let properties = TableProperties {
            partitioned_by: &written.names,
            ..TableProperties::of(&model, &table.name, &table.folder)
        };
        let objects = Arc::clone(&self.context.ports.objects);
        let held = written.rows(&self.as_held(rows, &prepared.columns), &prepared.columns);
        let batches = prepare::batched(properties, &held.sql, keys, &values, objects.as_ref())?;
        if let [whole] = batches.as_slice() {
            let statement = whole.statement.clone().below(held.lines_before);
            let outcome = self.execute(&statement, Some(table), user_sql).await?;
            self.count(&outcome);
            return Ok(statement);
        }
        // Each batch would compute the query anew, and might get other rows: it is computed once, into a plain table.
        let passing = self.passing_table();
        let properties_passing = TableProperties::passing(&model, &passing.name, &passing.folder);
        let statement =
            prepare::create_table_as(properties_passing, &rows.sql, objects.as_ref()).below(rows.lines_before);
        self.execute(&statement, Some(passing.clone()), user_sql).await?;
        let all_rows = Rows::of(&format!("select *\nfrom {}", prepare::identifier(&passing.name)));
        let all_rows = written.rows(&self.as_held(&all_rows, &prepared.columns), &prepared.columns);
        let batches = prepare::batched(properties, &all_rows.sql, keys, &values, objects.as_ref())?;
        for (number, batch) in batches.iter().enumerate() {
            let outcome = match number {
                0 => self.execute(&batch.statement, Some(table.clone()), None).await?,
                _ => self.insert(batch, &written, &table).await?,
            };
            self.count(&outcome);
        }
        self.context.ports.catalogue.remove(&passing.name).await?;
        Ok(statement)
    }

    /// Rows as the table's type can hold them.
    pub(super) fn as_held(&self, rows: &Rows, columns: &[Column]) -> Rows {
        match self.is_iceberg() {
            true => prepare::iceberg_rows(&rows.sql, columns).around(rows),
            false => rows.clone(),
        }
    }

    /// The partition keys as Athena can write them; a table of Iceberg keeps values elsewhere than in the names of folders.
    fn written_keys(&self, keys: &[Column], values: &[Vec<Option<String>>]) -> Result<WrittenKeys, StepError> {
        WrittenKeys::of(keys, if self.is_iceberg() { &[] } else { values })
    }

    /// An insert of some partitions. Nothing else writes to their folders, so a failed one can be sent again once they are empty.
    async fn insert(
        &mut self,
        batch: &Batch,
        written: &WrittenKeys,
        table: &NewTable,
    ) -> Result<QueryOutcome, StepError> {
        let folders = batch.partitions.iter().map(|values| table.folder.join(&written.folder(values)));
        let request = QueryRequest {
            writes_to: folders.collect(),
            ..QueryRequest::new(batch.statement.text.clone(), self.attribution("convert"))
        };
        Ok(self.send(request).await?)
    }

    /// The partition values of the rows, asked before the statement is paid for; none where the engine has no limit of writers.
    pub(super) async fn partitions(&mut self, rows: &Rows) -> Result<Vec<Vec<Option<String>>>, StepError> {
        if !self.may_need_batches() {
            return Ok(Vec::new());
        }
        let outcome = self.query(prepare::partitions(&rows.sql, &self.model.partitioned_by), "prepare").await?;
        let partitions = prepare::read_partitions(&outcome.rows)?;
        Ok(partitions.into_iter().map(|partition| partition.values).collect())
    }

    /// A merge in two statements: the new rows are computed once, checked for keys that cannot be placed, and then merged with
    /// the published rows into a version of its own.
    pub(super) async fn make_merge(
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
        let delta = self.make_delta(prepared).await?;
        self.refuse_unmergeable(&delta, &unique_key, order).await?;
        let merged = prepare::merged_rows(Merge {
            published: &onto.name,
            delta: &delta,
            columns: &prepared.columns,
            added: &prepared.added,
            key: &unique_key,
            order,
        });
        let statement = self.write_version(prepared, &Rows::of(&merged), None).await?;
        self.finish_version(statement, version).await
    }

    /// Computes the new rows once, into a plain table of their own; its name.
    pub(super) async fn make_delta(&mut self, prepared: &Prepared) -> Result<String, StepError> {
        let run = &self.context.settings.run;
        let delta = NewTable { name: self.delta_table(), folder: layout::delta(&self.model.name, run) };
        let statement = prepare::create_table_as(
            TableProperties::passing(&self.model, &delta.name, &delta.folder),
            &prepared.rows.sql,
            self.context.ports.objects.as_ref(),
        )
        .below(prepared.rows.lines_before);
        self.execute(&statement, Some(delta.clone()), Some(&prepared.compiled)).await?;
        Ok(delta.name)
    }

    pub(super) async fn refuse_unmergeable(
        &mut self,
        delta: &str,
        key: &[String],
        order: Option<&str>,
    ) -> Result<(), StepError> {
        let outcome = self.query(prepare::unmergeable_keys(delta, key, order), "convert").await?;
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

    /// The table of the version, as it is before it is published.
    fn version_table(&self) -> NewTable {
        let folder = layout::version(&self.model.name, &self.context.settings.run);
        NewTable { name: self.staging_table(), folder }
    }

    /// A table for rows on their way into partitions that one statement cannot write.
    fn passing_table(&self) -> NewTable {
        let run = &self.context.settings.run;
        NewTable { name: layout::passing_table(&self.model.name, run), folder: layout::passing(&self.model.name, run) }
    }

    pub(super) fn count(&mut self, outcome: &QueryOutcome) {
        self.record.rows += outcome.rows_written;
    }

    /// Notes the files of the version, whatever number of statements wrote them.
    async fn weigh(&mut self, entry: &TableEntry) -> Result<(), StepError> {
        let objects = &self.context.ports.objects;
        let folder = layout::version(&self.model.name, &self.context.settings.run);
        let metadata = folder.join("metadata/");
        let is_data = |object: &Object| {
            let is_hidden = object.key.file_name().starts_with(['_', '.']);
            let is_metadata = self.is_iceberg() && object.key.is_in(&metadata);
            !is_hidden && !is_metadata
        };
        let files: Vec<Object> = objects.list(&folder).await?.into_iter().filter(is_data).collect();
        (self.record.files, self.record.bytes) = (files.len() as u64, files.iter().map(|file| file.size).sum::<u64>());
        let changed = entry.parameters.get(ICEBERG_METADATA).filter(|_| files.is_empty());
        if let Some(metadata) = changed {
            // A change of what is there wrote beside it; its metadata may not tell how much, and that is no reason to stop.
            let told = objects.get(&Key::new(metadata)).await.ok();
            let added = told.and_then(|metadata| iceberg::added_files(&metadata));
            (self.record.files, self.record.bytes) = added.unwrap_or_default();
        }
        Ok(())
    }

    /// Notes the version that lies under the staging name now.
    pub(super) async fn finish_version(
        &mut self,
        statement: Statement,
        version: &mut Version,
    ) -> Result<(), StepError> {
        let ports = &self.context.ports;
        let table = self.staging_table();
        let entry =
            ports.catalogue.get(&table).await?.ok_or_else(|| {
                StepError::permanent(format!("`{table}` is not in the catalogue after it was created"))
            })?;
        if self.may_have_delta() {
            ports.catalogue.remove(&self.delta_table()).await?;
        }
        self.record.partitions = match entry.partition_keys.is_empty() {
            true => 0,
            false => entry.parts().len() as u64,
        };
        version.manifest.statement = statement.text;
        version.manifest.rows = self.record.rows;
        self.weigh(&entry).await?;
        let mut entry = prepare::with_own_keys(entry, &self.model.partitioned_by)?;
        if self.model.format == Format::Orc && self.context.ports.engine.writers().is_some() {
            entry.parameters.insert("tarn.format".to_owned(), "orc".to_owned());
        }
        version.entry = Some(entry);
        Ok(())
    }
}

fn replaces(model: &Model, incremental: bool) -> Replaces {
    match &model.materialization {
        Materialization::Incremental(Strategy::Append) if incremental => Replaces::Nothing,
        Materialization::Incremental(Strategy::InsertOverwrite) if incremental => Replaces::SamePartitions,
        _ => Replaces::Everything,
    }
}
