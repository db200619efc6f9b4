//! Time: the days that are generated, how busy each hour of them is, and ISO 8601 text.
//!
//! Instants are milliseconds since 1970-01-01 UTC. Days begin at midnight in Tokyo, as the lake's days do.

use anyhow::{Context, Result, bail};

pub(crate) const MINUTE: i64 = 60_000;
pub(crate) const HOUR: i64 = 60 * MINUTE;
pub(crate) const DAY: i64 = 24 * HOUR;
const TOKYO_OFFSET: i64 = 9 * HOUR;

/// Relative demand in each hour of a Tokyo day: quiet nights, a lunch break, busy evenings.
const DEMAND_BY_HOUR: [f64; 24] = [
    2.0, 1.0, 1.0, 0.5, 0.5, 1.0, 2.0, 4.0, 5.0, 5.0, 5.0, 5.5, 8.0, 6.0, 5.0, 5.0, 5.0, 6.0, 7.0, 8.0, 10.0, 11.0,
    9.0, 5.0,
];

/// The generated days and the demand in each of their hours.
#[derive(Debug)]
pub(crate) struct Calendar {
    start: i64,
    days: i64,
    /// Share of the whole demand that lies before the end of each hour; the last is 1.
    demand_before: Vec<f64>,
}

impl Calendar {
    /// `from` is `YYYY-MM-DD`, a Tokyo date.
    pub(crate) fn new(from: &str, days: u32) -> Result<Self> {
        if days == 0 {
            bail!("`--days` must be at least 1");
        }
        let first_day = parse_date(from)?;
        let mut total = 0.0;
        let mut demand_before = Vec::with_capacity(days as usize * 24);
        for day in 0..i64::from(days) {
            for demand in DEMAND_BY_HOUR {
                total += demand * day_factor(first_day + day);
                demand_before.push(total);
            }
        }
        for demand in &mut demand_before {
            *demand /= total;
        }
        Ok(Self { start: first_day * DAY - TOKYO_OFFSET, days: i64::from(days), demand_before })
    }

    pub(crate) fn start(&self) -> i64 {
        self.start
    }

    pub(crate) fn end(&self) -> i64 {
        self.start + self.days * DAY
    }

    /// Days since the first generated day.
    pub(crate) fn day_number(&self, instant: i64) -> i64 {
        (instant - self.start) / DAY
    }

    /// The instant before which `share` (0 to 1) of the whole demand lies.
    pub(crate) fn instant_at(&self, share: f64) -> i64 {
        let hour = self.demand_before.partition_point(|&before| before <= share).min(self.demand_before.len() - 1);
        let low = if hour == 0 { 0.0 } else { self.demand_before[hour - 1] };
        let within = (share - low) / (self.demand_before[hour] - low);
        let offset = (within * HOUR as f64) as i64;
        self.start + hour as i64 * HOUR + offset.clamp(0, HOUR - 1)
    }
}

/// Weekends are busier, and so is the 25th, when salaries are paid in Japan.
fn day_factor(days_since_1970: i64) -> f64 {
    let weekday = (days_since_1970 + 4).rem_euclid(7); // 1970-01-01 was a Thursday; 0 is Sunday
    let weekend = if weekday == 0 || weekday == 6 { 1.3 } else { 1.0 };
    let (_, _, day) = civil(days_since_1970);
    if day == 25 { weekend * 1.4 } else { weekend }
}

/// Days since 1970-01-01 of `YYYY-MM-DD`.
fn parse_date(text: &str) -> Result<i64> {
    let mut parts = text.splitn(3, '-').map(str::parse::<i64>);
    let (Some(Ok(year)), Some(Ok(month)), Some(Ok(day))) = (parts.next(), parts.next(), parts.next()) else {
        bail!("`{text}` is not a date: write YYYY-MM-DD");
    };
    if !(1970..=9999).contains(&year) {
        bail!("the year of `{text}` must lie between 1970 and 9999");
    }
    let mut days = days_before_year(year);
    for earlier in 1..month.clamp(1, 12) {
        days += days_in_month(year, earlier);
    }
    let days = days + day - 1;
    (civil(days) == (year, month, day)).then_some(days).with_context(|| format!("there is no day `{text}`"))
}

fn is_leap(year: i64) -> bool {
    (year % 4 == 0 && year % 100 != 0) || year % 400 == 0
}

fn days_in_month(year: i64, month: i64) -> i64 {
    match month {
        4 | 6 | 9 | 11 => 30,
        2 if is_leap(year) => 29,
        2 => 28,
        _ => 31,
    }
}

fn days_before_year(year: i64) -> i64 {
    let before = year - 1;
    (year - 1970) * 365 + (before / 4 - 492) - (before / 100 - 19) + (before / 400 - 4)
}

/// Year, month and day of a number of days since 1970-01-01.
pub(crate) fn civil(days_since_1970: i64) -> (i64, i64, i64) {
    let mut year = 1970 + days_since_1970 / 366;
    while days_before_year(year + 1) <= days_since_1970 {
        year += 1;
    }
    let mut day = days_since_1970 - days_before_year(year);
    let mut month = 1;
    while day >= days_in_month(year, month) {
        day -= days_in_month(year, month);
        month += 1;
    }
    (year, month, day + 1)
}

/// Writes instants as `2026-10-01T01:02:03.456Z`; the date is worked out once a day, not once a record.
#[derive(Debug)]
pub(crate) struct IsoText {
    day: i64,
    text: [u8; 24],
}

impl IsoText {
    pub(crate) fn new() -> Self {
        Self { day: -1, text: *b"1970-01-01T00:00:00.000Z" }
    }

    pub(crate) fn of(&mut self, instant: i64) -> &[u8; 24] {
        let day = instant.div_euclid(DAY);
        if day != self.day {
            let (year, month, date) = civil(day);
            put_digits(&mut self.text[0..4], year);
            put_digits(&mut self.text[5..7], month);
            put_digits(&mut self.text[8..10], date);
            self.day = day;
        }
        let within = instant.rem_euclid(DAY);
        put_digits(&mut self.text[11..13], within / HOUR);
        put_digits(&mut self.text[14..16], within / MINUTE % 60);
        put_digits(&mut self.text[17..19], within / 1000 % 60);
        put_digits(&mut self.text[20..23], within % 1000);
        &self.text
    }
}

fn put_digits(target: &mut [u8], mut number: i64) {
    for digit in target.iter_mut().rev() {
        *digit = b'0' + (number % 10) as u8;
        number /= 10;
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a failed unwrap is a failed test")]
    use super::{Calendar, DAY, IsoText, civil, parse_date};

    #[test]
    fn dates_and_days_are_inverse() {
        assert_eq!(parse_date("1970-01-01").unwrap(), 0);
        assert_eq!(parse_date("2000-03-01").unwrap(), 11_017);
        for days in 0..60_000 {
            let (year, month, day) = civil(days);
            assert_eq!(parse_date(&format!("{year}-{month}-{day}")).unwrap(), days);
        }
        for wrong in ["2026-02-29", "2026-13-01", "yesterday", "2026-10", "2026-00-10"] {
            assert!(parse_date(wrong).is_err(), "{wrong}");
        }
    }

    #[test]
    fn instants_are_written_as_utc() {
        let mut text = IsoText::new();
        let calendar = Calendar::new("2026-10-01", 31).unwrap();
        assert_eq!(text.of(calendar.start()), b"2026-09-30T15:00:00.000Z");
        assert_eq!(text.of(calendar.end() - 1), b"2026-10-31T14:59:59.999Z");
        assert_eq!(calendar.end() - calendar.start(), 31 * DAY);
    }

    #[test]
    fn demand_covers_the_days_in_order() {
        let calendar = Calendar::new("2026-10-01", 31).unwrap();
        let instants: Vec<i64> = (0..10_000).map(|step| calendar.instant_at(f64::from(step) / 10_000.0)).collect();
        assert!(instants.is_sorted());
        assert_eq!(instants[0], calendar.start());
        assert!(instants[9_999] < calendar.end());
        let days: std::collections::BTreeSet<i64> =
            instants.iter().map(|&instant| calendar.day_number(instant)).collect();
        assert_eq!(days.len(), 31);
    }
}
