//! Tarn's handlers as the functions call them: event bytes in, response bytes out.

use anyhow::bail;
use memchr::memchr_iter;
use subject::Handler;
use tarn_columnar::PartitionRule;
use tarn_flatten::{Flattener, Input, PaddedBuffer, Settings};
use tarn_pipeline::ingest::firehose::{LARGEST_RESPONSE, Outcome, Transform};

/// The Firehose transformation, without a contract: every leaf becomes a column, as with the other handlers.
pub(crate) fn firehose() -> Handler {
    let mut transform = Transform::with(Settings::default(), None, &PartitionRule::None, "day", LARGEST_RESPONSE);
    Box::new(move |event, response| {
        let batch = transform.batch(event)?;
        // The events that are measured are right, and fit.
        if let Some(refused) = batch.refused().first() {
            bail!("record {}: {}", refused.position, refused.reason);
        }
        response.clear();
        response.extend_from_slice(batch.response(&Outcome::default()));
        Ok(())
    })
}

/// The lines of a file of change records as flat lines. Each is taken by itself, so that a broken one costs no other.
pub(crate) fn changes() -> Handler {
    let mut flattener = Flattener::new(Settings { input: Input::DynamoDb, ..Settings::default() });
    let mut record = PaddedBuffer::default();
    Box::new(move |event, response| {
        response.clear();
        let mut start = 0;
        for end in memchr_iter(b'\n', event) {
            let line = event.get(start..end).unwrap_or_default();
            response.extend_from_slice(flattener.lines(record.copy(line))?.text);
            start = end + 1;
        }
        Ok(())
    })
}
