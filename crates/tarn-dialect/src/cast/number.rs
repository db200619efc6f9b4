//! Casts to numbers: halves round away from zero, what does not fit is an error.

use std::sync::Arc;

use arrow::array::{Array, ArrayRef, AsArray};
use arrow::datatypes::{DataType, Decimal128Type, Float32Type, Float64Type, Int8Type, Int16Type, Int32Type, Int64Type};
use datafusion::common::{DataFusionError, Result};

use crate::cast::rows::{map, mapped};
use crate::display::{decimal_text, double_text};
use crate::operator::{internal, invalid_cast, out_of_range};
use crate::types::{athena_type, is_integer};

pub(super) fn to_number(array: &ArrayRef, to: &DataType) -> Result<ArrayRef> {
    match to {
        DataType::Float64 => to_double(array),
        DataType::Float32 => to_real(array),
        DataType::Decimal128(precision, scale) => to_decimal(array, *precision, *scale),
        DataType::Int8 => integers::<Int8Type>(array, to),
        DataType::Int16 => integers::<Int16Type>(array, to),
        DataType::Int32 => integers::<Int32Type>(array, to),
        DataType::Int64 => integers::<Int64Type>(array, to),
        other => Err(internal(format!("`{other}` is no number"))),
    }
}

fn beyond(to: &DataType, value: impl std::fmt::Display) -> DataFusionError {
    out_of_range(format!("Out of range for {}: {value}", athena_type(to)))
}

/// The name that messages about texts use.
fn short_name(to: &DataType) -> String {
    match to {
        DataType::Int32 => "INT".to_owned(),
        other => athena_type(other).to_uppercase(),
    }
}

fn integers<T>(array: &ArrayRef, to: &DataType) -> Result<ArrayRef>
where
    T: arrow::datatypes::ArrowPrimitiveType,
    T::Native: TryFrom<i128>,
{
    let fit = |value: i128| T::Native::try_from(value).map_err(|_| beyond(to, value));
    let double = |value: f64| {
        if value.is_nan() {
            return Err(invalid_cast(format!("Cannot cast double NaN to {}", athena_type(to))));
        }
        let rounded = value.round();
        if rounded.abs() > 1e19 {
            return Err(beyond(to, double_text(value)));
        }
        T::Native::try_from(rounded as i128).map_err(|_| beyond(to, double_text(value)))
    };
    match array.data_type() {
        DataType::Boolean => {
            let values = array.as_boolean();
            mapped::<T>(array, |row| fit(i128::from(values.value(row))))
        }
        DataType::Float64 => {
            let values = array.as_primitive::<Float64Type>();
            mapped::<T>(array, |row| double(values.value(row)))
        }
        DataType::Float32 => {
            let values = array.as_primitive::<Float32Type>();
            mapped::<T>(array, |row| double(f64::from(values.value(row))))
        }
        DataType::Decimal128(_, scale) => {
            let values = array.as_primitive::<Decimal128Type>();
            mapped::<T>(array, |row| {
                let value = values.value(row);
                let whole = rescale(value, *scale, 0).and_then(|whole| T::Native::try_from(whole).ok());
                whole.ok_or_else(|| {
                    invalid_cast(format!(
                        "Cannot cast '{}' to {}",
                        decimal_text(value, *scale),
                        athena_type(to).to_uppercase()
                    ))
                })
            })
        }
        DataType::Utf8 => {
            let values = array.as_string::<i32>();
            mapped::<T>(array, |row| {
                let text = values.value(row);
                let value = text.parse::<i64>().ok().map(i128::from);
                value
                    .and_then(|value| T::Native::try_from(value).ok())
                    .ok_or_else(|| invalid_cast(format!("Cannot cast '{text}' to {}", short_name(to))))
            })
        }
        from if is_integer(from) => {
            let wide = arrow::compute::cast(array, &DataType::Int64)?;
            let values = wide.as_primitive::<Int64Type>();
            mapped::<T>(array, |row| fit(i128::from(values.value(row))))
        }
        other => Err(internal(format!("`{other}` as an integer"))),
    }
}

/// A text as Java's `Double.parseDouble` reads it.
pub(super) fn parse_double(text: &str) -> Option<f64> {
    let trimmed = text.trim();
    match trimmed {
        "NaN" => return Some(f64::NAN),
        "Infinity" | "+Infinity" => return Some(f64::INFINITY),
        "-Infinity" => return Some(f64::NEG_INFINITY),
        _ => {}
    }
    let digits = trimmed.strip_suffix(['d', 'D', 'f', 'F']).unwrap_or(trimmed);
    let numeric = digits.bytes().all(|byte| byte.is_ascii_digit() || matches!(byte, b'.' | b'e' | b'E' | b'+' | b'-'));
    if numeric { digits.parse().ok() } else { None }
}

fn to_double(array: &ArrayRef) -> Result<ArrayRef> {
    match array.data_type() {
        DataType::Utf8 => {
            let values = array.as_string::<i32>();
            mapped::<Float64Type>(array, |row| {
                let text = values.value(row);
                parse_double(text).ok_or_else(|| invalid_cast(format!("Cannot cast '{text}' to DOUBLE")))
            })
        }
        DataType::Boolean => {
            let values = array.as_boolean();
            mapped::<Float64Type>(array, |row| Ok(f64::from(u8::from(values.value(row)))))
        }
        // The decimal's text gives the nearest double; a division would round twice.
        DataType::Decimal128(_, scale) => {
            let values = array.as_primitive::<Decimal128Type>();
            mapped::<Float64Type>(array, |row| {
                let text = decimal_text(values.value(row), *scale);
                text.parse().map_err(|_| internal("text of a decimal"))
            })
        }
        _ => Ok(arrow::compute::cast(array, &DataType::Float64)?),
    }
}

fn to_real(array: &ArrayRef) -> Result<ArrayRef> {
    match array.data_type() {
        DataType::Utf8 => {
            let values = array.as_string::<i32>();
            mapped::<Float32Type>(array, |row| {
                let text = values.value(row);
                let special =
                    parse_double(text).ok_or_else(|| invalid_cast(format!("Cannot cast '{text}' to REAL")))?;
                Ok(text.trim().parse::<f32>().unwrap_or(special as f32))
            })
        }
        DataType::Float64 => {
            let values = array.as_primitive::<Float64Type>();
            mapped::<Float32Type>(array, |row| Ok(values.value(row) as f32))
        }
        DataType::Boolean | DataType::Decimal128(_, _) => {
            let doubles = to_double(array)?;
            to_real(&doubles)
        }
        _ => Ok(arrow::compute::cast(array, &DataType::Float32)?),
    }
}

/// An unscaled value at another scale, a half rounded away from zero; `None` where it does not fit.
pub(crate) fn rescale(value: i128, from: i8, to: i8) -> Option<i128> {
    let steps = i32::from(to) - i32::from(from);
    let power = 10_i128.checked_pow(steps.unsigned_abs());
    if steps >= 0 {
        return value.checked_mul(power?);
    }
    let Some(power) = power else { return Some(0) };
    let (quotient, rest) = (value / power, value % power);
    let rounds = rest.unsigned_abs() * 2 >= power.unsigned_abs();
    Some(quotient + if rounds { value.signum() } else { 0 })
}

fn fits(value: i128, precision: u8) -> bool {
    10_u128.checked_pow(u32::from(precision)).is_some_and(|limit| value.unsigned_abs() < limit)
}

/// The unscaled value of a number's text (with or without exponent) at a scale, a half rounded away from zero.
///
/// `Ok(None)` means that it has too many digits; `Err(())` that it is no number.
pub(crate) fn parse_decimal(text: &str, scale: i8) -> Result<Option<i128>, ()> {
    let (mantissa, exponent) = match text.find(['e', 'E']) {
        Some(position) => (&text[..position], text[position + 1..].parse::<i32>().map_err(|_| ())?),
        None => (text, 0),
    };
    let (negative, digits) = match mantissa.strip_prefix('-') {
        Some(rest) => (true, rest),
        None => (false, mantissa.strip_prefix('+').unwrap_or(mantissa)),
    };
    let (whole, fraction) = digits.split_once('.').unwrap_or((digits, ""));
    let all: String = format!("{whole}{fraction}");
    if all.is_empty() || !all.bytes().all(|byte| byte.is_ascii_digit()) {
        return Err(());
    }
    let places = i32::try_from(fraction.len()).map_err(|_| ())?;
    // How many digits of `all` lie before the rounding position.
    let kept = i32::try_from(all.len()).map_err(|_| ())? - places + exponent + i32::from(scale);
    let significant = all.trim_start_matches('0');
    if significant.is_empty() {
        return Ok(Some(0));
    }
    if kept < 0 {
        return Ok(Some(0));
    }
    let kept = kept as usize;
    let value = if kept >= all.len() {
        let zeros = kept - all.len();
        if significant.len() + zeros > 39 {
            return Ok(None);
        }
        format!("{significant}{}", "0".repeat(zeros)).parse::<i128>().ok()
    } else {
        let head = all[..kept].trim_start_matches('0');
        let head: Option<i128> = if head.is_empty() { Some(0) } else { head.parse().ok() };
        let rounds = all.as_bytes()[kept] >= b'5';
        head.and_then(|head| head.checked_add(i128::from(rounds)))
    };
    Ok(value.map(|value| if negative { -value } else { value }))
}

fn to_decimal(array: &ArrayRef, precision: u8, scale: i8) -> Result<ArrayRef> {
    let refuse = |kind: &str, value: &str| {
        invalid_cast(format!("Cannot cast {kind} '{value}' to DECIMAL({precision}, {scale})"))
    };
    let checked = |value: Option<i128>| value.filter(|value| fits(*value, precision));
    let result = match array.data_type() {
        DataType::Utf8 => {
            let values = array.as_string::<i32>();
            map::<Decimal128Type>(array, |row| {
                let text = values.value(row);
                let fail = |why: &str| {
                    invalid_cast(format!("Cannot cast VARCHAR '{text}' to DECIMAL({precision}, {scale}). Value {why}."))
                };
                let value = parse_decimal(text, scale).map_err(|()| fail("is not a number"))?;
                checked(value).ok_or_else(|| fail("too large"))
            })?
        }
        DataType::Boolean => {
            let values = array.as_boolean();
            map::<Decimal128Type>(array, |row| {
                let value = rescale(i128::from(values.value(row)), 0, scale);
                checked(value).ok_or_else(|| refuse("BOOLEAN", "true"))
            })?
        }
        DataType::Float32 | DataType::Float64 => {
            let doubles = to_double(array)?;
            let values = doubles.as_primitive::<Float64Type>();
            let reals = array.as_primitive_opt::<Float32Type>();
            map::<Decimal128Type>(array, |row| {
                let text = match reals {
                    Some(reals) => format!("{:e}", reals.value(row)),
                    None => format!("{:e}", values.value(row)),
                };
                let value = parse_decimal(&text, scale).ok().flatten();
                let kind = if reals.is_some() { "REAL" } else { "DOUBLE" };
                checked(value).ok_or_else(|| refuse(kind, &double_text(values.value(row))))
            })?
        }
        DataType::Decimal128(_, from) => {
            let values = array.as_primitive::<Decimal128Type>();
            map::<Decimal128Type>(array, |row| {
                let value = values.value(row);
                checked(rescale(value, *from, scale)).ok_or_else(|| refuse("DECIMAL", &decimal_text(value, *from)))
            })?
        }
        from => {
            let kind = athena_type(from).to_uppercase();
            let wide = arrow::compute::cast(array, &DataType::Int64)?;
            let values = wide.as_primitive::<Int64Type>();
            map::<Decimal128Type>(array, |row| {
                let value = values.value(row);
                checked(rescale(i128::from(value), 0, scale)).ok_or_else(|| refuse(&kind, &value.to_string()))
            })?
        }
    };
    Ok(Arc::new(result.with_precision_and_scale(precision, scale)?))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn decimals_of_texts() {
        let read = |text: &str, scale: i8| parse_decimal(text, scale);
        assert_eq!(read("1.5", 2), Ok(Some(150)));
        assert_eq!(read("-1.005", 2), Ok(Some(-101)));
        assert_eq!(read("0.004", 2), Ok(Some(0)));
        assert_eq!(read(".5", 0), Ok(Some(1)));
        assert_eq!(read("12e-1", 1), Ok(Some(12)));
        assert_eq!(read("1e3", 0), Ok(Some(1000)));
        assert_eq!(read("1e-40", 2), Ok(Some(0)));
        assert_eq!(read("1e400", 2), Ok(None));
        assert_eq!(read("00000000000000000000000000000000000000000000001", 0), Ok(Some(1)));
        for wrong in ["", ".", "-", "1.2.3", "e5", "1e", "x", " 1"] {
            assert_eq!(read(wrong, 2), Err(()), "{wrong}");
        }
    }

    #[test]
    fn scales() {
        assert_eq!(rescale(25, 1, 0), Some(3));
        assert_eq!(rescale(-25, 1, 0), Some(-3));
        assert_eq!(rescale(24, 1, 0), Some(2));
        assert_eq!(rescale(5, 0, 2), Some(500));
        assert_eq!(rescale(5, 38, 0), Some(0));
        assert_eq!(rescale(i128::MAX, 0, 1), None);
    }
}
