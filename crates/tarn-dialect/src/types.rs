//! Athena's types and the Arrow types that carry them.
//!
//! | Athena | Arrow |
//! | --- | --- |
//! | `timestamp(0)`, `(3)`, `(6)`, `(9)` | `Timestamp` of seconds, milli-, micro-, nanoseconds, no zone |
//! | `timestamp(p) with time zone` | the same with a zone; the zone belongs to the column |
//! | `interval day to second` | `Interval(MonthDayNano)` without months |
//! | `interval year to month` | `Interval(YearMonth)` |
//! | `json` | `Utf8` whose field is marked by [`TYPE_METADATA_KEY`] |
//! | `row(integer, varchar)` | `Struct` with fields `c0`, `c1`, … |

use std::sync::Arc;

use arrow::datatypes::{DataType, Field, FieldRef, Fields, IntervalUnit, TimeUnit};

/// Field metadata key that marks text as JSON.
pub(crate) const TYPE_METADATA_KEY: &str = "tarn.type";

const JSON: &str = "json";

/// A nullable field of a type, without a name.
pub(crate) fn field_of(data_type: DataType) -> FieldRef {
    Arc::new(Field::new("", data_type, true))
}

/// The field of a JSON value.
pub(crate) fn json_field() -> FieldRef {
    Arc::new(
        Field::new("", DataType::Utf8, true).with_metadata([(TYPE_METADATA_KEY.to_owned(), JSON.to_owned())].into()),
    )
}

/// Whether a field holds JSON rather than text.
pub(crate) fn is_json(field: &Field) -> bool {
    field.metadata().get(TYPE_METADATA_KEY).is_some_and(|kind| kind == JSON)
}

/// An array type whose elements have the type (and JSON mark) of a field.
pub(crate) fn array_of(element: &Field) -> DataType {
    DataType::List(Arc::new(renamed(element, "item", true)))
}

/// A map type.
pub(crate) fn map_of(key: &Field, value: &Field) -> DataType {
    let entries = Fields::from(vec![renamed(key, "key", false), renamed(value, "value", true)]);
    DataType::Map(Arc::new(Field::new("entries", DataType::Struct(entries), false)), false)
}

/// A field with another name and nullability.
pub(crate) fn renamed(field: &Field, name: &str, nullable: bool) -> Field {
    field.clone().with_name(name).with_nullable(nullable)
}

/// The key and value fields of a map type.
pub(crate) fn map_fields(data_type: &DataType) -> Option<(&FieldRef, &FieldRef)> {
    match data_type {
        DataType::Map(entries, _) => match entries.data_type() {
            DataType::Struct(fields) if fields.len() == 2 => Some((&fields[0], &fields[1])),
            _ => None,
        },
        _ => None,
    }
}

/// The element field of an array type.
pub(crate) fn element_field(data_type: &DataType) -> Option<&FieldRef> {
    match data_type {
        DataType::List(field)
        | DataType::LargeList(field)
        | DataType::ListView(field)
        | DataType::LargeListView(field)
        | DataType::FixedSizeList(field, _) => Some(field),
        _ => None,
    }
}

/// The same type in the one representation that operators here work on.
pub(crate) fn plain(data_type: &DataType) -> DataType {
    match data_type {
        DataType::LargeUtf8 | DataType::Utf8View => DataType::Utf8,
        DataType::LargeBinary | DataType::BinaryView | DataType::FixedSizeBinary(_) => DataType::Binary,
        DataType::UInt8 => DataType::Int16,
        DataType::UInt16 => DataType::Int32,
        DataType::UInt32 | DataType::UInt64 => DataType::Int64,
        DataType::Date64 => DataType::Date32,
        DataType::Float16 => DataType::Float32,
        DataType::Decimal32(precision, scale) | DataType::Decimal64(precision, scale) => {
            DataType::Decimal128(*precision, *scale)
        }
        DataType::Duration(_) | DataType::Interval(IntervalUnit::DayTime) => {
            DataType::Interval(IntervalUnit::MonthDayNano)
        }
        DataType::Dictionary(_, value) => plain(value),
        DataType::LargeList(field)
        | DataType::ListView(field)
        | DataType::LargeListView(field)
        | DataType::FixedSizeList(field, _) => {
            DataType::List(Arc::new(field.as_ref().clone().with_data_type(plain(field.data_type()))))
        }
        other => other.clone(),
    }
}

/// A field with its type in plain representation.
pub(crate) fn plain_field(field: &Field) -> FieldRef {
    Arc::new(field.clone().with_data_type(plain(field.data_type())))
}

/// Whether a type is one of the integer types.
pub(crate) fn is_integer(data_type: &DataType) -> bool {
    integer_digits(data_type).is_some()
}

/// Whether a type is `real` or `double`.
pub(crate) fn is_float(data_type: &DataType) -> bool {
    matches!(data_type, DataType::Float32 | DataType::Float64)
}

/// Whether a type is a number of any kind.
pub(crate) fn is_number(data_type: &DataType) -> bool {
    is_integer(data_type) || is_float(data_type) || matches!(data_type, DataType::Decimal128(_, _))
}

/// Digits of the decimal that holds every value of an integer type (Trino's coercion table).
pub(crate) fn integer_digits(data_type: &DataType) -> Option<u8> {
    match data_type {
        DataType::Int8 => Some(3),
        DataType::Int16 => Some(5),
        DataType::Int32 => Some(10),
        DataType::Int64 => Some(19),
        _ => None,
    }
}

/// Precision and scale of a decimal, or of the decimal that holds an integer type.
pub(crate) fn decimal_shape(data_type: &DataType) -> Option<(u8, i8)> {
    match data_type {
        DataType::Decimal128(precision, scale) => Some((*precision, *scale)),
        other => integer_digits(other).map(|digits| (digits, 0)),
    }
}

fn digits(unit: TimeUnit) -> u8 {
    match unit {
        TimeUnit::Second => 0,
        TimeUnit::Millisecond => 3,
        TimeUnit::Microsecond => 6,
        TimeUnit::Nanosecond => 9,
    }
}

/// The Athena name of an Arrow type, as `typeof` and `DESCRIBE` print it: `array(integer)`, `timestamp(3)`.
pub fn athena_type(data_type: &DataType) -> String {
    match data_type {
        DataType::Null => "unknown".to_owned(),
        DataType::Boolean => "boolean".to_owned(),
        DataType::Int8 => "tinyint".to_owned(),
        DataType::Int16 | DataType::UInt8 => "smallint".to_owned(),
        DataType::Int32 | DataType::UInt16 => "integer".to_owned(),
        DataType::Int64 | DataType::UInt32 | DataType::UInt64 => "bigint".to_owned(),
        DataType::Float16 | DataType::Float32 => "real".to_owned(),
        DataType::Float64 => "double".to_owned(),
        DataType::Decimal32(precision, scale)
        | DataType::Decimal64(precision, scale)
        | DataType::Decimal128(precision, scale)
        | DataType::Decimal256(precision, scale) => format!("decimal({precision},{scale})"),
        DataType::Utf8 | DataType::LargeUtf8 | DataType::Utf8View => "varchar".to_owned(),
        DataType::Binary | DataType::LargeBinary | DataType::BinaryView | DataType::FixedSizeBinary(_) => {
            "varbinary".to_owned()
        }
        DataType::Date32 | DataType::Date64 => "date".to_owned(),
        DataType::Time32(unit) | DataType::Time64(unit) => format!("time({})", digits(*unit)),
        DataType::Timestamp(unit, None) => format!("timestamp({})", digits(*unit)),
        DataType::Timestamp(unit, Some(_)) => {
            format!("timestamp({}) with time zone", digits(*unit))
        }
        DataType::Interval(IntervalUnit::YearMonth) => "interval year to month".to_owned(),
        DataType::Interval(_) | DataType::Duration(_) => "interval day to second".to_owned(),
        DataType::Dictionary(_, value) => athena_type(value),
        DataType::Struct(fields) => {
            let fields: Vec<String> = fields
                .iter()
                .map(|field| {
                    if is_unnamed(field.name()) {
                        athena_field_type(field)
                    } else {
                        format!("{} {}", field.name(), athena_field_type(field))
                    }
                })
                .collect();
            format!("row({})", fields.join(", "))
        }
        other => match (element_field(other), map_fields(other)) {
            (Some(element), _) => format!("array({})", athena_field_type(element)),
            (_, Some((key, value))) => format!("map({}, {})", athena_field_type(key), athena_field_type(value)),
            _ => other.to_string().to_lowercase(),
        },
    }
}

/// The Athena name of a field's type; tells `json` from `varchar`, which a bare Arrow type cannot.
pub fn athena_field_type(field: &Field) -> String {
    if is_json(field) { JSON.to_owned() } else { athena_type(field.data_type()) }
}

/// The catalogue (Hive) name of an Arrow type: `string`, `int`, `array<int>`, `struct<a:int>`.
pub fn hive_type(data_type: &DataType) -> String {
    match data_type {
        DataType::Null | DataType::Utf8 | DataType::LargeUtf8 | DataType::Utf8View => "string".to_owned(),
        DataType::Boolean => "boolean".to_owned(),
        DataType::Float16 | DataType::Float32 => "float".to_owned(),
        DataType::Int32 | DataType::UInt16 => "int".to_owned(),
        DataType::Binary | DataType::LargeBinary | DataType::BinaryView | DataType::FixedSizeBinary(_) => {
            "binary".to_owned()
        }
        DataType::Timestamp(_, _) => "timestamp".to_owned(),
        DataType::Time32(_) | DataType::Time64(_) | DataType::Interval(_) | DataType::Duration(_) => {
            "string".to_owned()
        }
        DataType::Dictionary(_, value) => hive_type(value),
        DataType::Struct(fields) => {
            let fields: Vec<String> =
                fields.iter().map(|field| format!("{}:{}", field.name(), hive_type(field.data_type()))).collect();
            format!("struct<{}>", fields.join(","))
        }
        other => match (element_field(other), map_fields(other)) {
            (Some(element), _) => format!("array<{}>", hive_type(element.data_type())),
            (_, Some((key, value))) => format!("map<{},{}>", hive_type(key.data_type()), hive_type(value.data_type())),
            _ => athena_type(other),
        },
    }
}

/// Rows without field names carry `c0`, `c1`, … in Arrow.
pub(crate) fn is_unnamed(name: &str) -> bool {
    name.is_empty()
        || name.strip_prefix('c').is_some_and(|digits| !digits.is_empty() && digits.bytes().all(|b| b.is_ascii_digit()))
}
