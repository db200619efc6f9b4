//! Seconds and nanoseconds since 1970 to and from timestamps.

use arrow::array::ArrayRef;
use arrow::datatypes::{DataType, TimeUnit};
use datafusion::common::{Result, ScalarValue};

use super::column::{At, Instant};
use super::moment::Moment;
use super::zone::Zone;
use super::zoned::{constant_zone, utc_millis};
use crate::call::{Call, map_rows};
use crate::failure::{internal, invalid_argument, not_supported};
use crate::function::Function;

pub(crate) fn functions() -> Vec<Function> {
    vec![
        Function::new("from_unixtime")
            .on("(double) -> timestamp(3) with time zone", from_unixtime)
            .computing(
                "(double, varchar)",
                |_, constants| Ok(utc_millis(Some(constant_zone("from_unixtime", constants, 1)?))),
                from_unixtime,
            )
            .computing("(double, bigint, bigint)", offset_type, from_unixtime),
        Function::new("from_unixtime_nanos")
            .on("(bigint) -> timestamp(9) with time zone", |call| {
                map_rows::<(i64,), At>(call, |(nanos,)| Ok(Some(At::Instant(Moment::from_ticks(nanos, 1_000_000_000)))))
            })
            .on("(decimal) -> timestamp(9) with time zone", from_decimal_nanos),
        Function::new("to_unixtime")
            .instant_only()
            .on("(timestamp) -> double", to_unixtime)
            .on("(timestamp with time zone) -> double", to_unixtime),
    ]
}

fn offset_type(_: &[DataType], constants: &[Option<&ScalarValue>]) -> Result<DataType> {
    let (Some(Some(ScalarValue::Int64(Some(hours)))), Some(Some(ScalarValue::Int64(Some(minutes))))) =
        (constants.get(1).map(|c| c.cloned()), constants.get(2).map(|c| c.cloned()))
    else {
        let whole = |index: usize| {
            constants.get(index).copied().flatten().and_then(|value| value.cast_to(&DataType::Int64).ok())
        };
        return match (whole(1), whole(2)) {
            (Some(ScalarValue::Int64(Some(hours))), Some(ScalarValue::Int64(Some(minutes)))) => {
                fixed_offset(hours, minutes)
            }
            _ => Err(not_supported("from_unixtime with an offset that is not a constant")),
        };
    };
    fixed_offset(hours, minutes)
}

fn fixed_offset(hours: i64, minutes: i64) -> Result<DataType> {
    let seconds = hours.saturating_mul(3_600).saturating_add(minutes.saturating_mul(60));
    if seconds.abs() > 14 * 3_600 {
        return Err(invalid_argument(format!("Invalid offset minutes {}", seconds / 60)));
    }
    Ok(utc_millis(Some(Zone::Fixed(seconds as i32))))
}

fn from_unixtime(call: &Call) -> Result<ArrayRef> {
    map_rows::<(f64,), At>(call, |(seconds,)| {
        let millis = (seconds * 1_000.0 + 0.5).floor();
        if millis.is_nan() {
            return Ok(Some(At::Instant(Moment::of_day(0))));
        }
        if millis.abs() > i64::MAX as f64 {
            return Err(invalid_argument(format!("Unix time is out of range: {seconds}")));
        }
        Ok(Some(At::Instant(Moment::from_ticks(millis as i64, 1_000))))
    })
}

fn from_decimal_nanos(call: &Call) -> Result<ArrayRef> {
    let DataType::Decimal128(_, scale) = *call.argument(0)?.array.data_type() else {
        return Err(internal("a decimal is expected"));
    };
    map_rows::<(i128,), At>(call, |(unscaled,)| {
        let nanos = crate::math::decimal::rescale(unscaled, scale, 0)?;
        let nanos =
            i64::try_from(nanos).map_err(|_| invalid_argument(format!("Unix time is out of range: {nanos}")))?;
        Ok(Some(At::Instant(Moment::from_ticks(nanos, 1_000_000_000))))
    })
}

fn to_unixtime(call: &Call) -> Result<ArrayRef> {
    let coarse = matches!(call.argument(0)?.array.data_type(), DataType::Timestamp(TimeUnit::Millisecond, _));
    map_rows::<(Instant,), f64>(call, |(Instant(moment),)| {
        Ok(Some(if coarse {
            moment.millis() as f64 / 1_000.0
        } else {
            moment.to_ticks(1_000_000).unwrap_or(i64::MAX) as f64 / 1_000_000.0
        }))
    })
}
