//! Delivery streams on Kinesis Data Firehose.
//!
//! `PutRecordBatch` may take some records of a batch and refuse others, and says so only in its answer: every record's own answer
//! is read, and the refused ones alone are sent again.
//! <https://docs.aws.amazon.com/firehose/latest/APIReference/API_PutRecordBatch.html>

use std::hash::{BuildHasher, RandomState};
use std::ops::Range;
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use aws_sdk_firehose::primitives::Blob;
use aws_sdk_firehose::types::Record;
use bytes::Bytes;
use tarn_pipeline::ports::{DeliveryError, DeliveryStream};

use crate::aws::Aws;
use crate::error::{is_busy, is_transient, message};

/// Records of one call.
const RECORDS: usize = 500;
/// Bytes of one call, before base64.
const BYTES: usize = 4 << 20;
/// Bytes of one record, before base64.
const RECORD: usize = 1_000 << 10;
/// Rounds in which a record is sent.
const ROUNDS: u32 = 5;

/// Firehose's streams.
#[derive(Debug, Clone)]
pub struct Firehose {
    aws: Arc<Aws>,
}

impl Firehose {
    /// The streams of an account and region.
    pub fn new(aws: Arc<Aws>) -> Self {
        Self { aws }
    }

    /// One call; one answer per record.
    async fn put_batch(&self, stream: &str, records: &[(usize, Bytes)]) -> Vec<Result<(), DeliveryError>> {
        let mut entries = Vec::with_capacity(records.len());
        for (_, record) in records {
            match Record::builder().data(Blob::new(record.as_ref())).build() {
                Ok(entry) => entries.push(entry),
                Err(error) => return all_refused(records.len(), error.to_string(), false),
            }
        }
        let client = self.aws.firehose().await;
        let call = client.put_record_batch().delivery_stream_name(stream).set_records(Some(entries));
        match call.send().await {
            Ok(answer) => {
                let answers = answer.request_responses();
                // The answers stand in the order of the records; one that is missing is no promise.
                (0..records.len()).map(|position| taken(answers.get(position))).collect()
            }
            Err(error) => all_refused(records.len(), message(&error), is_transient(&error)),
        }
    }
}

#[async_trait]
impl DeliveryStream for Firehose {
    async fn put(&self, stream: &str, records: Vec<Bytes>) -> Vec<Result<(), DeliveryError>> {
        let mut answers: Vec<Result<(), DeliveryError>> = vec![Ok(()); records.len()];
        let mut waiting: Vec<(usize, Bytes)> = records.into_iter().enumerate().collect();
        for round in 1..=ROUNDS {
            let mut refused = Vec::new();
            for batch in batches(&waiting.iter().map(|(_, record)| record.len()).collect::<Vec<_>>()) {
                let batch = waiting.get(batch).unwrap_or_default();
                for ((position, record), answer) in batch.iter().zip(self.send(stream, batch).await) {
                    if answer.as_ref().is_err_and(|error| error.retryable) {
                        refused.push((*position, record.clone()));
                    }
                    if let Some(place) = answers.get_mut(*position) {
                        *place = answer;
                    }
                }
            }
            waiting = refused;
            if waiting.is_empty() || round == ROUNDS {
                break;
            }
            tokio::time::sleep(pause(round)).await;
        }
        answers
    }
}

impl Firehose {
    async fn send(&self, stream: &str, batch: &[(usize, Bytes)]) -> Vec<Result<(), DeliveryError>> {
        match batch {
            [(_, record)] if record.len() > RECORD => {
                let message = format!("a record of {} bytes is larger than a stream takes ({RECORD})", record.len());
                all_refused(1, message, false)
            }
            batch => self.put_batch(stream, batch).await,
        }
    }
}

/// Cuts records of these lengths into batches that one call takes; a record that no call takes stands alone.
fn batches(lengths: &[usize]) -> Vec<Range<usize>> {
    let mut batches = Vec::new();
    let (mut start, mut bytes) = (0, 0);
    for (position, length) in lengths.iter().enumerate() {
        let stands_alone = |length: usize| length > RECORD;
        let after_giant = position > start && lengths.get(position - 1).is_some_and(|before| stands_alone(*before));
        let is_full = position - start == RECORDS || bytes + length > BYTES || stands_alone(*length) || after_giant;
        if position > start && is_full {
            batches.push(start..position);
            (start, bytes) = (position, 0);
        }
        bytes += length;
    }
    if start < lengths.len() {
        batches.push(start..lengths.len());
    }
    batches
}

fn taken(answer: Option<&aws_sdk_firehose::types::PutRecordBatchResponseEntry>) -> Result<(), DeliveryError> {
    let Some(answer) = answer else {
        return Err(DeliveryError { message: "the stream gave no answer for it".into(), retryable: true });
    };
    match answer.error_code() {
        None => Ok(()),
        Some(code) => {
            let message = format!("{code}: {}", answer.error_message().unwrap_or_default());
            Err(DeliveryError { message, retryable: is_busy(code) })
        }
    }
}

fn all_refused(count: usize, message: String, retryable: bool) -> Vec<Result<(), DeliveryError>> {
    vec![Err(DeliveryError { message, retryable }); count]
}

/// The wait after a round: it doubles, and is drawn by lot so that functions that were refused together do not come back together.
fn pause(round: u32) -> Duration {
    let longest = 100_u64 << round.min(6);
    Duration::from_millis(longest / 2 + RandomState::new().hash_one(round) % (longest / 2))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_call_has_no_more_than_firehose_takes() {
        let small = vec![10; 1_001];
        assert_eq!(batches(&small), [0..500, 500..1_000, 1_000..1_001]);
        let large = vec![1_000_000; 9];
        assert_eq!(batches(&large), [0..4, 4..8, 8..9]);
        assert_eq!(batches(&[5, RECORD + 1, 5, 5]), [0..1, 1..2, 2..4]);
        assert_eq!(batches(&[]), Vec::<Range<usize>>::new());
    }

    #[test]
    fn waits_grow() {
        for round in 1..=8 {
            let longest = Duration::from_millis(100 << round.min(6));
            assert!((longest / 2..=longest).contains(&pause(round)), "round {round}");
        }
    }

    #[tokio::test]
    async fn a_record_that_no_stream_takes_is_refused_alone() {
        let firehose = Firehose::new(Arc::new(Aws::new(tokio::runtime::Handle::current())));
        let answers = firehose.put("clicks", vec![Bytes::from(vec![b'x'; RECORD + 1])]).await;
        let error = answers.into_iter().next().unwrap().unwrap_err();
        assert!(!error.retryable && error.message.contains("larger than a stream takes"), "{error}");
    }
}
