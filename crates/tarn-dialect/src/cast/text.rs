//! Casts to text and to booleans.

use std::sync::Arc;

use arrow::array::{Array, ArrayRef, AsArray, BooleanArray, StringArray};
use arrow::datatypes::{DataType, Decimal128Type, Field, Float32Type, Float64Type, Int64Type};
use datafusion::common::Result;

use crate::cast::{CHAR_LENGTH, VARCHAR_LENGTH};
use crate::display::display_value;
use crate::operator::{internal, invalid_cast};

/// Casts to `varchar`, `varchar(n)` or `char(n)`.
pub(super) fn to_text(array: &ArrayRef, to: &Field) -> Result<ArrayRef> {
    let texts: StringArray = match array.data_type() {
        DataType::Utf8 => array.as_string::<i32>().clone(),
        DataType::Float64 => {
            let values = array.as_primitive::<Float64Type>();
            values
                .iter()
                .map(|value| {
                    value.map(|value| {
                        scientific(value.is_nan(), value.is_infinite(), value < 0.0, &format!("{value:e}"))
                    })
                })
                .collect()
        }
        DataType::Float32 => {
            let values = array.as_primitive::<Float32Type>();
            values
                .iter()
                .map(|value| {
                    value.map(|value| {
                        scientific(value.is_nan(), value.is_infinite(), value < 0.0, &format!("{value:e}"))
                    })
                })
                .collect()
        }
        _ => (0..array.len()).map(|row| display_value(array.as_ref(), row)).collect(),
    };
    let length = |key: &str| to.metadata().get(key).and_then(|length| length.parse::<usize>().ok());
    let from_text = array.data_type() == &DataType::Utf8;
    if let Some(length) = length(VARCHAR_LENGTH) {
        return Ok(Arc::new(cut(&texts, length, from_text)?));
    }
    if let Some(length) = length(CHAR_LENGTH) {
        let cut = cut(&texts, length, true)?;
        let padded: StringArray = cut.iter().map(|text| text.map(|text| format!("{text:<length$}"))).collect();
        return Ok(Arc::new(padded));
    }
    Ok(Arc::new(texts))
}

/// Athena writes floating point numbers as `1.0E0` in casts.
fn scientific(nan: bool, infinite: bool, negative: bool, written: &str) -> String {
    if nan {
        return "NaN".to_owned();
    }
    if infinite {
        return if negative { "-Infinity" } else { "Infinity" }.to_owned();
    }
    let (mantissa, exponent) = written.split_once('e').unwrap_or((written, "0"));
    if mantissa.trim_start_matches('-') == "0" {
        return format!("{mantissa}E0");
    }
    if mantissa.contains('.') { format!("{mantissa}E{exponent}") } else { format!("{mantissa}.0E{exponent}") }
}

/// Texts are cut to a length; other values that are longer are refused.
fn cut(texts: &StringArray, length: usize, silently: bool) -> Result<StringArray> {
    texts
        .iter()
        .map(|text| match text {
            Some(text) => match text.char_indices().nth(length) {
                None => Ok(Some(text)),
                Some((end, _)) if silently => Ok(Some(&text[..end])),
                Some(_) => Err(invalid_cast(format!("Value {text} cannot be represented as varchar({length})"))),
            },
            None => Ok(None),
        })
        .collect()
}

/// Casts to `boolean`: numbers are true unless zero, texts are `true`, `t`, `1` and their opposites.
pub(super) fn to_boolean(array: &ArrayRef) -> Result<ArrayRef> {
    let booleans: BooleanArray = match array.data_type() {
        DataType::Utf8 => array
            .as_string::<i32>()
            .iter()
            .map(|text| text.map(boolean_of).transpose())
            .collect::<Result<BooleanArray>>()?,
        DataType::Float32 | DataType::Float64 => {
            let wide = arrow::compute::cast(array, &DataType::Float64)?;
            wide.as_primitive::<Float64Type>().iter().map(|value| value.map(|value| value != 0.0)).collect()
        }
        DataType::Decimal128(_, _) => {
            array.as_primitive::<Decimal128Type>().iter().map(|value| value.map(|value| value != 0)).collect()
        }
        DataType::Int8 | DataType::Int16 | DataType::Int32 | DataType::Int64 => {
            let wide = arrow::compute::cast(array, &DataType::Int64)?;
            wide.as_primitive::<Int64Type>().iter().map(|value| value.map(|value| value != 0)).collect()
        }
        other => return Err(internal(format!("`{other}` as a boolean"))),
    };
    Ok(Arc::new(booleans))
}

fn boolean_of(text: &str) -> Result<bool> {
    match text.to_ascii_lowercase().as_str() {
        "t" | "true" | "1" => Ok(true),
        "f" | "false" | "0" => Ok(false),
        _ => Err(invalid_cast(format!("Cannot cast '{text}' to BOOLEAN"))),
    }
}
