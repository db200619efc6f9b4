//! The `n` greatest, least or most frequent: `max(x, n)`, `max_by(x, y, n)`, `approx_most_frequent`.
//!
//! `max` and `min` of one argument are the engine's own, which it runs without grouping by hand; the planner of
//! the dialect calls the forms with `n` by the names `max_n` and `min_n`.

use std::sync::Arc;

use arrow::array::{ArrayRef, AsArray, Int64Array, UInt32Array};
use arrow::compute::{SortOptions, sort_to_indices, take};
use arrow::datatypes::Int64Type;
use datafusion::common::{Result, ScalarValue};

use super::collect::{Collected, Collecting};
use super::maps::{list_scalar, map_scalar, rows_by_value};
use crate::failure::invalid_argument;

pub(crate) fn functions() -> Vec<Collecting> {
    vec![
        Collecting::new("max_n").on("(T, bigint) -> array(T)", |rows| several(rows, 0, true)),
        Collecting::new("min_n").on("(T, bigint) -> array(T)", |rows| several(rows, 0, false)),
        Collecting::new("approx_most_frequent").on("(bigint, T, bigint) -> map(T, bigint)", most_frequent),
    ]
}

/// `max_by` or `min_by` of three arguments.
pub(crate) fn several_by(greatest: bool) -> Collecting {
    if greatest {
        Collecting::new("max_by").on("(V, K, bigint) -> array(V)", |rows| several(rows, 1, true))
    } else {
        Collecting::new("min_by").on("(V, K, bigint) -> array(V)", |rows| several(rows, 1, false))
    }
}

fn count_argument(column: &ArrayRef) -> Result<usize> {
    let count = column.as_primitive::<Int64Type>().value(0);
    usize::try_from(count).ok().filter(|count| (1..=10_000).contains(count)).ok_or_else(|| {
        invalid_argument(format!("third argument of max_by/min_by must be a positive integer at most 10000: {count}"))
    })
}

/// Values of the first column at the greatest or least of the column `by`, best first; nulls in `by` do not count.
fn several(rows: &Collected<'_>, by: usize, greatest: bool) -> Result<ScalarValue> {
    let keys = rows.column(by)?;
    let count = count_argument(rows.column(by + 1)?)?;
    let options = SortOptions { descending: greatest, nulls_first: false };
    let valid = keys.len() - keys.logical_null_count();
    if valid == 0 {
        return rows.null();
    }
    let order = sort_to_indices(keys, Some(options), Some(count.min(valid)))?;
    list_scalar(take(rows.column(0)?, &order, None)?)
}

fn most_frequent(rows: &Collected<'_>) -> Result<ScalarValue> {
    let buckets = rows.column(0)?.as_primitive::<Int64Type>().value(0);
    let buckets = usize::try_from(buckets).ok().filter(|buckets| *buckets >= 2).ok_or_else(|| {
        invalid_argument(format!(
            "approx_most_frequent bucket count must be greater than one, input bucket count: {buckets}"
        ))
    })?;
    let values = rows.column(1)?;
    let mut groups = rows_by_value(values, false)?;
    if groups.is_empty() {
        return rows.null();
    }
    groups.sort_by_key(|rows| std::cmp::Reverse(rows.len()));
    groups.truncate(buckets);
    let kept: UInt32Array = groups.iter().filter_map(|rows| rows.first().copied()).collect();
    let counts = Int64Array::from_iter_values(groups.iter().map(|rows| rows.len() as i64));
    map_scalar(take(values, &kept, None)?, Arc::new(counts), rows.gives)
}
