//! One table of the catalogue, as the engine scans it.

use std::fmt;
use std::sync::Arc;

use arrow::datatypes::{Field, Schema, SchemaRef};
use async_trait::async_trait;
use datafusion::catalog::{Session, TableProvider};
use datafusion::common::config::TableParquetOptions;
use datafusion::common::{DataFusionError, Result, project_schema};
use datafusion::datasource::TableType;
use datafusion::datasource::physical_plan::{FileScanConfigBuilder, ParquetSource};
use datafusion::datasource::source::DataSourceExec;
use datafusion::datasource::table_schema::TableSchema;
use datafusion::execution::object_store::ObjectStoreUrl;
use datafusion::logical_expr::{Expr, TableProviderFilterPushDown};
use datafusion::physical_plan::ExecutionPlan;
use datafusion::physical_plan::empty::EmptyExec;
use tarn_pipeline::ports::{Column, TableEntry};

use super::adapter::TableColumns;
use super::files::{self, ScannedPart};
use super::reader::{BytesScanned, Footers, Readers};
use super::{pruning, schema, values};
use crate::objects::LocalObjects;

/// Parquet files in the folders of a table's parts.
pub(crate) struct FilesTable {
    name: Arc<str>,
    objects: LocalObjects,
    footers: Arc<Footers>,
    scanned: BytesScanned,
    schema: TableSchema,
    keys: SchemaRef,
    parts: Vec<ScannedPart>,
}

impl fmt::Debug for FilesTable {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_struct("FilesTable").field("name", &self.name).finish_non_exhaustive()
    }
}

impl FilesTable {
    /// The table of an entry as it is now; `scanned` counts what is read of it.
    ///
    /// # Errors
    /// When a column's type is none of Hive's, or a partition value is none of its key's type.
    pub(crate) fn new(
        entry: &TableEntry,
        objects: LocalObjects,
        footers: Arc<Footers>,
        scanned: BytesScanned,
    ) -> Result<Self> {
        let schema_of =
            |columns: &[Column]| schema::schema_of(columns).map_err(|column| unknown_type(&entry.name, column));
        // A column found in records before its name was reserved for the partition is in the entry still: the partition wins.
        let is_key = |column: &&Column| entry.partition_keys.iter().any(|key| key.name == column.name);
        let own: Vec<Column> = entry.columns.iter().filter(|column| !is_key(column)).cloned().collect();
        let columns = Arc::new(schema_of(&own)?);
        let keys = Arc::new(schema_of(&entry.partition_keys)?);
        let schema = TableSchema::builder(columns).with_table_partition_cols(keys.fields().to_vec()).build();
        let parts = entry.parts().iter().map(|part| typed_part(entry, &keys, part)).collect::<Result<_>>()?;
        Ok(Self { name: entry.name.as_str().into(), objects, footers, scanned, schema, keys, parts })
    }

    fn source(&self, state: &dyn Session) -> ParquetSource {
        let mut options =
            TableParquetOptions { global: state.config_options().execution.parquet.clone(), ..Default::default() };
        options.global.enable_page_index = true;
        options.global.pruning = true;
        // Text stays `Utf8`, which is what the dialect's functions work on.
        options.global.schema_force_view_types = false;
        let readers = Readers { footers: Arc::clone(&self.footers), scanned: self.scanned.clone() };
        ParquetSource::new(self.schema.clone())
            .with_table_parquet_options(options)
            .with_parquet_file_reader_factory(Arc::new(readers))
    }
}

fn unknown_type(table: &str, column: &Column) -> DataFusionError {
    let Column { name, column_type, .. } = column;
    DataFusionError::Plan(format!("column `{name}` of table `{table}` has the type `{column_type}`, which is none"))
}

fn typed_part(entry: &TableEntry, keys: &Schema, part: &tarn_pipeline::ports::Part) -> Result<ScannedPart> {
    let table = &entry.name;
    if part.values.len() != keys.fields().len() {
        let (found, wanted) = (part.values.len(), keys.fields().len());
        let text = format!("part `{}` of table `{table}` has {found} partition values, not {wanted}", part.location);
        return Err(DataFusionError::Plan(text));
    }
    let typed = |(value, key): (&Option<String>, &Arc<Field>)| {
        values::parse(value.as_deref(), key.data_type()).ok_or_else(|| {
            let value = value.as_deref().unwrap_or("null");
            let key_type = entry.partition_keys.iter().find(|column| column.name == *key.name());
            let key_type = key_type.map_or("", |column| column.column_type.as_str());
            DataFusionError::Plan(format!("partition `{}={value}` of table `{table}` is no `{key_type}`", key.name()))
        })
    };
    let values = part.values.iter().zip(keys.fields()).map(typed).collect::<Result<_>>()?;
    Ok(ScannedPart { location: part.location.clone(), values })
}

#[async_trait]
impl TableProvider for FilesTable {
    fn schema(&self) -> SchemaRef {
        Arc::clone(self.schema.table_schema())
    }

    fn table_type(&self) -> TableType {
        TableType::Base
    }

    async fn scan(
        &self,
        state: &dyn Session,
        projection: Option<&Vec<usize>>,
        filters: &[Expr],
        limit: Option<usize>,
    ) -> Result<Arc<dyn ExecutionPlan>> {
        let parts = pruning::surviving(state, &self.keys, filters, self.parts.clone())?;
        let (objects, name) = (self.objects.clone(), Arc::clone(&self.name));
        let (footers, scanned, schema) = (Arc::clone(&self.footers), self.scanned.clone(), self.schema.clone());
        let look = move || {
            let files = files::files_of(&objects, &name, &parts)?;
            let statistics =
                files::statistics(&footers, &scanned, schema.file_schema(), schema.table_schema(), &files)?;
            Ok((files, statistics))
        };
        let looked: Result<_> =
            tokio::task::spawn_blocking(look).await.map_err(|stopped| DataFusionError::External(stopped.into()))?;
        let (files, statistics) = looked?;
        if files.is_empty() {
            // A scan of no files has no partition at all, which the optimizer does not expect.
            let schema = project_schema(self.schema.table_schema(), projection)?;
            return Ok(Arc::new(EmptyExec::new(schema)));
        }
        let groups = files::group(files, state.config().target_partitions());
        let config = FileScanConfigBuilder::new(ObjectStoreUrl::local_filesystem(), Arc::new(self.source(state)))
            .with_file_groups(groups)
            .with_statistics(statistics)
            .with_expr_adapter(Some(Arc::new(TableColumns)))
            .with_limit(limit)
            .with_projection_indices(projection.cloned())?
            .build();
        Ok(DataSourceExec::from_data_source(config))
    }

    fn supports_filters_pushdown(&self, filters: &[&Expr]) -> Result<Vec<TableProviderFilterPushDown>> {
        let verdict = |filter: &&Expr| {
            if pruning::decides(filter, &self.keys) {
                TableProviderFilterPushDown::Exact
            } else {
                TableProviderFilterPushDown::Inexact
            }
        };
        Ok(filters.iter().map(verdict).collect())
    }
}
