//! The event and the response of a Firehose transform, at the least cost there is: ids and data are taken out of the
//! event where they stand, nothing is built of it. In favour of the peers, it reads events only as Firehose writes them
//! (no white space, one order of members).

use anyhow::{Context as _, Result};
use base64_simd::STANDARD;
use memchr::memchr;
use memchr::memmem;

/// Rooms that are used again for every record.
#[derive(Debug, Default)]
pub(crate) struct Envelope {
    document: Vec<u8>,
    line: Vec<u8>,
}

impl Envelope {
    /// Answers an event: `flatten` appends the flat form of a document to an empty line, or says that it cannot.
    pub(crate) fn answer(
        &mut self,
        event: &[u8],
        response: &mut Vec<u8>,
        mut flatten: impl FnMut(&[u8], &mut Vec<u8>) -> bool,
    ) -> Result<()> {
        let Self { document, line } = self;
        response.clear();
        response.extend_from_slice(b"{\"records\":[");
        let mut separator: &[u8] = b"{\"recordId\":\"";
        for_each_record(event, |id, data| {
            document.clear();
            line.clear();
            let taken = STANDARD.decode_append(data, document).is_ok() && flatten(document, line);
            response.extend_from_slice(separator);
            separator = b",{\"recordId\":\"";
            response.extend_from_slice(id);
            if taken {
                line.push(b'\n');
                response.extend_from_slice(b"\",\"result\":\"Ok\",\"data\":\"");
                STANDARD.encode_append(&*line, response);
            } else {
                response.extend_from_slice(b"\",\"result\":\"ProcessingFailed\",\"data\":\"");
                response.extend_from_slice(data);
            }
            response.extend_from_slice(b"\"}");
        })?;
        response.extend_from_slice(b"]}");
        Ok(())
    }
}

/// Calls `record` with the id and the base64 data of each record of an event.
fn for_each_record<'a>(event: &'a [u8], mut record: impl FnMut(&'a [u8], &'a [u8])) -> Result<()> {
    const RECORDS: &[u8] = b"\"records\":[";
    let start = memmem::find(event, RECORDS).context("the event has no records")? + RECORDS.len();
    let mut rest = event.get(start..).unwrap_or_default();
    while let Some(at_id) = rest.strip_prefix(b"{\"recordId\":\"") {
        let (id, after_id) = text(at_id)?;
        let timestamp = after_id.strip_prefix(b",\"approximateArrivalTimestamp\":").context("no time of arrival")?;
        let digits = memchr(b',', timestamp).context("no data")?;
        let at_data = timestamp.get(digits..).and_then(|rest| rest.strip_prefix(b",\"data\":\"")).context("no data")?;
        let (data, after_data) = text(at_data)?;
        record(id, data);
        let next = after_data.strip_prefix(b"}").context("more than id, time and data")?;
        rest = next.strip_prefix(b",").unwrap_or(next);
    }
    rest.strip_prefix(b"]").context("the records do not end")?;
    Ok(())
}

/// What stands before the next quote, and what after it.
fn text(bytes: &[u8]) -> Result<(&[u8], &[u8])> {
    let quote = memchr(b'"', bytes).context("a string does not end")?;
    let (text, rest) = bytes.split_at(quote);
    Ok((text, rest.get(1..).unwrap_or_default()))
}
