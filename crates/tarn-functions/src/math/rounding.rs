//! `abs`, `sign`, `ceil`, `floor`, `round`, `truncate`, `mod`, in the type of their argument.
//!
//! Halves round away from zero. A decimal that loses its digits gets the precision Trino gives it.

use arrow::array::ArrayRef;
use arrow::datatypes::DataType;
use datafusion::common::{Result, ScalarValue};

use super::decimal::{divide_rounding, power_of_ten};
use crate::call::{Call, map_rows};
use crate::failure::{division_by_zero, internal, out_of_range};
use crate::function::Function;
use crate::types::MAX_DECIMAL_PRECISION;

type Constants<'c> = &'c [Option<&'c ScalarValue>];

pub(crate) fn functions() -> Vec<Function> {
    vec![
        integers(Function::new("abs"), "abs")
            .on("(real) -> real", |call| reals(call, f64::abs))
            .on("(double) -> double", |call| doubles(call, f64::abs))
            .computing("(decimal)", same, |call| decimals(call, |value, _| value.abs())),
        Function::new("sign")
            .on("(bigint) -> bigint", |call| map_rows::<(i64,), i64>(call, |(value,)| Ok(Some(value.signum()))))
            .on("(integer) -> integer", |call| map_rows::<(i32,), i32>(call, |(value,)| Ok(Some(value.signum()))))
            .on("(real) -> real", |call| reals(call, sign))
            .on("(double) -> double", |call| doubles(call, sign))
            .computing(
                "(decimal)",
                |_, _| Ok(DataType::Decimal128(1, 0)),
                |call| decimals(call, |value, _| value.signum()),
            ),
        whole(Function::new("ceil").alias("ceiling"))
            .on("(real) -> real", |call| reals(call, f64::ceil))
            .on("(double) -> double", |call| doubles(call, f64::ceil))
            .computing("(decimal)", whole_decimal, |call| {
                decimals(call, |value, unit| value.div_euclid(unit) + i128::from(value.rem_euclid(unit) != 0))
            }),
        whole(Function::new("floor"))
            .on("(real) -> real", |call| reals(call, f64::floor))
            .on("(double) -> double", |call| doubles(call, f64::floor))
            .computing("(decimal)", whole_decimal, |call| decimals(call, |value, unit| value.div_euclid(unit))),
        whole(Function::new("round"))
            .on("(real) -> real", |call| reals(call, |value| round(value, 0)))
            .on("(double) -> double", |call| doubles(call, |value| round(value, 0)))
            .computing("(decimal)", whole_decimal, |call| decimals(call, divide_rounding))
            .on("(integer, bigint) -> integer", |call| {
                map_rows::<(i32, i64), i32>(call, |(value, digits)| {
                    let rounded = round_integer(i128::from(value), digits, true);
                    i32::try_from(rounded)
                        .map(Some)
                        .map_err(|_| out_of_range(format!("integer out of range: {rounded}")))
                })
            })
            .on("(bigint, bigint) -> bigint", |call| {
                map_rows::<(i64, i64), i64>(call, |(value, digits)| {
                    let rounded = round_integer(i128::from(value), digits, true);
                    i64::try_from(rounded)
                        .map(Some)
                        .map_err(|_| out_of_range(format!("bigint out of range: {rounded}")))
                })
            })
            .on("(real, bigint) -> real", |call| {
                map_rows::<(f32, i64), f32>(call, |(value, digits)| Ok(Some(round(f64::from(value), digits) as f32)))
            })
            .on("(double, bigint) -> double", |call| {
                map_rows::<(f64, i64), f64>(call, |(value, digits)| Ok(Some(round(value, digits))))
            })
            .computing("(decimal, bigint)", wider, |call| decimal_digits(call, true)),
        whole(Function::new("truncate"))
            .on("(real) -> real", |call| reals(call, f64::trunc))
            .on("(double) -> double", |call| doubles(call, f64::trunc))
            .computing("(decimal)", truncated_decimal, |call| decimals(call, |value, unit| value / unit))
            .on("(bigint, bigint) -> bigint", |call| {
                map_rows::<(i64, i64), i64>(call, |(value, digits)| {
                    Ok(Some(round_integer(i128::from(value), digits, false) as i64))
                })
            })
            .on("(double, bigint) -> double", |call| {
                map_rows::<(f64, i64), f64>(call, |(value, digits)| Ok(Some(truncate_double(value, digits))))
            })
            .computing("(decimal, bigint)", same, |call| decimal_digits(call, false)),
        Function::new("mod")
            .on("(integer, integer) -> integer", |call| {
                map_rows::<(i32, i32), i32>(call, |(left, right)| match right {
                    0 => Err(division_by_zero()),
                    _ => Ok(Some(left.wrapping_rem(right))),
                })
            })
            .on("(bigint, bigint) -> bigint", |call| {
                map_rows::<(i64, i64), i64>(call, |(left, right)| match right {
                    0 => Err(division_by_zero()),
                    _ => Ok(Some(left.wrapping_rem(right))),
                })
            })
            .on("(double, double) -> double", |call| {
                map_rows::<(f64, f64), f64>(call, |(left, right)| Ok(Some(left % right)))
            })
            .computing("(N, N)", common, |call| {
                map_rows::<(i128, i128), i128>(call, |(left, right)| match right {
                    0 => Err(division_by_zero()),
                    _ => Ok(Some(left % right)),
                })
            }),
    ]
}

/// Adds the integer overloads of a function that leaves integers as they are.
fn whole(function: Function) -> Function {
    function
        .on("(tinyint) -> tinyint", unchanged)
        .on("(smallint) -> smallint", unchanged)
        .on("(integer) -> integer", unchanged)
        .on("(bigint) -> bigint", unchanged)
}

fn unchanged(call: &Call) -> Result<ArrayRef> {
    call.argument(0)?.column(call.rows)
}

fn integers(function: Function, _: &str) -> Function {
    function
        .on("(tinyint) -> tinyint", |call| {
            map_rows::<(i8,), i8>(call, |(value,)| {
                value.checked_abs().map(Some).ok_or_else(|| out_of_range("Value -128 is out of range for abs(tinyint)"))
            })
        })
        .on("(smallint) -> smallint", |call| {
            map_rows::<(i16,), i16>(call, |(value,)| {
                let absolute = value.checked_abs().map(Some);
                absolute.ok_or_else(|| out_of_range("Value -32768 is out of range for abs(smallint)"))
            })
        })
        .on("(integer) -> integer", |call| {
            map_rows::<(i32,), i32>(call, |(value,)| {
                value
                    .checked_abs()
                    .map(Some)
                    .ok_or_else(|| out_of_range("Value -2147483648 is out of range for abs(integer)"))
            })
        })
        .on("(bigint) -> bigint", |call| {
            map_rows::<(i64,), i64>(call, |(value,)| {
                value
                    .checked_abs()
                    .map(Some)
                    .ok_or_else(|| out_of_range("Value -9223372036854775808 is out of range for abs(bigint)"))
            })
        })
}

fn reals(call: &Call, function: fn(f64) -> f64) -> Result<ArrayRef> {
    map_rows::<(f32,), f32>(call, |(value,)| Ok(Some(function(f64::from(value)) as f32)))
}

fn doubles(call: &Call, function: fn(f64) -> f64) -> Result<ArrayRef> {
    map_rows::<(f64,), f64>(call, |(value,)| Ok(Some(function(value))))
}

fn sign(value: f64) -> f64 {
    if value == 0.0 || value.is_nan() { value } else { value.signum() }
}

fn decimal_type(types: &[DataType]) -> Result<(u8, i8)> {
    match types.first() {
        Some(DataType::Decimal128(precision, scale)) => Ok((*precision, *scale)),
        _ => Err(internal("a decimal is expected")),
    }
}

fn same(types: &[DataType], _: Constants<'_>) -> Result<DataType> {
    decimal_type(types).map(|(precision, scale)| DataType::Decimal128(precision, scale))
}

fn common(types: &[DataType], _: Constants<'_>) -> Result<DataType> {
    same(types, &[])
}

/// Room for the digit that rounding up may add.
fn whole_decimal(types: &[DataType], _: Constants<'_>) -> Result<DataType> {
    let (precision, scale) = decimal_type(types)?;
    let digits = precision as i8 - scale + scale.min(1);
    Ok(DataType::Decimal128(digits.clamp(1, 38) as u8, 0))
}

fn truncated_decimal(types: &[DataType], _: Constants<'_>) -> Result<DataType> {
    let (precision, scale) = decimal_type(types)?;
    Ok(DataType::Decimal128((precision as i8 - scale).max(1) as u8, 0))
}

fn wider(types: &[DataType], _: Constants<'_>) -> Result<DataType> {
    let (precision, scale) = decimal_type(types)?;
    Ok(DataType::Decimal128((precision + 1).min(MAX_DECIMAL_PRECISION), scale))
}

/// Applies a function of the unscaled value and of the unscaled value of one.
fn decimals(call: &Call, function: fn(i128, i128) -> i128) -> Result<ArrayRef> {
    let (_, scale) = decimal_type(&[call.argument(0)?.array.data_type().clone()])?;
    let unit = power_of_ten(u32::from(scale.unsigned_abs())).unwrap_or(1);
    map_rows::<(i128,), i128>(call, |(value,)| Ok(Some(function(value, unit))))
}

/// Rounds or cuts a decimal after a number of digits, keeping its scale.
fn decimal_digits(call: &Call, rounding: bool) -> Result<ArrayRef> {
    let (_, scale) = decimal_type(&[call.argument(0)?.array.data_type().clone()])?;
    map_rows::<(i128, i64), i128>(call, |(value, digits)| {
        Ok(Some(round_integer(value, digits.saturating_sub(i64::from(scale)), rounding)))
    })
}

/// Makes zero of the digits after a place; negative places are left of the point.
fn round_integer(value: i128, digits: i64, rounding: bool) -> i128 {
    if digits >= 0 {
        return value;
    }
    let unit = u32::try_from(digits.unsigned_abs()).ok().and_then(power_of_ten);
    match unit {
        Some(unit) if rounding => divide_rounding(value, unit) * unit,
        Some(unit) => value / unit * unit,
        None => 0,
    }
}

fn round(value: f64, digits: i64) -> f64 {
    if !value.is_finite() {
        return value;
    }
    let factor = 10_f64.powi(digits.clamp(-400, 400) as i32);
    let scaled = value.abs() * factor;
    if !scaled.is_finite() || scaled > 9.0e18 {
        return value;
    }
    (scaled.round() / factor).copysign(value)
}

fn truncate_double(value: f64, digits: i64) -> f64 {
    let factor = 10_f64.powi(digits.clamp(-400, 400) as i32);
    let scaled = value * factor;
    if !scaled.is_finite() || factor == 0.0 {
        return if digits < 0 { 0.0 } else { value };
    }
    scaled.trunc() / factor
}
