//! Statistics of numbers beyond the engine's: means, moments, entropy, bits.

use arrow::array::{Array, AsArray};
use arrow::datatypes::{Float64Type, Int64Type};
use datafusion::common::{Result, ScalarValue};

use super::collect::{Collected, Collecting};

pub(crate) fn functions() -> Vec<Collecting> {
    vec![
        Collecting::new("geometric_mean").on("(double) -> double", |rows| {
            let values = doubles(rows)?;
            let logs: f64 = values.iter().map(|value| value.ln()).sum();
            Ok(ScalarValue::Float64((!values.is_empty()).then(|| (logs / values.len() as f64).exp())))
        }),
        Collecting::new("skewness").on("(double) -> double", |rows| {
            let moments = Moments::of(&doubles(rows)?);
            Ok(ScalarValue::Float64(
                (moments.count >= 3.0).then(|| moments.count.sqrt() * moments.third / moments.second.powf(1.5)),
            ))
        }),
        Collecting::new("kurtosis").on("(double) -> double", |rows| {
            let moments = Moments::of(&doubles(rows)?);
            let count = moments.count;
            Ok(ScalarValue::Float64((count >= 4.0).then(|| {
                let less = count - 1.0;
                let ratio = moments.fourth / (moments.second * moments.second);
                (less * count * (count + 1.0) * ratio - 3.0 * less * less) / ((count - 2.0) * (count - 3.0))
            })))
        }),
        Collecting::new("entropy").on("(double) -> double", |rows| {
            let values = doubles(rows)?;
            let total: f64 = values.iter().sum();
            let entropy: f64 =
                values.iter().filter(|value| **value > 0.0).map(|value| value / total * (total / value).log2()).sum();
            Ok(ScalarValue::Float64(Some(if total > 0.0 { entropy.max(0.0) } else { 0.0 })))
        }),
        Collecting::new("bitwise_and_agg").on("(bigint) -> bigint", |rows| bits(rows, |a, b| a & b)),
        Collecting::new("bitwise_or_agg").on("(bigint) -> bigint", |rows| bits(rows, |a, b| a | b)),
        Collecting::new("bitwise_xor_agg").on("(bigint) -> bigint", |rows| bits(rows, |a, b| a ^ b)),
    ]
}

fn doubles(rows: &Collected<'_>) -> Result<Vec<f64>> {
    Ok(rows.column(0)?.as_primitive::<Float64Type>().iter().flatten().collect())
}

fn bits(rows: &Collected<'_>, join: fn(i64, i64) -> i64) -> Result<ScalarValue> {
    let column = rows.column(0)?;
    let values = column.as_primitive::<Int64Type>();
    Ok(ScalarValue::Int64(if values.null_count() == values.len() {
        None
    } else {
        values.iter().flatten().reduce(join)
    }))
}

/// Sums of powers of deviations from the mean.
struct Moments {
    count: f64,
    second: f64,
    third: f64,
    fourth: f64,
}

impl Moments {
    fn of(values: &[f64]) -> Self {
        let count = values.len() as f64;
        let mean = values.iter().sum::<f64>() / count;
        let power = |exponent: i32| values.iter().map(|value| (value - mean).powi(exponent)).sum();
        Self { count, second: power(2), third: power(3), fourth: power(4) }
    }
}
