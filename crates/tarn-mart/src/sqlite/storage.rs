//! How SQLite holds each type.
//!
//! SQLite has five storage classes; the declared type of a column only converts values on their way in ("affinity"). The choices:
//!
//! | version | declared | stored as |
//! | --- | --- | --- |
//! | boolean | `BOOLEAN` | 0 or 1 |
//! | tinyint … bigint | `TINYINT` … `BIGINT` | integer |
//! | float, double | `REAL`, `DOUBLE` | real; infinity too; NaN is refused, as SQLite would store null; -0 is 0 |
//! | decimal of at most 15 digits | `DECIMAL(p,s)` | integer, or the nearest real, from which 15 digits are recovered exactly |
//! | decimal(p,0) of at most 18 digits | `DECIMAL(p,0)` | integer |
//! | wider decimals | none, the type in a comment | integer or real where that is exact, else text with every digit |
//! | string, date, timestamp | `TEXT` | text: `2026-10-01`, `2026-10-01 10:00:00`, `2026-10-01 10:00:00.250000` |
//! | array, map, struct | `TEXT` | JSON |
//! | binary | `BLOB` | blob |
//!
//! A wide decimal as text alone would sort as text, 9 after 10; with `DECIMAL(38,2)` declared, SQLite would round it to 15 digits
//! without a word; so it has no declared type, and what compares as a number is one. Dates are declared `TEXT` because a declared
//! `DATE` turns the comparison `day > '2026'` into one with a number. The tables are not STRICT: that would forbid `DECIMAL` and
//! `BOOLEAN`, which tools read, and older SQLite cannot open a database with a STRICT table in it at all; values are bound in
//! their own storage class, so nothing else is gained.

use rusqlite::Statement;
use rusqlite::types::{ToSqlOutput, ValueRef};

use crate::types::ValueType;
use crate::value::{Value, shortest_decimal, write_date, write_decimal, write_timestamp};

/// Digits that a real holds exactly, whatever they are.
const REAL_DIGITS: u8 = 15;
/// Digits that 64 bits hold, whatever they are.
const INTEGER_DIGITS: u8 = 18;

/// The type to declare for a new column: SQL, empty or starting with a space.
pub(super) fn declaration(value_type: ValueType) -> String {
    let name = match value_type {
        ValueType::Boolean => "BOOLEAN",
        ValueType::TinyInt => "TINYINT",
        ValueType::SmallInt => "SMALLINT",
        ValueType::Integer => "INTEGER",
        ValueType::BigInt => "BIGINT",
        ValueType::Real => "REAL",
        ValueType::Double => "DOUBLE",
        ValueType::Decimal { precision, scale } if is_narrow(precision, scale) => {
            return format!(" DECIMAL({precision},{scale})");
        }
        ValueType::Decimal { precision, scale } => return format!(" /* decimal({precision},{scale}) */"),
        _ if is_text(value_type) => "TEXT",
        _ => "BLOB",
    };
    format!(" {name}")
}

fn is_text(value_type: ValueType) -> bool {
    use ValueType::{Date, Json, Text, Timestamp, ZonedTimestamp};
    matches!(value_type, Text { .. } | Date | Timestamp | ZonedTimestamp | Json)
}

/// Whether every value of the decimal type is an integer or real of SQLite.
fn is_narrow(precision: u8, scale: u8) -> bool {
    precision <= REAL_DIGITS || (scale == 0 && precision <= INTEGER_DIGITS)
}

/// Whether a column of this declared type, ours or somebody else's, keeps every value of the version's type as it is.
pub(super) fn keeps(declared: &str, value_type: ValueType) -> bool {
    let is_integer = value_type.is_integer();
    let declared = declared.trim().to_ascii_uppercase();
    let has = |part: &str| declared.contains(part);
    // The order of these rules is SQLite's own for affinities.
    if declared.is_empty() {
        // Nothing is converted; but only numbers are compared with numbers.
        is_integer || matches!(value_type, ValueType::Decimal { .. })
    } else if declared.starts_with("BOOL") {
        value_type == ValueType::Boolean
    } else if has("INT") {
        is_integer || matches!(value_type, ValueType::Decimal { precision, scale: 0 } if precision <= INTEGER_DIGITS)
    } else if has("CHAR") || has("CLOB") || has("TEXT") {
        is_text(value_type)
    } else if has("BLOB") {
        value_type == ValueType::Binary
    } else if has("REAL") || has("FLOA") || has("DOUB") {
        matches!(value_type, ValueType::Real | ValueType::Double)
    } else if has("DEC") || has("NUM") {
        is_integer || matches!(value_type, ValueType::Decimal { precision, scale } if is_narrow(precision, scale))
    } else if has("DATE") || has("TIME") {
        matches!(value_type, ValueType::Date | ValueType::Timestamp | ValueType::ZonedTimestamp)
    } else {
        false
    }
}

/// Binds a value to a parameter. `text` is scratch space.
///
/// # Errors
/// What the value is, when SQLite cannot hold it; or what SQLite says.
pub(super) fn bind(
    statement: &mut Statement<'_>,
    parameter: usize,
    value: Value<'_>,
    value_type: ValueType,
    text: &mut String,
) -> Result<(), BindFault> {
    text.clear();
    let stored = match value {
        Value::Null => ValueRef::Null,
        Value::Boolean(truth) => ValueRef::Integer(i64::from(truth)),
        Value::Integer(number) => ValueRef::Integer(number),
        Value::Real(number) if number.is_nan() => {
            return Err(BindFault::Value("nan, which a SQLite mart would store as null"));
        }
        Value::Real(number) => ValueRef::Real(number),
        Value::Decimal { unscaled, scale } => decimal(unscaled, scale, value_type, text)?,
        Value::Text(text) => ValueRef::Text(text.as_bytes()),
        Value::Binary(bytes) => ValueRef::Blob(bytes),
        Value::Date(days) => {
            in_calendar(write_date(i64::from(days), text))?;
            ValueRef::Text(text.as_bytes())
        }
        Value::Timestamp { seconds, nanoseconds } => {
            in_calendar(write_timestamp(seconds, nanoseconds, text))?;
            ValueRef::Text(text.as_bytes())
        }
    };
    statement.raw_bind_parameter(parameter, ToSqlOutput::Borrowed(stored)).map_err(BindFault::Database)
}

/// Why a value was not bound.
pub(super) enum BindFault {
    /// What the value is.
    Value(&'static str),
    /// What SQLite said.
    Database(rusqlite::Error),
}

fn in_calendar(written: bool) -> Result<(), BindFault> {
    if written { Ok(()) } else { Err(BindFault::Value("a year outside of 1 to 9999")) }
}

/// Equal numbers have equal forms, whatever the scale of their columns: keys depend on it.
fn decimal(unscaled: i128, scale: u8, value_type: ValueType, text: &mut String) -> Result<ValueRef<'_>, BindFault> {
    let (digits, places) = shortest_decimal(unscaled, scale);
    if places == 0
        && let Ok(whole) = i64::try_from(digits)
    {
        return Ok(ValueRef::Integer(whole));
    }
    if digits.unsigned_abs() < 10_u128.pow(u32::from(REAL_DIGITS)) {
        return Ok(ValueRef::Real(nearest_real(digits, places, text)));
    }
    if matches!(value_type, ValueType::Decimal { precision, scale } if is_narrow(precision, scale)) {
        return Err(BindFault::Value("a decimal of more digits than its type has"));
    }
    text.clear();
    write_decimal(digits, places, text);
    Ok(ValueRef::Text(text.as_bytes()))
}

fn nearest_real(digits: i128, places: u8, text: &mut String) -> f64 {
    // Both are exact below 2^53 and 10^22, so their quotient is the nearest real.
    if places <= 22 {
        #[expect(clippy::cast_precision_loss, reason = "at most 15 digits, which are exact")]
        return digits as f64 / 10_f64.powi(i32::from(places));
    }
    write_decimal(digits, places, text);
    text.parse().unwrap_or(f64::NAN)
}
