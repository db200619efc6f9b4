//! What the query service remembers of the queries of all, whoever asked.

use async_trait::async_trait;
use chrono::{DateTime, Utc};

use crate::cost::QueryStatus;
use crate::ports::EngineError;

/// A query that has ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct EndedQuery {
    /// How the service names it.
    pub id: String,
    /// The statement as it was sent.
    pub statement: String,
    /// Where it ran.
    pub workgroup: Option<String>,
    /// How it ended.
    pub status: QueryStatus,
    /// Bytes read.
    pub bytes_scanned: u64,
    /// Whether its kind is never billed: it changes the catalogue only.
    pub is_free: bool,
    /// When it was sent.
    pub submitted: DateTime<Utc>,
    /// When it ended.
    pub ended: DateTime<Utc>,
    /// From the one to the other, as the service counts it.
    pub milliseconds: u64,
}

/// Tells of queries by their id.
#[async_trait]
pub trait QueryLog: Send + Sync {
    /// The query; `None` while it goes on.
    async fn ended(&self, id: &str) -> Result<Option<EndedQuery>, EngineError>;
}
