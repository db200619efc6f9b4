//! Casts to and from JSON.
//!
//! Numbers keep their digits: they are read as the texts they are.

use std::sync::Arc;

use arrow::array::{Array, ArrayRef, AsArray, BooleanArray, ListArray, MapArray, StringArray, StructArray};
use arrow::buffer::{NullBuffer, OffsetBuffer};
use arrow::datatypes::{DataType, Field, Fields, Float32Type, Float64Type};
use datafusion::common::{DataFusionError, Result};
use serde_json::Value;

use crate::cast::array::convert;
use crate::cast::number::parse_decimal;
use crate::display::{display_value, double_text, real_text};
use crate::operator::{internal, invalid_cast};
use crate::types::{athena_field_type, field_of, is_json, is_unnamed, map_fields};

/// Casts values to JSON texts.
pub(super) fn write(array: &ArrayRef, from: &Field) -> Result<ArrayRef> {
    let texts = (0..array.len())
        .map(|row| {
            if array.is_null(row) {
                return Ok(None);
            }
            let mut out = String::new();
            write_value(array.as_ref(), from, row, &mut out)?;
            Ok(Some(out))
        })
        .collect::<Result<StringArray>>()?;
    Ok(Arc::new(texts))
}

fn quoted(text: &str, out: &mut String) {
    out.push_str(&Value::String(text.to_owned()).to_string());
}

fn write_value(array: &dyn Array, field: &Field, row: usize, out: &mut String) -> Result<()> {
    let text = display_value(array, row);
    let Some(text) = text else {
        out.push_str("null");
        return Ok(());
    };
    if is_json(field) {
        out.push_str(&text);
        return Ok(());
    }
    match array.data_type() {
        DataType::Float64 => {
            let value = array.as_primitive::<Float64Type>().value(row);
            write_float(value.is_finite(), &double_text(value), out);
        }
        DataType::Float32 => {
            let value = array.as_primitive::<Float32Type>().value(row);
            write_float(value.is_finite(), &real_text(value), out);
        }
        DataType::List(element) => {
            let list = array.as_list::<i32>().value(row);
            out.push('[');
            for index in 0..list.len() {
                if index > 0 {
                    out.push(',');
                }
                write_value(list.as_ref(), element, index, out)?;
            }
            out.push(']');
        }
        map @ DataType::Map(_, _) => {
            let (key_field, value_field) = map_fields(map).ok_or_else(|| internal("a map has keys and values"))?;
            let entries = array.as_map().value(row);
            let (keys, values) = (entries.column(0), entries.column(1));
            let mut order: Vec<(String, usize)> =
                (0..entries.len()).map(|index| (json_key(keys.as_ref(), key_field, index), index)).collect();
            // Objects have sorted keys in Athena.
            order.sort();
            out.push('{');
            for (position, (key, index)) in order.into_iter().enumerate() {
                if position > 0 {
                    out.push(',');
                }
                quoted(&key, out);
                out.push(':');
                write_value(values.as_ref(), value_field, index, out)?;
            }
            out.push('}');
        }
        DataType::Struct(fields) => {
            let rows = array.as_struct();
            out.push('{');
            for (position, (field, column)) in fields.iter().zip(rows.columns()).enumerate() {
                if position > 0 {
                    out.push(',');
                }
                let name = if is_unnamed(field.name()) { "" } else { field.name() };
                quoted(name, out);
                out.push(':');
                write_value(column.as_ref(), field, row, out)?;
            }
            out.push('}');
        }
        DataType::Utf8 | DataType::Date32 | DataType::Timestamp(_, _) => quoted(&text, out),
        _ => out.push_str(&text),
    }
    Ok(())
}

fn json_key(keys: &dyn Array, _field: &Field, index: usize) -> String {
    display_value(keys, index).unwrap_or_default()
}

fn write_float(finite: bool, text: &str, out: &mut String) {
    if finite {
        out.push_str(text);
    } else {
        quoted(text, out);
    }
}

/// Casts JSON texts to values.
pub(super) fn read(array: &ArrayRef, to: &Field) -> Result<ArrayRef> {
    let documents = array
        .as_string::<i32>()
        .iter()
        .map(|text| match text {
            None => Ok(None),
            Some(text) => serde_json::from_str::<Value>(text)
                .map(Some)
                .map_err(|_| invalid_cast(format!("Cannot cast to {}. Invalid JSON: {text}", athena_field_type(to)))),
        })
        .collect::<Result<Vec<Option<Value>>>>()?;
    let values: Vec<Option<&Value>> = documents.iter().map(Option::as_ref).collect();
    build(&values, to)
}

fn wrong(value: &Value, to: &Field) -> DataFusionError {
    invalid_cast(format!("Cannot cast '{value}' to {}", athena_field_type(to)))
}

/// The values of one level as an array; JSON's null is null.
fn build(values: &[Option<&Value>], to: &Field) -> Result<ArrayRef> {
    let values: Vec<Option<&Value>> =
        values.iter().map(|value| value.filter(|value| !value.is_null() || is_json(to))).collect();
    if is_json(to) {
        let texts: StringArray = values.iter().map(|value| value.map(Value::to_string)).collect();
        return Ok(Arc::new(texts));
    }
    match to.data_type() {
        DataType::Utf8 => {
            let texts = values
                .iter()
                .map(|value| value.map(|value| text_of(value, to)).transpose())
                .collect::<Result<StringArray>>()?;
            convert(&(Arc::new(texts) as ArrayRef), &field_of(DataType::Utf8), to)
        }
        DataType::Boolean => {
            let booleans = values
                .iter()
                .map(|value| value.map(|value| boolean_of(value, to)).transpose())
                .collect::<Result<BooleanArray>>()?;
            Ok(Arc::new(booleans))
        }
        DataType::List(element) => list(&values, element, to),
        DataType::Map(entries, _) => map(&values, entries, to),
        DataType::Struct(fields) => row(&values, fields, to),
        _ => number(&values, to),
    }
}

fn text_of(value: &Value, to: &Field) -> Result<String> {
    match value {
        Value::String(text) => Ok(text.clone()),
        Value::Number(number) => Ok(number.to_string()),
        Value::Bool(boolean) => Ok(boolean.to_string()),
        _ => Err(wrong(value, to)),
    }
}

fn boolean_of(value: &Value, to: &Field) -> Result<bool> {
    match value {
        Value::Bool(boolean) => Ok(*boolean),
        Value::Number(number) => Ok(number.as_f64().unwrap_or(0.0) != 0.0),
        Value::String(text) => match text.to_lowercase().as_str() {
            "true" | "t" | "1" => Ok(true),
            "false" | "f" | "0" => Ok(false),
            _ => Err(wrong(value, to)),
        },
        _ => Err(wrong(value, to)),
    }
}

/// Numbers go through the cast from text, fractions through the one from decimal or double.
fn number(values: &[Option<&Value>], to: &Field) -> Result<ArrayRef> {
    let integer = crate::types::is_integer(to.data_type());
    let texts = values
        .iter()
        .map(|value| match value {
            None => Ok(None),
            Some(Value::Bool(boolean)) => Ok(Some(u8::from(*boolean).to_string())),
            Some(Value::String(text)) => Ok(Some(text.clone())),
            Some(Value::Number(number)) => {
                let text = number.to_string();
                if !integer || !text.contains(['.', 'e', 'E']) {
                    return Ok(Some(text));
                }
                match parse_decimal(&text, 0) {
                    Ok(Some(whole)) => Ok(Some(whole.to_string())),
                    _ => Ok(Some(text)),
                }
            }
            Some(value) => Err(wrong(value, to)),
        })
        .collect::<Result<StringArray>>()?;
    convert(&(Arc::new(texts) as ArrayRef), &field_of(DataType::Utf8), to)
}

fn offsets(lengths: &[usize]) -> OffsetBuffer<i32> {
    OffsetBuffer::from_lengths(lengths.iter().copied())
}

fn list(values: &[Option<&Value>], element: &Arc<Field>, to: &Field) -> Result<ArrayRef> {
    let mut inner = Vec::new();
    let mut lengths = Vec::with_capacity(values.len());
    for value in values {
        match value {
            None => lengths.push(0),
            Some(Value::Array(elements)) => {
                lengths.push(elements.len());
                inner.extend(elements.iter().map(Some));
            }
            Some(value) => return Err(wrong(value, to)),
        }
    }
    let nulls: NullBuffer = values.iter().map(Option::is_some).collect();
    Ok(Arc::new(ListArray::try_new(Arc::clone(element), offsets(&lengths), build(&inner, element)?, Some(nulls))?))
}

fn map(values: &[Option<&Value>], entries: &Arc<Field>, to: &Field) -> Result<ArrayRef> {
    let (key_field, value_field) = map_fields(to.data_type()).ok_or_else(|| internal("a map has keys and values"))?;
    let mut keys: Vec<String> = Vec::new();
    let mut inner = Vec::new();
    let mut lengths = Vec::with_capacity(values.len());
    for value in values {
        match value {
            None => lengths.push(0),
            Some(Value::Object(members)) => {
                lengths.push(members.len());
                for (key, value) in members {
                    keys.push(key.clone());
                    inner.push(Some(value));
                }
            }
            Some(value) => return Err(wrong(value, to)),
        }
    }
    let keys: ArrayRef = Arc::new(StringArray::from(keys));
    let keys = convert(&keys, &field_of(DataType::Utf8), key_field)?;
    let DataType::Struct(fields) = entries.data_type() else {
        return Err(internal("a map has entries"));
    };
    let rows = StructArray::try_new(fields.clone(), vec![keys, build(&inner, value_field)?], None)?;
    let nulls: NullBuffer = values.iter().map(Option::is_some).collect();
    Ok(Arc::new(MapArray::try_new(Arc::clone(entries), offsets(&lengths), rows, Some(nulls), false)?))
}

/// Rows take members of objects by name, or elements of arrays by position.
fn row(values: &[Option<&Value>], fields: &Fields, to: &Field) -> Result<ArrayRef> {
    let mut columns: Vec<Vec<Option<&Value>>> = vec![Vec::with_capacity(values.len()); fields.len()];
    for value in values {
        match value {
            None => columns.iter_mut().for_each(|column| column.push(None)),
            Some(Value::Array(elements)) if elements.len() == fields.len() => {
                for (column, element) in columns.iter_mut().zip(elements) {
                    column.push(Some(element));
                }
            }
            Some(Value::Object(members)) => {
                for (column, field) in columns.iter_mut().zip(fields) {
                    let member = members.get(field.name()).or_else(|| {
                        members.iter().find(|(name, _)| name.eq_ignore_ascii_case(field.name())).map(|(_, value)| value)
                    });
                    column.push(member);
                }
            }
            Some(value) => return Err(wrong(value, to)),
        }
    }
    let arrays = columns.iter().zip(fields).map(|(column, field)| build(column, field)).collect::<Result<Vec<_>>>()?;
    let nulls: NullBuffer = values.iter().map(Option::is_some).collect();
    Ok(Arc::new(StructArray::try_new_with_length(fields.clone(), arrays, Some(nulls), values.len())?))
}
