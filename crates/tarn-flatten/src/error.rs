//! Why a record was refused, and where in it.

use crate::column_type::ColumnType;

/// The refusal of one record; other records are unaffected.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{kind} at byte {offset}")]
pub struct RecordError {
    /// Byte offset in the record; in the unpacked record if it was gzip; 0 if it is a message of a log subscription.
    pub offset: usize,
    /// What is wrong there.
    pub kind: RecordErrorKind,
}

/// What can be wrong with a record.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum RecordErrorKind {
    /// The record ends inside a document.
    #[error("the record ends inside a document")]
    Truncated,
    /// Something else stands where the grammar of JSON wants this.
    #[error("expected {0}")]
    Expected(&'static str),
    /// A control character inside a string; JSON wants it escaped.
    #[error("control character in a string")]
    ControlCharacter,
    /// A backslash with something after it that JSON does not know.
    #[error("invalid escape")]
    InvalidEscape,
    /// Half of a surrogate pair: a character that no text can hold.
    #[error("lone surrogate")]
    LoneSurrogate,
    /// Digits that are no JSON number, such as `01` or `1.`.
    #[error("invalid number")]
    InvalidNumber,
    /// Bytes that are not UTF-8.
    #[error("invalid utf-8")]
    InvalidUtf8,
    /// The document is an array, a string, a number or a literal.
    #[error("the document is not an object")]
    NotAnObject,
    /// Broken gzip.
    #[error("invalid gzip: {0}")]
    Gzip(String),
    /// The record, unpacked, is larger than `Settings::max_record_bytes`.
    #[error("the record is larger than {limit} bytes")]
    TooLarge {
        /// The limit in bytes.
        limit: usize,
    },
    /// The record's rows, as text, are larger than `Settings::max_line_bytes`.
    #[error("the rows of the record are larger than {limit} bytes")]
    OutputTooLarge {
        /// The limit in bytes.
        limit: usize,
    },
    /// One document has more keys than can be told apart in bounded memory.
    #[error("the document has more than {limit} different keys, or repeats one more often")]
    TooManyNames {
        /// The limit.
        limit: usize,
    },
    /// A DynamoDB value whose type tag and content do not agree.
    #[error("not a dynamodb value: {0}")]
    NotDynamoDb(&'static str),
    /// A document that is no change record of a DynamoDB stream.
    #[error("not a dynamodb change record: {0}")]
    NotAChange(&'static str),
    /// A value that the column's type cannot hold exactly.
    #[error("column `{}` cannot hold {} as {}", .0.column, .0.value, .0.wanted)]
    Cast(Box<CastRefusal>),
    /// A required column is absent.
    #[error("required column `{column}` is absent")]
    Absent {
        /// The column.
        column: Box<str>,
    },
    /// A required column is null.
    #[error("required column `{column}` is null")]
    Null {
        /// The column.
        column: Box<str>,
    },
}

/// A value that does not fit its column.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CastRefusal {
    /// The column.
    pub column: String,
    /// The type that the contract promises.
    pub wanted: ColumnType,
    /// The JSON text of the value, shortened to at most [`CastRefusal::SHOWN_CHARACTERS`] characters.
    pub value: String,
}

impl CastRefusal {
    /// How much of a refused value is shown.
    pub const SHOWN_CHARACTERS: usize = 60;

    pub(crate) fn shorten(value: &str) -> String {
        match value.char_indices().nth(Self::SHOWN_CHARACTERS) {
            Some((cut, _)) => format!("{}…", value.get(..cut).unwrap_or_default()),
            None => value.to_owned(),
        }
    }
}

impl RecordError {
    #[cold]
    pub(crate) fn new(offset: usize, kind: RecordErrorKind) -> Self {
        Self { offset, kind }
    }
}
