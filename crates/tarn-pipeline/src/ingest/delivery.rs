//! One batch of a delivery stream: transformed, what is refused kept in quarantine, what does not fit put back.
//!
//! Every record is answered, and none is answered `Dropped` before it lies somewhere else: in quarantine, or on the stream again.
//! Where that fails the answer is `ProcessingFailed`, and Firehose itself delivers the record to its error prefix.

use std::time::Instant;

use chrono::{DateTime, NaiveDate, Utc};
use chrono_tz::Tz;
use serde::Deserialize;
use serde_json::value::RawValue;
use tarn_model::{Lake, Source};
use xxhash_rust::xxh3::Xxh3Default;

use crate::error::StepError;
use crate::ingest::firehose::{Batch, EventError, Outcome, PutBack, Transform};
use crate::ingest::quarantine;
use crate::layout;
use crate::names::Key;
use crate::ports::{Clock, DeliveryStream, ObjectStore};

/// The world behind a delivery.
#[derive(Clone, Copy)]
pub struct DeliveryPorts<'a> {
    /// The lake's bucket.
    pub objects: &'a dyn ObjectStore,
    /// The streams, where what does not fit may be put back.
    pub streams: Option<&'a dyn DeliveryStream>,
    /// The time.
    pub clock: &'a dyn Clock,
    /// When the answer has to be there. What is not kept or put back by then is answered `ProcessingFailed`: else the whole batch
    /// would come again, and with it what is on the stream again already.
    pub until: Instant,
}

/// What became of a batch's records; the counts add up to `records`.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Delivered {
    /// Records of the batch.
    pub records: u64,
    /// Records answered with their rows.
    pub ok: u64,
    /// Records without a row: white space, control messages.
    pub empty: u64,
    /// Records that lie in quarantine.
    pub quarantined: u64,
    /// Records that are on the stream again.
    pub put_back: u64,
    /// Records answered `ProcessingFailed`.
    pub failed: u64,
}

/// Brings the batches of one source through.
pub struct Delivery {
    source: String,
    timezone: Tz,
    transform: Transform,
}

impl Delivery {
    /// Delivery by the present contract of a source.
    ///
    /// # Errors
    /// When the contract contradicts itself.
    pub fn new(lake: &Lake, source: &Source) -> Result<Self, StepError> {
        let transform = Transform::new(lake, source)?;
        Ok(Self { source: source.name.clone(), timezone: lake.config.timezone, transform })
    }

    /// Brings one event of Firehose through; answers the response's bytes and what they say.
    ///
    /// # Errors
    /// When it is no event of Firehose. A record that cannot be taken is no error.
    pub async fn deliver<'a>(
        &'a mut self,
        event: &'a [u8],
        ports: DeliveryPorts<'_>,
    ) -> Result<(&'a [u8], Delivered), EventError> {
        let batch = self.transform.batch(event)?;
        let (quarantined, put_back) =
            futures::join!(keep(&self.source, self.timezone, event, &batch, ports), put_back(&batch, ports));
        let outcome = Outcome { quarantined, put_back };
        let delivered = count(&batch, &outcome);
        Ok((batch.response(&outcome), delivered))
    }
}

fn count(batch: &Batch<'_>, outcome: &Outcome) -> Delivered {
    let records = batch.records() as u64;
    let refused = batch.refused().len() as u64;
    let put_back = outcome.put_back.iter().filter(|taken| **taken).count() as u64;
    let quarantined = if outcome.quarantined { refused } else { 0 };
    let (undecided, empty) = (batch.undecided() as u64, batch.empty() as u64);
    let ok = records - undecided - empty;
    Delivered { records, ok, empty, quarantined, put_back, failed: undecided - quarantined - put_back }
}

/// Writes the batch's refused records to quarantine, as one object; whether they lie there.
async fn keep(source: &str, timezone: Tz, event: &[u8], batch: &Batch<'_>, ports: DeliveryPorts<'_>) -> bool {
    if batch.refused().is_empty() {
        return false;
    }
    let arrival = Arrival::of(event, timezone, ports.clock);
    let records = batch.quarantined(&arrival.origin(source));
    let key = layout::quarantine(source).join(&format!("{}.ndjson", arrival.name));
    let written = tokio::time::timeout_at(ports.until.into(), quarantine::write(&key, &records, ports.objects));
    let late = || Err(StepError::transient("the bucket did not answer in time"));
    match written.await.unwrap_or_else(|_| late()) {
        Ok(()) => {
            let first = records.first().map(|record| record.reason.as_str()).unwrap_or_default();
            tracing::warn!(%key, records = records.len(), first_reason = first, "records went to quarantine");
            true
        }
        Err(error) => {
            tracing::error!(%key, %error, records = records.len(), "records could not be kept in quarantine");
            false
        }
    }
}

/// Puts what does not fit back on its stream; for each record, whether it is there.
async fn put_back(batch: &Batch<'_>, ports: DeliveryPorts<'_>) -> Vec<bool> {
    let (Some(streams), false) = (ports.streams, batch.put_backs().is_empty()) else { return Vec::new() };
    let arn = batch.delivery_stream();
    let stream = arn.rsplit('/').next().unwrap_or_default();
    let records = batch.put_backs().iter().map(|PutBack { record, .. }| record.clone().into()).collect();
    let answers = streams.put(stream, records, ports.until).await;
    let refused: Vec<_> = answers.iter().filter_map(|answer| answer.as_ref().err()).collect();
    match refused.first() {
        Some(error) => {
            tracing::error!(stream, %error, records = refused.len(), "records could not be put back on the stream")
        }
        None => tracing::info!(stream, records = answers.len(), "records that did not fit were put back on the stream"),
    }
    answers.iter().map(Result::is_ok).collect()
}

/// When a batch came, and a name that the same batch has whenever it comes again.
struct Arrival {
    day: NaiveDate,
    name: String,
}

/// What names a batch: its records' data and times. The ids of an event are new whenever Firehose tries again.
#[derive(Deserialize)]
struct Arrivals<'e> {
    #[serde(borrow)]
    records: Vec<ArrivedRecord<'e>>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct ArrivedRecord<'e> {
    /// Milliseconds since 1970.
    approximate_arrival_timestamp: Option<i64>,
    /// As it is written.
    #[serde(borrow)]
    data: Option<&'e RawValue>,
}

impl Arrival {
    fn of(event: &[u8], timezone: Tz, clock: &dyn Clock) -> Self {
        let mut hasher = Xxh3Default::new();
        let mut first: Option<i64> = None;
        match serde_json::from_slice::<Arrivals<'_>>(event) {
            Ok(arrivals) => {
                for record in &arrivals.records {
                    let data = record.data.map(RawValue::get).unwrap_or_default();
                    hasher.update(data.as_bytes());
                    hasher.update(&record.approximate_arrival_timestamp.unwrap_or_default().to_le_bytes());
                    first = first.into_iter().chain(record.approximate_arrival_timestamp).min();
                }
            }
            // The transformation has read it all the same: such an event is named by all of its bytes.
            Err(_) => hasher.update(event),
        }
        let time = first.and_then(DateTime::<Utc>::from_timestamp_millis).unwrap_or_else(|| clock.now());
        let name = format!("firehose-{:032x}", hasher.digest128());
        Self { day: time.with_timezone(&timezone).date_naive(), name }
    }

    /// A key of the raw zone from which replay can tell the day. The bytes themselves lie where the stream backs them up.
    fn origin(&self, source: &str) -> Key {
        layout::raw(source).join(&format!("day={}/{}", self.day, self.name))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ports::SystemClock;

    fn arrival(event: &str) -> Arrival {
        Arrival::of(event.as_bytes(), chrono_tz::Asia::Tokyo, &SystemClock)
    }

    #[test]
    fn a_batch_that_comes_again_has_the_same_name() {
        let event = |invocation: &str, id: &str, data: &str| {
            format!(
                r#"{{"invocationId":"{invocation}","records":[{{"recordId":"{id}","approximateArrivalTimestamp":1760000000000,"data":"{data}"}}]}}"#
            )
        };
        let first = arrival(&event("a", "1", "eA=="));
        let again = arrival(&event("b", "2", "eA=="));
        let other = arrival(&event("a", "1", "eQ=="));
        assert_eq!(first.name, again.name);
        assert_ne!(first.name, other.name);
        // 2025-10-09T08:53:20Z, which is the same day in Tokyo.
        assert_eq!(first.origin("clicks").as_str(), format!("raw/clicks/day=2025-10-09/{}", first.name));
    }

    #[test]
    fn the_day_is_the_lakes() {
        let late = arrival(
            r#"{"records":[{"approximateArrivalTimestamp":1760023800000},{"approximateArrivalTimestamp":1760022000000}]}"#,
        );
        // 2025-10-09T15:00:00Z is midnight in Tokyo.
        assert_eq!(late.day.to_string(), "2025-10-10");
    }
}
