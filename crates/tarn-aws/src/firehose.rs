//! Delivery streams on Kinesis Data Firehose.
//!
//! `PutRecordBatch` may take some records of a batch and refuse others, and says so only in its answer: every record's own answer
//! is read, and the refused ones alone are sent again.
//! <https://docs.aws.amazon.com/firehose/latest/APIReference/API_PutRecordBatch.html>

use std::ops::Range;
use std::sync::Arc;
use std::time::Instant;

use async_trait::async_trait;
use aws_sdk_firehose::primitives::Blob;
use aws_sdk_firehose::types::Record;
use bytes::Bytes;
use tarn_pipeline::ports::{DeliveryError, DeliveryStream};

use crate::aws::Aws;
use crate::error::{is_busy, is_transient, message};
use crate::waiting::back_off;

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
    async fn put(&self, stream: &str, records: Vec<Bytes>, until: Instant) -> Vec<Result<(), DeliveryError>> {
        in_rounds(records, until, |batch| async move { self.send(stream, &batch, until).await }).await
    }
}

/// One answer per record.
type Answers = Vec<Result<(), DeliveryError>>;

/// Sends records in batches, and those that were refused for now again, alone; one answer per record, in their order.
async fn in_rounds<Sent: Future<Output = Answers>>(
    records: Vec<Bytes>,
    until: Instant,
    send: impl Fn(Vec<(usize, Bytes)>) -> Sent,
) -> Answers {
    let mut answers: Answers = vec![Ok(()); records.len()];
    let mut waiting: Vec<(usize, Bytes)> = records.into_iter().enumerate().collect();
    for round in 1..=ROUNDS {
        let mut refused = Vec::new();
        for batch in batches(&waiting.iter().map(|(_, record)| record.len()).collect::<Vec<_>>()) {
            let batch = waiting.get(batch).unwrap_or_default();
            for ((position, record), answer) in batch.iter().zip(send(batch.to_vec()).await) {
                if answer.as_ref().is_err_and(|error| error.retryable) {
                    refused.push((*position, record.clone()));
                }
                if let Some(place) = answers.get_mut(*position) {
                    *place = answer;
                }
            }
        }
        waiting = refused;
        let pause = back_off(round);
        if waiting.is_empty() || round == ROUNDS || Instant::now() + pause >= until {
            break;
        }
        tokio::time::sleep(pause).await;
    }
    answers
}

impl Firehose {
    async fn send(&self, stream: &str, batch: &[(usize, Bytes)], until: Instant) -> Vec<Result<(), DeliveryError>> {
        match batch {
            [(_, record)] if record.len() > RECORD => {
                let message = format!("a record of {} bytes is larger than a stream takes ({RECORD})", record.len());
                all_refused(1, message, false)
            }
            batch => match tokio::time::timeout_at(until.into(), self.put_batch(stream, batch)).await {
                Ok(answers) => answers,
                Err(_) => all_refused(batch.len(), "the stream did not answer in time".to_owned(), false),
            },
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

#[cfg(test)]
mod tests {
    use std::time::Duration;

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

    fn in_a_minute() -> Instant {
        Instant::now() + Duration::from_secs(60)
    }

    /// What a stream answers to batches, one after another, and which records each had.
    async fn sent(script: &[&[Option<bool>]], until: Instant) -> (Vec<Option<bool>>, Vec<Vec<usize>>) {
        let calls = std::sync::Mutex::new(Vec::new());
        let records = (0..4).map(|number| Bytes::from(vec![number; 10])).collect();
        let answers = in_rounds(records, until, |batch| {
            let mut calls = calls.lock().unwrap();
            let said = script[calls.len()];
            calls.push(batch.iter().map(|(position, _)| *position).collect());
            let refused = |retryable| Err(DeliveryError { message: "no".to_owned(), retryable });
            let answers = said.iter().map(|answer| answer.map_or(Ok(()), refused)).collect();
            async move { answers }
        });
        let answers = answers.await.into_iter().map(|answer| answer.err().map(|error| error.retryable)).collect();
        (answers, calls.into_inner().unwrap())
    }

    #[tokio::test]
    async fn only_what_was_refused_for_now_is_sent_again() {
        let (later, never) = (Some(true), Some(false));
        let script: [&[_]; 3] = [&[None, later, never, later], &[None, later], &[None]];
        let (answers, calls) = sent(&script, in_a_minute()).await;
        assert_eq!(answers, [None, None, never, None]);
        assert_eq!(calls, [vec![0, 1, 2, 3], vec![1, 3], vec![3]]);
        // One that is never taken is told so in the end, and one for which no time is left at once.
        let script: [&[_]; 5] = [&[later, None, None, None], &[later], &[later], &[later], &[later]];
        let (answers, calls) = sent(&script, in_a_minute()).await;
        assert_eq!((answers, calls.len()), (vec![later, None, None, None], 5));
        let (answers, calls) = sent(&script, Instant::now()).await;
        assert_eq!((answers, calls.len()), (vec![later, None, None, None], 1));
    }

    #[test]
    fn an_answer_that_is_missing_is_no_promise() {
        let entry = aws_sdk_firehose::types::PutRecordBatchResponseEntry::builder();
        assert_eq!(taken(Some(&entry.clone().record_id("1").build())), Ok(()));
        assert!(taken(None).unwrap_err().retryable);
        for (code, retryable) in
            [("ServiceUnavailableException", true), ("InternalFailure", true), ("AccessDenied", false)]
        {
            let answer = taken(Some(&entry.clone().error_code(code).error_message("no").build()));
            assert_eq!(answer.unwrap_err().retryable, retryable, "{code}");
        }
    }

    #[tokio::test]
    async fn a_record_that_no_stream_takes_is_refused_alone() {
        let firehose = Firehose::new(Arc::new(Aws::new(tokio::runtime::Handle::current())));
        let answers = firehose.put("clicks", vec![Bytes::from(vec![b'x'; RECORD + 1])], in_a_minute()).await;
        let error = answers.into_iter().next().unwrap().unwrap_err();
        assert!(!error.retryable && error.message.contains("larger than a stream takes"), "{error}");
    }
}
