//! From the bytes of a record to its text: gzip is unpacked, a byte order mark skipped, UTF-8 checked.

use std::io::Read as _;

use flate2::bufread::MultiGzDecoder;

use crate::error::{RecordError, RecordErrorKind};
use crate::padded::{PADDING, Padded};
use crate::subscription;

/// The two bytes that begin a gzip member; no JSON text begins so.
const GZIP: [u8; 2] = [0x1f, 0x8b];
const BYTE_ORDER_MARK: &str = "\u{feff}";

/// Room for what a record is unpacked to.
#[derive(Debug, Default)]
pub(crate) struct Unpacking {
    unpacked: Vec<u8>,
    documents: String,
}

/// The text of a record.
#[derive(Debug, Clone, Copy)]
pub(crate) struct RecordText<'a> {
    /// The text; zeros may stand behind it.
    text: &'a str,
    /// Where its first document may begin.
    pub(crate) start: usize,
    /// Where it ends.
    pub(crate) end: usize,
    /// Whether it was put together from the parts of a message, so that places in it mean nothing to others.
    rearranged: bool,
}

impl<'a> RecordText<'a> {
    /// The text, with the zeros that stand behind it.
    pub(crate) fn padded(&self) -> &'a str {
        self.text
    }

    /// The same without zeros behind it.
    pub(crate) fn exact(&self) -> Self {
        Self { text: self.text.get(..self.end).unwrap_or_default(), ..*self }
    }

    /// The error, with a place that its reader can find.
    pub(crate) fn locate(&self, error: RecordError) -> RecordError {
        if self.rearranged { RecordError::new(0, error.kind) } else { error }
    }
}

impl Unpacking {
    /// The text of a record.
    ///
    /// # Errors
    ///
    /// Broken gzip, more than `limit` bytes, or bytes that are not UTF-8.
    pub(crate) fn text<'a>(&'a mut self, record: &'a [u8], limit: usize) -> Result<RecordText<'a>, RecordError> {
        self.read(record, record.len(), limit)
    }

    /// The text of a record, with zeros behind it.
    ///
    /// # Errors
    ///
    /// As [`Unpacking::text`].
    pub(crate) fn padded<'a>(&'a mut self, record: Padded<'a>, limit: usize) -> Result<RecordText<'a>, RecordError> {
        self.read(record.with_padding(), record.record().len(), limit)
    }

    #[inline]
    fn read<'a>(&'a mut self, bytes: &'a [u8], length: usize, limit: usize) -> Result<RecordText<'a>, RecordError> {
        let (bytes, end) = if bytes.starts_with(&GZIP) {
            unzip(bytes.get(..length).unwrap_or_default(), limit, &mut self.unpacked)?;
            let end = self.unpacked.len();
            self.unpacked.resize(end + PADDING, 0);
            (self.unpacked.as_slice(), end)
        } else {
            (bytes, length)
        };
        if end > limit {
            return Err(RecordError::new(limit, RecordErrorKind::TooLarge { limit }));
        }
        let text = match simdutf8::basic::from_utf8(bytes) {
            Ok(text) => text,
            Err(_) => return Err(not_utf8(bytes)),
        };
        let start = if text.starts_with(BYTE_ORDER_MARK) { BYTE_ORDER_MARK.len() } else { 0 };
        if !text.get(start..).is_some_and(subscription::is_message) {
            return Ok(RecordText { text, start, end, rearranged: false });
        }
        subscription::documents(text.get(start..end).unwrap_or_default(), limit, &mut self.documents)?;
        let end = self.documents.len();
        self.documents.extend(std::iter::repeat_n('\0', PADDING));
        Ok(RecordText { text: &self.documents, start: 0, end, rearranged: true })
    }
}

fn unzip(record: &[u8], limit: usize, unpacked: &mut Vec<u8>) -> Result<(), RecordError> {
    unpacked.clear();
    // One byte more than allowed tells that there is more, and no more than that is ever unpacked.
    let allowed = u64::try_from(limit).unwrap_or(u64::MAX).saturating_add(1);
    MultiGzDecoder::new(record)
        .take(allowed)
        .read_to_end(unpacked)
        .map_err(|error| RecordError::new(unpacked.len(), RecordErrorKind::Gzip(error.to_string())))?;
    Ok(())
}

#[cold]
fn not_utf8(bytes: &[u8]) -> RecordError {
    let offset = std::str::from_utf8(bytes).map_or_else(|error| error.valid_up_to(), str::len);
    RecordError::new(offset, RecordErrorKind::InvalidUtf8)
}
