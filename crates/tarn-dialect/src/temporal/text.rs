//! Texts of dates, times and spans, as Trino's casts and literals read them.

use chrono::{NaiveDate, NaiveDateTime, NaiveTime};

use crate::temporal::{NANOS_PER_DAY, NANOS_PER_SECOND, Zone};

/// The rank of weeks among the units of an interval; they stand alone.
pub(crate) const WEEK: usize = 6;

/// A timestamp as its text says it.
#[derive(Debug, Clone)]
pub(crate) struct ParsedTimestamp {
    /// The wall clock.
    pub(crate) wall: NaiveDateTime,
    /// Digits of the fraction of a second.
    pub(crate) digits: usize,
    /// The zone, if one is written.
    pub(crate) zone: Option<Zone>,
}

/// `2020-1-31`, with a sign and more than four digits of the year if need be.
pub(crate) fn parse_date(text: &str) -> Option<NaiveDate> {
    let (sign, digits) = match text.strip_prefix('-') {
        Some(rest) => (-1, rest),
        None => (1, text.strip_prefix('+').unwrap_or(text)),
    };
    let mut parts = digits.split('-');
    let (year, month, day) = (parts.next()?, parts.next()?, parts.next()?);
    if parts.next().is_some() || year.len() < 4 {
        return None;
    }
    NaiveDate::from_ymd_opt(sign * number(year, 6)? as i32, number(month, 2)?, number(day, 2)?)
}

/// `10:00`, `10:00:00`, `10:00:00.123456`: nanoseconds of the day and digits of the fraction.
pub(crate) fn parse_time(text: &str) -> Option<(i64, usize)> {
    let (clock, fraction) = match text.split_once('.') {
        Some((clock, fraction)) => (clock, fraction),
        None => (text, ""),
    };
    let mut parts = clock.split(':');
    let hour = number(parts.next()?, 2)?;
    let minute = number(parts.next()?, 2)?;
    let second = match parts.next() {
        Some(second) => number(second, 2)?,
        None if fraction.is_empty() => 0,
        None => return None,
    };
    if parts.next().is_some() || (text.contains('.') && fraction.is_empty()) {
        return None;
    }
    if hour > 23 || minute > 59 || second > 59 {
        return None;
    }
    let seconds = i64::from(hour) * 3600 + i64::from(minute) * 60 + i64::from(second);
    Some((seconds * NANOS_PER_SECOND + fraction_nanos(fraction)?, fraction.len()))
}

/// `2020-01-31`, `2020-01-31 10:00:00.123`, either with a zone after it.
pub(crate) fn parse_timestamp(text: &str) -> Option<ParsedTimestamp> {
    let text = text.trim();
    let (date, rest) = match text.split_once(' ') {
        Some((date, rest)) => (date, rest.trim()),
        None => (text, ""),
    };
    let date = parse_date(date)?;
    let clock_end = rest
        .find(|character: char| !character.is_ascii_digit() && character != ':' && character != '.')
        .unwrap_or(rest.len());
    let (clock, zone) = rest.split_at(clock_end);
    let (nanos, digits) = if clock.is_empty() { (0, 0) } else { parse_time(clock)? };
    let zone = match zone.trim() {
        "" => None,
        name => Some(Zone::parse(name)?),
    };
    let seconds = u32::try_from(nanos / NANOS_PER_SECOND).ok()?;
    let rest = u32::try_from(nanos % NANOS_PER_SECOND).ok()?;
    let time = NaiveTime::from_num_seconds_from_midnight_opt(seconds, rest)?;
    Some(ParsedTimestamp { wall: date.and_time(time), digits, zone })
}

fn number(text: &str, longest: usize) -> Option<u32> {
    let valid = (1..=longest).contains(&text.len()) && text.bytes().all(|b| b.is_ascii_digit());
    valid.then(|| text.parse().ok()).flatten()
}

/// Digits after the point as nanoseconds; further digits round.
fn fraction_nanos(digits: &str) -> Option<i64> {
    if !digits.bytes().all(|byte| byte.is_ascii_digit()) || digits.len() > 12 {
        return None;
    }
    let picos: i64 = format!("{digits:0<12}").parse().ok()?;
    Some((picos + 500) / 1000)
}

/// Months of `1` (year, month) or `1-6` (year to month).
pub(crate) fn months_of(text: &str, from: usize, to: usize) -> Option<i64> {
    let whole = |text: &str| text.parse::<u32>().ok().map(i64::from);
    match (from, to) {
        (0, 0) => whole(text)?.checked_mul(12),
        (1, 1) => whole(text),
        (0, 1) => {
            let (years, months) = text.split_once('-')?;
            whole(years)?.checked_mul(12)?.checked_add(whole(months)?)
        }
        _ => None,
    }
}

/// Nanoseconds of a span whose text runs from one unit to another: `1 10:30:00.5` (day to second).
pub(crate) fn day_time_of(text: &str, from: usize, to: usize) -> Option<i64> {
    if from == WEEK {
        return (to == WEEK)
            .then(|| text.parse::<u32>().ok())
            .flatten()
            .and_then(|weeks| i64::from(weeks).checked_mul(7 * NANOS_PER_DAY));
    }
    let per = |unit: usize| match unit {
        2 => NANOS_PER_DAY,
        3 => 3600 * NANOS_PER_SECOND,
        4 => 60 * NANOS_PER_SECOND,
        _ => NANOS_PER_SECOND,
    };
    if !(2..=5).contains(&from) || !(from..=5).contains(&to) {
        return None;
    }
    let mut rest = text;
    let mut total = 0_i64;
    for unit in from..=to {
        let (part, after) = if unit == to {
            (rest, "")
        } else if unit == 2 {
            rest.split_once(' ')?
        } else {
            rest.split_once(':')?
        };
        rest = after;
        let (whole, fraction) = match part.split_once('.') {
            Some((whole, fraction)) if unit == 5 => (whole, fraction_nanos(fraction)?),
            Some(_) => return None,
            None => (part, 0),
        };
        let whole = i64::from(whole.parse::<u32>().ok()?);
        total = total.checked_add(whole.checked_mul(per(unit))?)?.checked_add(fraction)?;
    }
    Some(total)
}
