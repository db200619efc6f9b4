//! From the bytes of a record to its text: gzip is unpacked, a byte order mark skipped, UTF-8 checked.

use std::io::Read as _;

use flate2::bufread::MultiGzDecoder;

use crate::error::{RecordError, RecordErrorKind};

/// The two bytes that begin a gzip member; no JSON text begins so.
const GZIP: [u8; 2] = [0x1f, 0x8b];
const BYTE_ORDER_MARK: &str = "\u{feff}";

/// Gives the text of a record and where its first document may begin; `unpacked` is overwritten if the record is gzip.
///
/// # Errors
///
/// Broken gzip, more than `limit` bytes, or bytes that are not UTF-8.
pub(crate) fn text<'a>(
    record: &'a [u8],
    limit: usize,
    unpacked: &'a mut Vec<u8>,
) -> Result<(&'a str, usize), RecordError> {
    let bytes = if record.starts_with(&GZIP) {
        unpacked.clear();
        // One byte more than allowed tells that there is more, and no more than that is ever unpacked.
        let allowed = u64::try_from(limit).unwrap_or(u64::MAX).saturating_add(1);
        MultiGzDecoder::new(record)
            .take(allowed)
            .read_to_end(unpacked)
            .map_err(|error| RecordError::new(unpacked.len(), RecordErrorKind::Gzip(error.to_string())))?;
        unpacked.as_slice()
    } else {
        record
    };
    if bytes.len() > limit {
        return Err(RecordError::new(limit, RecordErrorKind::TooLarge { limit }));
    }
    let text = match simdutf8::basic::from_utf8(bytes) {
        Ok(text) => text,
        Err(_) => return Err(not_utf8(bytes)),
    };
    Ok((text, if text.starts_with(BYTE_ORDER_MARK) { BYTE_ORDER_MARK.len() } else { 0 }))
}

#[cold]
fn not_utf8(bytes: &[u8]) -> RecordError {
    let offset = std::str::from_utf8(bytes).map_or_else(|error| error.valid_up_to(), str::len);
    RecordError::new(offset, RecordErrorKind::InvalidUtf8)
}
