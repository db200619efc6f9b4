//! What a handler costs that flattens nothing.

use anyhow::{Context as _, Result};
use sonic_rs::{JsonValueTrait as _, get, to_array_iter};

use crate::envelope::Envelope;

/// A Firehose event with every record answered as it is: decoded, encoded again.
pub(crate) fn firehose(event: &[u8], response: &mut Vec<u8>, envelope: &mut Envelope) -> Result<()> {
    envelope.answer(event, response, |document, line| {
        line.extend_from_slice(document);
        true
    })
}

/// A DynamoDB stream event with every change record as a line, as it is; brackets are counted, nothing is read.
pub(crate) fn changes(event: &[u8], response: &mut Vec<u8>) -> Result<()> {
    response.clear();
    let records = get(event, ["Records"]).context("the event has no records")?;
    for record in to_array_iter(records.as_raw_str()) {
        let record = record?;
        anyhow::ensure!(record.is_object(), "a record is not an object");
        response.extend_from_slice(record.as_raw_str().as_bytes());
        response.push(b'\n');
    }
    Ok(())
}
