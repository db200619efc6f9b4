//! Time zones by name or offset, and the rules for local times that do not exist or exist twice.

use chrono::{DateTime, NaiveDateTime, Offset, TimeZone};
use chrono_tz::Tz;
use datafusion::common::Result;

use crate::failure::invalid_argument;

/// A time zone of the tz database, or a fixed offset in seconds east of UTC.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Zone {
    Fixed(i32),
    Named(Tz),
}

impl Zone {
    /// Reads `UTC`, `Z`, `+09:00`, `-0330`, `UTC+9` or a name such as `Asia/Tokyo`.
    pub(crate) fn parse(text: &str) -> Result<Self> {
        let unknown = || invalid_argument(format!("'{text}' is not a valid time zone"));
        if matches!(text, "UTC" | "Z" | "z" | "GMT" | "UT") {
            return Ok(Self::Fixed(0));
        }
        let bare = ["UTC", "GMT", "UT"]
            .iter()
            .find_map(|prefix| text.strip_prefix(prefix))
            .filter(|rest| rest.starts_with(['+', '-']))
            .unwrap_or(text);
        if bare.starts_with(['+', '-']) {
            return parse_offset(bare).map(Self::Fixed).ok_or_else(unknown);
        }
        text.parse::<Tz>()
            .ok()
            .or_else(|| {
                // Trino's names match in any case.
                let known = chrono_tz::TZ_VARIANTS.iter();
                known.copied().find(|tz| tz.name().eq_ignore_ascii_case(text))
            })
            .map(Self::Named)
            .ok_or_else(unknown)
    }

    pub(crate) fn is_utc(&self) -> bool {
        matches!(self, Self::Fixed(0)) || matches!(self, Self::Named(tz) if matches!(*tz, Tz::UTC | Tz::Etc__UTC))
    }

    /// Seconds east of UTC at an instant (seconds since 1970 UTC).
    pub(crate) fn offset_at(&self, instant: i64) -> i32 {
        match self {
            Self::Fixed(offset) => *offset,
            Self::Named(tz) => DateTime::from_timestamp(instant, 0)
                .map_or(0, |utc| tz.offset_from_utc_datetime(&utc.naive_utc()).fix().local_minus_utc()),
        }
    }

    /// Seconds east of UTC at a local time: the earlier instant of two, and across a gap the offset before it.
    pub(crate) fn offset_of_local(&self, local: i64) -> i32 {
        match self {
            Self::Fixed(offset) => *offset,
            Self::Named(tz) => local_time(local).map_or(0, |time| match tz.offset_from_local_datetime(&time) {
                chrono::LocalResult::Single(offset) | chrono::LocalResult::Ambiguous(offset, _) => {
                    offset.fix().local_minus_utc()
                }
                chrono::LocalResult::None => {
                    let before = self.offset_at(local - 86_400);
                    self.offset_at(local - 86_400 - i64::from(before))
                }
            }),
        }
    }

    /// The name Athena prints after a timestamp with this zone.
    pub(crate) fn name(&self) -> String {
        match self {
            Self::Fixed(0) => "UTC".to_owned(),
            Self::Fixed(offset) => offset_text(*offset, true),
            Self::Named(tz) => tz.name().to_owned(),
        }
    }

    /// The short name in use at an instant, such as `JST`.
    pub(crate) fn short_name(&self, instant: i64) -> String {
        match self {
            Self::Fixed(_) => self.name(),
            Self::Named(tz) => DateTime::from_timestamp(instant, 0)
                .map_or_else(|| self.name(), |utc| utc.with_timezone(tz).format("%Z").to_string()),
        }
    }
}

fn local_time(seconds: i64) -> Option<NaiveDateTime> {
    DateTime::from_timestamp(seconds, 0).map(|time| time.naive_utc())
}

/// `+09:00` or `+0900`.
pub(crate) fn offset_text(offset: i32, colon: bool) -> String {
    let sign = if offset < 0 { '-' } else { '+' };
    let minutes = offset.abs() / 60;
    let separator = if colon { ":" } else { "" };
    format!("{sign}{:02}{separator}{:02}", minutes / 60, minutes % 60)
}

/// Reads `+9`, `+09`, `+0900`, `+09:00` as seconds east of UTC.
pub(crate) fn parse_offset(text: &str) -> Option<i32> {
    let sign = match text.bytes().next()? {
        b'+' => 1,
        b'-' => -1,
        _ => return None,
    };
    let digits: String = text[1..].chars().filter(|c| *c != ':').collect();
    if digits.is_empty() || digits.len() > 4 || !digits.bytes().all(|b| b.is_ascii_digit()) {
        return None;
    }
    let number: i32 = digits.parse().ok()?;
    let (hours, minutes) = if digits.len() <= 2 { (number, 0) } else { (number / 100, number % 100) };
    // Trino's time zones end at 14 hours either way.
    (hours <= 14 && minutes < 60).then_some(sign * (hours * 3_600 + minutes * 60))
}
