//! `approx_percentile`.
//!
//! Computed exactly, by the rule that Trino's digest follows while it has not yet merged values: a percentile
//! is a value that occurs, and between weighted values it is interpolated.

use std::sync::Arc;

use arrow::array::{Array, ArrayRef, AsArray};
use arrow::compute::cast;
use arrow::datatypes::{DataType, Float64Type};
use datafusion::common::{Result, ScalarValue};

use super::collect::{Collected, Collecting};
use super::maps::list_scalar;
use crate::failure::{internal, invalid_argument};
use crate::types::element_type;

pub(crate) fn functions() -> Vec<Collecting> {
    vec![
        Collecting::new("approx_percentile")
            .on("(bigint, double) -> bigint", |rows| single(rows, None, 1))
            .on("(real, double) -> real", |rows| single(rows, None, 1))
            .on("(double, double) -> double", |rows| single(rows, None, 1))
            .on("(bigint, double, double) -> bigint", |rows| single(rows, Some(1), 2))
            .on("(real, double, double) -> real", |rows| single(rows, Some(1), 2))
            .on("(double, double, double) -> double", |rows| single(rows, Some(1), 2))
            .on("(bigint, double, double, double) -> bigint", |rows| single(rows, Some(1), 2))
            .on("(double, double, double, double) -> double", |rows| single(rows, Some(1), 2))
            .on("(bigint, array(double)) -> array(bigint)", |rows| several(rows, None, 1))
            .on("(real, array(double)) -> array(real)", |rows| several(rows, None, 1))
            .on("(double, array(double)) -> array(double)", |rows| several(rows, None, 1))
            .on("(bigint, double, array(double)) -> array(bigint)", |rows| several(rows, Some(1), 2))
            .on("(real, double, array(double)) -> array(real)", |rows| several(rows, Some(1), 2))
            .on("(double, double, array(double)) -> array(double)", |rows| several(rows, Some(1), 2)),
    ]
}

/// Values with weights, in order.
struct Weighted {
    values: Vec<(f64, f64)>,
    total: f64,
}

impl Weighted {
    fn of(rows: &Collected<'_>, weights: Option<usize>) -> Result<Self> {
        let values = cast(rows.column(0)?, &DataType::Float64)?;
        let values = values.as_primitive::<Float64Type>();
        let weights = match weights {
            Some(index) => Some(rows.column(index)?.as_primitive::<Float64Type>()),
            None => None,
        };
        let mut kept = Vec::with_capacity(values.len());
        for row in 0..values.len() {
            if values.is_null(row) || weights.is_some_and(|weights| weights.is_null(row)) {
                continue;
            }
            let weight = weights.map_or(1.0, |weights| weights.value(row));
            if weight.is_nan() || weight < 0.0 {
                return Err(invalid_argument("percentile weight must be > 0"));
            }
            if weight > 0.0 {
                kept.push((values.value(row), weight));
            }
        }
        kept.sort_by(|a, b| a.0.total_cmp(&b.0));
        Ok(Self { total: kept.iter().map(|(_, weight)| weight).sum(), values: kept })
    }

    fn at(&self, percentile: f64) -> Result<Option<f64>> {
        if !(0.0..=1.0).contains(&percentile) {
            return Err(invalid_argument("Percentile must be between 0 and 1"));
        }
        let (Some(first), Some(last)) = (self.values.first(), self.values.last()) else {
            return Ok(None);
        };
        let offset = percentile * self.total;
        if self.values.len() == 1 || offset < 1.0_f64.min(first.1) {
            return Ok(Some(first.0));
        }
        if offset > self.total - 1.0 {
            return Ok(Some(last.0));
        }
        let mut before = first.1 / 2.0;
        for pair in self.values.windows(2) {
            let [(left, left_weight), (right, right_weight)] = *pair else {
                break;
            };
            let step = (left_weight + right_weight) / 2.0;
            if before + step > offset {
                // A value that stands alone is the answer near its own place.
                let (mut from, mut to) = (before, before + step);
                if left_weight == 1.0 {
                    if offset - before < 0.5 {
                        return Ok(Some(left));
                    }
                    from += 0.5;
                }
                if right_weight == 1.0 {
                    if to - offset <= 0.5 {
                        return Ok(Some(right));
                    }
                    to -= 0.5;
                }
                let share = if to > from { (offset - from) / (to - from) } else { 0.0 };
                return Ok(Some(left + (right - left) * share));
            }
            before += step;
        }
        Ok(Some(last.0))
    }
}

/// Percentiles as an array of the wanted number type; integers are rounded.
fn numbers(values: Vec<Option<f64>>, wanted: &DataType) -> Result<ArrayRef> {
    let rounded: arrow::array::Float64Array = values
        .into_iter()
        .map(|value| value.map(|value| if *wanted == DataType::Int64 { (value + 0.5).floor() } else { value }))
        .collect();
    Ok(cast(&(Arc::new(rounded) as ArrayRef), wanted)?)
}

fn single(rows: &Collected<'_>, weights: Option<usize>, percentile: usize) -> Result<ScalarValue> {
    let percentiles = rows.column(percentile)?.as_primitive::<Float64Type>();
    if percentiles.is_null(0) {
        return Err(invalid_argument("Percentile cannot be null"));
    }
    let value = Weighted::of(rows, weights)?.at(percentiles.value(0))?;
    ScalarValue::try_from_array(&numbers(vec![value], rows.gives)?, 0)
}

fn several(rows: &Collected<'_>, weights: Option<usize>, percentile: usize) -> Result<ScalarValue> {
    let lists = rows.column(percentile)?.as_list::<i32>();
    if lists.is_null(0) {
        return Err(invalid_argument("Percentiles cannot be null"));
    }
    let wanted = lists.value(0);
    let wanted = wanted.as_primitive::<Float64Type>();
    let weighted = Weighted::of(rows, weights)?;
    if weighted.values.is_empty() {
        return rows.null();
    }
    let values = wanted
        .iter()
        .map(|percentile| {
            let percentile = percentile.ok_or_else(|| invalid_argument("Percentile cannot be null"))?;
            weighted.at(percentile)
        })
        .collect::<Result<Vec<_>>>()?;
    let element = element_type(rows.gives).ok_or_else(|| internal("an array is expected"))?;
    list_scalar(numbers(values, element)?)
}
