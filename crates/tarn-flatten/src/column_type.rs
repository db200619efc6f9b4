//! The types a contract may promise, under the names Athena and the Hive metastore give them.

use std::fmt;
use std::str::FromStr;

/// The type of a column, as a contract declares it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum ColumnType {
    /// `true` or `false`.
    Boolean,
    /// Whole numbers of 8 bits.
    TinyInt,
    /// Whole numbers of 16 bits.
    SmallInt,
    /// Whole numbers of 32 bits.
    Integer,
    /// Whole numbers of 64 bits.
    BigInt,
    /// Binary floating point of 32 bits.
    Real,
    /// Binary floating point of 64 bits.
    Double,
    /// Exact decimal numbers.
    Decimal {
        /// Digits in all, 1 to 38.
        precision: u8,
        /// Digits after the point, at most `precision`.
        scale: u8,
    },
    /// Text.
    String,
    /// Text that holds one JSON value.
    Json,
    /// A calendar day.
    Date,
    /// A point in time in UTC, to the microsecond.
    Timestamp,
    /// Bytes; base64 in JSON.
    Binary,
}

/// A type name that no column can have.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ColumnTypeError {
    /// The name is none of the known ones.
    #[error(
        "unknown type `{name}`; known are boolean, tinyint, smallint, int, bigint, float, double, \
         decimal(p,s), string, json, date, timestamp, binary"
    )]
    Unknown {
        /// The name as it was written.
        name: String,
    },
    /// A decimal whose precision or scale is missing, not a number or out of range.
    #[error(
        "`{name}` is no decimal type; write decimal(p,s) with 1 <= p <= 38 and 0 <= s <= p, for example decimal(10,2)"
    )]
    Decimal {
        /// The type as it was written.
        name: String,
    },
}

impl ColumnType {
    /// The widest decimal, in digits (Athena, Parquet `DECIMAL` in 16 bytes).
    pub const MAXIMUM_PRECISION: u8 = 38;

    /// The type as it is stored in a table: `json` is stored as `string`, every other type as itself.
    #[must_use]
    pub fn stored(self) -> Self {
        match self {
            Self::Json => Self::String,
            other => other,
        }
    }

    /// The smallest and the largest whole number of an integer type; `None` for other types.
    #[must_use]
    pub fn integer_range(self) -> Option<(i64, i64)> {
        match self {
            Self::TinyInt => Some((i64::from(i8::MIN), i64::from(i8::MAX))),
            Self::SmallInt => Some((i64::from(i16::MIN), i64::from(i16::MAX))),
            Self::Integer => Some((i64::from(i32::MIN), i64::from(i32::MAX))),
            Self::BigInt => Some((i64::MIN, i64::MAX)),
            _ => None,
        }
    }
}

impl FromStr for ColumnType {
    type Err = ColumnTypeError;

    /// Reads an Athena or Hive type name in any case; `varchar`, `varchar(n)` and `char(n)` are `string`.
    fn from_str(written: &str) -> Result<Self, Self::Err> {
        let lower = written.trim().to_ascii_lowercase();
        let (name, arguments) = match lower.split_once('(') {
            Some((name, rest)) => (name.trim_end(), Some(rest)),
            None => (lower.as_str(), None),
        };
        let simple = match name {
            "decimal" | "numeric" => return decimal(written, arguments),
            "varchar" | "char" if arguments.is_none_or(is_length) => return Ok(Self::String),
            "boolean" | "bool" => Some(Self::Boolean),
            "tinyint" => Some(Self::TinyInt),
            "smallint" => Some(Self::SmallInt),
            "int" | "integer" => Some(Self::Integer),
            "bigint" => Some(Self::BigInt),
            "float" | "real" => Some(Self::Real),
            "double" | "double precision" => Some(Self::Double),
            "string" => Some(Self::String),
            "json" => Some(Self::Json),
            "date" => Some(Self::Date),
            "timestamp" => Some(Self::Timestamp),
            "binary" | "varbinary" => Some(Self::Binary),
            _ => None,
        };
        match (simple, arguments) {
            (Some(column_type), None) => Ok(column_type),
            _ => Err(ColumnTypeError::Unknown { name: written.trim().to_owned() }),
        }
    }
}

fn is_length(arguments: &str) -> bool {
    arguments.strip_suffix(')').is_some_and(|length| length.trim().parse::<u32>().is_ok())
}

/// Reads the `p,s)` of a decimal; Hive and Trino differ on what a bare `decimal` means, so both must be written.
fn decimal(written: &str, arguments: Option<&str>) -> Result<ColumnType, ColumnTypeError> {
    let refused = || ColumnTypeError::Decimal { name: written.trim().to_owned() };
    let inner = arguments.and_then(|rest| rest.strip_suffix(')')).ok_or_else(refused)?;
    let (precision, scale) = inner.split_once(',').unwrap_or((inner, "0"));
    let precision: u8 = precision.trim().parse().map_err(|_| refused())?;
    let scale: u8 = scale.trim().parse().map_err(|_| refused())?;
    if precision == 0 || precision > ColumnType::MAXIMUM_PRECISION || scale > precision {
        return Err(refused());
    }
    Ok(ColumnType::Decimal { precision, scale })
}

impl fmt::Display for ColumnType {
    /// Writes the name that Athena DDL takes; `json`, which is no DDL type, keeps its own name (see [`ColumnType::stored`]).
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let name = match self {
            Self::Boolean => "boolean",
            Self::TinyInt => "tinyint",
            Self::SmallInt => "smallint",
            Self::Integer => "int",
            Self::BigInt => "bigint",
            Self::Real => "float",
            Self::Double => "double",
            Self::Decimal { precision, scale } => return write!(formatter, "decimal({precision},{scale})"),
            Self::String => "string",
            Self::Json => "json",
            Self::Date => "date",
            Self::Timestamp => "timestamp",
            Self::Binary => "binary",
        };
        formatter.write_str(name)
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a failed test may panic")]
    use super::*;

    #[test]
    fn athena_and_trino_names_are_read() {
        for (written, expected) in [
            ("boolean", ColumnType::Boolean),
            ("INT", ColumnType::Integer),
            ("integer", ColumnType::Integer),
            ("real", ColumnType::Real),
            ("float", ColumnType::Real),
            ("varchar", ColumnType::String),
            ("varchar(20)", ColumnType::String),
            (" json ", ColumnType::Json),
            ("decimal(10,2)", ColumnType::Decimal { precision: 10, scale: 2 }),
            ("decimal(38, 38)", ColumnType::Decimal { precision: 38, scale: 38 }),
            ("decimal(7)", ColumnType::Decimal { precision: 7, scale: 0 }),
            ("varbinary", ColumnType::Binary),
        ] {
            assert_eq!(written.parse::<ColumnType>().unwrap(), expected, "{written}");
        }
    }

    #[test]
    fn what_is_written_is_read_back() {
        for column_type in [
            ColumnType::Boolean,
            ColumnType::TinyInt,
            ColumnType::SmallInt,
            ColumnType::Integer,
            ColumnType::BigInt,
            ColumnType::Real,
            ColumnType::Double,
            ColumnType::Decimal { precision: 38, scale: 9 },
            ColumnType::String,
            ColumnType::Json,
            ColumnType::Date,
            ColumnType::Timestamp,
            ColumnType::Binary,
        ] {
            assert_eq!(column_type.to_string().parse::<ColumnType>().unwrap(), column_type);
        }
    }

    #[test]
    fn impossible_types_are_refused_by_name() {
        for written in ["", "text", "int(3)", "varchar(", "varchar(x)", "array<int>"] {
            assert!(matches!(written.parse::<ColumnType>(), Err(ColumnTypeError::Unknown { .. })), "{written}");
        }
        for written in ["decimal", "decimal(0,0)", "decimal(39,0)", "decimal(3,4)", "decimal(3,4", "decimal(a,b)"] {
            assert!(matches!(written.parse::<ColumnType>(), Err(ColumnTypeError::Decimal { .. })), "{written}");
        }
        let message = "decimal(3,4)".parse::<ColumnType>().unwrap_err().to_string();
        assert!(message.starts_with("`decimal(3,4)` is no decimal type"), "{message}");
    }
}
