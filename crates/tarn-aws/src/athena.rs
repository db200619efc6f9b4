//! Queries on Athena.
//!
//! A token makes a start repeatable: the same statement with the same token is one query, however often it is started.
//! <https://docs.aws.amazon.com/athena/latest/APIReference/API_StartQueryExecution.html>

mod mistakes;
mod results;

use std::sync::Arc;

use async_trait::async_trait;
use aws_sdk_athena::types::{
    QueryExecution, QueryExecutionContext, QueryExecutionState, ResultConfiguration, StatementType,
};
use chrono::{DateTime, Utc};
use tarn_pipeline::cost::QueryStatus;
use tarn_pipeline::ports::{EndedQuery, EngineError, QueryLog, QueryOutcome, QueryService, QueryState, QueryTry};

use crate::aws::Aws;
use crate::error::{is_transient, message};

/// Partitions, or partitions times buckets, that one statement may write.
/// <https://docs.aws.amazon.com/athena/latest/ug/ctas-insert-into.html>
const WRITERS: usize = 100;

/// Where queries run.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AthenaSettings {
    /// The database of the lake's tables, for names without one.
    pub database: String,
    /// The workgroup: limits, result location and encryption are its.
    pub workgroup: String,
    /// Where results go, `s3://…`; as the workgroup says when none.
    pub results: Option<String>,
}

/// Athena in one workgroup.
#[derive(Debug, Clone)]
pub struct Athena {
    aws: Arc<Aws>,
    settings: Arc<AthenaSettings>,
}

impl Athena {
    /// The queries of a workgroup.
    pub fn new(aws: Arc<Aws>, settings: AthenaSettings) -> Self {
        Self { aws, settings: Arc::new(settings) }
    }

    async fn describe(&self, id: &str) -> Result<QueryExecution, EngineError> {
        let call = self.aws.athena().await.get_query_execution().query_execution_id(id);
        let answer = call.send().await.map_err(|error| refused(&error))?;
        answer.query_execution.ok_or_else(|| EngineError::transient(format!("Athena tells nothing about query `{id}`")))
    }
}

#[async_trait]
impl QueryService for Athena {
    async fn start(&self, statement: &str, token: &str) -> Result<String, EngineError> {
        let context = QueryExecutionContext::builder().database(&self.settings.database).build();
        let results = self.settings.results.as_ref();
        let results = results.map(|uri| ResultConfiguration::builder().output_location(uri).build());
        let call = self.aws.athena().await.start_query_execution().query_string(statement);
        let call = call.client_request_token(token).query_execution_context(context);
        let call = call.work_group(&self.settings.workgroup).set_result_configuration(results);
        let answer = call.send().await.map_err(|error| refused(&error))?;
        answer.query_execution_id.ok_or_else(|| EngineError::transient("Athena gave the query no id"))
    }

    async fn look(&self, id: &str) -> Result<QueryState, EngineError> {
        let execution = self.describe(id).await?;
        let status = execution.status.as_ref();
        Ok(match status.and_then(|status| status.state.as_ref()) {
            Some(QueryExecutionState::Succeeded) => QueryState::Done(Box::new(self.outcome(id, &execution).await?)),
            Some(state @ (QueryExecutionState::Failed | QueryExecutionState::Cancelled)) => {
                let cancelled = *state == QueryExecutionState::Cancelled;
                let status = execution.status.as_ref();
                let error = mistakes::read(status.cloned().unwrap_or_else(mistakes::unknown), cancelled);
                QueryState::Failed(EngineError {
                    tries: vec![QueryTry { cancelled, ..sent(id, &execution, false) }],
                    ..error
                })
            }
            _ => QueryState::Running,
        })
    }

    async fn stop(&self, id: &str) -> Result<(), EngineError> {
        let call = self.aws.athena().await.stop_query_execution().query_execution_id(id);
        call.send().await.map_err(|error| refused(&error))?;
        Ok(())
    }

    fn writers(&self) -> usize {
        WRITERS
    }
}

impl Athena {
    async fn outcome(&self, id: &str, execution: &QueryExecution) -> Result<QueryOutcome, EngineError> {
        let sent = sent(id, execution, true);
        let is_query = execution.statement_type == Some(StatementType::Dml);
        let results = results::read(&self.aws, id, is_query).await?;
        Ok(QueryOutcome {
            columns: results.columns,
            rows: results.rows,
            rows_written: results.rows_written,
            bytes_scanned: sent.bytes_scanned,
            milliseconds: sent.milliseconds,
            tries: vec![sent],
            ..QueryOutcome::default()
        })
    }
}

#[async_trait]
impl QueryLog for Athena {
    async fn ended(&self, id: &str) -> Result<Option<EndedQuery>, EngineError> {
        let execution = self.describe(id).await?;
        let status = execution.status.as_ref();
        let ended_as = match status.and_then(|status| status.state.as_ref()) {
            Some(QueryExecutionState::Succeeded) => QueryStatus::Succeeded,
            Some(QueryExecutionState::Failed) => QueryStatus::Failed,
            Some(QueryExecutionState::Cancelled) => QueryStatus::Cancelled,
            _ => return Ok(None),
        };
        let submitted = status.and_then(|status| moment(status.submission_date_time.as_ref()));
        let ended = status.and_then(|status| moment(status.completion_date_time.as_ref())).or(submitted);
        let Some(ended) = ended else {
            return Err(EngineError::transient(format!("Athena does not say when query `{id}` ended")));
        };
        let sent = sent(id, &execution, ended_as == QueryStatus::Succeeded);
        Ok(Some(EndedQuery {
            id: id.to_owned(),
            is_free: changes_the_catalogue_only(&execution),
            statement: execution.query.unwrap_or_default(),
            workgroup: execution.work_group,
            status: ended_as,
            bytes_scanned: sent.bytes_scanned,
            submitted: submitted.unwrap_or(ended),
            ended,
            milliseconds: sent.milliseconds,
        }))
    }
}

fn moment(time: Option<&aws_sdk_athena::primitives::DateTime>) -> Option<DateTime<Utc>> {
    time.and_then(|time| DateTime::from_timestamp(time.secs(), time.subsec_nanos()))
}

/// Statements that define something are not billed, but for those that make a table of a query, which Athena files among them.
/// <https://aws.amazon.com/athena/pricing/>
fn changes_the_catalogue_only(execution: &QueryExecution) -> bool {
    let kind = execution.substatement_type.as_deref().unwrap_or_default();
    execution.statement_type == Some(StatementType::Ddl) && kind != "CREATE_TABLE_AS_SELECT"
}

/// What a query cost, however it ended.
fn sent(id: &str, execution: &QueryExecution, succeeded: bool) -> QueryTry {
    let statistics = execution.statistics.as_ref();
    let number = |value: Option<i64>| value.and_then(|value| u64::try_from(value).ok()).unwrap_or_default();
    QueryTry {
        id: id.to_owned(),
        succeeded,
        cancelled: false,
        bytes_scanned: number(statistics.and_then(|statistics| statistics.data_scanned_in_bytes)),
        milliseconds: number(statistics.and_then(|statistics| {
            statistics.total_execution_time_in_millis.or(statistics.engine_execution_time_in_millis)
        })),
    }
}

/// A call that Athena refused.
fn refused<E>(error: &aws_sdk_athena::error::SdkError<E>) -> EngineError
where
    E: aws_sdk_athena::error::ProvideErrorMetadata + std::error::Error + 'static,
{
    EngineError { retryable: is_transient(error), ..EngineError::permanent(message(error)) }
}
