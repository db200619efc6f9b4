//! The event: one pass over its text that remembers where things stand.

use std::borrow::Cow;
use std::ops::Range;

const BEFORE_ID: &[u8] = b"{\"recordId\":\"";
const BEFORE_TIME: &[u8] = b"\",\"approximateArrivalTimestamp\":";
const BEFORE_DATA: &[u8] = b",\"data\":\"";

/// An event that cannot be answered.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum EventError {
    /// It is no JSON, or ends early.
    #[error("the event is not well-formed json at byte {at}: expected {expected}")]
    Malformed {
        /// What should stand there.
        expected: &'static str,
        /// The byte.
        at: usize,
    },
    /// It has no list of records.
    #[error("the event has no `records`; it does not come from firehose")]
    NoRecords,
    /// A record without an id cannot be answered.
    #[error("record {position} of the event has no `recordId`")]
    NoRecordId {
        /// Which record, from 0.
        position: usize,
    },
    /// A member stands twice, so it is not known which one counts.
    #[error("`{member}` stands twice in the event, at byte {at}")]
    Repeated {
        /// The member.
        member: &'static str,
        /// The byte.
        at: usize,
    },
    /// Even the shortest answers to all records are more than Lambda takes.
    #[error("the shortest answer to {records} records is larger than {limit} bytes")]
    TooManyRecords {
        /// How many records.
        records: usize,
        /// The limit in bytes.
        limit: usize,
    },
}

/// The body of a string: where it stands, without its quotes.
#[derive(Debug, Clone)]
pub(super) struct Text {
    range: Range<usize>,
}

/// A record: where its parts stand in the event.
#[derive(Debug, Clone)]
pub(super) struct Record {
    id: Text,
    data: Option<Text>,
}

impl Record {
    /// The id as it is written, between its quotes.
    pub(super) fn id_text<'e>(&self, event: &'e [u8]) -> &'e [u8] {
        event.get(self.id.range.clone()).unwrap_or_default()
    }

    /// The data as it is written, between its quotes; `None` if there is no string of that name.
    pub(super) fn data_text<'e>(&self, event: &'e [u8]) -> Option<&'e [u8]> {
        self.data.as_ref().map(|data| event.get(data.range.clone()).unwrap_or_default())
    }

    /// What the data says; base64 has no escapes, but a writer may escape its slashes.
    pub(super) fn data<'e>(&self, event: &'e [u8]) -> Cow<'e, [u8]> {
        self.data.as_ref().map_or(Cow::Borrowed(&[]), |data| data.read(event))
    }
}

impl Text {
    /// What the string says; its body as it is written if that cannot be known.
    fn read<'e>(&self, event: &'e [u8]) -> Cow<'e, [u8]> {
        let body = event.get(self.range.clone()).unwrap_or_default();
        if memchr::memchr(b'\\', body).is_none() {
            return Cow::Borrowed(body);
        }
        let quoted = event.get(self.range.start - 1..self.range.end + 1).unwrap_or_default();
        serde_json::from_slice::<String>(quoted).map_or(Cow::Borrowed(body), |text| Cow::Owned(text.into_bytes()))
    }
}

/// What an event says beside its records.
#[derive(Debug, Default)]
pub(super) struct Event {
    invocation_id: Option<Text>,
    delivery_stream: Option<Text>,
    source_stream: Option<Text>,
}

impl Event {
    /// Reads an event; its records replace those in `records`.
    pub(super) fn read(event: &[u8], records: &mut Vec<Record>) -> Result<Self, EventError> {
        records.clear();
        let mut read = Self::default();
        let mut found = false;
        let end = members(event, skip_space(event, 0), |name, at| {
            let target = match name {
                b"invocationId" => (&mut read.invocation_id, "invocationId"),
                b"deliveryStreamArn" => (&mut read.delivery_stream, "deliveryStreamArn"),
                b"sourceKinesisStreamArn" => (&mut read.source_stream, "sourceKinesisStreamArn"),
                b"sourceMSKArn" => (&mut read.source_stream, "sourceMSKArn"),
                b"records" => {
                    if std::mem::replace(&mut found, true) {
                        return Err(EventError::Repeated { member: "records", at });
                    }
                    return read_records(event, at, records);
                }
                _ => return skip(event, at),
            };
            text_member(event, at, target.0, target.1)
        })?;
        let rest = skip_space(event, end);
        if rest < event.len() {
            return Err(malformed("the end", rest));
        }
        if found { Ok(read) } else { Err(EventError::NoRecords) }
    }

    pub(super) fn invocation_id<'e>(&self, event: &'e [u8]) -> Cow<'e, str> {
        said(self.invocation_id.as_ref(), event)
    }

    pub(super) fn delivery_stream<'e>(&self, event: &'e [u8]) -> Cow<'e, str> {
        said(self.delivery_stream.as_ref(), event)
    }

    /// Whether records are put to the stream directly, not read from another one.
    pub(super) fn is_direct_put(&self) -> bool {
        self.source_stream.is_none()
    }
}

fn said<'e>(text: Option<&Text>, event: &'e [u8]) -> Cow<'e, str> {
    match text.map(|text| text.read(event)) {
        None => Cow::Borrowed(""),
        Some(Cow::Borrowed(bytes)) => String::from_utf8_lossy(bytes),
        Some(Cow::Owned(bytes)) => Cow::Owned(String::from_utf8_lossy(&bytes).into_owned()),
    }
}

fn read_records(event: &[u8], at: usize, records: &mut Vec<Record>) -> Result<usize, EventError> {
    if byte(event, at) != b'[' {
        return Err(malformed("the `[` of the records", at));
    }
    let mut at = skip_space(event, at + 1);
    if byte(event, at) == b']' {
        return Ok(at + 1);
    }
    loop {
        if let Some((record, after)) = usual_record(event, at) {
            records.push(record);
            match byte(event, after) {
                b',' => {
                    at = skip_space(event, after + 1);
                    continue;
                }
                b']' => return Ok(after + 1),
                _ => {}
            }
            records.pop();
        }
        let (mut id, mut data) = (None, None);
        let after = members(event, at, |name, at| match name {
            b"recordId" => text_member(event, at, &mut id, "recordId"),
            b"data" => text_member(event, at, &mut data, "data"),
            _ => skip(event, at),
        })?;
        let id = id.filter(|id| is_plain(event, id)).ok_or(EventError::NoRecordId { position: records.len() })?;
        records.push(Record { id, data });
        at = skip_space(event, after);
        match byte(event, at) {
            b',' => at = skip_space(event, at + 1),
            b']' => return Ok(at + 1),
            _ => return Err(malformed("`,` or `]`", at)),
        }
    }
}

/// Reads a record that is written as Firehose writes those that were put to it directly; `None` for any other one.
fn usual_record(event: &[u8], at: usize) -> Option<(Record, usize)> {
    let id_start = at + BEFORE_ID.len();
    let rest = event.get(at..)?.strip_prefix(BEFORE_ID)?;
    let id_end = id_start + memchr::memchr(b'"', rest)?;
    let id = event.get(id_start..id_end)?;
    let plain = id.iter().fold(!id.is_empty(), |plain, byte| plain & (0x20..0x7f).contains(byte) & (*byte != b'\\'));
    let rest = event.get(id_end..).filter(|_| plain)?.strip_prefix(BEFORE_TIME)?;
    let digits = rest.iter().take_while(|byte| byte.is_ascii_digit()).count();
    let data_start = id_end + BEFORE_TIME.len() + digits + BEFORE_DATA.len();
    let rest = rest.get(digits..).filter(|_| digits > 0)?.strip_prefix(BEFORE_DATA)?;
    let data_end = data_start + memchr::memchr(b'"', rest)?;
    let after = event.get(data_end - 1..)?.first_chunk::<3>()?;
    // A backslash before the quote makes it a part of the data.
    if after[0] == b'\\' || after[2] != b'}' {
        return None;
    }
    let record = Record { id: Text { range: id_start..id_end }, data: Some(Text { range: data_start..data_end }) };
    Some((record, data_end + 2))
}

/// Whether an id can be written as it stands.
fn is_plain(event: &[u8], id: &Text) -> bool {
    let quoted = event.get(id.range.start - 1..id.range.end + 1).unwrap_or_default();
    !id.range.is_empty() && serde_json::from_slice::<String>(quoted).is_ok()
}

/// Reads a member that should be a string; another value is as none.
fn text_member(event: &[u8], at: usize, target: &mut Option<Text>, member: &'static str) -> Result<usize, EventError> {
    if byte(event, at) != b'"' {
        return skip(event, at);
    }
    let text = string(event, at)?;
    let end = text.range.end + 1;
    match target.replace(text) {
        None => Ok(end),
        Some(_) => Err(EventError::Repeated { member, at }),
    }
}

/// Reads the object at `at`: calls `member` with each key as written and the place of its value, and goes on where it says.
fn members(
    event: &[u8],
    at: usize,
    mut member: impl FnMut(&[u8], usize) -> Result<usize, EventError>,
) -> Result<usize, EventError> {
    if byte(event, at) != b'{' {
        return Err(malformed("`{`", at));
    }
    let mut at = skip_space(event, at + 1);
    if byte(event, at) == b'}' {
        return Ok(at + 1);
    }
    loop {
        if byte(event, at) != b'"' {
            return Err(malformed("a key in quotes", at));
        }
        let key = string(event, at)?;
        let colon = skip_space(event, key.range.end + 1);
        if byte(event, colon) != b':' {
            return Err(malformed("`:`", colon));
        }
        let value = skip_space(event, colon + 1);
        let after = member(&key.read(event), value)?;
        at = skip_space(event, after);
        match byte(event, at) {
            b',' => at = skip_space(event, at + 1),
            b'}' => return Ok(at + 1),
            _ => return Err(malformed("`,` or `}`", at)),
        }
    }
}

/// The string whose opening quote stands at `at`.
fn string(event: &[u8], at: usize) -> Result<Text, EventError> {
    let start = at + 1;
    let mut position = start;
    loop {
        let rest = event.get(position..).unwrap_or_default();
        let Some(found) = memchr::memchr2(b'"', b'\\', rest) else {
            return Err(malformed("the end of a string", event.len()));
        };
        position += found;
        if byte(event, position) == b'"' {
            return Ok(Text { range: start..position });
        }
        position += 2;
    }
}

/// The end of a value that is not needed; only its brackets and strings are looked at.
fn skip(event: &[u8], at: usize) -> Result<usize, EventError> {
    let (mut at, mut depth) = (at, 0usize);
    loop {
        match byte(event, at) {
            b'"' => at = string(event, at)?.range.end + 1,
            b'{' | b'[' => {
                depth += 1;
                at += 1;
            }
            b'}' | b']' if depth > 0 => {
                depth -= 1;
                at += 1;
            }
            b',' | b':' | b' ' | b'\t' | b'\n' | b'\r' if depth > 0 => at += 1,
            b'-' | b'+' | b'.' | b'0'..=b'9' | b'a'..=b'z' | b'A'..=b'Z' => {
                while matches!(byte(event, at), b'-' | b'+' | b'.' | b'0'..=b'9' | b'a'..=b'z' | b'A'..=b'Z') {
                    at += 1;
                }
            }
            _ => return Err(malformed("a value", at.min(event.len()))),
        }
        if depth == 0 {
            return Ok(at);
        }
    }
}

fn byte(event: &[u8], at: usize) -> u8 {
    event.get(at).copied().unwrap_or(0)
}

fn skip_space(event: &[u8], mut at: usize) -> usize {
    while matches!(byte(event, at), b' ' | b'\t' | b'\n' | b'\r') {
        at += 1;
    }
    at
}

#[cold]
fn malformed(expected: &'static str, at: usize) -> EventError {
    EventError::Malformed { expected, at }
}
