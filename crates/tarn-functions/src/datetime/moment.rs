//! Wall-clock time on the proleptic Gregorian calendar, for any year a timestamp can hold.
//!
//! The engine's own calendar type stops at nanoseconds in 64 bits or costs more per row; days and seconds
//! as integers with the well-known era arithmetic cover all units alike.

/// Seconds of a day.
pub(crate) const DAY: i64 = 86_400;

/// A wall-clock time: seconds since 1970-01-01 00:00 and nanoseconds within the second.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Moment {
    pub(crate) seconds: i64,
    pub(crate) nanos: u32,
}

/// A day of the calendar.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Day {
    pub(crate) year: i64,
    pub(crate) month: u32,
    pub(crate) day: u32,
}

impl Moment {
    /// Midnight of a day, counted from 1970-01-01.
    pub(crate) fn of_day(days: i64) -> Self {
        Self { seconds: days * DAY, nanos: 0 }
    }

    /// A count of fractions of a second.
    pub(crate) fn from_ticks(ticks: i64, per_second: i64) -> Self {
        let nanos_per_tick = 1_000_000_000 / per_second;
        Self { seconds: ticks.div_euclid(per_second), nanos: (ticks.rem_euclid(per_second) * nanos_per_tick) as u32 }
    }

    /// The count of fractions of a second, rounded down; `None` if it overflows.
    pub(crate) fn to_ticks(self, per_second: i64) -> Option<i64> {
        let nanos_per_tick = 1_000_000_000 / per_second;
        self.seconds.checked_mul(per_second)?.checked_add(i64::from(self.nanos) / nanos_per_tick)
    }

    /// Milliseconds since 1970, rounded down.
    pub(crate) fn millis(self) -> i64 {
        self.seconds.saturating_mul(1_000).saturating_add(i64::from(self.nanos / 1_000_000))
    }

    /// Days since 1970-01-01.
    pub(crate) fn days(self) -> i64 {
        self.seconds.div_euclid(DAY)
    }

    /// Seconds since midnight.
    pub(crate) fn second_of_day(self) -> i64 {
        self.seconds.rem_euclid(DAY)
    }

    pub(crate) fn plus_seconds(self, seconds: i64) -> Self {
        Self { seconds: self.seconds.saturating_add(seconds), nanos: self.nanos }
    }

    /// The same time of day on another day.
    pub(crate) fn on_day(self, days: i64) -> Self {
        Self { seconds: days.saturating_mul(DAY).saturating_add(self.second_of_day()), nanos: self.nanos }
    }

    pub(crate) fn day(self) -> Day {
        Day::from_days(self.days())
    }

    pub(crate) fn hour(self) -> i64 {
        self.second_of_day() / 3_600
    }

    pub(crate) fn minute(self) -> i64 {
        self.second_of_day() / 60 % 60
    }

    pub(crate) fn second(self) -> i64 {
        self.second_of_day() % 60
    }

    pub(crate) fn millisecond(self) -> i64 {
        i64::from(self.nanos / 1_000_000)
    }
}

impl Day {
    /// The date that lies `days` after 1970-01-01.
    pub(crate) fn from_days(days: i64) -> Self {
        let shifted = days + 719_468;
        let era = shifted.div_euclid(146_097);
        let day_of_era = shifted.rem_euclid(146_097);
        let year_of_era = (day_of_era - day_of_era / 1_460 + day_of_era / 36_524 - day_of_era / 146_096) / 365;
        let day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
        let shifted_month = (5 * day_of_year + 2) / 153;
        let day = day_of_year - (153 * shifted_month + 2) / 5 + 1;
        let month = if shifted_month < 10 { shifted_month + 3 } else { shifted_month - 9 };
        Self { year: year_of_era + era * 400 + i64::from(month <= 2), month: month as u32, day: day as u32 }
    }

    /// Days since 1970-01-01.
    pub(crate) fn days(self) -> i64 {
        days_from(self.year, self.month, self.day)
    }

    /// Day of the year, from 1.
    pub(crate) fn day_of_year(self) -> i64 {
        self.days() - days_from(self.year, 1, 1) + 1
    }

    /// The day `months` later; a day the month does not have becomes its last.
    pub(crate) fn plus_months(self, months: i64) -> Option<Self> {
        let index = self.year.checked_mul(12)?.checked_add(i64::from(self.month) - 1)?.checked_add(months)?;
        let (year, month) = (index.div_euclid(12), (index.rem_euclid(12) + 1) as u32);
        // Outside of this the day count does not fit the types anyway.
        if !(-300_000_000..=300_000_000).contains(&year) {
            return None;
        }
        Some(Self { year, month, day: self.day.min(days_in_month(year, month)) })
    }
}

/// Days since 1970-01-01 of a date.
pub(crate) fn days_from(year: i64, month: u32, day: u32) -> i64 {
    let year = if month <= 2 { year - 1 } else { year };
    let era = year.div_euclid(400);
    let year_of_era = year.rem_euclid(400);
    let shifted_month = i64::from(if month > 2 { month - 3 } else { month + 9 });
    let day_of_year = (153 * shifted_month + 2) / 5 + i64::from(day) - 1;
    let day_of_era = year_of_era * 365 + year_of_era / 4 - year_of_era / 100 + day_of_year;
    era * 146_097 + day_of_era - 719_468
}

/// Whether February has 29 days.
pub(crate) fn is_leap(year: i64) -> bool {
    year % 4 == 0 && (year % 100 != 0 || year % 400 == 0)
}

/// Days of a month.
pub(crate) fn days_in_month(year: i64, month: u32) -> u32 {
    match month {
        2 if is_leap(year) => 29,
        2 => 28,
        4 | 6 | 9 | 11 => 30,
        _ => 31,
    }
}

/// ISO day of week of a day count: Monday 1 to Sunday 7.
pub(crate) fn day_of_week(days: i64) -> i64 {
    (days + 3).rem_euclid(7) + 1
}

/// ISO year and week of a day count.
pub(crate) fn iso_week(days: i64) -> (i64, i64) {
    // A week belongs to the year that its Thursday lies in.
    let thursday = days + 4 - day_of_week(days);
    let year = Day::from_days(thursday).year;
    (year, (thursday - days_from(year, 1, 1)) / 7 + 1)
}

/// The Monday that begins week 1 of an ISO year, as a day count.
pub(crate) fn first_monday(year: i64) -> i64 {
    let fourth = days_from(year, 1, 4);
    fourth + 1 - day_of_week(fourth)
}

/// Weeks of an ISO year: 52 or 53.
pub(crate) fn weeks_in_year(year: i64) -> i64 {
    (first_monday(year + 1) - first_monday(year)) / 7
}
