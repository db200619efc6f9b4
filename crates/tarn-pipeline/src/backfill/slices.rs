//! A range of days, cut into slices.

use chrono::{Datelike, Days, Months, NaiveDate};
use serde::{Deserialize, Serialize};

use crate::error::StepError;

/// Slices of a backfill at most; more is a mistake in the dates.
const MOST_SLICES: usize = 10_000;

/// Both days belong to the slice.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Slice {
    /// The first day.
    pub first: NaiveDate,
    /// The last day.
    pub last: NaiveDate,
}

impl Slice {
    /// How many days it has.
    pub fn days(&self) -> u64 {
        u64::try_from((self.last - self.first).num_days() + 1).unwrap_or_default()
    }
}

impl std::fmt::Display for Slice {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self.first == self.last {
            true => write!(formatter, "{}", self.first),
            false => write!(formatter, "{}..{}", self.first, self.last),
        }
    }
}

/// How a range is cut.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Cut {
    /// A slice for each week from Monday to Sunday.
    Week,
    /// A slice for each month of the calendar.
    Month,
    /// Slices of so many days; 1 is a slice a day.
    Days(u32),
}

impl Cut {
    /// The day after the slice that begins here, whatever the range's end.
    fn end(self, first: NaiveDate) -> Option<NaiveDate> {
        match self {
            Self::Days(days) => first.checked_add_days(Days::new(u64::from(days.max(1)))),
            Self::Week => first.checked_add_days(Days::new(7 - u64::from(first.weekday().num_days_from_monday()))),
            Self::Month => first.with_day(1)?.checked_add_months(Months::new(1)),
        }
    }
}

/// The slices of a range in order: each day of it in exactly one.
///
/// # Errors
/// When the range ends before it begins, or has more than 10,000 slices.
pub fn slices(from: NaiveDate, to: NaiveDate, cut: Cut) -> Result<Vec<Slice>, StepError> {
    if to < from {
        return Err(StepError::permanent(format!("the range ends on {to}, before it begins on {from}")));
    }
    let mut slices = Vec::new();
    let mut first = from;
    while first <= to {
        let end = cut.end(first);
        let last = end.and_then(|end| end.pred_opt()).map_or(to, |last| last.min(to));
        slices.push(Slice { first, last });
        if slices.len() > MOST_SLICES {
            return Err(StepError::permanent(format!("the range has more than {MOST_SLICES} slices"))
                .with_hint("look at the dates, or make the slices longer"));
        }
        let Some(next) = last.succ_opt() else { break };
        first = next;
    }
    Ok(slices)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn day(text: &str) -> NaiveDate {
        text.parse().unwrap()
    }

    fn cut(from: &str, to: &str, cut: Cut) -> Vec<String> {
        slices(day(from), day(to), cut).unwrap().iter().map(ToString::to_string).collect()
    }

    #[test]
    fn weeks_and_months_are_those_of_the_calendar() {
        assert_eq!(
            cut("2026-01-01", "2026-01-14", Cut::Week),
            ["2026-01-01..2026-01-04", "2026-01-05..2026-01-11", "2026-01-12..2026-01-14"]
        );
        assert_eq!(cut("2026-01-31", "2026-03-01", Cut::Month), ["2026-01-31", "2026-02-01..2026-02-28", "2026-03-01"]);
        assert_eq!(cut("2026-01-01", "2026-01-05", Cut::Days(2)).len(), 3);
        assert_eq!(cut("2026-01-01", "2026-01-01", Cut::Days(1)), ["2026-01-01"]);
        assert!(slices(day("2026-01-02"), day("2026-01-01"), Cut::Week).is_err());
        assert!(slices(day("1900-01-01"), day("2026-01-01"), Cut::Days(1)).is_err());
        assert_eq!(slices(NaiveDate::MAX, NaiveDate::MAX, Cut::Month).unwrap().len(), 1);
    }

    proptest! {
        #[test]
        fn each_day_is_in_exactly_one_slice(
            from in -20_000_i32..40_000,
            length in 0_i32..2_000,
            cut in prop_oneof![Just(Cut::Week), Just(Cut::Month), (0_u32..50).prop_map(Cut::Days)],
        ) {
            let day = |number: i32| NaiveDate::from_epoch_days(number).unwrap();
            let slices = slices(day(from), day(from + length), cut).unwrap();
            prop_assert_eq!(slices.first().unwrap().first, day(from));
            prop_assert_eq!(slices.last().unwrap().last, day(from + length));
            for pair in slices.windows(2) {
                prop_assert_eq!(pair[0].last.succ_opt().unwrap(), pair[1].first);
            }
            let days: u64 = slices.iter().map(Slice::days).sum();
            prop_assert_eq!(days, u64::try_from(length).unwrap() + 1);
        }
    }
}
