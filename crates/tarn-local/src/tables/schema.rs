//! Hive's type names as Arrow types.
//!
//! One Arrow type per Hive type: `string` is `Utf8`, `timestamp` is `Timestamp(Millisecond, None)`. Athena reads and writes
//! timestamps of tables to the millisecond, so that is a table's type here too, whatever finer unit a file holds.

use std::sync::Arc;

use arrow::datatypes::{DataType, Field, Fields, Schema, TimeUnit};
use tarn_pipeline::ports::Column;

/// A table's type for `timestamp`.
pub(crate) const TIMESTAMP: DataType = DataType::Timestamp(TimeUnit::Millisecond, None);

/// The Arrow schema of some columns; `Err` holds the first column whose type is none of Hive's.
pub(crate) fn schema_of(columns: &[Column]) -> Result<Schema, &Column> {
    let field = |column| field_of(column).ok_or(column);
    Ok(Schema::new(columns.iter().map(field).collect::<Result<Vec<Field>, &Column>>()?))
}

fn field_of(column: &Column) -> Option<Field> {
    Some(Field::new(&column.name, arrow_type(&column.column_type)?, true))
}

/// The Arrow type of a Hive type; none when it is no Hive type.
pub(crate) fn arrow_type(hive: &str) -> Option<DataType> {
    let hive = hive.trim();
    if let Some((constructor, inner)) = hive.strip_suffix('>').and_then(|open| open.split_once('<')) {
        return nested_type(&constructor.trim().to_ascii_lowercase(), inner);
    }
    let lower = hive.to_ascii_lowercase();
    let (name, arguments) = match lower.strip_suffix(')').and_then(|open| open.split_once('(')) {
        Some((name, arguments)) => (name.trim_end(), Some(arguments)),
        None => (lower.as_str(), None),
    };
    match (name, arguments) {
        ("decimal" | "numeric", arguments) => decimal(arguments),
        ("varchar" | "char", Some(length)) => length.trim().parse::<u32>().is_ok().then_some(DataType::Utf8),
        ("timestamp", Some("3")) => Some(TIMESTAMP),
        (_, Some(_)) => None,
        ("string" | "varchar" | "char" | "json", None) => Some(DataType::Utf8),
        ("boolean", None) => Some(DataType::Boolean),
        ("tinyint", None) => Some(DataType::Int8),
        ("smallint", None) => Some(DataType::Int16),
        ("int" | "integer", None) => Some(DataType::Int32),
        ("bigint", None) => Some(DataType::Int64),
        ("float" | "real", None) => Some(DataType::Float32),
        ("double" | "double precision", None) => Some(DataType::Float64),
        ("date", None) => Some(DataType::Date32),
        ("timestamp", None) => Some(TIMESTAMP),
        ("binary" | "varbinary", None) => Some(DataType::Binary),
        _ => None,
    }
}

/// A bare `decimal` is Hive's `decimal(10,0)`.
fn decimal(arguments: Option<&str>) -> Option<DataType> {
    let (precision, scale) = arguments.map_or(("10", "0"), |text| text.split_once(',').unwrap_or((text, "0")));
    let (precision, scale): (u8, i8) = (precision.trim().parse().ok()?, scale.trim().parse().ok()?);
    let fits = (1..=38).contains(&precision) && scale >= 0 && scale.unsigned_abs() <= precision;
    fits.then_some(DataType::Decimal128(precision, scale))
}

fn nested_type(constructor: &str, inner: &str) -> Option<DataType> {
    let parts = split_outside_brackets(inner);
    match (constructor, parts.as_slice()) {
        ("array", [element]) => Some(DataType::List(Arc::new(Field::new_list_field(arrow_type(element)?, true)))),
        ("map", [key, value]) => {
            let key = Field::new("key", arrow_type(key)?, false);
            let value = Field::new("value", arrow_type(value)?, true);
            let entries = DataType::Struct(Fields::from(vec![key, value]));
            Some(DataType::Map(Arc::new(Field::new("entries", entries, false)), false))
        }
        ("struct", fields) => {
            let field = |text: &&str| {
                let (name, field_type) = text.split_once(':')?;
                Some(Field::new(name.trim(), arrow_type(field_type)?, true))
            };
            Some(DataType::Struct(fields.iter().map(field).collect::<Option<Vec<Field>>>()?.into()))
        }
        _ => None,
    }
}

/// The parts between the commas that stand outside of all brackets.
fn split_outside_brackets(text: &str) -> Vec<&str> {
    let mut parts = Vec::new();
    let (mut depth, mut start) = (0_usize, 0);
    for (position, letter) in text.char_indices() {
        match letter {
            '<' | '(' => depth += 1,
            '>' | ')' => depth = depth.saturating_sub(1),
            ',' if depth == 0 => {
                parts.push(&text[start..position]);
                start = position + 1;
            }
            _ => {}
        }
    }
    parts.push(&text[start..]);
    parts
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a failed test may panic")]
    use super::*;

    #[test]
    fn plain_types() {
        for (hive, arrow) in [
            ("string", DataType::Utf8),
            ("varchar(20)", DataType::Utf8),
            ("INT", DataType::Int32),
            ("decimal(38,9)", DataType::Decimal128(38, 9)),
            ("decimal( 10 , 2 )", DataType::Decimal128(10, 2)),
            ("decimal", DataType::Decimal128(10, 0)),
            ("timestamp", TIMESTAMP),
            ("double", DataType::Float64),
        ] {
            assert_eq!(arrow_type(hive), Some(arrow), "{hive}");
        }
    }

    #[test]
    fn nested_types() {
        let nested = arrow_type("array<struct<a:int,b:map<string,decimal(10,2)>>>").unwrap();
        let DataType::List(element) = nested else { unreachable!() };
        let DataType::Struct(fields) = element.data_type() else { unreachable!() };
        assert_eq!(fields[0].data_type(), &DataType::Int32);
        assert_eq!(fields[1].data_type(), &arrow_type("map<string,decimal(10,2)>").unwrap());
    }

    #[test]
    fn what_is_no_type_is_refused() {
        for hive in
            ["", "text", "decimal(39,0)", "decimal(2,3)", "array<>", "map<int>", "struct<a>", "timestamp(9)", "int(3)"]
        {
            assert_eq!(arrow_type(hive), None, "{hive}");
        }
    }
}
