//! The catalogue as the engine sees it: a table is its Parquet files, a view is its query.

mod adapter;
mod files;
mod pruning;
mod reader;
mod rounding;
pub(crate) mod schema;
mod statement;
mod table;
pub(crate) mod values;

use std::fmt;
use std::sync::{Arc, OnceLock, Weak};

use async_trait::async_trait;
use datafusion::catalog::{SchemaProvider, TableProvider};
use datafusion::common::{DataFusionError, Result};
use datafusion::datasource::ViewTable;
use tarn_dialect::{Session, SqlError, SqlErrorKind, Statement as Parsed};
use tarn_pipeline::ports::{Catalogue, CatalogueError, TableEntry, TableKind};

use crate::catalogue::LocalCatalogue;
use crate::objects::LocalObjects;
pub(crate) use reader::BytesScanned;
use reader::Footers;
pub(crate) use statement::Statement;
use table::FilesTable;

/// The tables and views of a catalogue.
pub struct LocalTables {
    catalogue: LocalCatalogue,
    objects: LocalObjects,
    footers: Arc<Footers>,
    /// The session that plans views; it holds these tables, so they hold it weakly.
    session: OnceLock<Weak<Session>>,
}

impl fmt::Debug for LocalTables {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_struct("LocalTables").field("catalogue", &self.catalogue).finish_non_exhaustive()
    }
}

impl LocalTables {
    /// The tables of this catalogue, whose files lie in this bucket.
    pub fn new(catalogue: LocalCatalogue, objects: LocalObjects) -> Self {
        Self { catalogue, objects, footers: Arc::default(), session: OnceLock::new() }
    }

    /// Names the session that plans the views' queries; the first one named stays.
    pub fn plan_views_with(&self, session: &Arc<Session>) {
        self.session.get_or_init(|| Arc::downgrade(session));
    }

    async fn open(&self, statement: &Arc<Statement>, entry: &TableEntry) -> Result<Option<Arc<dyn TableProvider>>> {
        match &entry.kind {
            TableKind::Table { .. } => {
                let scanned = statement.scanned.clone();
                let table = FilesTable::new(entry, self.objects.clone(), Arc::clone(&self.footers), scanned)?;
                Ok(Some(Arc::new(table)))
            }
            TableKind::View { sql } => Ok(self.open_view(statement, &entry.name, sql).await?),
        }
    }

    /// None for a view inside of itself: the planner looks up every name before it knows which are `WITH` names of the query, and
    /// a view may well call one of those as it is called itself.
    async fn open_view(
        &self,
        statement: &Arc<Statement>,
        name: &str,
        sql: &str,
    ) -> Result<Option<Arc<dyn TableProvider>>, SqlError> {
        let Some(inside) = statement.inside(name) else { return Ok(None) };
        let session = self.session.get().and_then(Weak::upgrade).ok_or_else(|| failed("the session has ended"))?;
        let in_view = |error: SqlError| {
            if inside.is_recursive() && error.kind == SqlErrorKind::UnknownTable {
                return failed(format!("view `{name}` is made of itself"));
            }
            in_view(name, error)
        };
        let Parsed::Query(query) = session.parse(sql).map_err(in_view)? else {
            return Err(failed(format!("view `{name}` holds a statement that is no query")));
        };
        let plan = inside.plan(session.plan(&query)).await.map_err(in_view)?;
        Ok(Some(Arc::new(ViewTable::new(plan, Some(sql.to_owned())))))
    }
}

fn failed(message: impl Into<String>) -> SqlError {
    SqlError { kind: SqlErrorKind::Runtime, message: message.into(), line: None, column: None, hint: None }
}

/// Names the view: the place is one in the view's query, not in the statement that uses the view.
fn in_view(name: &str, error: SqlError) -> SqlError {
    let place = match (error.line, error.column) {
        (Some(line), Some(column)) => format!(", line {line}:{column}"),
        _ => String::new(),
    };
    SqlError { message: format!("in view `{name}`{place}: {}", error.message), line: None, column: None, ..error }
}

#[async_trait]
impl SchemaProvider for LocalTables {
    fn table_names(&self) -> Vec<String> {
        self.catalogue.names().unwrap_or_else(|error| {
            tracing::warn!(%error, "the catalogue could not be listed");
            vec![]
        })
    }

    async fn table(&self, name: &str) -> Result<Option<Arc<dyn TableProvider>>> {
        let statement = Statement::current();
        if let Some(table) = statement.known(name) {
            return Ok(Some(table));
        }
        let external = |error: CatalogueError| DataFusionError::External(Box::new(error));
        let Some(entry) = self.catalogue.get(name).await.map_err(external)? else { return Ok(None) };
        let table = self.open(&statement, &entry).await?;
        if let Some(table) = &table {
            statement.keep(name, Arc::clone(table));
        }
        Ok(table)
    }

    fn table_exist(&self, name: &str) -> bool {
        self.catalogue.read(name).is_ok_and(|entry| entry.is_some())
    }
}
