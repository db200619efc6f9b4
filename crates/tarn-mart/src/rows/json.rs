//! Arrays, maps and structs as JSON text.
//!
//! Names and order of a struct's fields are kept; a map becomes an object in the order of its entries; decimals keep every digit.

use std::fmt::Write as _;

use arrow::array::{Array, AsArray};
use arrow::datatypes::{
    DataType, Date32Type, Decimal128Type, Float32Type, Float64Type, Int8Type, Int16Type, Int32Type, Int64Type,
    UInt8Type, UInt16Type, UInt32Type, UInt64Type,
};

use super::columns::timestamp_parts;
use crate::value::{write_date, write_decimal, write_timestamp};

/// Whether every value of this type can be written.
pub(super) fn is_supported(data_type: &DataType) -> bool {
    match data_type {
        DataType::List(item) | DataType::LargeList(item) | DataType::FixedSizeList(item, _) => {
            is_supported(item.data_type())
        }
        DataType::Map(entries, _) => match entries.data_type() {
            DataType::Struct(fields) => fields.iter().all(|field| is_supported(field.data_type())),
            _ => false,
        },
        DataType::Struct(fields) => fields.iter().all(|field| is_supported(field.data_type())),
        DataType::Decimal128(_, scale) => *scale >= 0,
        DataType::Null
        | DataType::Boolean
        | DataType::Int8
        | DataType::Int16
        | DataType::Int32
        | DataType::Int64
        | DataType::UInt8
        | DataType::UInt16
        | DataType::UInt32
        | DataType::UInt64
        | DataType::Float32
        | DataType::Float64
        | DataType::Utf8
        | DataType::LargeUtf8
        | DataType::Date32
        | DataType::Timestamp(_, _)
        | DataType::Binary
        | DataType::LargeBinary => true,
        _ => false,
    }
}

/// Appends one value. Bytes are written in base 16, as JSON has none.
///
/// # Errors
/// What the value is, when JSON cannot hold it: a number that is not finite, a year outside of 1 to 9999.
pub(super) fn write(array: &dyn Array, row: usize, text: &mut String) -> Result<(), &'static str> {
    if array.is_null(row) || matches!(array.data_type(), DataType::Null) {
        text.push_str("null");
        return Ok(());
    }
    match array.data_type() {
        DataType::List(_) => write_items(array.as_list::<i32>().value(row).as_ref(), text),
        DataType::LargeList(_) => write_items(array.as_list::<i64>().value(row).as_ref(), text),
        DataType::FixedSizeList(_, _) => write_items(array.as_fixed_size_list().value(row).as_ref(), text),
        DataType::Map(_, _) => write_map(&array.as_map().value(row), text),
        DataType::Struct(fields) => {
            let columns = array.as_struct().columns();
            text.push('{');
            for (index, (field, column)) in fields.iter().zip(columns).enumerate() {
                separate(index, text);
                write_string(field.name(), text);
                text.push(':');
                write(column.as_ref(), row, text)?;
            }
            text.push('}');
            Ok(())
        }
        _ => write_leaf(array, row, text),
    }
}

fn write_items(items: &dyn Array, text: &mut String) -> Result<(), &'static str> {
    text.push('[');
    for index in 0..items.len() {
        separate(index, text);
        write(items, index, text)?;
    }
    text.push(']');
    Ok(())
}

fn write_map(entries: &arrow::array::StructArray, text: &mut String) -> Result<(), &'static str> {
    let (keys, values) = (entries.column(0), entries.column(1));
    text.push('{');
    for index in 0..entries.len() {
        separate(index, text);
        let start = text.len();
        write(keys.as_ref(), index, text)?;
        // The name of a member is a string, whatever type the key has.
        if !text[start..].starts_with('"') {
            let key = text.split_off(start);
            write_string(&key, text);
        }
        text.push(':');
        write(values.as_ref(), index, text)?;
    }
    text.push('}');
    Ok(())
}

fn separate(index: usize, text: &mut String) {
    if index > 0 {
        text.push(',');
    }
}

fn write_leaf(array: &dyn Array, row: usize, text: &mut String) -> Result<(), &'static str> {
    match array.data_type() {
        DataType::Boolean => text.push_str(if array.as_boolean().value(row) { "true" } else { "false" }),
        DataType::Int8 => write_number(array.as_primitive::<Int8Type>().value(row), text),
        DataType::Int16 => write_number(array.as_primitive::<Int16Type>().value(row), text),
        DataType::Int32 => write_number(array.as_primitive::<Int32Type>().value(row), text),
        DataType::Int64 => write_number(array.as_primitive::<Int64Type>().value(row), text),
        DataType::UInt8 => write_number(array.as_primitive::<UInt8Type>().value(row), text),
        DataType::UInt16 => write_number(array.as_primitive::<UInt16Type>().value(row), text),
        DataType::UInt32 => write_number(array.as_primitive::<UInt32Type>().value(row), text),
        DataType::UInt64 => write_number(array.as_primitive::<UInt64Type>().value(row), text),
        DataType::Float32 => {
            let number = array.as_primitive::<Float32Type>().value(row);
            finite(f64::from(number))?;
            // The shortest digits of 32 bits: 0.1, not 0.10000000149011612.
            let _ = write!(text, "{number:?}");
        }
        DataType::Float64 => {
            let number = array.as_primitive::<Float64Type>().value(row);
            finite(number)?;
            let _ = write!(text, "{number:?}");
        }
        DataType::Decimal128(_, scale) => {
            let scale = u8::try_from(*scale).map_err(|_| "a decimal of negative scale")?;
            write_decimal(array.as_primitive::<Decimal128Type>().value(row), scale, text);
        }
        DataType::Utf8 => write_string(array.as_string::<i32>().value(row), text),
        DataType::LargeUtf8 => write_string(array.as_string::<i64>().value(row), text),
        DataType::Date32 => {
            text.push('"');
            let days = array.as_primitive::<Date32Type>().value(row);
            in_calendar(write_date(i64::from(days), text))?;
            text.push('"');
        }
        DataType::Timestamp(_, _) => {
            let (seconds, nanoseconds) = timestamp_parts(array, row).ok_or("a time of an unknown unit")?;
            text.push('"');
            in_calendar(write_timestamp(seconds, nanoseconds, text))?;
            text.push('"');
        }
        DataType::Binary => write_bytes(array.as_binary::<i32>().value(row), text),
        DataType::LargeBinary => write_bytes(array.as_binary::<i64>().value(row), text),
        _ => return Err("a value of a type json cannot hold"),
    }
    Ok(())
}

fn finite(number: f64) -> Result<(), &'static str> {
    if number.is_finite() { Ok(()) } else { Err("a number that is not finite, which json cannot hold") }
}

fn in_calendar(written: bool) -> Result<(), &'static str> {
    if written { Ok(()) } else { Err("a year outside of 1 to 9999") }
}

fn write_number(number: impl std::fmt::Display, text: &mut String) {
    let _ = write!(text, "{number}");
}

fn write_bytes(bytes: &[u8], text: &mut String) {
    text.push('"');
    for byte in bytes {
        let _ = write!(text, "{byte:02x}");
    }
    text.push('"');
}

fn write_string(string: &str, text: &mut String) {
    text.push('"');
    for character in string.chars() {
        match character {
            '"' => text.push_str("\\\""),
            '\\' => text.push_str("\\\\"),
            '\n' => text.push_str("\\n"),
            '\r' => text.push_str("\\r"),
            '\t' => text.push_str("\\t"),
            control if control < ' ' => {
                let _ = write!(text, "\\u{:04x}", u32::from(control));
            }
            other => text.push(other),
        }
    }
    text.push('"');
}
