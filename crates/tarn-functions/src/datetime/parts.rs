//! The parts of a date or time as numbers: `year`, `week`, `hour`, `timezone_hour`, …

use arrow::array::{
    ArrayRef, IntervalMonthDayNanoArray, Time32MillisecondArray, Time32SecondArray, Time64MicrosecondArray,
    Time64NanosecondArray,
};
use arrow::compute::cast;
use arrow::datatypes::{DataType, Int64Type, IntervalUnit, TimeUnit};
use datafusion::common::Result;

use super::column::Zoned;
use super::moment::{Moment, day_of_week, iso_week};
use crate::call::{Call, map_rows, primitive};
use crate::failure::{internal, invalid_argument, no_overload};
use crate::function::Function;

type Part = fn(Moment) -> i64;

/// Declares a function that reads a part of a date, with its other names.
macro_rules! date_part {
    ($name:literal $(, $alias:literal)*; $part:expr) => {
        Function::new($name)
            $(.alias($alias))*
            .wall_clock()
            .on("(date) -> bigint", |call| parts(call, $part))
            .on("(timestamp) -> bigint", |call| parts(call, $part))
            .on("(timestamp with time zone) -> bigint", |call| parts(call, $part))
    };
}

/// Declares a function that reads a part of a time of day, also of times and intervals.
macro_rules! time_part {
    ($name:literal; $part:expr) => {
        Function::new($name)
            .wall_clock()
            .on("(timestamp) -> bigint", |call| parts(call, $part))
            .on("(timestamp with time zone) -> bigint", |call| parts(call, $part))
            .computing("(S)", bigint, |call| interval_parts(call, $part))
            .computing("(T)", bigint_of_time, |call| time_parts(call, $part))
    };
}

pub(crate) fn functions() -> Vec<Function> {
    vec![
        date_part!("year"; |moment| moment.day().year),
        date_part!("quarter"; |moment| i64::from(moment.day().month - 1) / 3 + 1),
        date_part!("month"; |moment| i64::from(moment.day().month)),
        date_part!("week", "week_of_year"; |moment| iso_week(moment.days()).1),
        date_part!("day", "day_of_month"; |moment| i64::from(moment.day().day)),
        date_part!("day_of_week", "dow"; |moment| day_of_week(moment.days())),
        date_part!("day_of_year", "doy"; |moment| moment.day().day_of_year()),
        date_part!("year_of_week", "yow"; |moment| iso_week(moment.days()).0),
        time_part!("hour"; Moment::hour),
        time_part!("minute"; Moment::minute),
        time_part!("second"; Moment::second),
        time_part!("millisecond"; Moment::millisecond),
        Function::new("timezone_hour")
            .on("(timestamp with time zone) -> bigint", |call| offsets(call, |offset| offset / 3_600)),
        Function::new("timezone_minute")
            .on("(timestamp with time zone) -> bigint", |call| offsets(call, |offset| offset / 60 % 60)),
        Function::new("to_milliseconds").on("(interval day to second) -> bigint", milliseconds),
        Function::new("human_readable_seconds").on("(double) -> varchar", |call| {
            map_rows::<(f64,), String>(call, |(seconds,)| human_readable(seconds).map(Some))
        }),
    ]
}

fn bigint(_: &[DataType], _: &[Option<&datafusion::common::ScalarValue>]) -> Result<DataType> {
    Ok(DataType::Int64)
}

fn bigint_of_time(types: &[DataType], _: &[Option<&datafusion::common::ScalarValue>]) -> Result<DataType> {
    match types {
        [DataType::Time32(_) | DataType::Time64(_) | DataType::Null] => Ok(DataType::Int64),
        [other] => Err(no_overload(format!(
            "FUNCTION_NOT_FOUND: Unexpected parameters ({}) for a function of times. Expected: time, timestamp, \
             timestamp with time zone, interval day to second",
            crate::types::type_name(other)
        ))),
        _ => Err(internal("a time part takes one argument")),
    }
}

fn parts(call: &Call, part: Part) -> Result<ArrayRef> {
    map_rows::<(Moment,), i64>(call, |(moment,)| Ok(Some(part(moment))))
}

fn offsets(call: &Call, part: fn(i64) -> i64) -> Result<ArrayRef> {
    map_rows::<(Zoned,), i64>(call, |(value,)| Ok(Some(part(value.local.seconds - value.instant.seconds))))
}

fn time_parts(call: &Call, part: Part) -> Result<ArrayRef> {
    let array = &call.argument(0)?.array;
    let moments: Vec<Option<Moment>> = match array.data_type() {
        DataType::Time32(TimeUnit::Second) => call
            .argument(0)?
            .typed::<Time32SecondArray>()?
            .iter()
            .map(|time| time.map(|time| Moment::from_ticks(i64::from(time), 1)))
            .collect(),
        DataType::Time32(_) => call
            .argument(0)?
            .typed::<Time32MillisecondArray>()?
            .iter()
            .map(|time| time.map(|time| Moment::from_ticks(i64::from(time), 1_000)))
            .collect(),
        DataType::Time64(TimeUnit::Microsecond) => call
            .argument(0)?
            .typed::<Time64MicrosecondArray>()?
            .iter()
            .map(|time| time.map(|time| Moment::from_ticks(time, 1_000_000)))
            .collect(),
        DataType::Time64(_) => call
            .argument(0)?
            .typed::<Time64NanosecondArray>()?
            .iter()
            .map(|time| time.map(|time| Moment::from_ticks(time, 1_000_000_000)))
            .collect(),
        _ => return Ok(call.nulls()),
    };
    Ok(primitive::<Int64Type>(moments.into_iter().map(|moment| moment.map(part))))
}

/// Reads an interval of days to seconds as milliseconds per row.
fn interval_millis(call: &Call) -> Result<Vec<Option<i64>>> {
    let wanted = DataType::Interval(IntervalUnit::MonthDayNano);
    let array = cast(&call.argument(0)?.array, &wanted)?;
    let intervals = array
        .as_any()
        .downcast_ref::<IntervalMonthDayNanoArray>()
        .ok_or_else(|| internal("an interval is expected"))?;
    intervals
        .iter()
        .map(|interval| {
            let Some(interval) = interval else {
                return Ok(None);
            };
            if interval.months != 0 {
                return Err(invalid_argument("an interval day to second is expected, not an interval year to month"));
            }
            Ok(Some(i64::from(interval.days) * 86_400_000 + interval.nanoseconds / 1_000_000))
        })
        .collect()
}

fn interval_parts(call: &Call, part: Part) -> Result<ArrayRef> {
    let values = interval_millis(call)?;
    Ok(primitive::<Int64Type>(
        values
            .into_iter()
            .map(|millis| millis.map(|millis| millis.signum() * part(Moment::from_ticks(millis.abs(), 1_000)))),
    ))
}

fn milliseconds(call: &Call) -> Result<ArrayRef> {
    Ok(primitive::<Int64Type>(interval_millis(call)?.into_iter()))
}

/// `3762` as `1 hour, 2 minutes, 42 seconds`.
fn human_readable(seconds: f64) -> Result<String> {
    if !seconds.is_finite() {
        return Err(invalid_argument(format!(
            "Invalid argument found: {}",
            crate::string::number::double_text(seconds)
        )));
    }
    let mut left = seconds.round().abs() as i64;
    let mut words = Vec::new();
    for (name, size) in [("week", 604_800), ("day", 86_400), ("hour", 3_600), ("minute", 60), ("second", 1)] {
        let count = left / size;
        left %= size;
        if count > 0 {
            words.push(format!("{count} {name}{}", if count == 1 { "" } else { "s" }));
        }
    }
    if words.is_empty() {
        words.push("0 seconds".to_owned());
    }
    Ok(words.join(", "))
}
