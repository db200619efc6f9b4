//! Functions of doubles: roots, powers, logarithms, angles, special values, buckets, random numbers.

use std::sync::Arc;

use arrow::array::{Array, ArrayRef, AsArray, Float64Array, Int64Array};
use arrow::datatypes::Float64Type;
use datafusion::common::Result;
use rand::Rng;

use crate::array::list::Lists;
use crate::call::{Call, map_rows};
use crate::failure::{invalid_argument, out_of_range};
use crate::function::Function;

/// Declares a function of one double.
macro_rules! of_double {
    ($name:literal, $function:expr) => {
        Function::new($name).on("(double) -> double", |call| {
            map_rows::<(f64,), f64>(call, |(value,)| {
                let function: fn(f64) -> f64 = $function;
                Ok(Some(function(value)))
            })
        })
    };
}

/// Declares a test of one double.
macro_rules! test_of_double {
    ($name:literal, $function:expr) => {
        Function::new($name).on("(double) -> boolean", |call| {
            map_rows::<(f64,), bool>(call, |(value,)| {
                let function: fn(f64) -> bool = $function;
                Ok(Some(function(value)))
            })
        })
    };
}

/// Declares a function of two doubles.
macro_rules! of_two_doubles {
    ($name:literal, $function:expr) => {
        Function::new($name).on("(double, double) -> double", |call| {
            map_rows::<(f64, f64), f64>(call, |(left, right)| {
                let function: fn(f64, f64) -> f64 = $function;
                Ok(Some(function(left, right)))
            })
        })
    };
}

/// Declares a constant.
macro_rules! constant {
    ($name:literal, $value:expr) => {
        Function::new($name).on("() -> double", |call| Ok(Arc::new(Float64Array::from_value($value, call.rows))))
    };
}

pub(crate) fn functions() -> Vec<Function> {
    vec![
        of_double!("sqrt", f64::sqrt),
        of_double!("cbrt", f64::cbrt),
        of_double!("exp", f64::exp),
        of_double!("ln", f64::ln),
        of_double!("log2", f64::log2),
        of_double!("log10", f64::log10),
        of_double!("sin", f64::sin),
        of_double!("cos", f64::cos),
        of_double!("tan", f64::tan),
        of_double!("asin", f64::asin),
        of_double!("acos", f64::acos),
        of_double!("atan", f64::atan),
        of_double!("sinh", f64::sinh),
        of_double!("cosh", f64::cosh),
        of_double!("tanh", f64::tanh),
        of_double!("degrees", f64::to_degrees),
        of_double!("radians", f64::to_radians),
        of_two_doubles!("atan2", f64::atan2),
        of_two_doubles!("power", f64::powf).alias("pow"),
        of_two_doubles!("log", |base, value| value.ln() / base.ln()),
        test_of_double!("is_nan", f64::is_nan),
        test_of_double!("is_finite", f64::is_finite),
        test_of_double!("is_infinite", f64::is_infinite),
        constant!("pi", std::f64::consts::PI),
        constant!("e", std::f64::consts::E),
        constant!("nan", f64::NAN),
        constant!("infinity", f64::INFINITY),
        Function::new("random")
            .alias("rand")
            .volatile()
            .on("() -> double", |call| {
                let mut source = rand::rng();
                let values = (0..call.rows).map(|_| source.random::<f64>());
                Ok(Arc::new(Float64Array::from_iter_values(values)))
            })
            .on("(bigint) -> bigint", |call| {
                map_rows::<(i64,), i64>(call, |(bound,)| {
                    if bound <= 0 {
                        return Err(invalid_argument("bound must be positive"));
                    }
                    Ok(Some(rand::rng().random_range(0..bound)))
                })
            })
            .on("(bigint, bigint) -> bigint", |call| {
                map_rows::<(i64, i64), i64>(call, |(start, stop)| {
                    if start >= stop {
                        return Err(invalid_argument("start value must be less than stop value"));
                    }
                    Ok(Some(rand::rng().random_range(start..stop)))
                })
            }),
        Function::new("width_bucket")
            .on("(double, double, double, bigint) -> bigint", |call| {
                map_rows::<(f64, f64, f64, i64), i64>(call, |(value, low, high, count)| {
                    width_bucket(value, low, high, count).map(Some)
                })
            })
            .on("(double, array(double)) -> bigint", bucket_of),
    ]
}

fn width_bucket(value: f64, low: f64, high: f64, count: i64) -> Result<i64> {
    if count <= 0 {
        return Err(invalid_argument("bucketCount must be greater than 0"));
    }
    if value.is_nan() {
        return Err(invalid_argument("operand must not be NaN"));
    }
    if !low.is_finite() {
        return Err(invalid_argument("first bound must be finite"));
    }
    if !high.is_finite() {
        return Err(invalid_argument("second bound must be finite"));
    }
    if low == high {
        return Err(invalid_argument("bounds cannot equal each other"));
    }
    let (lower, upper) = (low.min(high), low.max(high));
    let bucket = if value < lower {
        0
    } else if value >= upper {
        count.checked_add(1).ok_or_else(|| out_of_range(format!("Bucket for value {value} is out of range")))?
    } else {
        (count as f64 * (value - lower) / (upper - lower) + 1.0) as i64
    };
    Ok(if low > high { count - bucket + 1 } else { bucket })
}

/// How many of the ascending bounds lie at or below the value.
fn bucket_of(call: &Call) -> Result<ArrayRef> {
    let values = call.argument(0)?;
    let numbers = values.typed::<Float64Array>()?;
    let lists = Lists::of(call, 1)?;
    let bounds = lists.values().as_primitive::<Float64Type>();
    let mut buckets = Vec::with_capacity(call.rows);
    for row in 0..call.rows {
        let Some(range) = lists.range(row).filter(|_| !values.is_null(row)) else {
            buckets.push(None);
            continue;
        };
        let value = numbers.value(values.position(row));
        if value.is_nan() {
            return Err(invalid_argument("Operand cannot be NaN"));
        }
        if range.is_empty() {
            return Err(invalid_argument("Bins cannot be an empty array"));
        }
        if range.clone().any(|index| bounds.is_null(index)) {
            return Err(invalid_argument("Bin values must not be null"));
        }
        let below = range.filter(|index| bounds.value(*index) <= value).count();
        buckets.push(Some(below as i64));
    }
    Ok(Arc::new(Int64Array::from(buckets)))
}
