//! Dates, times, timestamps and intervals: reading their texts, and arithmetic on them.

mod arithmetic;
mod text;
mod zone;

use arrow::datatypes::{IntervalMonthDayNano, TimeUnit};
use chrono::{DateTime, Datelike, NaiveDate, NaiveDateTime};
use datafusion::common::ScalarValue;
use std::sync::Arc;

pub(crate) use arithmetic::{AtTimeZone, TemporalArithmetic, temporal_result};
pub(crate) use text::{WEEK, day_time_of, months_of, parse_date, parse_time, parse_timestamp};
pub(crate) use zone::Zone;

pub(crate) const NANOS_PER_SECOND: i64 = 1_000_000_000;
pub(crate) const NANOS_PER_DAY: i64 = 86_400 * NANOS_PER_SECOND;

const UNIX_EPOCH_DAY: i32 = 719_163;

/// Days since 1970-01-01.
pub(crate) fn days_of(date: NaiveDate) -> i32 {
    date.num_days_from_ce() - UNIX_EPOCH_DAY
}

/// The date of a day since 1970-01-01.
pub(crate) fn date_of(days: i32) -> Option<NaiveDate> {
    NaiveDate::from_num_days_from_ce_opt(days.checked_add(UNIX_EPOCH_DAY)?)
}

/// Nanoseconds since the epoch of a wall clock read as UTC.
pub(crate) fn nanos_of(wall: NaiveDateTime) -> Option<i128> {
    let utc = wall.and_utc();
    Some(i128::from(utc.timestamp()) * i128::from(NANOS_PER_SECOND) + i128::from(utc.timestamp_subsec_nanos()))
}

/// The wall clock of nanoseconds since the epoch.
pub(crate) fn wall_of(nanos: i128) -> Option<NaiveDateTime> {
    let second = i128::from(NANOS_PER_SECOND);
    let seconds = i64::try_from(nanos.div_euclid(second)).ok()?;
    let rest = u32::try_from(nanos.rem_euclid(second)).ok()?;
    DateTime::from_timestamp(seconds, rest).map(|moment| moment.naive_utc())
}

/// Nanoseconds in one tick of a unit.
pub(crate) fn nanos_per(unit: TimeUnit) -> i64 {
    match unit {
        TimeUnit::Second => NANOS_PER_SECOND,
        TimeUnit::Millisecond => 1_000_000,
        TimeUnit::Microsecond => 1_000,
        TimeUnit::Nanosecond => 1,
    }
}

/// Ticks of a unit, a half rounded up; `None` where they do not fit.
pub(crate) fn ticks(nanos: i128, unit: TimeUnit) -> Option<i64> {
    let per = i128::from(nanos_per(unit));
    i64::try_from((nanos + per / 2).div_euclid(per)).ok()
}

/// A timestamp constant.
pub(crate) fn timestamp_scalar(nanos: i128, unit: TimeUnit, zone: Option<Arc<str>>) -> Option<ScalarValue> {
    let value = Some(ticks(nanos, unit)?);
    Some(match unit {
        TimeUnit::Second => ScalarValue::TimestampSecond(value, zone),
        TimeUnit::Millisecond => ScalarValue::TimestampMillisecond(value, zone),
        TimeUnit::Microsecond => ScalarValue::TimestampMicrosecond(value, zone),
        TimeUnit::Nanosecond => ScalarValue::TimestampNanosecond(value, zone),
    })
}

/// An interval of days and a rest of the same sign: equal spans have one representation.
pub(crate) fn day_time(nanos: i64) -> IntervalMonthDayNano {
    let days = i32::try_from(nanos / NANOS_PER_DAY).unwrap_or(0);
    IntervalMonthDayNano::new(0, days, nanos % NANOS_PER_DAY)
}

/// The span of a `interval day to second`.
pub(crate) fn span_of(interval: IntervalMonthDayNano) -> i128 {
    i128::from(interval.days) * i128::from(NANOS_PER_DAY) + i128::from(interval.nanoseconds)
}
