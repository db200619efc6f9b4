//! Casts of JSON values to the types of a contract: exact, or refused.
//!
//! - integers: whole numbers within range, also written `1.0` or `1e3`, or as a string;
//! - decimals: numbers or strings whose digits fit precision and scale without rounding;
//! - `real`, `double`: the nearest binary number to a number or a string; what overflows to infinity is refused;
//! - `boolean`: `true`, `false`, `"true"`, `"false"`;
//! - `date`, `timestamp`: strings as [`crate::time`] reads them; a number is no date, since its unit would be a guess;
//! - `string`: strings as they are, everything else as its JSON text; `json`: everything as its JSON text;
//! - `binary`: base64 with the standard alphabet, padded or not.

use base64::Engine as _;
use base64::alphabet::STANDARD;
use base64::engine::{DecodePaddingMode, GeneralPurpose, GeneralPurposeConfig};

use crate::column_type::ColumnType;
use crate::decimal::{decimal, integer, is_number};
use crate::escape::push_unescaped;
use crate::nested::push_compact;
use crate::time::{date, timestamp};
use crate::walk::{Kind, Leaf};

const BASE64: GeneralPurpose = GeneralPurpose::new(
    &STANDARD,
    GeneralPurposeConfig::new().with_decode_padding_mode(DecodePaddingMode::Indifferent),
);

/// A value of a row; text stands in the record, or in [`Scratch`] where it had to be rewritten.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Slot {
    Absent,
    Null,
    Boolean(bool),
    Integer(i64),
    Real(f32),
    Double(f64),
    Decimal(i128),
    /// Text in the document.
    Source {
        start: usize,
        end: usize,
    },
    /// JSON text in the document.
    Json {
        start: usize,
        end: usize,
    },
    /// Text in the scratch room; JSON text if escapes stay.
    Rewritten {
        start: usize,
        end: usize,
    },
    Date(i32),
    Timestamp(i64),
    Binary {
        start: usize,
        end: usize,
    },
}

/// Room for the values of a document that do not stand in it as they are.
#[derive(Debug, Default)]
pub(crate) struct Scratch {
    pub(crate) text: String,
    pub(crate) bytes: Vec<u8>,
}

impl Scratch {
    pub(crate) fn clear(&mut self) {
        self.text.clear();
        self.bytes.clear();
    }

    fn rewritten(&mut self, write: impl FnOnce(&mut String)) -> Slot {
        let start = self.text.len();
        write(&mut self.text);
        Slot::Rewritten { start, end: self.text.len() }
    }
}

/// Casts a leaf into a slot; `false` if the type cannot hold it exactly. With `ESCAPES`, text keeps the escapes that stand
/// in it.
///
/// The slot is written in place: to return it and copy it whole would wait for its parts to reach memory.
#[inline]
#[must_use]
pub(crate) fn cast_into<const ESCAPES: bool>(
    slot: &mut Slot,
    leaf: Leaf<'_>,
    wanted: ColumnType,
    scratch: &mut Scratch,
) -> bool {
    match cast::<ESCAPES>(leaf, wanted, scratch) {
        Some(value) => {
            *slot = value;
            true
        }
        None => false,
    }
}

/// Casts a leaf; `None` if the type cannot hold it exactly.
#[inline(always)]
fn cast<const ESCAPES: bool>(leaf: Leaf<'_>, wanted: ColumnType, scratch: &mut Scratch) -> Option<Slot> {
    match leaf.kind {
        Kind::Null => Some(Slot::Null),
        Kind::String { escaped } => {
            let body = leaf.json();
            let body = body.get(1..body.len() - 1).unwrap_or_default();
            match wanted {
                ColumnType::String if ESCAPES || !escaped => {
                    Some(Slot::Source { start: leaf.start + 1, end: leaf.end - 1 })
                }
                ColumnType::String => Some(scratch.rewritten(|text| push_unescaped(body, text))),
                ColumnType::Json => Some(json(leaf)),
                _ if !escaped => cast_text(body, wanted, scratch),
                _ => {
                    let mut text = String::new();
                    push_unescaped(body, &mut text);
                    cast_text(&text, wanted, scratch)
                }
            }
        }
        Kind::Number => match wanted {
            ColumnType::String | ColumnType::Json => Some(source(leaf)),
            ColumnType::Boolean | ColumnType::Date | ColumnType::Timestamp | ColumnType::Binary => None,
            _ => cast_text(leaf.json(), wanted, scratch),
        },
        Kind::True | Kind::False => match wanted {
            ColumnType::Boolean => Some(Slot::Boolean(leaf.kind == Kind::True)),
            ColumnType::String | ColumnType::Json => Some(source(leaf)),
            _ => None,
        },
        Kind::Nested { spaced } => match wanted {
            ColumnType::String | ColumnType::Json if spaced => {
                Some(scratch.rewritten(|text| push_compact(leaf.json(), text)))
            }
            ColumnType::String | ColumnType::Json if leaf.rewritten => {
                Some(scratch.rewritten(|text| text.push_str(leaf.json())))
            }
            ColumnType::String | ColumnType::Json => Some(json(leaf)),
            _ => None,
        },
    }
}

fn source(leaf: Leaf<'_>) -> Slot {
    Slot::Source { start: leaf.start, end: leaf.end }
}

fn json(leaf: Leaf<'_>) -> Slot {
    Slot::Json { start: leaf.start, end: leaf.end }
}

/// Casts the text of a string or of a number.
fn cast_text(text: &str, wanted: ColumnType, scratch: &mut Scratch) -> Option<Slot> {
    match wanted {
        ColumnType::Boolean => match text {
            "true" => Some(Slot::Boolean(true)),
            "false" => Some(Slot::Boolean(false)),
            _ => None,
        },
        ColumnType::TinyInt | ColumnType::SmallInt | ColumnType::Integer | ColumnType::BigInt => {
            let (smallest, largest) = wanted.integer_range()?;
            integer(text).filter(|value| (smallest..=largest).contains(value)).map(Slot::Integer)
        }
        ColumnType::Decimal { precision, scale } => decimal(text, precision, scale).map(Slot::Decimal),
        // Rust also reads `inf` and `nan`, which are no numbers in JSON.
        ColumnType::Real if is_number(text) => {
            text.parse().ok().filter(|value: &f32| value.is_finite()).map(Slot::Real)
        }
        ColumnType::Double if is_number(text) => {
            text.parse().ok().filter(|value: &f64| value.is_finite()).map(Slot::Double)
        }
        ColumnType::Real | ColumnType::Double => None,
        ColumnType::Date => date(text).map(Slot::Date),
        ColumnType::Timestamp => timestamp(text).map(Slot::Timestamp),
        ColumnType::Binary => {
            let start = scratch.bytes.len();
            BASE64.decode_vec(text, &mut scratch.bytes).ok()?;
            Some(Slot::Binary { start, end: scratch.bytes.len() })
        }
        ColumnType::String | ColumnType::Json => None,
    }
}
