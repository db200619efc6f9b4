//! What queries cost, as Athena bills them: to the digit, since many small amounts are added up.
//!
//! A query is billed by the bytes it scanned, rounded up to a megabyte, at least ten; one that was cancelled is billed like one that
//! succeeded, one that failed is not, and neither is one that scanned nothing. On a laptop nothing is paid: there it is what
//! Athena would have asked for.

use std::collections::BTreeMap;
use std::fmt;

use chrono::NaiveDate;
use chrono_tz::Tz;
use serde::{Deserialize, Deserializer, Serialize, Serializer};

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

    /// Reads a decimal number like `5.00`; digits after the ninth are cut. `None` when it is none.
    pub fn parse(text: &str) -> Option<Self> {
        billionths(text).map(Self)
    }

    /// As people read it: cents, or of less than a cent every digit that is there.
    pub fn for_people(self) -> String {
        const CENT: u128 = 10_000_000;
        if self.0 == 0 || self.0 >= CENT {
            let cents = (self.0 + CENT / 2) / CENT;
            return format!("{}.{:02}", cents / 100, cents % 100);
        }
        self.to_string().trim_end_matches('0').to_owned()
    }
}

/// A decimal number in billionths. More than twelve digits before the point would overflow nothing, but are a mistake.
fn billionths(text: &str) -> Option<u128> {
    let (whole, fraction) = text.split_once('.').unwrap_or((text, ""));
    let digits = |part: &str| part.bytes().all(|byte| byte.is_ascii_digit());
    if whole.is_empty() || whole.len() > 12 || !digits(whole) || !digits(fraction) {
        return None;
    }
    let fraction: String = fraction.chars().chain(std::iter::repeat('0')).take(MONEY_SCALE as usize).collect();
    Some(whole.parse::<u128>().ok()? * 10_u128.pow(MONEY_SCALE) + fraction.parse::<u128>().ok()?)
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

impl<'de> Deserialize<'de> for Money {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        Self::parse(&text).ok_or_else(|| serde::de::Error::custom(format!("`{text}` is no amount of money")))
    }
}

/// How a query ended, as the bill sees it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
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
        match (query.succeeded, query.cancelled, model.status) {
            (true, ..) => Self::Succeeded,
            (false, true, _) | (false, _, Status::Cancelled) => Self::Cancelled,
            (false, false, _) => Self::Failed,
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
        billionths(text).map(Self)
    }

    /// What a query costs.
    pub fn of(self, bytes_scanned: u64, status: QueryStatus) -> Money {
        self.of_billed(billed_bytes(bytes_scanned, status))
    }

    /// What so many billed bytes cost.
    pub fn of_billed(self, billed: u64) -> Money {
        // Half a billionth is rounded up.
        Money((u128::from(billed) * self.0 + TERABYTE / 2) / TERABYTE)
    }
}

/// The bytes that a query is billed by.
pub fn billed_bytes(scanned: u64, status: QueryStatus) -> u64 {
    match status {
        QueryStatus::Failed => 0,
        _ if scanned == 0 => 0,
        _ => scanned.div_ceil(MEGABYTE).saturating_mul(MEGABYTE).max(LEAST_BILLED),
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
    /// The day, in the lake's zone: the one the run began, or on AWS the one the query ended.
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
    fn add(&mut self, query: &CountedQuery, price: Price) {
        self.queries += 1;
        self.unsuccessful += u64::from(query.status != QueryStatus::Succeeded);
        self.bytes_scanned = self.bytes_scanned.saturating_add(query.bytes_scanned);
        self.cost = self.cost.and(price.of_billed(query.billed_bytes));
    }
}

/// One query, as costs are added up.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CountedQuery {
    /// How the engine names it, where it gives names.
    pub id: Option<String>,
    /// The model, when a model's step asked.
    pub model: Option<String>,
    /// The run, when a run asked.
    pub run: Option<String>,
    /// The person who asked, where one is known.
    pub user: Option<String>,
    /// The day, in the lake's zone.
    pub day: NaiveDate,
    /// How it ended.
    pub status: QueryStatus,
    /// Bytes read.
    pub bytes_scanned: u64,
    /// Bytes that are paid for.
    pub billed_bytes: u64,
}

/// The queries of these runs, on the day that their run began.
pub fn of_runs(runs: &[RunRecord], timezone: Tz) -> Vec<CountedQuery> {
    let of_model = |run: &RunRecord, model: &ModelRecord, query: &QueryRecord| {
        let status = QueryStatus::of(query, model);
        CountedQuery {
            id: query.id.clone(),
            model: Some(model.model.clone()),
            run: Some(run.run.to_string()),
            user: query.attribution.user.clone(),
            day: run.started.with_timezone(&timezone).date_naive(),
            status,
            bytes_scanned: query.bytes_scanned,
            billed_bytes: billed_bytes(query.bytes_scanned, status),
        }
    };
    let models = runs.iter().flat_map(|run| run.models.iter().map(move |model| (run, model)));
    models.flat_map(|(run, model)| model.queries.iter().map(move |query| of_model(run, model, query))).collect()
}

/// The costs of these queries, the dearest first; by day, the newest first. `since` leaves out earlier days.
pub fn summary(queries: &[CountedQuery], by: By, since: Option<NaiveDate>, price: Price) -> Vec<CostLine> {
    let mut lines: BTreeMap<Option<String>, CostLine> = BTreeMap::new();
    for query in queries.iter().filter(|query| since.is_none_or(|since| query.day >= since)) {
        let name = match by {
            By::Model => query.model.clone(),
            By::Run => query.run.clone(),
            By::User => query.user.clone(),
            By::Day => Some(query.day.to_string()),
        };
        let line = lines.entry(name.clone()).or_insert_with(|| CostLine { name, ..CostLine::default() });
        line.add(query, price);
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
        for (amount, written) in
            [("0", "0.00"), ("1.005", "1.01"), ("12", "12.00"), ("0.00005", "0.00005"), ("0.009999999", "0.009999999")]
        {
            assert_eq!(Money::parse(amount).unwrap().for_people(), written);
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
