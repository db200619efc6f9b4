//! What every query on AWS cost, whoever asked: one record per query, under a key that its id gives.
//!
//! The billed bytes stand in the key, so that the sum of a day is one listing, however many queries there were. A query that is
//! told of twice writes the same objects; should the service ever tell another number the second time, the greater one counts.

use std::collections::BTreeMap;

use chrono::{DateTime, NaiveDate, Utc};
use chrono_tz::Tz;
use futures::{StreamExt, TryStreamExt};
use serde::{Deserialize, Serialize};

use crate::cost::{CountedQuery, Money, Price, QueryStatus, billed_bytes};
use crate::error::StepError;
use crate::layout;
use crate::names::Key;
use crate::ports::{Attribution, EndedQuery, ObjectStore};
use crate::prepare;
use crate::stored;

/// Characters of a statement that a record keeps; the row of `tarn_queries` has all of it.
const KEPT: usize = 2_000;
/// Records that are read at a time.
const READERS: usize = 16;

/// What a query cost.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct QueryCost {
    /// How the service names it.
    pub id: String,
    /// The day it ended, in the lake's zone.
    pub day: NaiveDate,
    /// How it ended.
    pub status: QueryStatus,
    /// Who asked, where the statement says so.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub attribution: Option<Attribution>,
    /// Where it ran.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub workgroup: Option<String>,
    /// When it was sent.
    pub submitted: DateTime<Utc>,
    /// When it ended.
    pub ended: DateTime<Utc>,
    /// From the one to the other, as the service counts it.
    pub milliseconds: u64,
    /// Bytes read.
    pub bytes_scanned: u64,
    /// Bytes that are paid for.
    pub billed_bytes: u64,
    /// What it cost, at the price of the time.
    pub cost: Money,
    /// The beginning of the statement.
    pub statement: String,
}

impl QueryCost {
    /// The record of a query that has ended.
    pub fn of(query: &EndedQuery, timezone: Tz, price: Price) -> Self {
        let billed_bytes = if query.is_free { 0 } else { billed_bytes(query.bytes_scanned, query.status) };
        Self {
            id: query.id.clone(),
            day: query.ended.with_timezone(&timezone).date_naive(),
            status: query.status,
            attribution: prepare::attribution_of(&query.statement),
            workgroup: query.workgroup.clone(),
            submitted: query.submitted,
            ended: query.ended,
            milliseconds: query.milliseconds,
            bytes_scanned: query.bytes_scanned,
            billed_bytes,
            cost: price.of_billed(billed_bytes),
            statement: prepare::unattributed(&query.statement).chars().take(KEPT).collect(),
        }
    }

    /// Where the record lies.
    pub fn key(&self) -> Key {
        layout::costs_of(self.day).join(&format!("{}-{}.json", self.id, self.billed_bytes))
    }

    /// The model, when a model's step asked.
    pub fn model(&self) -> Option<&str> {
        self.attribution.as_ref()?.model.as_deref()
    }

    /// The person who asked, where one is known.
    pub fn user(&self) -> Option<&str> {
        self.attribution.as_ref()?.user.as_deref()
    }

    /// Keeps the record; the same again changes nothing.
    pub async fn write(&self, objects: &dyn ObjectStore) -> Result<(), StepError> {
        let json = serde_json::to_vec(self)
            .map_err(|error| StepError::permanent(format!("the cost of query `{}` is no json: {error}", self.id)))?;
        Ok(objects.put(&self.key(), json.into()).await?)
    }

    /// As costs are added up.
    pub fn counted(&self) -> CountedQuery {
        let run = self.attribution.as_ref().and_then(|attribution| attribution.run.as_ref());
        CountedQuery {
            id: Some(self.id.clone()),
            model: self.model().map(str::to_owned),
            run: run.map(ToString::to_string),
            user: self.user().map(str::to_owned),
            day: self.day,
            status: self.status,
            bytes_scanned: self.bytes_scanned,
            billed_bytes: self.billed_bytes,
        }
    }
}

/// What the queries of one day cost up to now.
pub async fn sum_of_day(day: NaiveDate, price: Price, objects: &dyn ObjectStore) -> Result<Money, StepError> {
    let found = dearest_by_id(&layout::costs_of(day), objects).await?;
    Ok(found.values().fold(Money::default(), |sum, (billed, _)| sum.and(price.of_billed(*billed))))
}

/// The records of one day, in the order of their ids.
pub async fn of_day(day: NaiveDate, objects: &dyn ObjectStore) -> Result<Vec<QueryCost>, StepError> {
    read(&layout::costs_of(day), None, objects).await
}

/// The records of all days, or of those from `since` on.
pub async fn all(since: Option<NaiveDate>, objects: &dyn ObjectStore) -> Result<Vec<QueryCost>, StepError> {
    read(&layout::costs(), since, objects).await
}

async fn read(folder: &Key, since: Option<NaiveDate>, objects: &dyn ObjectStore) -> Result<Vec<QueryCost>, StepError> {
    let found = dearest_by_id(folder, objects).await?;
    // Days sort as text.
    let first = since.map(layout::costs_of);
    let keys = found.into_values().map(|(_, key)| key).filter(|key| first.as_ref().is_none_or(|first| key >= first));
    let read = |key: Key| async move { stored::read(&key, "the record", objects).await };
    futures::stream::iter(keys.map(read)).buffered(READERS).try_collect().await
}

/// By id, the billed bytes and the key of the record.
async fn dearest_by_id(folder: &Key, objects: &dyn ObjectStore) -> Result<BTreeMap<String, (u64, Key)>, StepError> {
    let mut found: BTreeMap<String, (u64, Key)> = BTreeMap::new();
    for object in objects.list(folder).await? {
        let Some((id, billed)) = named(&object.key) else { continue };
        let known = found.entry(id).or_insert_with(|| (billed, object.key.clone()));
        if billed > known.0 {
            *known = (billed, object.key);
        }
    }
    Ok(found)
}

/// Id and billed bytes, as they stand in a record's key.
fn named(key: &Key) -> Option<(String, u64)> {
    let (id, billed) = key.file_name().strip_suffix(".json")?.rsplit_once('-')?;
    Some((id.to_owned(), billed.parse().ok()?))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn query(statement: &str, bytes_scanned: u64) -> EndedQuery {
        EndedQuery {
            id: "0b1c-2d".to_owned(),
            statement: statement.to_owned(),
            workgroup: Some("tarn-shop-people".to_owned()),
            status: QueryStatus::Succeeded,
            bytes_scanned,
            is_free: false,
            submitted: "2026-11-20T14:59:00Z".parse().unwrap(),
            ended: "2026-11-20T15:00:00Z".parse().unwrap(),
            milliseconds: 60_000,
        }
    }

    #[test]
    fn a_query_lies_on_the_day_it_ended_where_the_lake_is() {
        let price = Price::parse("5.00").unwrap();
        let cost = QueryCost::of(&query("select 1", 2_000_000_000_000), chrono_tz::Asia::Tokyo, price);
        assert_eq!(cost.key().as_str(), "costs/day=2026-11-21/0b1c-2d-2000000000000.json");
        assert_eq!(named(&cost.key()), Some(("0b1c-2d".to_owned(), 2_000_000_000_000)));
        assert_eq!((cost.cost.to_string().as_str(), cost.attribution), ("10.000000000", None));
        let json = serde_json::to_string(&QueryCost::of(&query("select 1", 1), chrono_tz::UTC, price)).unwrap();
        let read: QueryCost = serde_json::from_str(&json).unwrap();
        assert_eq!(read, QueryCost::of(&query("select 1", 1), chrono_tz::UTC, price));
    }

    #[test]
    fn what_changes_the_catalogue_only_is_free() {
        let price = Price::parse("5.00").unwrap();
        let free = EndedQuery { is_free: true, ..query("drop table a", 5) };
        let cost = QueryCost::of(&free, chrono_tz::UTC, price);
        assert_eq!((cost.bytes_scanned, cost.billed_bytes, cost.cost), (5, 0, Money::default()));
    }
}
