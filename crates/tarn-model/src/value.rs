//! Values written as text: whether a text is of a type, which type a text is most likely of, and its usual form.
//!
//! Nothing is rounded or guessed: `1.50` is no `integer` and `1.505` no `decimal(10,2)`; `01` stays text when a type
//! is inferred, because an order number is not the number one.

use chrono::{NaiveDate, NaiveDateTime, NaiveTime};

use crate::column_type::ColumnType;

/// The text in the usual form of a type; `None` when it is not of that type.
pub(crate) fn normalised(value: &str, column_type: ColumnType) -> Option<String> {
    let as_written = || value.to_owned();
    match column_type {
        ColumnType::String => Some(as_written()),
        ColumnType::Boolean => match value.to_ascii_lowercase().as_str() {
            word @ ("true" | "false") => Some(word.to_owned()),
            _ => None,
        },
        ColumnType::TinyInt => integer::<i8>(value),
        ColumnType::SmallInt => integer::<i16>(value),
        ColumnType::Integer => integer::<i32>(value),
        ColumnType::BigInt => integer::<i64>(value),
        ColumnType::Real | ColumnType::Double => {
            (is_number(value) || matches!(value, "NaN" | "Infinity" | "-Infinity")).then(as_written)
        }
        ColumnType::Decimal { precision, scale } => {
            fits_decimal(value, usize::from(precision), usize::from(scale)).then(as_written)
        }
        ColumnType::Date => date(value).map(|date| date.to_string()),
        ColumnType::Timestamp => timestamp(value),
        ColumnType::Json => serde_json::from_str::<serde::de::IgnoredAny>(value).is_ok().then(as_written),
        ColumnType::Binary => is_base64(value).then(as_written),
    }
}

/// What a value of a type looks like, for messages.
pub(crate) fn example(column_type: ColumnType) -> &'static str {
    match column_type {
        ColumnType::String => "any text",
        ColumnType::Boolean => "`true` or `false`",
        ColumnType::TinyInt => "a whole number from -128 to 127",
        ColumnType::SmallInt => "a whole number from -32768 to 32767",
        ColumnType::Integer => "a whole number of 32 bits",
        ColumnType::BigInt => "a whole number of 64 bits",
        ColumnType::Real | ColumnType::Double => "a number like `1.5` or `2e-3`",
        ColumnType::Decimal { .. } => "a decimal number that fits without rounding",
        ColumnType::Date => "a day like `2026-10-31`",
        ColumnType::Timestamp => "a time like `2026-10-31 23:59:59`",
        ColumnType::Json => "JSON",
        ColumnType::Binary => "base64",
    }
}

/// The narrowest of boolean, bigint, decimal, double, date, timestamp and string that takes the text.
pub(crate) fn inferred(value: &str) -> ColumnType {
    if matches!(value, "true" | "false") {
        return ColumnType::Boolean;
    }
    let unsigned = value.strip_prefix('-').unwrap_or(value);
    let has_leading_zero = unsigned.len() > 1 && unsigned.starts_with('0') && !unsigned.starts_with("0.");
    if !has_leading_zero && !value.starts_with('+') && is_number(value) {
        if is_integer(value) && value.parse::<i64>().is_ok() {
            return ColumnType::BigInt;
        }
        return match decimal_digits(value) {
            Some((whole, fraction)) if whole + fraction <= 38 => decimal_of(whole, fraction),
            _ => ColumnType::Double,
        };
    }
    if date(value).is_some() {
        return ColumnType::Date;
    }
    if value.len() > 10 && timestamp(value).is_some() {
        return ColumnType::Timestamp;
    }
    ColumnType::String
}

/// The narrowest type that takes all values of two types.
pub(crate) fn united(left: ColumnType, right: ColumnType) -> ColumnType {
    use ColumnType::{BigInt, Date, Decimal, Double, String, Timestamp};
    match (left, right) {
        _ if left == right => left,
        (Double, BigInt | Decimal { .. }) | (BigInt | Decimal { .. }, Double) => Double,
        (BigInt, Decimal { precision, scale }) | (Decimal { precision, scale }, BigInt) => {
            // A bigint has up to 19 digits before the point.
            united_decimal((19, 0), (usize::from(precision - scale.min(precision)), usize::from(scale)))
        }
        (Decimal { precision, scale }, Decimal { precision: other_precision, scale: other_scale }) => united_decimal(
            (usize::from(precision - scale.min(precision)), usize::from(scale)),
            (usize::from(other_precision - other_scale.min(other_precision)), usize::from(other_scale)),
        ),
        (Date, Timestamp) | (Timestamp, Date) => Timestamp,
        _ => String,
    }
}

fn united_decimal(left: (usize, usize), right: (usize, usize)) -> ColumnType {
    let (whole, fraction) = (left.0.max(right.0), left.1.max(right.1));
    if whole + fraction <= 38 { decimal_of(whole, fraction) } else { ColumnType::Double }
}

fn decimal_of(whole: usize, fraction: usize) -> ColumnType {
    let precision = u8::try_from((whole + fraction).max(1)).unwrap_or(38);
    ColumnType::Decimal { precision, scale: u8::try_from(fraction).unwrap_or(0) }
}

fn integer<N: std::str::FromStr>(value: &str) -> Option<String> {
    (is_integer(value) && value.parse::<N>().is_ok()).then(|| value.to_owned())
}

pub(crate) fn is_integer(value: &str) -> bool {
    let digits = value.strip_prefix(['-', '+']).unwrap_or(value);
    !digits.is_empty() && digits.bytes().all(|byte| byte.is_ascii_digit())
}

/// A number as SQL and JSON write it: digits, perhaps a point, perhaps an exponent.
pub(crate) fn is_number(value: &str) -> bool {
    let (mantissa, exponent) = value.split_once(['e', 'E']).map_or((value, None), |(m, e)| (m, Some(e)));
    decimal_digits(mantissa).is_some() && exponent.is_none_or(is_integer)
}

/// Digits before and after the point, without leading zeros; `None` if it is no plain decimal number.
fn decimal_digits(value: &str) -> Option<(usize, usize)> {
    let unsigned = value.strip_prefix(['-', '+']).unwrap_or(value);
    let (whole, fraction) = unsigned.split_once('.').unwrap_or((unsigned, ""));
    let all_digits = |digits: &str| digits.bytes().all(|byte| byte.is_ascii_digit());
    if whole.is_empty() && fraction.is_empty() || !all_digits(whole) || !all_digits(fraction) {
        return None;
    }
    Some((whole.trim_start_matches('0').len(), fraction.len()))
}

fn fits_decimal(value: &str, precision: usize, scale: usize) -> bool {
    decimal_digits(value).is_some_and(|(whole, _)| {
        let fraction = value.split_once('.').map_or("", |(_, fraction)| fraction).trim_end_matches('0').len();
        fraction <= scale && whole + scale <= precision
    })
}

/// `YYYY-MM-DD`, nothing shorter.
pub(crate) fn date(value: &str) -> Option<NaiveDate> {
    (value.len() == 10).then(|| NaiveDate::parse_from_str(value, "%Y-%m-%d").ok()).flatten()
}

/// `YYYY-MM-DD HH:MM[:SS[.fraction]]`; `T` for the space and a final `Z` are taken, a bare day is its midnight.
fn timestamp(value: &str) -> Option<String> {
    if let Some(date) = date(value) {
        return Some(date.and_time(NaiveTime::MIN).format("%Y-%m-%d %H:%M:%S").to_string());
    }
    let value = value.strip_suffix('Z').unwrap_or(value).replacen('T', " ", 1);
    if value.len() < 16 || value.as_bytes().get(4) != Some(&b'-') {
        return None;
    }
    ["%Y-%m-%d %H:%M:%S%.f", "%Y-%m-%d %H:%M"]
        .iter()
        .find_map(|format| NaiveDateTime::parse_from_str(&value, format).ok())
        .map(|time| time.format("%Y-%m-%d %H:%M:%S%.f").to_string())
}

fn is_base64(value: &str) -> bool {
    let digits = value.trim_end_matches('=');
    value.len().is_multiple_of(4)
        && value.len() - digits.len() <= 2
        && digits.bytes().all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'+' | b'/'))
}

#[cfg(test)]
mod tests {
    use super::*;

    const MONEY: ColumnType = ColumnType::Decimal { precision: 10, scale: 2 };

    #[test]
    fn a_value_is_taken_only_when_nothing_is_lost() {
        assert_eq!(normalised("1.50", MONEY).as_deref(), Some("1.50"));
        assert_eq!(normalised("1.500", MONEY).as_deref(), Some("1.500"));
        assert_eq!(normalised("1.505", MONEY), None);
        assert_eq!(normalised("123456789", MONEY), None);
        assert_eq!(normalised("12345678", MONEY).as_deref(), Some("12345678"));
        assert_eq!(normalised("128", ColumnType::TinyInt), None);
        assert_eq!(normalised("-128", ColumnType::TinyInt).as_deref(), Some("-128"));
        assert_eq!(normalised("1.0", ColumnType::BigInt), None);
        assert_eq!(normalised("TRUE", ColumnType::Boolean).as_deref(), Some("true"));
        assert_eq!(normalised("1", ColumnType::Boolean), None);
        assert_eq!(normalised("2026-02-30", ColumnType::Date), None);
        assert_eq!(normalised("2026-2-3", ColumnType::Date), None);
        assert_eq!(normalised("{\"a\": 1e400}", ColumnType::Json).as_deref(), Some("{\"a\": 1e400}"));
        assert_eq!(normalised("{a: 1}", ColumnType::Json), None);
        assert_eq!(normalised("aGk=", ColumnType::Binary).as_deref(), Some("aGk="));
        assert_eq!(normalised("aGk", ColumnType::Binary), None);
    }

    #[test]
    fn a_time_has_one_usual_form() {
        let usual = |value| normalised(value, ColumnType::Timestamp);
        assert_eq!(usual("2026-10-01T10:00:00Z").as_deref(), Some("2026-10-01 10:00:00"));
        assert_eq!(usual("2026-10-01 10:00:00.250").as_deref(), Some("2026-10-01 10:00:00.250"));
        assert_eq!(usual("2026-10-01 10:00").as_deref(), Some("2026-10-01 10:00:00"));
        assert_eq!(usual("2026-10-01").as_deref(), Some("2026-10-01 00:00:00"));
        assert_eq!(usual("10:00"), None);
    }

    #[test]
    fn inference_keeps_what_is_not_a_number_as_text() {
        assert_eq!(inferred("007"), ColumnType::String);
        assert_eq!(inferred("+81"), ColumnType::String);
        assert_eq!(inferred("0"), ColumnType::BigInt);
        assert_eq!(inferred("-7"), ColumnType::BigInt);
        assert_eq!(inferred("0.50"), ColumnType::Decimal { precision: 2, scale: 2 });
        assert_eq!(inferred("12.5"), ColumnType::Decimal { precision: 3, scale: 1 });
        assert_eq!(inferred("18446744073709551616"), ColumnType::Decimal { precision: 20, scale: 0 });
        assert_eq!(inferred("1e400"), ColumnType::Double);
        assert_eq!(inferred("no"), ColumnType::String);
        assert_eq!(inferred("2026-10-31"), ColumnType::Date);
        assert_eq!(inferred("2026-10-31 01:02:03"), ColumnType::Timestamp);
    }

    #[test]
    fn types_unite_to_one_that_takes_both() {
        let decimal = |precision, scale| ColumnType::Decimal { precision, scale };
        assert_eq!(united(decimal(3, 1), decimal(4, 3)), decimal(5, 3));
        assert_eq!(united(ColumnType::BigInt, decimal(3, 2)), decimal(21, 2));
        assert_eq!(united(ColumnType::BigInt, ColumnType::Date), ColumnType::String);
        assert_eq!(united(ColumnType::Date, ColumnType::Timestamp), ColumnType::Timestamp);
        assert_eq!(united(ColumnType::Double, ColumnType::BigInt), ColumnType::Double);
    }
}
