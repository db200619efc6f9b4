//! `format`: the part of Java's format strings that analytics uses.
//!
//! `%s`, `%d`, `%x`, `%X`, `%o`, `%c`, `%b`, `%f`, `%e`, `%%` and `%n`, with `$` positions, width, precision and the flags
//! `-`, `0`, `,`, `+`, space and `(`. Anything else is refused by name.

use arrow::array::{ArrayRef, AsArray, StringBuilder};
use arrow::datatypes::{DataType, Decimal128Type, Float32Type, Float64Type};
use datafusion::common::{DataFusionError, Result, ScalarValue};

use super::number::{decimal_text, double_text, real_text};
use crate::call::{Call, Memo};
use crate::failure::{invalid_argument, not_supported};
use crate::function::Function;
use crate::math::decimal::rescale;

pub(crate) fn functions() -> Vec<Function> {
    vec![
        // The form of any length wants one type of all values, so those of fixed length come first.
        Function::new("format")
            .computing("(varchar, A)", text_type, format)
            .computing("(varchar, A, B)", text_type, format)
            .computing("(varchar, A, B, C)", text_type, format)
            .computing("(varchar, A, B, C, D)", text_type, format)
            .computing("(varchar, A, B, C, D, E)", text_type, format)
            .computing("(varchar, A, B, C, D, E, F)", text_type, format)
            .computing("(varchar, A, B, C, D, E, F, G)", text_type, format)
            .computing("(varchar, A, B, C, D, E, F, G, H)", text_type, format)
            .computing("(varchar, T...)", text_type, format),
        Function::new("format_number").on("(double) -> varchar", |call| {
            crate::call::map_rows::<(f64,), String>(call, |(value,)| Ok(Some(short_number(value))))
        }),
    ]
}

fn text_type(_: &[DataType], _: &[Option<&ScalarValue>]) -> Result<DataType> {
    Ok(DataType::Utf8)
}

#[derive(Debug)]
enum Part {
    Text(String),
    Value(Spec),
}

#[derive(Debug, Default)]
struct Spec {
    index: usize,
    flags: String,
    width: usize,
    precision: Option<usize>,
    conversion: char,
}

fn format(call: &Call) -> Result<ArrayRef> {
    let patterns = call.argument(0)?;
    let texts = patterns.array.as_string::<i32>();
    let mut builder = StringBuilder::with_capacity(call.rows, call.rows * 16);
    let mut compiled = Memo::new();
    for row in 0..call.rows {
        if patterns.is_null(row) {
            builder.append_null();
            continue;
        }
        let mut out = String::new();
        for part in compiled.get(texts.value(patterns.position(row)), compile)? {
            match part {
                Part::Text(text) => out.push_str(text),
                Part::Value(spec) => {
                    let argument = call
                        .arguments
                        .get(spec.index)
                        .ok_or_else(|| invalid_argument(format!("Format specifier '%{}'", spec.conversion)))?;
                    if argument.is_null(row) {
                        pad(&mut out, spec, "null");
                    } else {
                        print(&mut out, spec, &argument.array, argument.position(row))?;
                    }
                }
            }
        }
        builder.append_value(out);
    }
    Ok(std::sync::Arc::new(builder.finish()))
}

fn compile(pattern: &str) -> Result<Vec<Part>> {
    let mut parts = Vec::new();
    let mut text = String::new();
    let mut next = 1;
    let mut rest = pattern;
    while let Some(position) = rest.find('%') {
        text.push_str(&rest[..position]);
        rest = &rest[position + 1..];
        let mut spec = Spec::default();
        let digits = rest.bytes().take_while(u8::is_ascii_digit).count();
        if digits > 0 && rest[digits..].starts_with('$') {
            spec.index = rest[..digits].parse().unwrap_or(usize::MAX);
            rest = &rest[digits + 1..];
        }
        let flags = rest.bytes().take_while(|b| b"-#+ 0,(".contains(b)).count();
        spec.flags = rest[..flags].to_owned();
        rest = &rest[flags..];
        let digits = rest.bytes().take_while(u8::is_ascii_digit).count();
        spec.width = rest[..digits].parse().unwrap_or(0).min(100_000);
        rest = &rest[digits..];
        if let Some(after) = rest.strip_prefix('.') {
            let digits = after.bytes().take_while(u8::is_ascii_digit).count();
            spec.precision = Some(after[..digits].parse().unwrap_or(0).min(1_000));
            rest = &after[digits..];
        }
        let Some(conversion) = rest.chars().next() else {
            return Err(invalid_argument("Invalid format string: Conversion = '%'"));
        };
        rest = &rest[conversion.len_utf8()..];
        spec.conversion = conversion;
        match conversion {
            '%' => {
                text.push('%');
                continue;
            }
            'n' => {
                text.push('\n');
                continue;
            }
            's' | 'S' | 'd' | 'x' | 'X' | 'o' | 'c' | 'b' | 'B' | 'f' | 'e' | 'E' => {}
            other => {
                return Err(not_supported(format!("format specifier `%{other}`")));
            }
        }
        if spec.flags.contains('#') {
            return Err(not_supported("format flag `#`"));
        }
        if spec.index == 0 {
            spec.index = next;
            next += 1;
        }
        if !text.is_empty() {
            parts.push(Part::Text(std::mem::take(&mut text)));
        }
        parts.push(Part::Value(spec));
    }
    text.push_str(rest);
    if !text.is_empty() {
        parts.push(Part::Text(text));
    }
    Ok(parts)
}

fn mismatch(spec: &Spec, data_type: &DataType) -> DataFusionError {
    invalid_argument(format!(
        "Invalid format string: %{} (type {})",
        spec.conversion,
        crate::types::type_name(data_type)
    ))
}

fn print(out: &mut String, spec: &Spec, array: &ArrayRef, position: usize) -> Result<()> {
    let data_type = array.data_type();
    match spec.conversion {
        's' | 'S' => {
            let mut text = plain_text(array, position)?;
            if let Some(precision) = spec.precision {
                text = text.chars().take(precision).collect();
            }
            if spec.conversion == 'S' {
                text = super::shape::upper(&text);
            }
            pad(out, spec, &text);
        }
        'b' | 'B' => pad(out, spec, &plain_text(array, position)?),
        'd' => number(out, spec, &integer(array, position).ok_or_else(|| mismatch(spec, data_type))?.to_string()),
        'x' | 'X' | 'o' => {
            let value = integer(array, position).ok_or_else(|| mismatch(spec, data_type))?;
            let text = match (spec.conversion, data_type) {
                ('x', DataType::Int32) => format!("{:x}", value as i32),
                ('X', DataType::Int32) => format!("{:X}", value as i32),
                ('x', _) => format!("{value:x}"),
                ('X', _) => format!("{value:X}"),
                _ => format!("{value:o}"),
            };
            number(out, spec, &text);
        }
        'c' => {
            let text = plain_text(array, position)?;
            pad(out, spec, &text);
        }
        'f' => number(
            out,
            spec,
            &fixed(array, position, spec.precision.unwrap_or(6)).ok_or_else(|| mismatch(spec, data_type))?,
        ),
        _ => {
            let value = double(array, position).ok_or_else(|| mismatch(spec, data_type))?;
            let text = format!("{value:.*e}", spec.precision.unwrap_or(6));
            let text = match text.split_once('e') {
                Some((mantissa, exponent)) => {
                    let exponent: i32 = exponent.parse().unwrap_or(0);
                    let sign = if exponent < 0 { '-' } else { '+' };
                    format!("{mantissa}e{sign}{:02}", exponent.abs())
                }
                None => text,
            };
            number(out, spec, &if spec.conversion == 'E' { text.to_uppercase() } else { text });
        }
    }
    Ok(())
}

fn integer(array: &ArrayRef, position: usize) -> Option<i64> {
    match ScalarValue::try_from_array(array, position).ok()? {
        ScalarValue::Int8(Some(value)) => Some(value.into()),
        ScalarValue::Int16(Some(value)) => Some(value.into()),
        ScalarValue::Int32(Some(value)) => Some(value.into()),
        ScalarValue::Int64(Some(value)) => Some(value),
        _ => None,
    }
}

fn double(array: &ArrayRef, position: usize) -> Option<f64> {
    match array.data_type() {
        DataType::Float64 => Some(array.as_primitive::<Float64Type>().value(position)),
        DataType::Float32 => Some(array.as_primitive::<Float32Type>().value(position).into()),
        DataType::Decimal128(_, scale) => {
            decimal_text(array.as_primitive::<Decimal128Type>().value(position), *scale).parse().ok()
        }
        _ => None,
    }
}

/// A number with fixed decimals, rounded half up as Java does on the shortest digits of the value.
fn fixed(array: &ArrayRef, position: usize, precision: usize) -> Option<String> {
    if let DataType::Decimal128(_, scale) = array.data_type() {
        let unscaled = array.as_primitive::<Decimal128Type>().value(position);
        let wanted = i8::try_from(precision).ok()?;
        return Some(match rescale(unscaled, *scale, wanted) {
            Ok(rounded) => decimal_text(rounded, wanted),
            Err(_) => format!("{}{}", decimal_text(unscaled, *scale), "0".repeat(precision)),
        });
    }
    let value = double(array, position)?;
    if !value.is_finite() {
        return Some(double_text(value));
    }
    // The shortest digits, as an exact decimal: rounding them is what Java does.
    let digits = format!("{value}");
    let scale = digits.split_once('.').map_or(0, |(_, fraction)| fraction.len());
    if scale <= precision {
        return Some(format!("{value:.precision$}"));
    }
    let unscaled: i128 = digits.replace('.', "").parse().ok()?;
    match (i8::try_from(scale), i8::try_from(precision)) {
        (Ok(scale), Ok(wanted)) => rescale(unscaled, scale, wanted).ok().map(|rounded| decimal_text(rounded, wanted)),
        _ => Some(format!("{value:.precision$}")),
    }
}

fn number(out: &mut String, spec: &Spec, text: &str) {
    let (negative, digits) = match text.strip_prefix('-') {
        Some(digits) => (true, digits),
        None => (false, text),
    };
    let (whole, fraction) = digits.find(['.', 'e', 'E']).map_or((digits, ""), |at| digits.split_at(at));
    let mut body = String::new();
    if spec.flags.contains(',') {
        for (index, digit) in whole.chars().enumerate() {
            if index > 0 && (whole.len() - index) % 3 == 0 {
                body.push(',');
            }
            body.push(digit);
        }
    } else {
        body.push_str(whole);
    }
    body.push_str(fraction);
    let (before, after) = match (negative, spec.flags.as_str()) {
        (true, flags) if flags.contains('(') => ("(", ")"),
        (true, _) => ("-", ""),
        (false, flags) if flags.contains('+') => ("+", ""),
        (false, flags) if flags.contains(' ') => (" ", ""),
        _ => ("", ""),
    };
    if spec.flags.contains('0') {
        let used = before.len() + body.len() + after.len();
        body.insert_str(0, &"0".repeat(spec.width.saturating_sub(used)));
    }
    pad(out, spec, &format!("{before}{body}{after}"));
}

fn pad(out: &mut String, spec: &Spec, text: &str) {
    let missing = spec.width.saturating_sub(text.chars().count());
    if spec.flags.contains('-') {
        out.push_str(text);
    }
    out.extend(std::iter::repeat_n(' ', missing));
    if !spec.flags.contains('-') {
        out.push_str(text);
    }
}

/// A scalar as `cast(x as varchar)` prints it.
pub(crate) fn plain_text(array: &ArrayRef, position: usize) -> Result<String> {
    Ok(match array.data_type() {
        DataType::Utf8 => array.as_string::<i32>().value(position).to_owned(),
        DataType::Float64 => double_text(array.as_primitive::<Float64Type>().value(position)),
        DataType::Float32 => real_text(array.as_primitive::<Float32Type>().value(position)),
        DataType::Decimal128(_, scale) => decimal_text(array.as_primitive::<Decimal128Type>().value(position), *scale),
        DataType::Timestamp(_, _) => timestamp_text(array, position)?,
        DataType::List(_) | DataType::Map(_, _) | DataType::Struct(_) | DataType::Binary => {
            let name = crate::types::type_name(array.data_type());
            return Err(not_supported(format!("a value of `{name}` as text; use `json_format(cast(… as json))`")));
        }
        _ => arrow::util::display::array_value_to_string(array, position)?,
    })
}

fn timestamp_text(array: &ArrayRef, position: usize) -> Result<String> {
    let digits = match array.data_type() {
        DataType::Timestamp(arrow::datatypes::TimeUnit::Nanosecond, _) => "%.9f",
        DataType::Timestamp(arrow::datatypes::TimeUnit::Microsecond, _) => "%.6f",
        _ => "%.3f",
    };
    let pattern = format!("%Y-%m-%d %H:%M:%S{digits}");
    let options = arrow::util::display::FormatOptions::new()
        .with_timestamp_format(Some(&pattern))
        .with_timestamp_tz_format(Some(&pattern));
    let formatter = arrow::util::display::ArrayFormatter::try_new(array.as_ref(), &options)?;
    let text = formatter.value(position).to_string();
    Ok(match array.data_type() {
        DataType::Timestamp(_, Some(zone)) => format!("{text} {zone}"),
        _ => text,
    })
}

/// `123456` as `123K`.
fn short_number(value: f64) -> String {
    let mut number = value;
    let mut unit = "";
    for next in ["K", "M", "B", "T", "Q"] {
        if number.abs() < 1_000.0 {
            break;
        }
        number /= 1_000.0;
        unit = next;
    }
    let digits: usize = if number.abs() >= 100.0 {
        0
    } else if number.abs() >= 10.0 {
        1
    } else {
        2
    };
    let text = format!("{number:.digits$}");
    let text = if text.contains('.') { text.trim_end_matches('0').trim_end_matches('.') } else { &text };
    format!("{text}{unit}")
}
