//! Time zones by name or offset.

use chrono::{FixedOffset, NaiveDateTime, Offset, TimeZone};
use chrono_tz::Tz;

use crate::temporal::{NANOS_PER_SECOND, nanos_of, wall_of};

/// A time zone as texts name it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Zone {
    /// `Asia/Tokyo`, `UTC`
    Named(Tz),
    /// `+09:00`
    Fixed(FixedOffset),
}

impl Zone {
    /// Reads `UTC`, `Z`, `Asia/Tokyo`, `+09:00`, `+9`, `-0330`.
    pub(crate) fn parse(text: &str) -> Option<Self> {
        let text = text.trim();
        if text.eq_ignore_ascii_case("z") || text.eq_ignore_ascii_case("utc") {
            return Some(Self::Named(Tz::UTC));
        }
        let (sign, digits) = match text.split_at_checked(1)? {
            ("+", rest) => (1, rest),
            ("-", rest) => (-1, rest),
            _ => return text.parse::<Tz>().ok().map(Self::Named),
        };
        let (hours, minutes) = match digits.split_once(':') {
            Some(parts) => parts,
            None if digits.len() == 4 => digits.split_at_checked(2)?,
            None => (digits, "0"),
        };
        let hours: i32 = hours.parse().ok().filter(|hours| *hours <= 14)?;
        let minutes: i32 = minutes.parse().ok().filter(|minutes| *minutes < 60)?;
        FixedOffset::east_opt(sign * (hours * 3600 + minutes * 60)).map(Self::Fixed)
    }

    /// The name under which Arrow's types and results carry it.
    pub(crate) fn name(&self) -> String {
        match self {
            Self::Named(zone) => zone.name().to_owned(),
            Self::Fixed(offset) => offset.to_string(),
        }
    }

    /// The moment of a wall clock, in nanoseconds; a clock that was skipped moves forward, one that came twice is
    /// the first.
    pub(crate) fn to_utc(self, wall: NaiveDateTime) -> Option<i128> {
        let local = nanos_of(wall)?;
        let offset = match self {
            Self::Fixed(offset) => offset,
            Self::Named(zone) => match zone.offset_from_local_datetime(&wall) {
                chrono::LocalResult::Single(offset) => offset.fix(),
                chrono::LocalResult::Ambiguous(first, _) => first.fix(),
                chrono::LocalResult::None => {
                    let before = wall.checked_sub_signed(chrono::TimeDelta::days(1))?;
                    zone.offset_from_utc_datetime(&before).fix()
                }
            },
        };
        Some(local - i128::from(offset.local_minus_utc()) * i128::from(NANOS_PER_SECOND))
    }

    /// The wall clock of a moment.
    pub(crate) fn wall(self, nanos: i128) -> Option<NaiveDateTime> {
        let utc = wall_of(nanos)?;
        let offset = match self {
            Self::Fixed(offset) => offset,
            Self::Named(zone) => zone.offset_from_utc_datetime(&utc).fix(),
        };
        wall_of(nanos + i128::from(offset.local_minus_utc()) * i128::from(NANOS_PER_SECOND))
    }
}
