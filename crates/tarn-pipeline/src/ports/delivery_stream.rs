//! A stream that takes records and delivers them in batches, as Firehose does.

use std::time::Instant;

use async_trait::async_trait;
use bytes::Bytes;

/// Why a stream did not take a record.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{message}")]
pub struct DeliveryError {
    /// What the stream said.
    pub message: String,
    /// Whether the same record may be taken later.
    pub retryable: bool,
}

/// Streams that records can be put on.
#[async_trait]
pub trait DeliveryStream: Send + Sync {
    /// Puts records on the stream of this name; one answer per record, in their order.
    ///
    /// A record whose answer is `Ok` is in the stream's keeping. One with an error may have been taken all the same when the
    /// connection broke in between, so a reader has to bear records that come twice. The answers are there by `until`: what was
    /// not taken by then has an error.
    async fn put(&self, stream: &str, records: Vec<Bytes>, until: Instant) -> Vec<Result<(), DeliveryError>>;
}
