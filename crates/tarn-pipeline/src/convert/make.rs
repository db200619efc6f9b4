//! The first half of a model's way: prepare its query, and make a version that nobody sees yet.

use tarn_model::{CompiledModel, Materialization, Model, Strategy};

use super::{AtStep, Halt, ModelStep, Version};
use crate::columns;
use crate::error::StepError;
use crate::layout;
use crate::manifest::{Manifest, State};
use crate::ports::{Column, NewTable, QueryOutcome, TableEntry, TableKind};
use crate::prepare::{self, Merge, Rows, Statement, TableProperties};
use crate::publish::Replaces;

/// What prepare found out.
struct Prepared {
    compiled: CompiledModel,
    /// The model's query with its columns as the table has them.
    rows: Rows,
    columns: Vec<Column>,
    /// Columns that the published table does not have yet.
    added: Vec<String>,
    /// The published entry that this version adds to or changes; none for a full refresh.
    onto: Option<TableEntry>,
}

impl ModelStep {
    /// Prepares and converts: afterwards the version lies in its folder, under its staging name in the catalogue.
    pub(super) async fn make(&mut self, published: Option<TableEntry>) -> Result<Version, Halt> {
        self.started("prepare");
        let prepared = self.prepare(published).await.at("prepare")?;
        self.record.full_refresh = prepared.onto.is_none();
        self.started("convert");
        let mut version = Version {
            replaces: replaces(&self.model, prepared.onto.is_some()),
            manifest: self.new_manifest(),
            entry: None,
        };
        version.manifest.write(self.context.ports.objects.as_ref()).await.at("prepare")?;
        let made = match (&self.model.materialization, &prepared.onto) {
            (Materialization::View, _) => self.make_view(&prepared, &mut version).await,
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

    async fn prepare(&mut self, published: Option<TableEntry>) -> Result<Prepared, StepError> {
        let onto = published.filter(|entry| self.is_incremental(entry));
        let compiled = self.compile(onto.is_some())?;
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
            let change = columns::onto(&self.model, onto, &prepared.columns)?;
            prepared.rows = change.arrange(&prepared.compiled.sql);
            (prepared.columns, prepared.added) = (change.columns, change.added);
        }
        Ok(prepared)
    }

    /// Whether the version is made onto what is published, and not anew.
    fn is_incremental(&self, published: &TableEntry) -> bool {
        matches!(self.model.materialization, Materialization::Incremental(_))
            && !self.context.settings.full_refresh
            && matches!(published.kind, TableKind::Table { .. })
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

    async fn make_view(&mut self, prepared: &Prepared, version: &mut Version) -> Result<(), StepError> {
        let statement = prepare::create_view(&self.staging_table(), &prepared.compiled.sql);
        self.execute(&statement, None, Some(&prepared.compiled)).await?;
        self.finish_version(statement, version).await
    }

    async fn make_table(&mut self, prepared: &Prepared, version: &mut Version) -> Result<(), StepError> {
        let table = self.version_table();
        let statement = self.create_table_as(&table, &prepared.rows.sql).below(prepared.rows.lines_before);
        let outcome = self.execute(&statement, Some(table), Some(&prepared.compiled)).await?;
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
        let delta = NewTable { name: self.delta_table(), folder: layout::delta(&self.model.name, run) };
        let statement = prepare::create_table_as(
            TableProperties::passing(&self.model, &delta.name, &delta.folder),
            &prepared.rows.sql,
            self.context.ports.objects.as_ref(),
        )
        .below(prepared.rows.lines_before);
        self.execute(&statement, Some(delta.clone()), Some(&prepared.compiled)).await?;
        self.refuse_unmergeable(&delta.name, &unique_key, order).await?;
        let merged = prepare::merged_rows(Merge {
            published: &onto.name,
            delta: &delta.name,
            columns: &prepared.columns,
            added: &prepared.added,
            key: &unique_key,
            order,
        });
        let table = self.version_table();
        let statement = self.create_table_as(&table, &merged);
        let outcome = self.execute(&statement, Some(table), None).await?;
        self.count(&outcome);
        self.finish_version(statement, version).await
    }

    async fn refuse_unmergeable(&mut self, delta: &str, key: &[String], order: Option<&str>) -> Result<(), StepError> {
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

    fn create_table_as(&self, table: &NewTable, query: &str) -> Statement {
        let properties = TableProperties::of(&self.model, &table.name, &table.folder);
        prepare::create_table_as(properties, query, self.context.ports.objects.as_ref())
    }

    fn count(&mut self, outcome: &QueryOutcome) {
        self.record.rows += outcome.rows_written;
        self.record.files += outcome.files_written;
        self.record.bytes += outcome.bytes_written;
    }

    /// Notes the version that lies under the staging name now.
    async fn finish_version(&mut self, statement: Statement, version: &mut Version) -> Result<(), StepError> {
        let ports = &self.context.ports;
        let table = self.staging_table();
        let entry =
            ports.catalogue.get(&table).await?.ok_or_else(|| {
                StepError::permanent(format!("`{table}` is not in the catalogue after it was created"))
            })?;
        if version.manifest.folders.len() > 1 {
            ports.catalogue.remove(&self.delta_table()).await?;
        }
        self.record.partitions = match entry.partition_keys.is_empty() {
            true => 0,
            false => entry.parts().len() as u64,
        };
        version.manifest.statement = statement.text;
        version.manifest.rows = self.record.rows;
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
