//! Days and points in time from their ISO 8601 text.

pub(crate) const SECONDS_PER_DAY: i64 = 86_400;
const MICROSECONDS: i64 = 1_000_000;

/// Days since 1970-01-01 of a day of the proleptic Gregorian calendar.
fn days(year: i64, month: i64, day: i64) -> i64 {
    // Years begin in March here, so that the leap day is the last one; 400 years are one cycle of 146,097 days.
    let year = if month <= 2 { year - 1 } else { year };
    let month_from_march = (month + 9) % 12;
    let cycle = year.div_euclid(400);
    let year_of_cycle = year.rem_euclid(400);
    let day_of_year = (153 * month_from_march + 2) / 5 + day - 1;
    let day_of_cycle = year_of_cycle * 365 + year_of_cycle / 4 - year_of_cycle / 100 + day_of_year;
    // 1970-01-01 is day 719,468 from 0000-03-01.
    cycle * 146_097 + day_of_cycle - 719_468
}

/// Year, month and day of days since 1970-01-01.
pub(crate) fn calendar(days: i64) -> (i64, i64, i64) {
    let days = days + 719_468;
    let cycle = days.div_euclid(146_097);
    let day_of_cycle = days.rem_euclid(146_097);
    let year_of_cycle = (day_of_cycle - day_of_cycle / 1_460 + day_of_cycle / 36_524 - day_of_cycle / 146_096) / 365;
    let day_of_year = day_of_cycle - (365 * year_of_cycle + year_of_cycle / 4 - year_of_cycle / 100);
    let month_from_march = (5 * day_of_year + 2) / 153;
    let day = day_of_year - (153 * month_from_march + 2) / 5 + 1;
    let month = (month_from_march + 2) % 12 + 1;
    (cycle * 400 + year_of_cycle + i64::from(month <= 2), month, day)
}

fn month_length(year: i64, month: i64) -> i64 {
    match month {
        2 if year % 4 == 0 && (year % 100 != 0 || year % 400 == 0) => 29,
        2 => 28,
        4 | 6 | 9 | 11 => 30,
        _ => 31,
    }
}

/// The number of exactly these digits.
#[inline]
fn number(digits: &[u8]) -> Option<i64> {
    let mut value = 0;
    for digit in digits {
        if !digit.is_ascii_digit() {
            return None;
        }
        value = value * 10 + i64::from(digit & 15);
    }
    Some(value)
}

/// Days of `YYYY-MM-DD`, for the years 0001 to 9999.
#[inline]
fn date_bytes(text: &[u8; 10]) -> Option<i64> {
    let [y1, y2, y3, y4, b'-', m1, m2, b'-', d1, d2] = *text else { return None };
    let (year, month, day) = (number(&[y1, y2, y3, y4])?, number(&[m1, m2])?, number(&[d1, d2])?);
    let valid = year >= 1 && (1..=12).contains(&month) && day >= 1 && day <= month_length(year, month);
    valid.then(|| days(year, month, day))
}

/// Days since 1970-01-01 of a date `YYYY-MM-DD`.
pub(crate) fn date(text: &str) -> Option<i32> {
    let bytes: &[u8; 10] = text.as_bytes().try_into().ok()?;
    i32::try_from(date_bytes(bytes)?).ok()
}

/// Microseconds since 1970-01-01 00:00 UTC of `YYYY-MM-DD`, `T` or a space, `HH:MM[:SS[.fraction]]`, and `Z`, an offset
/// (`+09:00`, `+0900`, `+09`) or nothing, which is UTC.
///
/// A fraction has up to 9 digits, and only zeros past the sixth: what a microsecond cannot hold is refused.
pub(crate) fn timestamp(text: &str) -> Option<i64> {
    let (day, rest) = text.as_bytes().split_first_chunk::<10>()?;
    let day = date_bytes(day)?;
    let (clock, rest) = rest.split_first_chunk::<6>()?;
    let [b'T' | b't' | b' ', h1, h2, b':', m1, m2] = *clock else { return None };
    let (hour, minute) = (number(&[h1, h2])?, number(&[m1, m2])?);
    let (second, micros, rest) = match rest.split_first_chunk::<3>() {
        Some(([b':', s1, s2], rest)) => {
            let (micros, rest) = fraction(rest)?;
            (number(&[*s1, *s2])?, micros, rest)
        }
        _ => (0, 0, rest),
    };
    if hour > 23 || minute > 59 || second > 59 {
        return None;
    }
    let seconds = day * SECONDS_PER_DAY + hour * 3_600 + minute * 60 + second - offset(rest)?;
    Some(seconds * MICROSECONDS + micros)
}

/// Microseconds of `.digits`, and what follows.
#[inline]
fn fraction(text: &[u8]) -> Option<(i64, &[u8])> {
    let Some((b'.', digits)) = text.split_first() else { return Some((0, text)) };
    let count = digits.iter().take_while(|byte| byte.is_ascii_digit()).count();
    let (digits, rest) = digits.split_at_checked(count)?;
    let (micros, finer) = digits.split_at(count.min(6));
    if !(1..=9).contains(&count) || finer.iter().any(|digit| *digit != b'0') {
        return None;
    }
    let value = number(micros)? * 10i64.pow(6 - u32::try_from(micros.len()).ok()?);
    Some((value, rest))
}

/// Seconds east of UTC.
#[inline]
fn offset(text: &[u8]) -> Option<i64> {
    let (sign, digits) = match text {
        [] | [b'Z' | b'z'] => return Some(0),
        [b'+', digits @ ..] => (1, digits),
        [b'-', digits @ ..] => (-1, digits),
        _ => return None,
    };
    let (hours, minutes) = match *digits {
        [h1, h2] => (number(&[h1, h2])?, 0),
        [h1, h2, m1, m2] | [h1, h2, b':', m1, m2] => (number(&[h1, h2])?, number(&[m1, m2])?),
        _ => return None,
    };
    (hours <= 18 && minutes <= 59).then_some(sign * (hours * 3_600 + minutes * 60))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn dates_exist_or_are_refused() {
        assert_eq!(date("1970-01-01"), Some(0));
        assert_eq!(date("2000-02-29"), Some(11_016));
        assert_eq!(date("1969-12-31"), Some(-1));
        assert_eq!(date("0001-01-01"), Some(-719_162));
        assert_eq!(date("9999-12-31"), Some(2_932_896));
        for text in [
            "1900-02-29",
            "2026-13-01",
            "2026-00-01",
            "2026-01-32",
            "2026-1-1",
            "0000-01-01",
            "2026/01/01",
            "",
            "2026-10-01T",
        ] {
            assert_eq!(date(text), None, "{text}");
        }
    }

    #[test]
    fn timestamps_are_turned_to_utc() {
        for (text, expected) in [
            ("1970-01-01T00:00:00Z", 0),
            ("1970-01-01 00:00:00", 0),
            ("1970-01-01T09:00:00+09:00", 0),
            ("1970-01-01T09:00:00.5+0900", 500_000),
            ("1969-12-31T19:00:00-05", 0),
            ("1970-01-01T00:01Z", 60_000_000),
            ("1970-01-01T00:00:00.000001", 1),
            ("1970-01-01T00:00:00.123456000Z", 123_456),
            ("1969-12-31T23:59:59.999999Z", -1),
            ("2026-10-31T23:59:59.9Z", 1_793_491_199_900_000),
        ] {
            assert_eq!(timestamp(text), Some(expected), "{text}");
        }
        for text in [
            "1970-01-01T00:00:00.1234567Z",
            "1970-01-01T00:00:00.0000000000Z",
            "1970-01-01T00:00:00.Z",
            "1970-01-01T24:00:00Z",
            "1970-01-01T00:60:00Z",
            "1970-01-01T00:00:60Z",
            "1970-01-01T00:00:00 Z",
            "1970-01-01T00:00:00+9",
            "1970-01-01T00:00:00+09:0",
            "1970-01-01",
            "1970-01-01T00",
            "0",
            "",
        ] {
            assert_eq!(timestamp(text), None, "{text}");
        }
    }
}
