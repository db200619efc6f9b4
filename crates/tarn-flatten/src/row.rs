//! What comes out: typed rows of a contract, or flat fields as JSON text.

use xxhash_rust::xxh3::xxh3_128_with_seed;

/// One value of a row, in the type its column promises.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Value<'a> {
    /// Absent or JSON null.
    Null,
    /// `boolean`.
    Boolean(bool),
    /// `tinyint`, `smallint`, `int` or `bigint`; within the range of the column's type.
    Integer(i64),
    /// `real`.
    Real(f32),
    /// `double`.
    Double(f64),
    /// `decimal(p,s)`: the value times 10 to the power of `s`.
    Decimal(i128),
    /// `string` or `json`.
    Text(&'a str),
    /// `date`: days since 1970-01-01.
    Date(i32),
    /// `timestamp`: microseconds since 1970-01-01 00:00 UTC.
    Timestamp(i64),
    /// `binary`.
    Binary(&'a [u8]),
}

impl<'a> Value<'a> {
    /// Text, or null.
    #[must_use]
    pub fn from_text(text: Option<&'a str>) -> Self {
        text.map_or(Self::Null, Self::Text)
    }
}

/// What happened to an item of a DynamoDB table.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Operation {
    /// The item is new.
    Insert,
    /// The item was changed.
    Modify,
    /// The item was removed.
    Remove,
}

impl Operation {
    /// The text in the column `_op`.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Insert => "insert",
            Self::Modify => "modify",
            Self::Remove => "remove",
        }
    }
}

/// What a DynamoDB stream says about a change, beside the item itself.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Change {
    /// Column `_op`.
    pub operation: Operation,
    /// Column `_ttl`: whether the table's time to live removed the item.
    pub by_ttl: bool,
    /// Column `_seq`: the sequence number, at most 38 digits.
    pub sequence: i128,
    /// Column `_at`: when the change was made, in microseconds since 1970-01-01 00:00 UTC.
    pub at: Option<i64>,
}

/// One document of a record, cast to the columns of a contract.
#[derive(Debug, Clone, Copy)]
pub struct Row<'a> {
    /// One value per column, in contract order.
    pub values: &'a [Value<'a>],
    /// What no column wants: a JSON object of flat names; `None` if nothing is left over.
    pub extra: Option<&'a str>,
    /// The change, if the record came from a DynamoDB stream.
    pub change: Option<&'a Change>,
    /// The record as it arrived.
    pub record: &'a [u8],
    /// The position of the document within the record, from 0.
    pub document: u32,
}

impl Row<'_> {
    /// The 128-bit id of the row: [`record_id`] for the first document of a record, a sibling of it for each further one.
    #[must_use]
    pub fn id(&self) -> [u8; 16] {
        document_id(self.record, self.document)
    }
}

/// Takes the rows of records, one by one.
pub trait RowSink {
    /// Takes one row; what it borrows is gone afterwards.
    fn row(&mut self, row: &Row<'_>);
}

/// One leaf of a document: its flat name and its JSON text.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Field<'a> {
    /// The flat name, unique within the document.
    pub name: &'a str,
    /// The value's JSON text, as it was written; white space between the tokens of an array or object is dropped.
    pub json: &'a str,
}

impl Field<'_> {
    pub(crate) const EMPTY: Self = Self { name: "", json: "" };
}

/// One document of a record, flattened without a contract.
#[derive(Debug, Clone, Copy)]
pub struct FlatRecord<'a> {
    /// The leaves in document order.
    pub fields: &'a [Field<'a>],
    /// The change, if the record came from a DynamoDB stream.
    pub change: Option<&'a Change>,
    /// The record as it arrived.
    pub record: &'a [u8],
    /// The position of the document within the record, from 0.
    pub document: u32,
}

impl FlatRecord<'_> {
    /// The 128-bit id of the row, as [`Row::id`].
    #[must_use]
    pub fn id(&self) -> [u8; 16] {
        document_id(self.record, self.document)
    }
}

/// Takes flattened documents, one by one.
pub trait FlatSink {
    /// Takes one document; what it borrows is gone afterwards.
    fn flat(&mut self, flat: &FlatRecord<'_>);
}

/// What became of a record that was taken.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct RecordOutcome {
    /// Documents in the record, each of them one row; 0 for a record of nothing but white space.
    pub rows: usize,
}

/// The id of a record: XXH3-128 of its bytes as they arrived, big-endian.
#[must_use]
pub fn record_id(record: &[u8]) -> [u8; 16] {
    document_id(record, 0)
}

/// The documents of one record are seeded by position, so that removing doubles by id keeps them all.
pub(crate) fn document_id(record: &[u8], document: u32) -> [u8; 16] {
    xxh3_128_with_seed(record, u64::from(document)).to_be_bytes()
}
