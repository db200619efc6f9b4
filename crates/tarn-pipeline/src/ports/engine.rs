//! The engine: Athena's SQL in, tables and rows out.

use async_trait::async_trait;
use serde::{Deserialize, Serialize};

use crate::names::{Key, RunId};
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
    /// The person who asked, where one is known.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub user: Option<String>,
}

/// A table that a statement makes, and the folder of its files.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NewTable {
    /// Its name in the catalogue.
    pub name: String,
    /// Its folder in the bucket.
    pub folder: Key,
}

/// One statement to run.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct QueryRequest {
    /// One statement of Athena's SQL: a query, `CREATE TABLE … AS`, `INSERT INTO`, `CREATE VIEW` or `DROP`.
    pub statement: String,
    /// Who asks.
    pub attribution: Attribution,
    /// What it makes. What an earlier try of the same statement left of it is removed before a new one starts: nobody has seen it.
    pub makes: Option<NewTable>,
    /// Folders that nothing but this statement writes to, in a table that is there. What a failed try left in them is removed before
    /// the next one.
    pub writes_to: Vec<Key>,
}

impl QueryRequest {
    /// A statement that makes no table.
    pub fn new(statement: impl Into<String>, attribution: Attribution) -> Self {
        Self { statement: statement.into(), attribution, makes: None, writes_to: Vec::new() }
    }
}

/// One time that a statement was sent; failed and cancelled ones are paid for too.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct QueryTry {
    /// How the engine names it.
    pub id: String,
    /// Whether it ended well.
    pub succeeded: bool,
    /// Whether it was stopped before it was done, by somebody or by a limit: then it is paid for, which a failed one is not.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub cancelled: bool,
    /// Bytes read, as the bill counts them.
    pub bytes_scanned: u64,
    /// Wall time in milliseconds.
    pub milliseconds: u64,
}

/// A query that goes on elsewhere; whoever asked is to ask again.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct PendingQuery {
    /// How the engine names it.
    pub id: String,
    /// What makes starting it again the same query.
    pub token: String,
    /// The statement as it was sent.
    pub statement: String,
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
    /// Every time the statement was sent, where the engine keeps count.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub tries: Vec<QueryTry>,
}

/// Why a statement failed, or has not ended yet.
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
    /// Whether somebody or something stopped the query, which could have gone on.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub cancelled: bool,
    /// Every time the statement was sent, where the engine keeps count.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub tries: Vec<QueryTry>,
    /// The query did not fail: it goes on, and the same step is to be taken again later.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub pending: Option<Box<PendingQuery>>,
}

impl EngineError {
    /// An error without a position that a retry does not mend.
    pub fn permanent(message: impl Into<String>) -> Self {
        Self {
            message: message.into(),
            line: None,
            column: None,
            hint: None,
            retryable: false,
            cancelled: false,
            tries: Vec::new(),
            pending: None,
        }
    }

    /// An error that the same statement may not meet later.
    pub fn transient(message: impl Into<String>) -> Self {
        Self { retryable: true, ..Self::permanent(message) }
    }

    /// The query goes on.
    pub fn pending(query: PendingQuery) -> Self {
        let message = format!("query `{}` has not ended", query.id);
        Self { pending: Some(Box::new(query)), ..Self::transient(message) }
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
    async fn columns(&self, query: &str, attribution: &Attribution) -> Result<Vec<Column>, EngineError>;

    /// How many partitions one statement may write at most; none when there is no limit.
    fn writers(&self) -> Option<usize> {
        None
    }
}
