//! Hive's types as a mart sees them: what kinds of value a column can hold.
//!
//! Each database has a table of its own that maps these kinds to its SQL types.

use arrow::datatypes::{DataType, TimeUnit};
use tarn_pipeline::ports::{Column, MartError};

use crate::fault::refused;

/// The kind of value a column holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum ValueType {
    /// `true` or `false`.
    Boolean,
    /// `tinyint`.
    TinyInt,
    /// `smallint`.
    SmallInt,
    /// `int`.
    Integer,
    /// `bigint`.
    BigInt,
    /// `float`, 32 bits.
    Real,
    /// `double`, 64 bits.
    Double,
    /// Exact decimal numbers.
    Decimal {
        /// Digits in all, 1 to 38.
        precision: u8,
        /// Digits after the point.
        scale: u8,
    },
    /// `string`, `varchar(n)`, `char(n)`.
    Text {
        /// The most characters, where the type says so.
        length: Option<u32>,
    },
    /// A calendar day.
    Date,
    /// A point in time, in UTC where the file says so.
    Timestamp,
    /// `timestamp with time zone`: a point in time in UTC.
    ZonedTimestamp,
    /// Bytes.
    Binary,
    /// `array`, `map`, `struct` and `row`: one JSON value as text.
    Json,
}

impl ValueType {
    /// Reads a Hive (or Athena) type name in any case.
    pub(crate) fn parse(written: &str) -> Option<Self> {
        let lower = written.trim().to_ascii_lowercase();
        if lower.starts_with("timestamp") && lower.ends_with(" time zone") {
            return Some(Self::ZonedTimestamp);
        }
        let (name, rest) = match lower.find(['(', '<']) {
            Some(at) => (lower[..at].trim_end(), &lower[at..]),
            None => (lower.as_str(), ""),
        };
        match (name, rest) {
            ("boolean", "") => Some(Self::Boolean),
            ("tinyint", "") => Some(Self::TinyInt),
            ("smallint", "") => Some(Self::SmallInt),
            ("int" | "integer", "") => Some(Self::Integer),
            ("bigint", "") => Some(Self::BigInt),
            ("float" | "real", "") => Some(Self::Real),
            ("double", "") => Some(Self::Double),
            ("decimal", _) => decimal(rest),
            ("string" | "json" | "varchar", "") => Some(Self::Text { length: None }),
            ("varchar" | "char", length) => {
                let length = length.strip_prefix('(')?.strip_suffix(')')?.trim().parse().ok()?;
                Some(Self::Text { length: Some(length) })
            }
            ("date", "") => Some(Self::Date),
            ("timestamp", _) if !rest.starts_with('<') => Some(Self::Timestamp),
            ("binary" | "varbinary", "") => Some(Self::Binary),
            ("array" | "map" | "struct" | "row", nested) if !nested.is_empty() => Some(Self::Json),
            _ => None,
        }
    }

    /// Whether its values are whole numbers of at most 64 bits.
    pub(crate) fn is_integer(self) -> bool {
        matches!(self, Self::TinyInt | Self::SmallInt | Self::Integer | Self::BigInt)
    }

    /// The Arrow type whose values this kind holds; none for kinds that cannot be a partition key.
    pub(crate) fn arrow(self) -> Option<DataType> {
        Some(match self {
            Self::Boolean => DataType::Boolean,
            Self::TinyInt => DataType::Int8,
            Self::SmallInt => DataType::Int16,
            Self::Integer => DataType::Int32,
            Self::BigInt => DataType::Int64,
            Self::Real => DataType::Float32,
            Self::Double => DataType::Float64,
            Self::Decimal { precision, scale } => DataType::Decimal128(precision, i8::try_from(scale).ok()?),
            Self::Text { .. } => DataType::Utf8,
            Self::Date => DataType::Date32,
            Self::Timestamp | Self::ZonedTimestamp => DataType::Timestamp(TimeUnit::Microsecond, None),
            Self::Binary | Self::Json => return None,
        })
    }
}

fn decimal(arguments: &str) -> Option<ValueType> {
    let (precision, scale) = match arguments {
        // Hive's default.
        "" => (10, 0),
        _ => {
            let inner = arguments.strip_prefix('(')?.strip_suffix(')')?;
            let (precision, scale) = inner.split_once(',').unwrap_or((inner, "0"));
            (precision.trim().parse().ok()?, scale.trim().parse().ok()?)
        }
    };
    ((1..=38).contains(&precision) && scale <= precision).then_some(ValueType::Decimal { precision, scale })
}

/// A column whose type is understood.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct TypedColumn {
    /// As the catalogue names it.
    pub(crate) name: String,
    /// As the catalogue types it.
    pub(crate) hive_type: String,
    /// What it holds.
    pub(crate) value_type: ValueType,
}

impl TypedColumn {
    /// Reads the type of a column.
    pub(crate) fn of(column: &Column) -> Result<Self, MartError> {
        let value_type = ValueType::parse(&column.column_type).ok_or_else(|| {
            refused(format!("column `{}` has the type `{}`, which no mart can hold", column.name, column.column_type))
        })?;
        Ok(Self { name: column.name.clone(), hive_type: column.column_type.clone(), value_type })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn hive_types_are_read_in_any_case() {
        for (written, wanted) in [
            ("boolean", ValueType::Boolean),
            ("INT", ValueType::Integer),
            ("integer", ValueType::Integer),
            ("float", ValueType::Real),
            ("Decimal(38, 2)", ValueType::Decimal { precision: 38, scale: 2 }),
            ("decimal(5)", ValueType::Decimal { precision: 5, scale: 0 }),
            ("decimal", ValueType::Decimal { precision: 10, scale: 0 }),
            ("string", ValueType::Text { length: None }),
            ("varchar(20)", ValueType::Text { length: Some(20) }),
            ("timestamp(3) with time zone", ValueType::ZonedTimestamp),
            ("timestamp(3)", ValueType::Timestamp),
            ("array<int>", ValueType::Json),
            ("map<string,array<int>>", ValueType::Json),
            ("struct<a:int>", ValueType::Json),
            ("row(a integer)", ValueType::Json),
        ] {
            assert_eq!(ValueType::parse(written), Some(wanted), "{written}");
        }
    }

    #[test]
    fn what_is_no_type_is_none() {
        for written in
            ["", "interval", "int(3)", "decimal(39,0)", "decimal(3,4)", "decimal(a)", "array", "decimal(2", "char"]
        {
            assert_eq!(ValueType::parse(written), None, "{written}");
        }
    }
}
