//! One value on its way into a mart, and how dates, times and decimals are written as text.

use std::fmt::Write as _;

/// A value as a Parquet file holds it, before any database's notation.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) enum Value<'a> {
    /// SQL null.
    Null,
    /// `true` or `false`.
    Boolean(bool),
    /// A whole number.
    Integer(i64),
    /// A binary floating point number; a 32-bit one is widened, which is exact.
    Real(f64),
    /// `unscaled` / 10^`scale`.
    Decimal {
        /// All digits as a whole number.
        unscaled: i128,
        /// Digits after the point.
        scale: u8,
    },
    /// Text, or JSON as text.
    Text(&'a str),
    /// Days since 1970-01-01.
    Date(i32),
    /// A point in time.
    Timestamp {
        /// Whole seconds since 1970-01-01 00:00:00, rounded down.
        seconds: i64,
        /// Nanoseconds after them, 0 to 999,999,999.
        nanoseconds: u32,
    },
    /// Bytes.
    Binary(&'a [u8]),
}

const SECONDS_PER_DAY: i64 = 86_400;

/// Appends `YYYY-MM-DD` (proleptic Gregorian). False, and nothing appended, for years outside of 1 to 9999, which have no such text.
pub(crate) fn write_date(days: i64, text: &mut String) -> bool {
    // Days since 0000-03-01, so that the leap day is the last of its year; then eras of 400 years.
    let Some(days) = days.checked_add(719_468) else {
        return false;
    };
    let era = days.div_euclid(146_097);
    let day_of_era = days.rem_euclid(146_097);
    let year_of_era = (day_of_era - day_of_era / 1_460 + day_of_era / 36_524 - day_of_era / 146_096) / 365;
    let day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let month_from_march = (5 * day_of_year + 2) / 153;
    let day = day_of_year - (153 * month_from_march + 2) / 5 + 1;
    let month = if month_from_march < 10 { month_from_march + 3 } else { month_from_march - 9 };
    let year = year_of_era + era * 400 + i64::from(month <= 2);
    if !(1..=9999).contains(&year) {
        return false;
    }
    write_digits(year, 4, text);
    text.push('-');
    write_digits(month, 2, text);
    text.push('-');
    write_digits(day, 2, text);
    true
}

/// Appends `YYYY-MM-DD HH:MM:SS`, with six digits of fraction when there is one, nine when six would lose something.
///
/// One moment has one text, and texts sort as the moments do. Six digits are what programs read as microseconds.
/// False, and nothing appended, for years outside of 1 to 9999.
pub(crate) fn write_timestamp(seconds: i64, nanoseconds: u32, text: &mut String) -> bool {
    if !write_date(seconds.div_euclid(SECONDS_PER_DAY), text) {
        return false;
    }
    let second_of_day = seconds.rem_euclid(SECONDS_PER_DAY);
    text.push(' ');
    write_digits(second_of_day / 3_600, 2, text);
    text.push(':');
    write_digits(second_of_day / 60 % 60, 2, text);
    text.push(':');
    write_digits(second_of_day % 60, 2, text);
    if nanoseconds != 0 {
        text.push('.');
        if nanoseconds.is_multiple_of(1_000) {
            write_digits(i64::from(nanoseconds / 1_000), 6, text);
        } else {
            write_digits(i64::from(nanoseconds), 9, text);
        }
    }
    true
}

/// Appends a decimal with all the digits of its scale: `-0.05`, `12.50`, `7`.
pub(crate) fn write_decimal(unscaled: i128, scale: u8, text: &mut String) {
    if unscaled < 0 {
        text.push('-');
    }
    let start = text.len();
    // Writing to a String cannot fail.
    let _ = write!(text, "{:0width$}", unscaled.unsigned_abs(), width = usize::from(scale) + 1);
    if scale > 0 {
        let point = text.len() - usize::from(scale);
        debug_assert!(point > start);
        text.insert(point, '.');
    }
}

/// The same decimal without zeros at its end: `12.50` is (125, 1). One number has one such form, whatever its column's scale.
pub(crate) fn shortest_decimal(mut unscaled: i128, mut scale: u8) -> (i128, u8) {
    while scale > 0 && unscaled % 10 == 0 {
        unscaled /= 10;
        scale -= 1;
    }
    (unscaled, scale)
}

fn write_digits(number: i64, width: u32, text: &mut String) {
    let mut unit = 10_i64.pow(width - 1);
    while unit > 0 {
        let digit = u8::try_from(number / unit % 10).unwrap_or(0);
        text.push(char::from(b'0' + digit));
        unit /= 10;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn date(days: i64) -> Option<String> {
        let mut text = String::new();
        write_date(days, &mut text).then_some(text)
    }

    fn timestamp(seconds: i64, nanoseconds: u32) -> Option<String> {
        let mut text = String::new();
        write_timestamp(seconds, nanoseconds, &mut text).then_some(text)
    }

    #[test]
    fn dates_follow_the_calendar() {
        assert_eq!(date(0).as_deref(), Some("1970-01-01"));
        assert_eq!(date(-1).as_deref(), Some("1969-12-31"));
        assert_eq!(date(11_016).as_deref(), Some("2000-02-29"));
        assert_eq!(date(-25_509).as_deref(), Some("1900-02-28"));
        assert_eq!(date(-25_508).as_deref(), Some("1900-03-01"));
        assert_eq!(date(-719_162).as_deref(), Some("0001-01-01"));
        assert_eq!(date(2_932_896).as_deref(), Some("9999-12-31"));
        assert_eq!(date(2_932_897), None);
        assert_eq!(date(-719_163), None);
        assert_eq!(date(i64::MAX), None);
    }

    #[test]
    fn every_day_follows_the_one_before() {
        let mut last = date(-719_162).unwrap();
        let mut months = 0;
        for days in -719_161..=2_932_896 {
            let next = date(days).unwrap();
            assert!(next > last, "{last} {next}");
            months += u32::from(next.ends_with("-01"));
            last = next;
        }
        assert_eq!(months, 9999 * 12 - 1);
    }

    #[test]
    fn a_fraction_is_written_only_when_there_is_one() {
        assert_eq!(timestamp(0, 0).as_deref(), Some("1970-01-01 00:00:00"));
        assert_eq!(timestamp(-1, 999_000_000).as_deref(), Some("1969-12-31 23:59:59.999000"));
        assert_eq!(timestamp(86_399, 1).as_deref(), Some("1970-01-01 23:59:59.000000001"));
        assert_eq!(timestamp(i64::MIN, 0), None);
    }

    #[test]
    fn decimals_keep_every_digit() {
        for (unscaled, scale, wanted) in [
            (-5, 2, "-0.05"),
            (1250, 2, "12.50"),
            (7, 0, "7"),
            (0, 3, "0.000"),
            (i128::MIN, 38, "-1.70141183460469231731687303715884105728"),
        ] {
            let mut text = String::new();
            write_decimal(unscaled, scale, &mut text);
            assert_eq!(text, wanted);
        }
        assert_eq!(shortest_decimal(1250, 2), (125, 1));
        assert_eq!(shortest_decimal(-100, 2), (-1, 0));
        assert_eq!(shortest_decimal(100, 0), (100, 0));
        assert_eq!(shortest_decimal(0, 9), (0, 0));
    }
}
