//! How Athena's types map to Arrow's: names for messages and `typeof`, and the common type of two.

use std::sync::Arc;

use arrow::datatypes::{DataType, Field, Fields, IntervalUnit, TimeUnit};

/// The widest decimal, which arithmetic on decimals falls back to.
pub(crate) const MAX_DECIMAL_PRECISION: u8 = 38;

/// The name Athena's `typeof` gives to an Arrow type.
pub fn type_name(data_type: &DataType) -> String {
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
        DataType::Time32(unit) | DataType::Time64(unit) => format!("time({})", digits(unit)),
        DataType::Timestamp(unit, None) => format!("timestamp({})", digits(unit)),
        DataType::Timestamp(unit, Some(_)) => {
            format!("timestamp({}) with time zone", digits(unit))
        }
        DataType::Interval(IntervalUnit::YearMonth) => "interval year to month".to_owned(),
        DataType::Interval(_) | DataType::Duration(_) => "interval day to second".to_owned(),
        DataType::List(field)
        | DataType::LargeList(field)
        | DataType::ListView(field)
        | DataType::LargeListView(field)
        | DataType::FixedSizeList(field, _) => format!("array({})", type_name(field.data_type())),
        DataType::Map(entries, _) => match entries.data_type() {
            DataType::Struct(fields) if fields.len() == 2 => {
                format!("map({}, {})", type_name(fields[0].data_type()), type_name(fields[1].data_type()))
            }
            other => other.to_string(),
        },
        DataType::Struct(fields) => format!("row({})", row_fields(fields)),
        DataType::Dictionary(_, value) => type_name(value),
        other => other.to_string(),
    }
}

fn row_fields(fields: &Fields) -> String {
    let names: Vec<String> = fields
        .iter()
        .map(|field| {
            let name = type_name(field.data_type());
            if is_unnamed(field.name()) { name } else { format!("{} {name}", field.name()) }
        })
        .collect();
    names.join(", ")
}

/// Rows without field names carry `c0`, `c1`, … in Arrow.
fn is_unnamed(name: &str) -> bool {
    name.is_empty()
        || name.strip_prefix('c').is_some_and(|digits| !digits.is_empty() && digits.bytes().all(|b| b.is_ascii_digit()))
}

fn digits(unit: &TimeUnit) -> u8 {
    match unit {
        TimeUnit::Second => 0,
        TimeUnit::Millisecond => 3,
        TimeUnit::Microsecond => 6,
        TimeUnit::Nanosecond => 9,
    }
}

/// An array type of `element`.
pub(crate) fn array_of(element: DataType) -> DataType {
    DataType::List(Arc::new(Field::new_list_field(element, true)))
}

/// A map type from `key` to `value`.
pub(crate) fn map_of(key: DataType, value: DataType) -> DataType {
    let entries = DataType::Struct(Fields::from(vec![Field::new("key", key, false), Field::new("value", value, true)]));
    DataType::Map(Arc::new(Field::new("entries", entries, false)), false)
}

/// The element type of an array type.
pub(crate) fn element_type(data_type: &DataType) -> Option<&DataType> {
    match data_type {
        DataType::List(field)
        | DataType::LargeList(field)
        | DataType::ListView(field)
        | DataType::LargeListView(field)
        | DataType::FixedSizeList(field, _) => Some(field.data_type()),
        _ => None,
    }
}

/// The key and value types of a map type.
pub(crate) fn map_types(data_type: &DataType) -> Option<(&DataType, &DataType)> {
    match data_type {
        DataType::Map(entries, _) => match entries.data_type() {
            DataType::Struct(fields) if fields.len() == 2 => Some((fields[0].data_type(), fields[1].data_type())),
            _ => None,
        },
        _ => None,
    }
}

/// The same type in the representation all functions here work on.
pub(crate) fn normal(data_type: &DataType) -> DataType {
    match data_type {
        DataType::LargeUtf8 | DataType::Utf8View => DataType::Utf8,
        DataType::LargeBinary | DataType::BinaryView | DataType::FixedSizeBinary(_) => DataType::Binary,
        DataType::UInt8 => DataType::Int16,
        DataType::UInt16 => DataType::Int32,
        DataType::UInt32 | DataType::UInt64 => DataType::Int64,
        DataType::Date64 => DataType::Date32,
        DataType::Float16 => DataType::Float32,
        DataType::Timestamp(TimeUnit::Second, zone) => DataType::Timestamp(TimeUnit::Millisecond, zone.clone()),
        DataType::Decimal32(precision, scale) | DataType::Decimal64(precision, scale) => {
            DataType::Decimal128(*precision, *scale)
        }
        DataType::Dictionary(_, value) => normal(value),
        DataType::List(field) => {
            let element = normal(field.data_type());
            if &element == field.data_type() { data_type.clone() } else { array_of(element) }
        }
        DataType::LargeList(field)
        | DataType::ListView(field)
        | DataType::LargeListView(field)
        | DataType::FixedSizeList(field, _) => array_of(normal(field.data_type())),
        other => other.clone(),
    }
}

/// Whether a type is one of the integer types.
pub(crate) fn is_integer(data_type: &DataType) -> bool {
    integer_digits(data_type).is_some()
}

/// Whether a type is a number of any kind.
pub(crate) fn is_number(data_type: &DataType) -> bool {
    is_integer(data_type) || matches!(data_type, DataType::Float32 | DataType::Float64 | DataType::Decimal128(_, _))
}

fn integer_digits(data_type: &DataType) -> Option<u8> {
    match data_type {
        DataType::Int8 => Some(3),
        DataType::Int16 => Some(5),
        DataType::Int32 => Some(10),
        DataType::Int64 => Some(19),
        _ => None,
    }
}

/// Precision and scale of a decimal, or of the decimal that holds every value of an integer type.
pub(crate) fn as_decimal(data_type: &DataType) -> Option<(u8, i8)> {
    match data_type {
        DataType::Decimal128(precision, scale) => Some((*precision, *scale)),
        other => integer_digits(other).map(|digits| (digits, 0)),
    }
}

/// The type both sides are coerced to, by Trino's rules; `None` where there is none.
///
/// Text never becomes a number, a number never becomes text.
pub(crate) fn common_type(left: &DataType, right: &DataType) -> Option<DataType> {
    let (left, right) = (&normal(left), &normal(right));
    if left == right {
        return Some(left.clone());
    }
    match (left, right) {
        (DataType::Null, other) | (other, DataType::Null) => Some(other.clone()),
        (a, b) if is_number(a) && is_number(b) => common_number(a, b),
        (DataType::Date32, DataType::Timestamp(unit, zone)) | (DataType::Timestamp(unit, zone), DataType::Date32) => {
            Some(DataType::Timestamp(*unit, zone.clone()))
        }
        (DataType::Timestamp(a, zone_a), DataType::Timestamp(b, zone_b)) => {
            Some(DataType::Timestamp(finer(*a, *b), zone_a.clone().or_else(|| zone_b.clone())))
        }
        (DataType::List(a), DataType::List(b)) => common_type(a.data_type(), b.data_type()).map(array_of),
        (DataType::Map(_, _), DataType::Map(_, _)) => {
            let (key_a, value_a) = map_types(left)?;
            let (key_b, value_b) = map_types(right)?;
            Some(map_of(common_type(key_a, key_b)?, common_type(value_a, value_b)?))
        }
        (DataType::Struct(a), DataType::Struct(b)) if a.len() == b.len() => {
            let fields: Option<Vec<Field>> = a
                .iter()
                .zip(b)
                .map(|(a, b)| {
                    common_type(a.data_type(), b.data_type()).map(|data_type| Field::new(a.name(), data_type, true))
                })
                .collect();
            fields.map(|fields| DataType::Struct(Fields::from(fields)))
        }
        _ => None,
    }
}

fn common_number(left: &DataType, right: &DataType) -> Option<DataType> {
    match (left, right) {
        (DataType::Float64, _) | (_, DataType::Float64) => Some(DataType::Float64),
        (DataType::Float32, _) | (_, DataType::Float32) => Some(DataType::Float32),
        (DataType::Decimal128(_, _), _) | (_, DataType::Decimal128(_, _)) => {
            let (precision_a, scale_a) = as_decimal(left)?;
            let (precision_b, scale_b) = as_decimal(right)?;
            let scale = scale_a.max(scale_b);
            let whole = (precision_a as i8 - scale_a).max(precision_b as i8 - scale_b);
            let precision = (whole + scale).clamp(1, MAX_DECIMAL_PRECISION as i8) as u8;
            Some(DataType::Decimal128(precision, scale))
        }
        (a, b) => Some(if integer_digits(a) >= integer_digits(b) { a.clone() } else { b.clone() }),
    }
}

fn finer(left: TimeUnit, right: TimeUnit) -> TimeUnit {
    left.max(right)
}
