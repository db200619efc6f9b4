//! `parse_duration`: `42.8ms`, `3.81 d`, `5m` as an interval.

use std::sync::Arc;

use arrow::array::{ArrayRef, IntervalMonthDayNanoBuilder};
use arrow::datatypes::IntervalMonthDayNano;
use datafusion::common::Result;

use crate::call::{Call, Input};
use crate::failure::invalid_argument;
use crate::function::Function;

const DAY_MILLIS: i64 = 86_400_000;

pub(crate) fn functions() -> Vec<Function> {
    vec![Function::new("parse_duration").on("(varchar) -> interval day to second", parse_durations)]
}

fn parse_durations(call: &Call) -> Result<ArrayRef> {
    let argument = call.argument(0)?;
    let texts = <&str>::reader(argument)?;
    let mut builder = IntervalMonthDayNanoBuilder::with_capacity(call.rows);
    for row in 0..call.rows {
        if argument.is_null(row) {
            builder.append_null();
            continue;
        }
        let millis = millis(texts.value(argument.position(row)))?;
        builder.append_value(IntervalMonthDayNano {
            months: 0,
            days: (millis / DAY_MILLIS) as i32,
            nanoseconds: millis % DAY_MILLIS * 1_000_000,
        });
    }
    Ok(Arc::new(builder.finish()))
}

/// Milliseconds of a duration, rounded half up.
fn millis(text: &str) -> Result<i64> {
    let malformed = || invalid_argument(format!("duration is not a valid data duration string: {text}"));
    let split = text.find(|c: char| c.is_ascii_alphabetic()).ok_or_else(malformed)?;
    let (number, unit) = text.split_at(split);
    let number = number.trim();
    if number.is_empty() || !number.bytes().all(|b| b.is_ascii_digit() || b == b'.') {
        return Err(malformed());
    }
    let number: f64 = number.parse().map_err(|_| malformed())?;
    let unit_millis = match unit.trim() {
        "ns" => 1e-6,
        "us" => 1e-3,
        "ms" => 1.0,
        "s" => 1e3,
        "m" => 6e4,
        "h" => 3.6e6,
        "d" => 8.64e7,
        other => return Err(invalid_argument(format!("Unknown time unit: {other}"))),
    };
    let millis = (number * unit_millis).round();
    if millis > f64::from(i32::MAX) * DAY_MILLIS as f64 {
        return Err(invalid_argument(format!("duration is too long: {text}")));
    }
    Ok(millis as i64)
}
