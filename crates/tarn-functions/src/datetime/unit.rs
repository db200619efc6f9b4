//! Units of date arithmetic: truncation, addition, and difference in complete units.

use datafusion::common::Result;

use super::moment::{DAY, Day, Moment, day_of_week, days_from, days_in_month, is_leap};
use crate::failure::{invalid_argument, out_of_range};

/// A unit that `date_trunc`, `date_add` and `date_diff` know.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Unit {
    Millisecond,
    Second,
    Minute,
    Hour,
    Day,
    Week,
    Month,
    Quarter,
    Year,
}

impl Unit {
    /// The unit of a function on timestamps.
    pub(crate) fn of_timestamp(name: &str) -> Result<Self> {
        Self::parse(name).ok_or_else(|| invalid_argument(format!("'{name}' is not a valid TIMESTAMP field")))
    }

    /// The unit of a function on dates: a day or more.
    pub(crate) fn of_date(name: &str) -> Result<Self> {
        Self::parse(name)
            .filter(|unit| *unit >= Self::Day)
            .ok_or_else(|| invalid_argument(format!("'{name}' is not a valid DATE field")))
    }

    fn parse(name: &str) -> Option<Self> {
        const NAMES: [(&str, Unit); 9] = [
            ("day", Unit::Day),
            ("hour", Unit::Hour),
            ("minute", Unit::Minute),
            ("second", Unit::Second),
            ("month", Unit::Month),
            ("week", Unit::Week),
            ("year", Unit::Year),
            ("quarter", Unit::Quarter),
            ("millisecond", Unit::Millisecond),
        ];
        NAMES.iter().find(|(known, _)| known.eq_ignore_ascii_case(name)).map(|(_, unit)| *unit)
    }

    /// The beginning of the unit that a moment lies in.
    pub(crate) fn truncate(self, moment: Moment) -> Moment {
        let seconds = moment.seconds;
        match self {
            Self::Millisecond => Moment { seconds, nanos: moment.nanos / 1_000_000 * 1_000_000 },
            Self::Second => Moment { seconds, nanos: 0 },
            Self::Minute => floor(seconds, 60),
            Self::Hour => floor(seconds, 3_600),
            Self::Day => floor(seconds, DAY),
            Self::Week => Moment::of_day(moment.days() + 1 - day_of_week(moment.days())),
            Self::Month => {
                let day = moment.day();
                Moment::of_day(days_from(day.year, day.month, 1))
            }
            Self::Quarter => {
                let day = moment.day();
                Moment::of_day(days_from(day.year, (day.month - 1) / 3 * 3 + 1, 1))
            }
            Self::Year => Moment::of_day(days_from(moment.day().year, 1, 1)),
        }
    }

    /// A moment `count` units later; a day its month does not have becomes the month's last.
    pub(crate) fn add(self, moment: Moment, count: i64) -> Result<Moment> {
        let overflow = || out_of_range("date_add: the result is out of range");
        let plus = |seconds: i64| {
            count
                .checked_mul(seconds)
                .and_then(|seconds| moment.seconds.checked_add(seconds))
                .map(|seconds| Moment { seconds, nanos: moment.nanos })
                .ok_or_else(overflow)
        };
        let plus_months = |months: i64| {
            count
                .checked_mul(months)
                .and_then(|months| moment.day().plus_months(months))
                .map(|day| moment.on_day(day.days()))
                .ok_or_else(overflow)
        };
        match self {
            Self::Millisecond => {
                let millis = i64::from(moment.nanos / 1_000_000).checked_add(count).ok_or_else(overflow)?;
                Ok(Moment {
                    seconds: moment.seconds.checked_add(millis.div_euclid(1_000)).ok_or_else(overflow)?,
                    nanos: millis.rem_euclid(1_000) as u32 * 1_000_000 + moment.nanos % 1_000_000,
                })
            }
            Self::Second => plus(1),
            Self::Minute => plus(60),
            Self::Hour => plus(3_600),
            Self::Day => plus(DAY),
            Self::Week => plus(7 * DAY),
            Self::Month => plus_months(1),
            Self::Quarter => plus_months(3),
            Self::Year => plus_months(12),
        }
    }

    /// Complete units from `start` to `end`, negative if `end` is earlier; milliseconds decide.
    pub(crate) fn difference(self, start: Moment, end: Moment) -> i64 {
        let (start_millis, end_millis) = (start.millis(), end.millis());
        let fixed = |millis: i64| end_millis.saturating_sub(start_millis) / millis;
        match self {
            Self::Millisecond => fixed(1),
            Self::Second => fixed(1_000),
            Self::Minute => fixed(60_000),
            Self::Hour => fixed(3_600_000),
            Self::Day => fixed(DAY * 1_000),
            Self::Week => fixed(7 * DAY * 1_000),
            Self::Month if end_millis < start_millis => -complete_months(end, start),
            Self::Month => complete_months(start, end),
            Self::Quarter if end_millis < start_millis => -complete_months(end, start) / 3,
            Self::Quarter => complete_months(start, end) / 3,
            Self::Year if end_millis < start_millis => -complete_years(end, start),
            Self::Year => complete_years(start, end),
        }
    }
}

fn floor(seconds: i64, unit: i64) -> Moment {
    Moment { seconds: seconds.div_euclid(unit) * unit, nanos: 0 }
}

/// Months from an earlier to a later moment. The last day of a month completes any later day.
fn complete_months(start: Moment, end: Moment) -> i64 {
    let (first, last) = (start.day(), end.day());
    let mut months = (last.year - first.year) * 12 + i64::from(last.month) - i64::from(first.month);
    let mut first_day = first.day;
    if last.day == days_in_month(last.year, last.month) && first_day > last.day {
        first_day = last.day;
    }
    let within = |day: u32, moment: Moment| (day, moment.second_of_day(), moment.millisecond());
    if within(last.day, end) < within(first_day, start) {
        months -= 1;
    }
    months
}

/// Years from an earlier to a later moment; days after February are compared as of a common year.
fn complete_years(start: Moment, end: Moment) -> i64 {
    const FEBRUARY_29: i64 = 59;
    let (first, last) = (start.day(), end.day());
    let mut first_day = first.day_of_year() - 1;
    let mut last_day = last.day_of_year() - 1;
    if first_day >= FEBRUARY_29 {
        match (is_leap(first.year), is_leap(last.year)) {
            (true, false) => first_day -= 1,
            (false, true) => last_day -= 1,
            _ => {}
        }
    }
    let within = |day: i64, moment: Moment| (day, moment.second_of_day(), moment.millisecond());
    let years = last.year - first.year;
    if within(last_day, end) < within(first_day, start) { years - 1 } else { years }
}

/// The last day of the month.
pub(crate) fn last_day_of_month(days: i64) -> i64 {
    let day = Day::from_days(days);
    days_from(day.year, day.month, days_in_month(day.year, day.month))
}
