//! Values as Athena prints them in results: `2020-01-05 00:00:00.000`, `1.50`, `[a, b]`, `{a=1}`.

mod double;
mod json;

use arrow::array::{Array, AsArray};
use arrow::datatypes::{
    DataType, Date32Type, Decimal128Type, Float32Type, Float64Type, Int8Type, Int16Type, Int32Type, Int64Type,
    IntervalMonthDayNanoType, IntervalUnit, IntervalYearMonthType, Time32MillisecondType, Time32SecondType,
    Time64MicrosecondType, Time64NanosecondType, TimeUnit, TimestampMicrosecondType, TimestampMillisecondType,
    TimestampNanosecondType, TimestampSecondType, UInt8Type, UInt16Type, UInt32Type, UInt64Type,
};
use chrono::{NaiveDateTime, Timelike};

pub(crate) use double::{double_text, real_text};
pub use json::json_text;

use crate::temporal::{NANOS_PER_DAY, NANOS_PER_SECOND, Zone, date_of, nanos_per, span_of, wall_of};

/// The text of one value as a result of Athena shows it; `None` for null.
///
/// Doubles print as Java's `Double.toString` does (`0.1`, `1.0E10`, `NaN`, `Infinity`).
pub fn display_value(array: &dyn Array, row: usize) -> Option<String> {
    if row >= array.len() || array.is_null(row) {
        return None;
    }
    macro_rules! number {
        ($type:ty) => {
            array.as_primitive::<$type>().value(row).to_string()
        };
    }
    Some(match array.data_type() {
        DataType::Null => return None,
        DataType::Boolean => array.as_boolean().value(row).to_string(),
        DataType::Int8 => number!(Int8Type),
        DataType::Int16 => number!(Int16Type),
        DataType::Int32 => number!(Int32Type),
        DataType::Int64 => number!(Int64Type),
        DataType::UInt8 => number!(UInt8Type),
        DataType::UInt16 => number!(UInt16Type),
        DataType::UInt32 => number!(UInt32Type),
        DataType::UInt64 => number!(UInt64Type),
        DataType::Float32 => real_text(array.as_primitive::<Float32Type>().value(row)),
        DataType::Float64 => double_text(array.as_primitive::<Float64Type>().value(row)),
        DataType::Decimal128(_, scale) => decimal_text(array.as_primitive::<Decimal128Type>().value(row), *scale),
        DataType::Utf8 => array.as_string::<i32>().value(row).to_owned(),
        DataType::LargeUtf8 => array.as_string::<i64>().value(row).to_owned(),
        DataType::Utf8View => array.as_string_view().value(row).to_owned(),
        DataType::Binary => bytes_text(array.as_binary::<i32>().value(row)),
        DataType::LargeBinary => bytes_text(array.as_binary::<i64>().value(row)),
        DataType::BinaryView => bytes_text(array.as_binary_view().value(row)),
        DataType::FixedSizeBinary(_) => bytes_text(array.as_fixed_size_binary().value(row)),
        DataType::Date32 => date_text(array.as_primitive::<Date32Type>().value(row)),
        DataType::Time32(_) | DataType::Time64(_) => time_of(array, row)?,
        DataType::Timestamp(unit, zone) => timestamp_text(timestamp_of(array, *unit, row), *unit, zone.as_deref()),
        DataType::Interval(IntervalUnit::YearMonth) => {
            months_text(array.as_primitive::<IntervalYearMonthType>().value(row))
        }
        DataType::Interval(IntervalUnit::MonthDayNano) => {
            let interval = array.as_primitive::<IntervalMonthDayNanoType>().value(row);
            span_text(span_of(interval))
        }
        DataType::List(_) => list_text(array.as_list::<i32>().value(row).as_ref()),
        DataType::LargeList(_) => list_text(array.as_list::<i64>().value(row).as_ref()),
        DataType::FixedSizeList(_, _) => list_text(array.as_fixed_size_list().value(row).as_ref()),
        DataType::Struct(fields) => {
            let rows = array.as_struct();
            let parts: Vec<String> = fields
                .iter()
                .zip(rows.columns())
                .map(|(field, column)| format!("{}={}", field_name(field.name()), inner(column, row)))
                .collect();
            format!("{{{}}}", parts.join(", "))
        }
        DataType::Map(_, _) => {
            let entries = array.as_map().value(row);
            let (keys, values) = (entries.column(0), entries.column(1));
            let parts: Vec<String> =
                (0..entries.len()).map(|entry| format!("{}={}", inner(keys, entry), inner(values, entry))).collect();
            format!("{{{}}}", parts.join(", "))
        }
        DataType::Dictionary(_, _) => {
            let dictionary = array.as_any_dictionary();
            let key = *dictionary.normalized_keys().get(row)?;
            return display_value(dictionary.values().as_ref(), key);
        }
        _ => arrow::util::display::array_value_to_string(array, row).ok()?,
    })
}

/// Fields of rows without names print as Athena calls them.
fn field_name(name: &str) -> String {
    match name.strip_prefix('c') {
        Some(number) if crate::types::is_unnamed(name) => format!("field{number}"),
        _ => name.to_owned(),
    }
}

fn inner(array: &dyn Array, row: usize) -> String {
    display_value(array, row).unwrap_or_else(|| "null".to_owned())
}

fn list_text(elements: &dyn Array) -> String {
    let parts: Vec<String> = (0..elements.len()).map(|row| inner(elements, row)).collect();
    format!("[{}]", parts.join(", "))
}

/// Bytes print as pairs of hexadecimal digits.
fn bytes_text(bytes: &[u8]) -> String {
    let pairs: Vec<String> = bytes.iter().map(|byte| format!("{byte:02x}")).collect();
    pairs.join(" ")
}

/// A decimal with all the digits of its scale.
pub(crate) fn decimal_text(value: i128, scale: i8) -> String {
    let sign = if value < 0 { "-" } else { "" };
    let digits = value.unsigned_abs().to_string();
    let Ok(scale) = usize::try_from(scale) else {
        return format!("{sign}{digits}");
    };
    if scale == 0 {
        return format!("{sign}{digits}");
    }
    let digits = format!("{digits:0>width$}", width = scale + 1);
    let (whole, fraction) = digits.split_at(digits.len() - scale);
    format!("{sign}{whole}.{fraction}")
}

/// `2020-01-31`
pub(crate) fn date_text(days: i32) -> String {
    date_of(days).map_or_else(|| days.to_string(), |date| date.format("%Y-%m-%d").to_string())
}

fn digits(unit: TimeUnit) -> usize {
    match unit {
        TimeUnit::Second => 0,
        TimeUnit::Millisecond => 3,
        TimeUnit::Microsecond => 6,
        TimeUnit::Nanosecond => 9,
    }
}

fn fraction(nanos: u32, unit: TimeUnit) -> String {
    match digits(unit) {
        0 => String::new(),
        count => {
            let all = format!("{nanos:09}");
            format!(".{}", &all[..count])
        }
    }
}

pub(crate) fn timestamp_of(array: &dyn Array, unit: TimeUnit, row: usize) -> i128 {
    let ticks = match unit {
        TimeUnit::Second => array.as_primitive::<TimestampSecondType>().value(row),
        TimeUnit::Millisecond => array.as_primitive::<TimestampMillisecondType>().value(row),
        TimeUnit::Microsecond => array.as_primitive::<TimestampMicrosecondType>().value(row),
        TimeUnit::Nanosecond => array.as_primitive::<TimestampNanosecondType>().value(row),
    };
    i128::from(ticks) * i128::from(nanos_per(unit))
}

/// `2020-01-31 10:00:00.000`, with the zone after it if there is one.
pub(crate) fn timestamp_text(nanos: i128, unit: TimeUnit, zone: Option<&str>) -> String {
    let print =
        |wall: NaiveDateTime| format!("{}{}", wall.format("%Y-%m-%d %H:%M:%S"), fraction(wall.nanosecond(), unit));
    let text = match zone {
        None => wall_of(nanos).map(print),
        Some(name) => Zone::parse(name).and_then(|zone| zone.wall(nanos)).map(|wall| format!("{} {name}", print(wall))),
    };
    text.unwrap_or_else(|| nanos.to_string())
}

fn time_of(array: &dyn Array, row: usize) -> Option<String> {
    let (ticks, unit) = match array.data_type() {
        DataType::Time32(TimeUnit::Second) => {
            (i64::from(array.as_primitive::<Time32SecondType>().value(row)), TimeUnit::Second)
        }
        DataType::Time32(_) => {
            (i64::from(array.as_primitive::<Time32MillisecondType>().value(row)), TimeUnit::Millisecond)
        }
        DataType::Time64(TimeUnit::Microsecond) => {
            (array.as_primitive::<Time64MicrosecondType>().value(row), TimeUnit::Microsecond)
        }
        _ => (array.as_primitive::<Time64NanosecondType>().value(row), TimeUnit::Nanosecond),
    };
    Some(time_text(ticks.checked_mul(nanos_per(unit))?, unit))
}

/// `10:00:00.000`
pub(crate) fn time_text(nanos: i64, unit: TimeUnit) -> String {
    let seconds = nanos / NANOS_PER_SECOND;
    format!(
        "{:02}:{:02}:{:02}{}",
        seconds / 3600,
        seconds / 60 % 60,
        seconds % 60,
        fraction(u32::try_from(nanos % NANOS_PER_SECOND).unwrap_or(0), unit)
    )
}

/// `1-6`: years and months.
pub(crate) fn months_text(months: i32) -> String {
    let sign = if months < 0 { "-" } else { "" };
    let months = months.unsigned_abs();
    format!("{sign}{}-{}", months / 12, months % 12)
}

/// `1 10:30:00.000`: days and a time.
pub(crate) fn span_text(nanos: i128) -> String {
    let sign = if nanos < 0 { "-" } else { "" };
    let nanos = nanos.unsigned_abs();
    let day = u128::from(NANOS_PER_DAY.unsigned_abs());
    let rest = i64::try_from(nanos % day).unwrap_or(0);
    format!("{sign}{} {}", nanos / day, time_text(rest, TimeUnit::Millisecond))
}
