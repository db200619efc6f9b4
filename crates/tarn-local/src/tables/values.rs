//! Partition values: text in the catalogue and in folder names, typed in queries.

use arrow::array::{Array, ArrayRef, AsArray};
use arrow::compute::CastOptions;
use arrow::datatypes::{
    DataType, Date32Type, Decimal128Type, Int8Type, Int16Type, Int32Type, Int64Type, TimestampMillisecondType,
};
use arrow::error::ArrowError;
use arrow::util::display::FormatOptions;
use datafusion::common::ScalarValue;

use tarn_pipeline::hive::NULL_PARTITION;

use super::schema::TIMESTAMP;

/// Whether a partition key can have this type.
pub(crate) fn is_key_type(data_type: &DataType) -> bool {
    use DataType::{Boolean, Date32, Decimal128, Int8, Int16, Int32, Int64, Utf8};
    matches!(data_type, Boolean | Int8 | Int16 | Int32 | Int64 | Decimal128(_, _) | Date32 | Utf8)
        || *data_type == TIMESTAMP
}

/// The value behind a text of the catalogue; none when the text is no value of the type.
pub(crate) fn parse(text: Option<&str>, data_type: &DataType) -> Option<ScalarValue> {
    let Some(text) = text.filter(|text| *text != NULL_PARTITION) else {
        return ScalarValue::try_from(data_type).ok();
    };
    if *data_type == DataType::Utf8 {
        return Some(ScalarValue::Utf8(Some(text.to_owned())));
    }
    let array = arrow::array::StringArray::from(vec![text]);
    let options = CastOptions { safe: false, format_options: FormatOptions::default() };
    let parsed = arrow::compute::cast_with_options(&array, data_type, &options).ok()?;
    ScalarValue::try_from_array(&parsed, 0).ok().filter(|value| !value.is_null())
}

/// The text of a value, as Hive names folders by; `None` is null. An empty text counts as null, since no folder can be named so.
///
/// # Errors
/// When the type can be none of a partition key.
pub(crate) fn format(array: &ArrayRef, row: usize) -> Result<Option<String>, ArrowError> {
    if array.is_null(row) {
        return Ok(None);
    }
    let text = match array.data_type() {
        DataType::Utf8 => array.as_string::<i32>().value(row).to_owned(),
        DataType::Boolean => array.as_boolean().value(row).to_string(),
        DataType::Int8 => array.as_primitive::<Int8Type>().value(row).to_string(),
        DataType::Int16 => array.as_primitive::<Int16Type>().value(row).to_string(),
        DataType::Int32 => array.as_primitive::<Int32Type>().value(row).to_string(),
        DataType::Int64 => array.as_primitive::<Int64Type>().value(row).to_string(),
        DataType::Decimal128(_, _) => array.as_primitive::<Decimal128Type>().value_as_string(row),
        DataType::Date32 => match array.as_primitive::<Date32Type>().value_as_date(row) {
            Some(date) => date.format("%Y-%m-%d").to_string(),
            None => return Err(ArrowError::ComputeError("a date lies outside of the calendar".to_owned())),
        },
        timestamp if *timestamp == TIMESTAMP => {
            match array.as_primitive::<TimestampMillisecondType>().value_as_datetime(row) {
                Some(time) => hive_timestamp(time),
                None => return Err(ArrowError::ComputeError("a timestamp lies outside of the calendar".to_owned())),
            }
        }
        other => return Err(ArrowError::NotYetImplemented(format!("a partition key of type {other}"))),
    };
    Ok(Some(text).filter(|text| !text.is_empty()))
}

/// Hive writes at least one digit of the fraction, and no zeros at its end.
fn hive_timestamp(time: chrono::NaiveDateTime) -> String {
    let text = time.format("%Y-%m-%d %H:%M:%S%.3f").to_string();
    let trimmed = text.trim_end_matches('0');
    if trimmed.ends_with('.') { format!("{trimmed}0") } else { trimmed.to_owned() }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a failed test may panic")]
    use std::sync::Arc;

    use arrow::array::{
        BooleanArray, Date32Array, Decimal128Array, Float64Array, Int64Array, StringArray, TimestampMillisecondArray,
    };

    use super::*;

    #[test]
    fn values_come_back_from_their_texts() {
        let arrays: Vec<(ArrayRef, &str)> = vec![
            (Arc::new(StringArray::from(vec!["東京 a/b%"])), "東京 a/b%"),
            (Arc::new(Date32Array::from(vec![20_362])), "2025-10-01"),
            (Arc::new(Date32Array::from(vec![-1])), "1969-12-31"),
            (Arc::new(Int64Array::from(vec![-7])), "-7"),
            (Arc::new(BooleanArray::from(vec![true])), "true"),
            (Arc::new(Decimal128Array::from(vec![1050]).with_precision_and_scale(10, 2).unwrap()), "10.50"),
            (Arc::new(TimestampMillisecondArray::from(vec![1_500])), "1970-01-01 00:00:01.5"),
            (Arc::new(TimestampMillisecondArray::from(vec![0])), "1970-01-01 00:00:00.0"),
        ];
        for (array, text) in arrays {
            assert!(is_key_type(array.data_type()));
            assert_eq!(format(&array, 0).unwrap().as_deref(), Some(text));
            let parsed = parse(Some(text), array.data_type()).unwrap();
            assert_eq!(parsed, ScalarValue::try_from_array(&array, 0).unwrap());
        }
    }

    #[test]
    fn null_is_a_value_and_nonsense_is_none() {
        assert_eq!(parse(None, &DataType::Date32), Some(ScalarValue::Date32(None)));
        assert_eq!(parse(Some(NULL_PARTITION), &DataType::Utf8), Some(ScalarValue::Utf8(None)));
        assert_eq!(parse(Some("soon"), &DataType::Date32), None);
        let floats: ArrayRef = Arc::new(Float64Array::from(vec![1.5]));
        assert!(!is_key_type(floats.data_type()));
        assert!(format(&floats, 0).is_err());
        let empty: ArrayRef = Arc::new(StringArray::from(vec![""]));
        assert_eq!(format(&empty, 0).unwrap(), None);
    }
}
