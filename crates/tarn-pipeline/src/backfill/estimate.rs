//! What a backfill will read and cost, told before it begins.

use chrono::NaiveDate;
use serde::Serialize;
use tarn_model::Lake;

use super::record::BackfillRecord;
use crate::cost::{Money, Price, QueryStatus};
use crate::error::StepError;
use crate::ports::{Catalogue, ObjectStore, TableEntry};
use crate::record::{RunRecord, Status};
use crate::scan;

/// Earlier runs of a model that its estimate is the mean of.
const RUNS_LOOKED_AT: usize = 5;

/// What an estimate is founded on.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Known {
    /// What earlier incremental runs of the model read.
    EarlierRuns,
    /// The size of the files of the range in the tables that the model reads.
    SizeOfSources,
}

/// What one model of a backfill will read.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct ModelEstimate {
    /// The model.
    pub model: String,
    /// How often it runs.
    pub runs: u64,
    /// Bytes of all of its runs.
    pub bytes: u64,
    /// What they cost.
    pub cost: Money,
    /// What that is founded on.
    pub known: Known,
}

/// What a backfill will read and cost.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize)]
pub struct Estimate {
    /// By model, in order.
    pub models: Vec<ModelEstimate>,
    /// Bytes of all models.
    pub bytes: u64,
    /// What they cost.
    pub cost: Money,
}

/// Estimates what is left of a backfill.
pub async fn estimate(
    record: &BackfillRecord,
    lake: &Lake,
    earlier: &[RunRecord],
    price: Price,
    catalogue: &dyn Catalogue,
    objects: &dyn ObjectStore,
) -> Result<Estimate, StepError> {
    let mut estimate = Estimate::default();
    for model in record.models() {
        let left = record.units().filter(|unit| unit.status != Some(Status::Done) && unit.models.contains(&model));
        let runs = left.count() as u64;
        let (bytes, known) = match bytes_of_a_run(&model, earlier) {
            Some(bytes) => (bytes.saturating_mul(runs), Known::EarlierRuns),
            None if runs == 0 => (0, Known::SizeOfSources),
            None => {
                let range = (record.request.from, record.request.to);
                (bytes_of_range(&model, lake, range, runs, catalogue, objects).await?, Known::SizeOfSources)
            }
        };
        let each = bytes / runs.max(1);
        let cost = (0..runs).fold(Money::default(), |sum, _| sum.and(price.of(each, QueryStatus::Succeeded)));
        estimate.bytes = estimate.bytes.saturating_add(bytes);
        estimate.cost = estimate.cost.and(cost);
        estimate.models.push(ModelEstimate { model, runs, bytes, cost, known });
    }
    Ok(estimate)
}

/// The mean of what the model's newest incremental runs read.
fn bytes_of_a_run(model: &str, earlier: &[RunRecord]) -> Option<u64> {
    let read: Vec<u64> = earlier
        .iter()
        .flat_map(|run| &run.models)
        .filter(|record| record.model == model && record.status == Status::Done && !record.full_refresh)
        .filter(|record| !record.queries.is_empty())
        .map(|record| record.queries.iter().map(|query| query.bytes_scanned).sum())
        .take(RUNS_LOOKED_AT)
        .collect();
    let count = read.len() as u64;
    (count > 0).then(|| read.iter().sum::<u64>() / count)
}

/// The files of the tables that a model reads: those of the range where a table is partitioned by day, all of them for each run
/// where it is not.
async fn bytes_of_range(
    model: &str,
    lake: &Lake,
    range: (NaiveDate, NaiveDate),
    runs: u64,
    catalogue: &dyn Catalogue,
    objects: &dyn ObjectStore,
) -> Result<u64, StepError> {
    let dependencies = lake.models.get(model).map(|model| model.depends_on.as_slice()).unwrap_or_default();
    let mut bytes = 0_u64;
    for dependency in dependencies.iter().filter(|dependency| !dependency.audits_only) {
        let Some(entry) = catalogue.get(&dependency.name).await? else { continue };
        let day = day_key(&entry);
        let in_range = |values: &[Option<String>]| {
            let Some(position) = day else { return true };
            let value = values.get(position).and_then(Option::as_deref);
            value.and_then(|day| day.parse::<NaiveDate>().ok()).is_some_and(|day| range.0 <= day && day <= range.1)
        };
        let files = scan::files(&entry, &in_range, objects).await?;
        let size: u64 = files.iter().map(|file| file.size).sum();
        let times = if day.is_some() { 1 } else { runs };
        bytes = bytes.saturating_add(size.saturating_mul(times));
    }
    Ok(bytes)
}

/// The position of the partition key that is a day.
fn day_key(entry: &TableEntry) -> Option<usize> {
    entry.partition_keys.iter().position(|key| key.column_type == "date")
}
