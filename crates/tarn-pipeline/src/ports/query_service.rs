//! An engine elsewhere: a query is sent, goes on by itself, and is looked after now and then.

use async_trait::async_trait;

use crate::ports::{EngineError, QueryOutcome};

/// How far a query is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum QueryState {
    /// It waits, or runs.
    Running,
    /// It has ended well.
    Done(Box<QueryOutcome>),
    /// It has failed or was cancelled; what it read is in `tries`.
    Failed(EngineError),
}

/// Sends queries and looks after them.
#[async_trait]
pub trait QueryService: Send + Sync {
    /// Sends a statement and returns how the service names the query. The same statement with the same token is the same query,
    /// however often it is sent.
    async fn start(&self, statement: &str, token: &str) -> Result<String, EngineError>;

    /// How far a query is, with its rows when it has ended and has some.
    async fn look(&self, id: &str) -> Result<QueryState, EngineError>;

    /// Asks for a query to end; one that has ended is no error.
    async fn stop(&self, id: &str) -> Result<(), EngineError>;

    /// How many partitions one statement may write at most.
    fn writers(&self) -> usize;
}
