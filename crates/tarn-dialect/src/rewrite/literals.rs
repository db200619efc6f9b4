//! Constants: what a literal's text says about its type is Athena's rule, not the engine's.

use arrow::datatypes::{IntervalMonthDayNano, TimeUnit};
use datafusion::common::ScalarValue;
use datafusion::sql::sqlparser::ast::{DateTimeField, Interval};

use crate::error::SqlError;
use crate::syntax::type_name::unit_of_digits;
use crate::temporal;

/// `5` is an integer if it fits, else a bigint; `1.0` is a decimal; `1e0` a double.
pub(super) fn number(text: &str) -> Result<ScalarValue, SqlError> {
    let invalid = || SqlError::syntax(format!("Invalid numeric literal: {text}"));
    if text.contains(['e', 'E']) {
        return text.parse::<f64>().map(|number| ScalarValue::Float64(Some(number))).map_err(|_| invalid());
    }
    if text.contains('.') {
        return decimal(text);
    }
    if let Ok(number) = text.parse::<i32>() {
        return Ok(ScalarValue::Int32(Some(number)));
    }
    if let Ok(number) = text.parse::<i64>() {
        return Ok(ScalarValue::Int64(Some(number)));
    }
    // One more than the largest bigint: it can only stand after a minus.
    if text == "9223372036854775808" {
        return Ok(ScalarValue::Decimal128(Some(1 << 63), 19, 0));
    }
    Err(invalid().hint("write numbers beyond bigint as `decimal '…'`"))
}

/// The literal after a minus: `-2147483648` is an integer though `2147483648` is a bigint.
pub(super) fn negate(value: &ScalarValue) -> Option<ScalarValue> {
    Some(match value {
        ScalarValue::Int32(Some(number)) => ScalarValue::Int32(Some(number.checked_neg()?)),
        ScalarValue::Int64(Some(number)) => {
            let negative = number.checked_neg()?;
            match i32::try_from(negative) {
                Ok(small) => ScalarValue::Int32(Some(small)),
                Err(_) => ScalarValue::Int64(Some(negative)),
            }
        }
        ScalarValue::Float64(Some(number)) => ScalarValue::Float64(Some(-number)),
        ScalarValue::Decimal128(Some(number), 19, 0) if *number == 1 << 63 => ScalarValue::Int64(Some(i64::MIN)),
        ScalarValue::Decimal128(Some(number), precision, scale) => {
            ScalarValue::Decimal128(Some(-number), *precision, *scale)
        }
        _ => return None,
    })
}

/// A decimal literal: precision and scale are its digits, leading zeros apart.
pub(super) fn decimal(text: &str) -> Result<ScalarValue, SqlError> {
    let invalid = || SqlError::syntax(format!("Invalid decimal literal '{text}'"));
    let trimmed = text.trim();
    let (negative, digits) = match trimmed.strip_prefix('-') {
        Some(rest) => (true, rest),
        None => (false, trimmed.strip_prefix('+').unwrap_or(trimmed)),
    };
    let (whole, fraction) = digits.split_once('.').unwrap_or((digits, ""));
    let numeric = |text: &str| text.bytes().all(|byte| byte.is_ascii_digit());
    if !numeric(whole) || !numeric(fraction) || whole.len() + fraction.len() == 0 {
        return Err(invalid());
    }
    let whole = whole.trim_start_matches('0');
    let precision = (whole.len() + fraction.len()).max(1);
    if precision > 38 {
        return Err(invalid().hint("a decimal has at most 38 digits"));
    }
    let all = format!("{whole}{fraction}");
    let value: i128 = if all.is_empty() { 0 } else { all.parse().map_err(|_| invalid())? };
    let precision = u8::try_from(precision).map_err(|_| invalid())?;
    let scale = i8::try_from(fraction.len()).map_err(|_| invalid())?;
    let value = if negative { -value } else { value };
    Ok(ScalarValue::Decimal128(Some(value), precision, scale))
}

/// `X'65 68'`
pub(super) fn hexadecimal(text: &str) -> Result<ScalarValue, SqlError> {
    let digits: Vec<u8> = text.bytes().filter(|byte| !byte.is_ascii_whitespace()).collect();
    let bytes = digits
        .chunks(2)
        .map(|pair| {
            let text = std::str::from_utf8(pair).ok()?;
            (pair.len() == 2).then(|| u8::from_str_radix(text, 16).ok()).flatten()
        })
        .collect::<Option<Vec<u8>>>()
        .ok_or_else(|| SqlError::syntax(format!("Invalid hexadecimal literal: {text}")))?;
    Ok(ScalarValue::Binary(Some(bytes)))
}

/// `DATE '2020-01-31'`
pub(super) fn date(text: &str) -> Result<ScalarValue, SqlError> {
    temporal::parse_date(text.trim())
        .map(|date| ScalarValue::Date32(Some(temporal::days_of(date))))
        .ok_or_else(|| SqlError::syntax(format!("'{text}' is not a valid DATE literal")))
}

/// `TIMESTAMP '2020-01-31 10:00:00.123 Asia/Tokyo'`: digits give the precision, a zone gives the type.
pub(super) fn timestamp(text: &str) -> Result<ScalarValue, SqlError> {
    let invalid = || SqlError::syntax(format!("'{text}' is not a valid TIMESTAMP literal"));
    let parsed = temporal::parse_timestamp(text).ok_or_else(invalid)?;
    let unit = unit_of_digits(parsed.digits)
        .ok_or_else(|| invalid().hint("at most 9 digits of a second run on the laptop"))?;
    let (nanos, zone) = match parsed.zone {
        Some(zone) => (zone.to_utc(parsed.wall), Some(zone.name().into())),
        None => (temporal::nanos_of(parsed.wall), None),
    };
    let nanos = nanos.ok_or_else(invalid)?;
    temporal::timestamp_scalar(nanos, unit, zone).ok_or_else(invalid)
}

/// `TIME '10:00:00.123'`
pub(super) fn time(text: &str) -> Result<ScalarValue, SqlError> {
    let invalid = || SqlError::syntax(format!("'{text}' is not a valid TIME literal"));
    let (nanos, digits) = temporal::parse_time(text.trim()).ok_or_else(invalid)?;
    let unit = unit_of_digits(digits).ok_or_else(invalid)?;
    let value = nanos / temporal::nanos_per(unit);
    let narrow = || i32::try_from(value).ok();
    Ok(match unit {
        TimeUnit::Second => ScalarValue::Time32Second(narrow()),
        TimeUnit::Millisecond => ScalarValue::Time32Millisecond(narrow()),
        TimeUnit::Microsecond => ScalarValue::Time64Microsecond(Some(value)),
        TimeUnit::Nanosecond => ScalarValue::Time64Nanosecond(Some(value)),
    })
}

/// `INTERVAL '2' DAY`, `INTERVAL '1 10:00:00' DAY TO SECOND`, `INTERVAL -'1-6' YEAR TO MONTH`
pub(super) fn interval(interval: &Interval, written: Option<(bool, String)>) -> Result<ScalarValue, SqlError> {
    let (negative, text) = written.ok_or_else(|| SqlError::syntax("expected a text in quotes after `INTERVAL`"))?;
    let invalid = || SqlError::syntax(format!("Invalid INTERVAL literal: '{text}'"));
    let first = interval
        .leading_field
        .as_ref()
        .ok_or_else(|| invalid().hint("name a unit after the text: `interval '1' day`"))?;
    let from = unit_rank(first).ok_or_else(invalid)?;
    let to = match &interval.last_field {
        Some(last) => unit_rank(last).ok_or_else(invalid)?,
        None => from,
    };
    let (sign, digits) = match text.trim().strip_prefix('-') {
        Some(rest) => (-1_i64, rest),
        None => (1, text.trim().trim_start_matches('+')),
    };
    let sign = if negative { -sign } else { sign };
    if from <= YEAR_MONTH {
        let months = temporal::months_of(digits, from, to).ok_or_else(invalid)?;
        let months = i32::try_from(sign * months).map_err(|_| invalid())?;
        return Ok(ScalarValue::IntervalYearMonth(Some(months)));
    }
    let nanos = temporal::day_time_of(digits, from, to).ok_or_else(invalid)?;
    let nanos = nanos.checked_mul(sign).ok_or_else(invalid)?;
    let value: IntervalMonthDayNano = temporal::day_time(nanos);
    Ok(ScalarValue::IntervalMonthDayNano(Some(value)))
}

/// The last unit of the calendar kind of interval.
const YEAR_MONTH: usize = 1;

fn unit_rank(field: &DateTimeField) -> Option<usize> {
    Some(match field {
        DateTimeField::Year | DateTimeField::Years => 0,
        DateTimeField::Month | DateTimeField::Months => 1,
        DateTimeField::Week(_) | DateTimeField::Weeks => temporal::WEEK,
        DateTimeField::Day | DateTimeField::Days => 2,
        DateTimeField::Hour | DateTimeField::Hours => 3,
        DateTimeField::Minute | DateTimeField::Minutes => 4,
        DateTimeField::Second | DateTimeField::Seconds => 5,
        _ => return None,
    })
}
