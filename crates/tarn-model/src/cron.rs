//! When a schedule fires: the six fields of EventBridge Scheduler.
//!
//! Minutes, hours, days of the month, months, days of the week (1 is Sunday), years; one of the two kinds of days is `?`. A time
//! that clocks leave out when they are put forward is skipped, one that comes twice fires once.
//! <https://docs.aws.amazon.com/scheduler/latest/UserGuide/schedule-types.html#cron-based>

use std::collections::BTreeSet;

use chrono::{DateTime, Datelike, Days, NaiveDate, TimeZone, Utc, Weekday};
use chrono_tz::Tz;

const MONTHS: [&str; 12] = ["JAN", "FEB", "MAR", "APR", "MAY", "JUN", "JUL", "AUG", "SEP", "OCT", "NOV", "DEC"];
const WEEKDAYS: [&str; 7] = ["SUN", "MON", "TUE", "WED", "THU", "FRI", "SAT"];
/// Years that Scheduler knows.
const YEARS: (u32, u32) = (1970, 2199);
/// How far is looked for a time: leap days come every four years, and once in eight.
const LONGEST: u64 = 366 * 9;

/// A schedule's times.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Cron {
    minutes: BTreeSet<u32>,
    hours: BTreeSet<u32>,
    months: BTreeSet<u32>,
    years: BTreeSet<u32>,
    days: Vec<Day>,
}

/// One choice of days.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Day {
    Any,
    OfMonth(BTreeSet<u32>),
    /// `L`: the last one.
    Last,
    /// `15W`: the nearest from Monday to Friday in the same month.
    Nearest(u32),
    OfWeek(BTreeSet<u32>),
    /// `6L`: the last Friday of the month.
    LastOfWeek(u32),
    /// `6#3`: the third Friday.
    NthOfWeek(u32, u32),
}

impl Cron {
    /// Reads six fields; says which is wrong.
    ///
    /// # Errors
    /// With what is wrong, in words.
    pub fn parse(text: &str) -> Result<Self, String> {
        let fields: Vec<&str> = text.split_whitespace().collect();
        let [minutes, hours, of_month, months, of_week, years] = fields.as_slice() else {
            return Err(format!("`{text}` has {} fields, and six are wanted", fields.len()));
        };
        if (*of_month == "?") == (*of_week == "?") {
            return Err("one of day of the month and day of the week is `?`, and the other is not".to_owned());
        }
        let days = if *of_week == "?" { days_of_month(of_month)? } else { days_of_week(of_week)? };
        Ok(Self {
            minutes: numbers(minutes, "minutes", (0, 59), &[])?,
            hours: numbers(hours, "hours", (0, 23), &[])?,
            months: numbers(months, "months", (1, 12), &MONTHS)?,
            years: numbers(years, "years", YEARS, &[])?,
            days,
        })
    }

    /// The first time after this one; `None` when there is none for years.
    pub fn next_after(&self, time: DateTime<Utc>, zone: Tz) -> Option<DateTime<Tz>> {
        let first = time.with_timezone(&zone).date_naive();
        (0..LONGEST)
            .filter_map(|ahead| first.checked_add_days(Days::new(ahead)))
            .filter(|day| self.has_day(*day))
            .find_map(|day| {
                let times = self.hours.iter().flat_map(|hour| self.minutes.iter().map(move |minute| (*hour, *minute)));
                let moments = times.filter_map(|(hour, minute)| {
                    zone.from_local_datetime(&day.and_hms_opt(hour, minute, 0)?).earliest()
                });
                moments.filter(|moment| *moment > time).min()
            })
    }

    fn has_day(&self, day: NaiveDate) -> bool {
        let year = u32::try_from(day.year()).unwrap_or_default();
        self.years.contains(&year) && self.months.contains(&day.month()) && self.days.iter().any(|each| each.is(day))
    }
}

impl Day {
    fn is(&self, day: NaiveDate) -> bool {
        let weekday = day.weekday().number_from_sunday();
        let last = last_day(day);
        match self {
            Self::Any => true,
            Self::OfMonth(days) => days.contains(&day.day()),
            Self::Last => day.day() == last,
            Self::Nearest(wanted) => nearest_workday(day, (*wanted).min(last), last) == Some(day.day()),
            Self::OfWeek(days) => days.contains(&weekday),
            Self::LastOfWeek(wanted) => weekday == *wanted && day.day() + 7 > last,
            Self::NthOfWeek(wanted, number) => weekday == *wanted && day.day().div_ceil(7) == *number,
        }
    }
}

fn last_day(day: NaiveDate) -> u32 {
    (28..=31).rev().find(|last| day.with_day(*last).is_some()).unwrap_or(28)
}

/// The day from Monday to Friday that is nearest to one of the same month.
fn nearest_workday(month: NaiveDate, wanted: u32, last: u32) -> Option<u32> {
    Some(match month.with_day(wanted)?.weekday() {
        Weekday::Sat if wanted == 1 => 3,
        Weekday::Sat => wanted - 1,
        Weekday::Sun if wanted == last => wanted - 2,
        Weekday::Sun => wanted + 1,
        _ => wanted,
    })
}

fn days_of_month(field: &str) -> Result<Vec<Day>, String> {
    let one = |part: &str| match part.strip_suffix('W') {
        Some("L") => Err("`LW` is not known to EventBridge Scheduler".to_owned()),
        Some(day) => number(day, "days of the month", (1, 31), &[]).map(Day::Nearest),
        None if part == "L" => Ok(Day::Last),
        None if part == "*" => Ok(Day::Any),
        None => numbers(part, "days of the month", (1, 31), &[]).map(Day::OfMonth),
    };
    field.split(',').map(one).collect()
}

fn days_of_week(field: &str) -> Result<Vec<Day>, String> {
    let weekday = |text: &str| number(text, "days of the week", (1, 7), &WEEKDAYS);
    let one = |part: &str| {
        if part == "*" {
            return Ok(Day::Any);
        }
        if let Some((day, nth)) = part.split_once('#') {
            return Ok(Day::NthOfWeek(weekday(day)?, number(nth, "weeks of the month", (1, 5), &[])?));
        }
        match part.strip_suffix('L') {
            Some("") => Ok(Day::OfWeek(BTreeSet::from([7]))),
            Some(day) => weekday(day).map(Day::LastOfWeek),
            None => numbers(part, "days of the week", (1, 7), &WEEKDAYS).map(Day::OfWeek),
        }
    };
    field.split(',').map(one).collect()
}

/// A list of numbers, ranges and steps: `1,10-20/5,*/15`.
fn numbers(field: &str, what: &str, (least, most): (u32, u32), names: &[&str]) -> Result<BTreeSet<u32>, String> {
    let mut found = BTreeSet::new();
    for part in field.split(',') {
        let (range, step) = match part.split_once('/') {
            Some((range, step)) => (range, number(step, what, (1, most), &[])?),
            None => (part, 1),
        };
        let (first, last) = match range.split_once('-') {
            _ if range == "*" => (least, most),
            Some((first, last)) => {
                (number(first, what, (least, most), names)?, number(last, what, (least, most), names)?)
            }
            None => {
                let first = number(range, what, (least, most), names)?;
                // A step goes on from its beginning to the end.
                (first, if part.contains('/') { most } else { first })
            }
        };
        let step = usize::try_from(step).unwrap_or(1);
        match first <= last {
            true => found.extend((first..=last).step_by(step)),
            // `FRI-MON` goes over the end of the week.
            false => found.extend((first..=most).chain(least..=last).step_by(step)),
        }
    }
    Ok(found)
}

fn number(text: &str, what: &str, (least, most): (u32, u32), names: &[&str]) -> Result<u32, String> {
    let named = names.iter().zip(1_u32..).find(|(name, _)| name.eq_ignore_ascii_case(text)).map(|(_, number)| number);
    let written = || text.parse().ok().filter(|_| text.bytes().all(|byte| byte.is_ascii_digit()));
    let found = named.or_else(written).filter(|number| (least..=most).contains(number));
    found.ok_or_else(|| format!("`{text}` is not among the {what}, {least} to {most}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn next(cron: &str, after: &str, zone: Tz) -> String {
        let found = Cron::parse(cron).unwrap().next_after(after.parse().unwrap(), zone);
        found.map_or_else(|| "never".to_owned(), |time| time.to_rfc3339())
    }

    #[test]
    fn times_are_those_of_the_lakes_zone() {
        let tokyo = chrono_tz::Asia::Tokyo;
        for (cron, after, expected) in [
            ("15 3 * * ? *", "2026-11-20T18:14:59Z", "2026-11-21T03:15:00+09:00"),
            ("15 3 * * ? *", "2026-11-20T18:15:00Z", "2026-11-22T03:15:00+09:00"),
            ("0/15 * * * ? *", "2026-11-20T18:15:01Z", "2026-11-21T03:30:00+09:00"),
            ("0 8-10,20 ? * MON-FRI *", "2026-11-20T11:00:00Z", "2026-11-23T08:00:00+09:00"),
            ("0 0 L * ? *", "2026-11-20T00:00:00Z", "2026-11-30T00:00:00+09:00"),
            ("0 0 15W * ? *", "2026-11-20T00:00:00Z", "2026-12-15T00:00:00+09:00"),
            ("0 0 1W 8 ? *", "2026-07-20T00:00:00Z", "2026-08-03T00:00:00+09:00"),
            ("0 0 ? * 6L *", "2026-11-20T00:00:00Z", "2026-11-27T00:00:00+09:00"),
            ("0 0 ? * FRI#2 *", "2026-11-20T00:00:00Z", "2026-12-11T00:00:00+09:00"),
            ("0 0 29 2 ? *", "2026-11-20T00:00:00Z", "2028-02-29T00:00:00+09:00"),
            ("0 0 1 1 ? 2020", "2026-11-20T00:00:00Z", "never"),
            ("0 12 ? * SAT-SUN *", "2026-11-20T00:00:00Z", "2026-11-21T12:00:00+09:00"),
        ] {
            assert_eq!(next(cron, after, tokyo), expected, "{cron}");
        }
    }

    #[test]
    fn a_time_that_is_left_out_is_skipped_and_one_that_comes_twice_fires_once() {
        let berlin = chrono_tz::Europe::Berlin;
        assert_eq!(next("30 2 * * ? *", "2026-03-28T12:00:00Z", berlin), "2026-03-30T02:30:00+02:00");
        let first = next("30 2 * * ? *", "2026-10-24T12:00:00Z", berlin);
        assert_eq!(first, "2026-10-25T02:30:00+02:00");
        assert_eq!(next("30 2 * * ? *", "2026-10-25T00:30:00Z", berlin), "2026-10-26T02:30:00+01:00");
    }

    #[test]
    fn what_is_wrong_is_said() {
        for (cron, said) in [
            ("15 3 * * ?", "5 fields"),
            ("15 3 * * * *", "`?`"),
            ("60 3 * * ? *", "`60` is not among the minutes"),
            ("0 3 * FOO ? *", "months"),
            ("0 3 ? * 8 *", "days of the week"),
            ("0/0 3 * * ? *", "`0`"),
            ("+5 3 * * ? *", "`+5`"),
        ] {
            let mistake = Cron::parse(cron).unwrap_err();
            assert!(mistake.contains(said), "{cron}: {mistake}");
        }
    }
}
