//! ISO 8601 text: calendar dates, week dates, ordinal dates, times with fractions and offsets.

use datafusion::common::Result;

use super::moment::{DAY, Moment, days_from, days_in_month, first_monday, is_leap, weeks_in_year};
use super::zone::Zone;
use crate::failure::invalid_argument;

/// Reads a date such as `2020-05-11`, `2020-W20-1`, `2020-132`, `2020-05` or `2020`; gives the day count.
pub(crate) fn read_date(text: &str) -> Result<i64> {
    let mut cursor = Cursor { text, position: 0 };
    match cursor.date() {
        Some(days) if cursor.at_end() => Ok(days),
        _ => Err(malformed(text)),
    }
}

/// Reads a date with optional time and zone; gives the wall-clock time and the zone.
pub(crate) fn read_timestamp(text: &str) -> Result<(Moment, Option<Zone>)> {
    let mut cursor = Cursor { text, position: 0 };
    cursor.timestamp().filter(|_| cursor.at_end()).ok_or_else(|| malformed(text))
}

fn malformed(text: &str) -> datafusion::common::DataFusionError {
    invalid_argument(format!("Invalid format: \"{text}\""))
}

struct Cursor<'t> {
    text: &'t str,
    position: usize,
}

impl Cursor<'_> {
    fn peek(&self) -> Option<u8> {
        self.text.as_bytes().get(self.position).copied()
    }

    fn at_end(&self) -> bool {
        self.position == self.text.len()
    }

    fn eat(&mut self, byte: u8) -> bool {
        let found = self.peek() == Some(byte);
        self.position += usize::from(found);
        found
    }

    fn digits(&mut self, least: usize, most: usize) -> Option<i64> {
        let mut number: i64 = 0;
        let start = self.position;
        while self.position - start < most
            && let Some(byte @ b'0'..=b'9') = self.peek()
        {
            number = number * 10 + i64::from(byte - b'0');
            self.position += 1;
        }
        (self.position - start >= least).then_some(number)
    }

    /// How many digits follow.
    fn run(&self) -> usize {
        self.text.as_bytes()[self.position..].iter().take_while(|b| b.is_ascii_digit()).count()
    }

    fn date(&mut self) -> Option<i64> {
        let negative = match self.peek()? {
            b'-' => self.eat(b'-'),
            b'+' => !self.eat(b'+'),
            _ => false,
        };
        let year = self.digits(1, 9)?;
        let year = if negative { -year } else { year };
        if !self.eat(b'-') {
            return Some(days_from(year, 1, 1));
        }
        if self.eat(b'W') {
            let week = self.digits(1, 2)?;
            let day = if self.eat(b'-') { self.digits(1, 1)? } else { 1 };
            let valid = (1..=weeks_in_year(year)).contains(&week) && (1..=7).contains(&day);
            return valid.then(|| first_monday(year) + (week - 1) * 7 + day - 1);
        }
        if self.run() == 3 {
            let day = self.digits(3, 3)?;
            let length = if is_leap(year) { 366 } else { 365 };
            return (1..=length).contains(&day).then(|| days_from(year, 1, 1) + day - 1);
        }
        let month = self.digits(1, 2)? as u32;
        if !(1..=12).contains(&month) {
            return None;
        }
        let day = if self.eat(b'-') { self.digits(1, 2)? as u32 } else { 1 };
        (1..=days_in_month(year, month)).contains(&day).then(|| days_from(year, month, day))
    }

    fn timestamp(&mut self) -> Option<(Moment, Option<Zone>)> {
        let days = if self.peek() == Some(b'T') { 0 } else { self.date()? };
        let mut moment = Moment::of_day(days);
        if !self.eat(b'T') {
            return Some((moment, None));
        }
        if self.peek().is_some_and(|byte| byte.is_ascii_digit()) {
            let (seconds, nanos) = self.time()?;
            moment.seconds += seconds;
            moment.nanos = nanos;
        }
        let zone = if self.at_end() { None } else { Some(self.zone()?) };
        Some((moment, zone))
    }

    /// Seconds since midnight and nanoseconds; the last part given may have a fraction.
    fn time(&mut self) -> Option<(i64, u32)> {
        let mut seconds = 0;
        for (size, limit) in [(3_600, 23), (60, 59), (1, 59)] {
            let value = self.digits(1, 2)?;
            if value > limit {
                return None;
            }
            seconds += value * size;
            if self.eat(b'.') || self.eat(b',') {
                let nanos = i128::from(self.fraction()?) * i128::from(size);
                let whole = (nanos / 1_000_000_000) as i64;
                return Some(((seconds + whole).min(DAY - 1), (nanos % 1_000_000_000) as u32));
            }
            if size == 1 || !self.eat(b':') {
                break;
            }
        }
        Some((seconds, 0))
    }

    /// Nanoseconds; digits past the ninth are dropped.
    fn fraction(&mut self) -> Option<u32> {
        let length = self.run();
        if length == 0 {
            return None;
        }
        let kept = self.digits(1, 9)? as u32;
        self.position += length.saturating_sub(9);
        Some(kept * 10_u32.pow(9 - length.min(9) as u32))
    }

    fn zone(&mut self) -> Option<Zone> {
        if self.eat(b'Z') || self.eat(b'z') {
            return Some(Zone::Fixed(0));
        }
        let sign = if self.eat(b'-') {
            -1
        } else if self.eat(b'+') {
            1
        } else {
            return None;
        };
        let hours = self.digits(2, 2)?;
        let minutes = if self.eat(b':') || self.peek().is_some() { self.digits(2, 2)? } else { 0 };
        (hours <= 14 && minutes < 60).then(|| Zone::Fixed((sign * (hours * 3_600 + minutes * 60)) as i32))
    }
}
