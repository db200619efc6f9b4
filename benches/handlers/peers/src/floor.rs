//! What a handler costs that flattens nothing.

use anyhow::Result;
use memchr::memchr_iter;

use crate::envelope::Envelope;

/// A Firehose event with every record answered as it is: decoded, encoded again.
pub(crate) fn firehose(event: &[u8], response: &mut Vec<u8>, envelope: &mut Envelope) -> Result<()> {
    envelope.answer(event, response, |document, line| {
        line.extend_from_slice(document);
        true
    })
}

/// A file of change records with every line as it is: checked for UTF-8, copied.
pub(crate) fn changes(event: &[u8], response: &mut Vec<u8>) -> Result<()> {
    response.clear();
    let mut start = 0;
    for end in memchr_iter(b'\n', event) {
        let line = event.get(start..=end).unwrap_or_default();
        response.extend_from_slice(simdutf8::basic::from_utf8(line)?.as_bytes());
        start = end + 1;
    }
    Ok(())
}
