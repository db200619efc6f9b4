//! The answer in the making, written once and never moved.

use base64_simd::STANDARD;

use super::Instead;
use super::event::{EventError, Record};

const HEAD: &[u8] = b"{\"records\":[";
const TAIL: &[u8] = b"]}";
const ID: &[u8] = b"{\"recordId\":\"";
const ROWS: &[u8] = b"\",\"result\":\"Ok\",\"data\":\"";
const DATA_END: &[u8] = b"\"";
/// An answer that is not decided yet is the safe one: Firehose delivers the record to its error prefix.
const FAILED: &[u8] = b"\",\"result\":\"ProcessingFailed\"";
/// As long as [`FAILED`], so that it can be written over it.
const DROPPED: &[u8] = b"\",\"result\":\"Dropped\"         ";
const END: &[u8] = b"},";

pub(super) const TOO_LARGE: &str = "the rows of the record are larger than an answer to firehose";

/// The answers to the records of an event.
#[derive(Debug)]
pub(super) struct Answers {
    text: Vec<u8>,
    limit: usize,
    /// Bytes set aside for the shortest answers to the records that were not answered yet.
    reserved: usize,
    /// Where undecided answers can be changed, in the order of the records.
    undecided: Vec<usize>,
}

impl Answers {
    /// Answers of at most `limit` bytes.
    pub(super) fn new(limit: usize) -> Self {
        Self { text: Vec::new(), limit, reserved: 0, undecided: Vec::new() }
    }

    /// Begins the answer to these records.
    pub(super) fn begin(&mut self, event: &[u8], records: &[Record]) -> Result<(), EventError> {
        self.text.clear();
        self.undecided.clear();
        self.text.extend_from_slice(HEAD);
        self.reserved = TAIL.len() + records.iter().map(|record| shortest(record.id_text(event))).sum::<usize>();
        if self.text.len() + self.reserved > self.limit {
            return Err(EventError::TooManyRecords { records: records.len(), limit: self.limit });
        }
        Ok(())
    }

    /// Answers a record with its rows, or says what must become of it instead. `metadata` is written as it is.
    pub(super) fn rows(&mut self, id: &[u8], rows: &[u8], metadata: &[u8]) -> Option<Instead> {
        let data = STANDARD.encoded_length(rows.len());
        let length = ID.len() + id.len() + ROWS.len() + data + DATA_END.len() + metadata.len() + END.len();
        if self.text.len() + length + self.reserved - shortest(id) > self.limit {
            let alone = HEAD.len() + length + TAIL.len() <= self.limit;
            return Some(if alone {
                Instead::PutBack
            } else {
                Instead::Refused { reason: TOO_LARGE.to_owned(), at: 0 }
            });
        }
        self.reserved -= shortest(id);
        self.text.reserve(length);
        self.text.extend_from_slice(ID);
        self.text.extend_from_slice(id);
        self.text.extend_from_slice(ROWS);
        STANDARD.encode_append(rows, &mut self.text);
        self.text.extend_from_slice(DATA_END);
        self.text.extend_from_slice(metadata);
        self.text.extend_from_slice(END);
        None
    }

    /// Answers that a record holds no row.
    pub(super) fn dropped(&mut self, id: &[u8]) {
        self.short(id, DROPPED);
    }

    /// Leaves the answer to a record open.
    pub(super) fn undecided(&mut self, id: &[u8]) {
        self.undecided.push(self.text.len() + ID.len() + id.len());
        self.short(id, FAILED);
    }

    fn short(&mut self, id: &[u8], result: &[u8]) {
        self.reserved -= shortest(id);
        for part in [ID, id, result, END] {
            self.text.extend_from_slice(part);
        }
    }

    /// The whole answer; `decided` says for each answer that was left open, in order, whether the record may be dropped.
    pub(super) fn finish(&mut self, decided: impl Iterator<Item = bool>) -> &[u8] {
        for (at, dropped) in self.undecided.iter().zip(decided) {
            if let (true, Some(target)) = (dropped, self.text.get_mut(*at..*at + DROPPED.len())) {
                target.copy_from_slice(DROPPED);
            }
        }
        if self.text.last() == Some(&b',') {
            self.text.pop();
        }
        self.text.extend_from_slice(TAIL);
        &self.text
    }
}

/// The length of the shortest answer to a record.
fn shortest(id: &[u8]) -> usize {
    ID.len() + id.len() + FAILED.len() + END.len()
}
