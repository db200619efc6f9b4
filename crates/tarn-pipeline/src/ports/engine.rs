//! The engine: Athena's SQL in, tables and rows out.

use async_trait::async_trait;
use serde::{Deserialize, Serialize};

use crate::names::RunId;
use crate::ports::Column;

/// Who a query is for; its cost is told by it.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Attribution {
    /// The run, when a run asks.
    pub run: Option<RunId>,
    /// The model, when a model's step asks.
    pub model: Option<String>,
    /// What the query is for: `convert`, `audit`, `test`, `query`.
    pub purpose: String,
}

/// One statement to run.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct QueryRequest {
    /// One statement of Athena's SQL: a query, `CREATE TABLE … AS`, `INSERT INTO`, `CREATE VIEW` or `DROP`.
    pub statement: String,
    /// Who asks.
    pub attribution: Attribution,
}

/// What came of a statement.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct QueryOutcome {
    /// The columns of the result; empty for statements that have none.
    pub columns: Vec<Column>,
    /// The rows of a query as Athena prints them, null as `None`. Only for small results: audits, tests, samples.
    pub rows: Vec<Vec<Option<String>>>,
    /// Rows written by `CREATE TABLE … AS` or `INSERT`.
    pub rows_written: u64,
    /// Files written.
    pub files_written: u64,
    /// Bytes written to those files.
    pub bytes_written: u64,
    /// Bytes read, as the bill counts them.
    pub bytes_scanned: u64,
    /// Wall time in milliseconds.
    pub milliseconds: u64,
}

/// Why a statement failed.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error, Serialize, Deserialize)]
#[error("{message}")]
pub struct EngineError {
    /// What is wrong, without position.
    pub message: String,
    /// 1-based line in the statement.
    pub line: Option<usize>,
    /// 1-based column in that line, in characters.
    pub column: Option<usize>,
    /// What to do about it.
    pub hint: Option<String>,
    /// Whether the same statement may succeed later.
    pub retryable: bool,
}

impl EngineError {
    /// An error without a position that a retry does not mend.
    pub fn permanent(message: impl Into<String>) -> Self {
        Self { message: message.into(), line: None, column: None, hint: None, retryable: false }
    }
}

/// Runs Athena's SQL.
#[async_trait]
pub trait QueryEngine: Send + Sync {
    /// Runs one statement to its end.
    ///
    /// `CREATE TABLE … AS` needs the property `external_location`, an empty folder of the bucket; it writes the files there and
    /// then adds the table to the catalogue. A statement that fails may leave files behind, never an entry.
    async fn execute(&self, request: &QueryRequest) -> Result<QueryOutcome, EngineError>;

    /// The columns a query would yield, found without reading data.
    async fn columns(&self, query: &str) -> Result<Vec<Column>, EngineError>;
}
