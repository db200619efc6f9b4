//! Athena on a laptop: statements of Athena's SQL over the lake's files.

mod columns;
mod create;
mod describe;
mod errors;
mod insert;
mod properties;
mod rows;
mod stream;

use std::fmt;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Instant;

use async_trait::async_trait;
use chrono::{DateTime, Utc};
use chrono_tz::Tz;
use datafusion::logical_expr::LogicalPlan;
use futures::future::BoxFuture;
use tarn_dialect::{Query, Session, Statement as Parsed};
use tarn_pipeline::ports::{
    Attribution, Catalogue, Column, EngineError, QueryEngine, QueryOutcome, QueryRequest, TableEntry,
};

use crate::catalogue::LocalCatalogue;
use crate::objects::LocalObjects;
use crate::tables::{LocalTables, Statement};
pub use stream::QueryStream;

/// The name of the lake's only database.
const DATABASE: &str = "lake";

/// What an engine is given.
#[derive(Debug, Clone)]
pub struct EngineSettings {
    /// The moment that `now()` tells.
    pub now: DateTime<Utc>,
    /// The zone of `current_date`; Athena's is UTC.
    pub session_zone: Tz,
    /// How many parts of a query run at once.
    pub partitions: usize,
    /// Bytes of memory that queries may use before they spill to disk.
    pub memory_limit: usize,
    /// Where they spill to; the system's folder for temporary files when none.
    pub spill_folder: Option<PathBuf>,
}

/// Runs Athena's SQL in this process.
pub struct LocalEngine {
    session: Arc<Session>,
    catalogue: LocalCatalogue,
    objects: LocalObjects,
    partitions: usize,
}

impl fmt::Debug for LocalEngine {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_struct("LocalEngine").field("session", &self.session).finish_non_exhaustive()
    }
}

impl LocalEngine {
    /// An engine over this catalogue and bucket.
    ///
    /// # Errors
    /// When the folder to spill to cannot be used.
    pub fn new(
        settings: EngineSettings,
        catalogue: LocalCatalogue,
        objects: LocalObjects,
    ) -> Result<Self, EngineError> {
        let partitions = settings.partitions.max(1);
        let session_settings = tarn_dialect::Settings {
            database: DATABASE.to_owned(),
            now: settings.now,
            session_zone: settings.session_zone,
            partitions,
            memory_limit: Some(settings.memory_limit),
            spill_dir: settings.spill_folder,
        };
        let tables = Arc::new(LocalTables::new(catalogue.clone(), objects.clone()));
        let session = Session::new(session_settings, Arc::clone(&tables) as _).map_err(errors::from_sql)?;
        let session = Arc::new(session);
        tables.plan_views_with(&session);
        Ok(Self { session, catalogue, objects, partitions })
    }

    /// Starts a query whose rows are taken as they come.
    ///
    /// # Errors
    /// When the text is not one query, or cannot be planned.
    pub fn stream<'a>(&'a self, sql: &'a str) -> BoxFuture<'a, Result<QueryStream, EngineError>> {
        // A boxed future is compiled here once, and not again in every crate that waits for it.
        Box::pin(async move {
            let parsed = self.session.parse(sql).map_err(errors::from_sql)?;
            let Parsed::Query(query) = parsed else { return Err(errors::not_a_query()) };
            self.stream_query(&query).await
        })
    }

    async fn stream_query(&self, query: &Query) -> Result<QueryStream, EngineError> {
        let statement = Arc::new(Statement::default());
        let plan = self.plan(&statement, query).await?;
        let columns = columns::of_result(&plan);
        let batches = self.session.execute(plan).await.map_err(errors::from_sql)?;
        Ok(QueryStream::new(columns, batches, statement.scanned.clone()))
    }

    async fn plan(&self, statement: &Arc<Statement>, query: &Query) -> Result<LogicalPlan, EngineError> {
        statement.plan(self.session.plan(query)).await.map_err(errors::from_sql)
    }

    async fn run(&self, request: &QueryRequest) -> Result<QueryOutcome, EngineError> {
        let run = request.attribution.run.as_ref();
        match self.session.parse(&request.statement).map_err(errors::from_sql)? {
            Parsed::Query(query) => rows::collect(self.stream_query(&query).await?).await,
            Parsed::CreateTableAs(create) => self.create_table(create, run).await,
            Parsed::InsertInto { table, columns, query } => self.insert(&table, &columns, &query, run).await,
            Parsed::CreateView { name, or_replace, query_text, query } => {
                self.create_view(name, or_replace, query_text, &query, run).await
            }
            Parsed::DropTable { name, if_exists } => self.drop(&name, if_exists, false).await,
            Parsed::DropView { name, if_exists } => self.drop(&name, if_exists, true).await,
            Parsed::ShowTables => {
                let names = self.catalogue.list().await.map_err(errors::from_catalogue)?;
                Ok(describe::one_column("tab_name", names))
            }
            Parsed::Describe(name) => Ok(describe::columns(&self.entry(&name).await?)),
            Parsed::ShowCreateTable(name) => Ok(describe::table_ddl(&self.entry(&name).await?, &self.objects)),
            Parsed::ShowCreateView(name) => describe::view_ddl(&self.entry(&name).await?),
            Parsed::Explain(query) => {
                let plan = self.plan(&Arc::default(), &query).await?;
                let text = plan.display_indent().to_string();
                Ok(describe::one_column("Query Plan", text.lines().map(str::to_owned).collect()))
            }
        }
    }

    async fn entry(&self, name: &str) -> Result<TableEntry, EngineError> {
        let name = local_name(name);
        let entry = self.catalogue.get(name).await.map_err(errors::from_catalogue)?;
        entry.ok_or_else(|| errors::no_such_table(name))
    }

    async fn drop(&self, name: &str, if_exists: bool, view: bool) -> Result<QueryOutcome, EngineError> {
        let name = local_name(name);
        match self.catalogue.get(name).await.map_err(errors::from_catalogue)? {
            None if if_exists => {}
            None => return Err(errors::no_such_table(name)),
            Some(entry) => errors::refuse_other_kind(&entry, view)?,
        }
        self.catalogue.remove(name).await.map_err(errors::from_catalogue)?;
        Ok(QueryOutcome::default())
    }
}

/// A table's name without its database.
fn local_name(name: &str) -> &str {
    name.rsplit('.').next().unwrap_or(name)
}

#[async_trait]
impl QueryEngine for LocalEngine {
    async fn execute(&self, request: &QueryRequest) -> Result<QueryOutcome, EngineError> {
        let started = Instant::now();
        if let Some(table) = &request.makes {
            tarn_pipeline::journal::clear(table, &self.catalogue, &self.objects).await?;
        }
        let outcome = self.run(request).await?;
        let milliseconds = u64::try_from(started.elapsed().as_millis()).unwrap_or(u64::MAX);
        Ok(QueryOutcome { milliseconds, ..outcome })
    }

    async fn columns(&self, query: &str, _attribution: &Attribution) -> Result<Vec<Column>, EngineError> {
        let Parsed::Query(query) = self.session.parse(query).map_err(errors::from_sql)? else {
            return Err(errors::not_a_query());
        };
        let statement = Arc::default();
        let plan = self.plan(&statement, &query).await?;
        columns::refuse_unknown_types(&plan)?;
        let columns = columns::of_result(&plan);
        statement.plan(self.session.check(plan)).await.map_err(errors::from_sql)?;
        Ok(columns)
    }
}

#[cfg(test)]
mod tests;
