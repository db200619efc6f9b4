//! What queries cost, as Athena bills them: to the digit, since many small amounts are added up.
//!
//! A query is billed by the bytes it scanned, rounded up to a megabyte, at least ten; one that was cancelled is billed like one that
//! succeeded, one that failed is not, and neither is one that scanned nothing. On a laptop nothing is paid: there it is what
//! Athena would have asked for.

use std::collections::BTreeMap;
use std::fmt;

use chrono::NaiveDate;
use chrono_tz::Tz;
use serde::{Serialize, Serializer};

use crate::record::{ModelRecord, QueryRecord, RunRecord, Status};

/// Digits after the point that money is counted in.
pub const MONEY_SCALE: u32 = 9;

const MEGABYTE: u64 = 1_000_000;
const TERABYTE: u128 = 1_000_000_000_000;
/// Athena bills a query by at least so many bytes.
const LEAST_BILLED: u64 = 10 * MEGABYTE;

/// An amount of money in billionths of the currency of the price.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Default)]
pub struct Money(u128);

impl Money {
    /// The sum of two amounts.
    pub fn and(self, other: Self) -> Self {
        Self(self.0.saturating_add(other.0))
    }

    /// Whether it is nothing.
    pub fn is_nothing(self) -> bool {
        self.0 == 0
    }
}

impl fmt::Display for Money {
    /// All nine digits: `0.000050000`.
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let unit = 10_u128.pow(MONEY_SCALE);
        write!(formatter, "{}.{:09}", self.0 / unit, self.0 % unit)
    }
}

/// As text, so that no digit is lost on the way.
impl Serialize for Money {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

/// How a query ended, as the bill sees it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum QueryStatus {
    /// It was done.
    Succeeded,
    /// It was refused or broke.
    Failed,
    /// It was stopped before it was done.
    Cancelled,
}

impl QueryStatus {
    /// How a query of this model ended.
    pub fn of(query: &QueryRecord, model: &ModelRecord) -> Self {
        match (query.succeeded, model.status) {
            (true, _) => Self::Succeeded,
            (false, Status::Cancelled) => Self::Cancelled,
            (false, _) => Self::Failed,
        }
    }

    /// `succeeded`, `failed`, `cancelled`.
    pub fn word(self) -> &'static str {
        match self {
            Self::Succeeded => "succeeded",
            Self::Failed => "failed",
            Self::Cancelled => "cancelled",
        }
    }
}

/// The price of a scanned terabyte, in billionths.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Price(u128);

impl Price {
    /// Reads a decimal number like `5.00`; digits after the ninth are cut. `None` when it is none.
    pub fn parse(text: &str) -> Option<Self> {
        let (whole, fraction) = text.split_once('.').unwrap_or((text, ""));
        let digits = |part: &str| part.bytes().all(|byte| byte.is_ascii_digit());
        if whole.is_empty() || !digits(whole) || !digits(fraction) {
            return None;
        }
        let fraction: String = fraction.chars().chain(std::iter::repeat('0')).take(MONEY_SCALE as usize).collect();
        // A price of more than twelve digits would overflow nothing, but is a mistake.
        (whole.len() <= 12).then_some(())?;
        Some(Self(whole.parse::<u128>().ok()? * 10_u128.pow(MONEY_SCALE) + fraction.parse::<u128>().ok()?))
    }

    /// What a query costs.
    pub fn of(self, bytes_scanned: u64, status: QueryStatus) -> Money {
        if bytes_scanned == 0 || status == QueryStatus::Failed {
            return Money::default();
        }
        let billed = bytes_scanned.div_ceil(MEGABYTE).saturating_mul(MEGABYTE).max(LEAST_BILLED);
        // Half a billionth is rounded up.
        Money((u128::from(billed) * self.0 + TERABYTE / 2) / TERABYTE)
    }
}

/// What costs are told by.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum By {
    /// The model.
    Model,
    /// The run.
    Run,
    /// The person who asked.
    User,
    /// The day the run began, in the lake's zone.
    Day,
}

/// The queries of one model, run, person or day.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize)]
pub struct CostLine {
    /// The model, run, person or day; none for queries of nobody known.
    pub name: Option<String>,
    /// Queries in all.
    pub queries: u64,
    /// Of them those that failed or were cancelled.
    pub unsuccessful: u64,
    /// Bytes read by all of them.
    pub bytes_scanned: u64,
    /// What they cost.
    pub cost: Money,
}

impl CostLine {
    fn add(&mut self, query: &QueryRecord, status: QueryStatus, price: Price) {
        self.queries += 1;
        self.unsuccessful += u64::from(status != QueryStatus::Succeeded);
        self.bytes_scanned = self.bytes_scanned.saturating_add(query.bytes_scanned);
        self.cost = self.cost.and(price.of(query.bytes_scanned, status));
    }
}

/// The costs of all queries of these runs, the dearest first; by day, the newest first.
///
/// `since` leaves out runs that began before that day in `timezone`.
pub fn summary(runs: &[RunRecord], by: By, since: Option<NaiveDate>, timezone: Tz, price: Price) -> Vec<CostLine> {
    let mut lines: BTreeMap<Option<String>, CostLine> = BTreeMap::new();
    for run in runs {
        let day = run.started.with_timezone(&timezone).date_naive();
        if since.is_some_and(|since| day < since) {
            continue;
        }
        for model in &run.models {
            for query in &model.queries {
                let name = match by {
                    By::Model => Some(model.model.clone()),
                    By::Run => Some(run.run.to_string()),
                    By::User => query.attribution.user.clone(),
                    By::Day => Some(day.to_string()),
                };
                let line = lines.entry(name.clone()).or_insert_with(|| CostLine { name, ..CostLine::default() });
                line.add(query, QueryStatus::of(query, model), price);
            }
        }
    }
    let mut lines: Vec<CostLine> = lines.into_values().collect();
    match by {
        By::Day => lines.reverse(),
        _ => lines.sort_by_key(|line| std::cmp::Reverse((line.cost, line.bytes_scanned))),
    }
    lines
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn a_query_is_billed_as_athena_does() {
        let price = Price::parse("5.00").unwrap();
        for (bytes, status, cost) in [
            (0, QueryStatus::Succeeded, "0.000000000"),
            (1, QueryStatus::Succeeded, "0.000050000"),
            (10_000_001, QueryStatus::Succeeded, "0.000055000"),
            (1_000_000_000_000, QueryStatus::Succeeded, "5.000000000"),
            (1_000_000_000_000, QueryStatus::Cancelled, "5.000000000"),
            (1_000_000_000_000, QueryStatus::Failed, "0.000000000"),
            (u64::MAX, QueryStatus::Succeeded, "92233720.368547758"),
        ] {
            assert_eq!(price.of(bytes, status).to_string(), cost, "{bytes} {status:?}");
        }
        assert_eq!(Price::parse("7"), Price::parse("7.000"));
        for wrong in ["", ".5", "-1", "5,00", "5.0.0", "five", "1234567890123"] {
            assert_eq!(Price::parse(wrong), None, "{wrong}");
        }
    }

    proptest! {
        #[test]
        fn more_bytes_never_cost_less(less in any::<u64>(), more in any::<u64>(), price in "[0-9]{1,6}(\\.[0-9]{0,12})?") {
            let price = Price::parse(&price).unwrap();
            let (less, more) = (less.min(more), less.max(more));
            prop_assert!(price.of(less, QueryStatus::Succeeded) <= price.of(more, QueryStatus::Succeeded));
        }
    }
}
