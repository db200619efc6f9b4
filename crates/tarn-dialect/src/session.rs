//! A session: the engine with Athena's settings, one catalogue with one database, and the way from a text to rows.

use std::collections::HashMap;
use std::fmt;
use std::path::PathBuf;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use chrono::{DateTime, Utc};
use chrono_tz::Tz;
use datafusion::catalog::{CatalogProvider, MemoryCatalogProvider, SchemaProvider};
use datafusion::common::{Column, DataFusionError};
use datafusion::datasource::provider_as_source;
use datafusion::execution::SessionState;
use datafusion::execution::context::SessionContext;
use datafusion::execution::runtime_env::RuntimeEnvBuilder;
use datafusion::execution::session_state::SessionStateBuilder;
use datafusion::logical_expr::{Expr, LogicalPlan, LogicalPlanBuilder};
use datafusion::physical_plan::SendableRecordBatchStream;
use datafusion::prelude::{DataFrame, SessionConfig};
use datafusion::sql::parser::Statement as EngineStatement;
use datafusion::sql::planner::SqlToRel;
use datafusion::sql::sqlparser::ast;
use futures::future::BoxFuture;

use crate::error::SqlError;
use crate::functions::Functions;
use crate::memory::SharedMemory;
use crate::partitioning;
use crate::plan::{FormPlanner, PlanningContext, check_rows};
use crate::relation::{SamplePlanner, UnnestPlanner, expand};
use crate::rewrite::{ANONYMOUS, Rewritten, Surroundings, rewrite};
use crate::syntax::statement::{self, Query, Statement};

/// The catalogue of every Athena account.
pub(crate) const CATALOG: &str = "awsdatacatalog";

/// What a session is given; nothing is read from the environment.
#[derive(Debug, Clone)]
pub struct Settings {
    /// The database (schema) that all tables belong to.
    pub database: String,
    /// The moment that `now()` and `current_date` tell.
    pub now: DateTime<Utc>,
    /// The zone of `current_date` and of wall clocks; Athena's is UTC.
    pub session_zone: Tz,
    /// How many parts of a query run at once.
    pub partitions: usize,
    /// Bytes of memory a query may use before it spills to disk or fails.
    pub memory_limit: Option<usize>,
    /// Where sorts and aggregations spill to.
    pub spill_dir: Option<PathBuf>,
}

/// Athena's SQL over one set of tables.
pub struct Session {
    context: SessionContext,
    functions: Arc<Functions>,
    tables: Arc<dyn SchemaProvider>,
    settings: Settings,
}

impl fmt::Debug for Session {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Session").field("settings", &self.settings).finish_non_exhaustive()
    }
}

impl Session {
    /// Opens a session over the tables of one database.
    ///
    /// # Errors
    /// [`SqlError`] of kind `Resources` when the spill folder cannot be used.
    pub fn new(settings: Settings, tables: Arc<dyn SchemaProvider>) -> Result<Self, SqlError> {
        let mut runtime = RuntimeEnvBuilder::new();
        if let Some(limit) = settings.memory_limit {
            runtime = runtime.with_memory_pool(Arc::new(SharedMemory::new(limit)));
        }
        if let Some(folder) = &settings.spill_dir {
            runtime = runtime.with_temp_file_path(folder.clone());
        }
        let runtime = runtime.build_arc()?;
        let state = SessionStateBuilder::new_with_default_features()
            .with_config(config(&settings))
            .with_runtime_env(runtime)
            .with_physical_optimizer_rules(partitioning::rules())
            .build();
        let context = SessionContext::new_with_state(state);
        let catalog = MemoryCatalogProvider::new();
        catalog.register_schema(&settings.database, Arc::clone(&tables))?;
        context.register_catalog(CATALOG, Arc::new(catalog));
        Ok(Self { context, functions: Arc::new(Functions::athena()), tables, settings })
    }

    /// Parses exactly one statement, with or without `;`.
    ///
    /// # Errors
    /// [`SqlError`] of kind `Syntax`, `Type` (a type in a cast) or `NotSupported`, with its place in `sql`.
    pub fn parse(&self, sql: &str) -> Result<Statement, SqlError> {
        statement::parse(sql)
    }

    /// Resolves names and gives types; unnamed columns are called `_col0`, `_col1`, …
    ///
    /// # Errors
    /// [`SqlError`] of any planning kind, with its place in the text the query was parsed from.
    pub fn plan<'a>(&'a self, query: &'a Query) -> BoxFuture<'a, Result<LogicalPlan, SqlError>> {
        // A boxed future is compiled here once, and not again in every crate that waits for it.
        Box::pin(Deep(Box::pin(self.resolve(query))))
    }

    async fn resolve(&self, query: &Query) -> Result<LogicalPlan, SqlError> {
        let mut rewritten = query.ast.clone();
        let surroundings = Surroundings {
            functions: &self.functions,
            database: &self.settings.database,
            now: self.settings.now,
            zone: self.settings.session_zone,
        };
        let notes = rewrite(&mut rewritten, &query.types, &surroundings)?;
        self.logical(rewritten, query, &notes).await.map_err(|error| notes.place(SqlError::from(error)))
    }

    async fn logical(
        &self,
        rewritten: ast::Query,
        query: &Query,
        notes: &Rewritten,
    ) -> Result<LogicalPlan, DataFusionError> {
        let state = self.context.state();
        let mut tables = HashMap::new();
        for name in query.relations() {
            let name = name.rsplit('.').next().unwrap_or(&name).to_owned();
            if let Some(table) = self.tables.table(&name).await? {
                tables.insert(name, provider_as_source(table));
            }
        }
        let provider = PlanningContext {
            state: &state,
            functions: &self.functions,
            tables,
            known_tables: self.tables.table_names(),
            expression_planners: vec![Arc::new(FormPlanner {
                forms: Arc::clone(&notes.forms),
                functions: Arc::clone(&self.functions),
            })],
            relation_planners: vec![Arc::new(SamplePlanner), Arc::new(UnnestPlanner::new(Arc::clone(&notes.forms)))],
        };
        let statement = ast::Statement::Query(Box::new(rewritten));
        let plan = SqlToRel::new(&provider).statement_to_plan(EngineStatement::Statement(Box::new(statement)))?;
        let plan = name_columns(check_rows(expand(plan)?)?)?;
        state.analyzer().execute_and_check(plan, state.config_options(), |_, _| {})
    }

    /// Plans to the end without running: some refusals come only then.
    ///
    /// # Errors
    /// [`SqlError`] when the plan could not be started.
    pub fn check(&self, plan: LogicalPlan) -> BoxFuture<'_, Result<(), SqlError>> {
        let state = self.context.state();
        Box::pin(Deep(Box::pin(async move { Ok(state.create_physical_plan(&plan).await.map(|_| ())?) })))
    }

    /// Runs a plan; errors while rows stream are [`DataFusionError`]s that convert to [`SqlError`].
    ///
    /// # Errors
    /// [`SqlError`] when the plan cannot be started.
    pub fn execute(&self, plan: LogicalPlan) -> BoxFuture<'_, Result<SendableRecordBatchStream, SqlError>> {
        let state = self.context.state();
        Box::pin(Deep(Box::pin(async move { Ok(DataFrame::new(state, plan).execute_stream().await?) })))
    }

    /// The engine's state: configuration, catalogue, runtime.
    pub fn state(&self) -> SessionState {
        self.context.state()
    }

    /// The engine's context.
    pub fn context(&self) -> &SessionContext {
        &self.context
    }
}

/// Runs work that recurses as deep as a statement nests, on a stack that a thread need not have.
pub(crate) fn deep<R>(work: impl FnOnce() -> R) -> R {
    // Pages are taken only when they are touched.
    const STACK: usize = 256 << 20;
    stacker::grow(STACK, work)
}

/// A future that is polled on a deep stack: planning walks trees as deep as statements nest.
struct Deep<F>(F);

impl<F: Future + Unpin> Future for Deep<F> {
    type Output = F::Output;

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Self::Output> {
        deep(|| Pin::new(&mut self.0).poll(context))
    }
}

fn config(settings: &Settings) -> SessionConfig {
    let mut config = SessionConfig::new()
        .with_target_partitions(settings.partitions.max(1))
        .with_default_catalog_and_schema(CATALOG, settings.database.clone())
        .with_create_default_catalog_and_schema(false)
        .with_information_schema(false);
    let options = config.options_mut();
    options.sql_parser.enable_ident_normalization = false;
    options.sql_parser.map_string_types_to_utf8view = false;
    options.sql_parser.parse_float_as_decimal = true;
    options.sql_parser.collect_spans = true;
    "nulls_last".clone_into(&mut options.sql_parser.default_null_ordering);
    options.execution.parquet.schema_force_view_types = false;
    options.execution.time_zone = Some("UTC".to_owned());
    config
}

/// Gives columns without a name the ones Athena gives: `_col` and their position.
fn name_columns(plan: LogicalPlan) -> Result<LogicalPlan, DataFusionError> {
    let anonymous = |name: &str| name.starts_with(ANONYMOUS);
    if !plan.schema().fields().iter().any(|field| anonymous(field.name())) {
        return Ok(plan);
    }
    let columns: Vec<Expr> = plan
        .schema()
        .iter()
        .enumerate()
        .map(|(position, (qualifier, field))| {
            let column = Expr::Column(Column::new(qualifier.cloned(), field.name()));
            if anonymous(field.name()) { column.alias(format!("_col{position}")) } else { column }
        })
        .collect();
    LogicalPlanBuilder::from(plan).project(columns)?.build()
}
