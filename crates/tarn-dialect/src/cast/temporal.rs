//! Casts to dates, times and timestamps.

use arrow::array::{Array, ArrayRef, AsArray, Int64Array, make_array};
use arrow::datatypes::{DataType, Date32Type, Int64Type};
use chrono::Timelike;
use datafusion::common::{DataFusionError, Result};

use crate::cast::rows::mapped;
use crate::operator::{internal, invalid_cast, out_of_range};
use crate::temporal::{
    NANOS_PER_DAY, NANOS_PER_SECOND, Zone, nanos_of, nanos_per, parse_time, parse_timestamp, ticks, wall_of,
};

pub(super) fn to_moment(array: &ArrayRef, to: &DataType) -> Result<ArrayRef> {
    match to {
        DataType::Date32 => to_date(array),
        DataType::Timestamp(unit, zone) => {
            let zoned = zone.is_some();
            let moments = moments(array, zoned)?;
            let ticks: Vec<Option<i64>> = moments
                .into_iter()
                .map(|moment| match moment {
                    Some(moment) => ticks(moment, *unit).map(Some).ok_or_else(beyond),
                    None => Ok(None),
                })
                .collect::<Result<_>>()?;
            with_type(Int64Array::from(ticks), to)
        }
        DataType::Time32(unit) | DataType::Time64(unit) => {
            let per = nanos_per(*unit);
            let day = NANOS_PER_DAY / per;
            let times = times(array)?;
            let ticks: Int64Array =
                times.into_iter().map(|time| time.map(|time| ((time + per / 2) / per) % day)).collect();
            let wide: ArrayRef = std::sync::Arc::new(ticks);
            match to {
                DataType::Time32(_) => {
                    let narrow = arrow::compute::cast(&wide, &DataType::Int32)?;
                    Ok(arrow::compute::cast(&narrow, to)?)
                }
                _ => Ok(arrow::compute::cast(&wide, to)?),
            }
        }
        other => Err(internal(format!("`{other}` is no moment"))),
    }
}

fn beyond() -> DataFusionError {
    out_of_range("the timestamp is beyond the range of its type")
}

fn with_type(values: Int64Array, to: &DataType) -> Result<ArrayRef> {
    let data = values.to_data().into_builder().data_type(to.clone());
    Ok(make_array(data.build()?))
}

fn to_date(array: &ArrayRef) -> Result<ArrayRef> {
    match array.data_type() {
        DataType::Utf8 => {
            let values = array.as_string::<i32>();
            mapped::<Date32Type>(array, |row| tarn_functions::cast_text_to_date(values.value(row)))
        }
        _ => {
            let walls = walls(array)?;
            mapped::<Date32Type>(array, |row| {
                let nanos = walls[row].unwrap_or(0);
                i32::try_from(nanos.div_euclid(i128::from(NANOS_PER_DAY))).map_err(|_| beyond())
            })
        }
    }
}

/// Nanoseconds of the wall clock that each row shows.
fn walls(array: &ArrayRef) -> Result<Vec<Option<i128>>> {
    let (per, zone) = match array.data_type() {
        DataType::Timestamp(unit, zone) => (i128::from(nanos_per(*unit)), zone.clone()),
        DataType::Date32 => (i128::from(NANOS_PER_DAY), None),
        other => return Err(internal(format!("`{other}` has no wall clock"))),
    };
    let numbers = whole(array)?;
    let zone = zone.as_deref().and_then(Zone::parse);
    numbers
        .iter()
        .map(|value| match (value, zone) {
            (None, _) => Ok(None),
            (Some(value), None) => Ok(Some(i128::from(value) * per)),
            (Some(value), Some(zone)) => {
                zone.wall(i128::from(value) * per).and_then(nanos_of).map(Some).ok_or_else(beyond)
            }
        })
        .collect()
}

fn whole(array: &ArrayRef) -> Result<Int64Array> {
    let narrow = matches!(array.data_type(), DataType::Date32 | DataType::Time32(_));
    let numbers = if narrow {
        arrow::compute::cast(&arrow::compute::cast(array, &DataType::Int32)?, &DataType::Int64)?
    } else {
        arrow::compute::cast(array, &DataType::Int64)?
    };
    Ok(numbers.as_primitive::<Int64Type>().clone())
}

/// Nanoseconds of the moment (target with zone) or of the wall clock (target without).
fn moments(array: &ArrayRef, zoned: bool) -> Result<Vec<Option<i128>>> {
    match array.data_type() {
        DataType::Utf8 => {
            array.as_string::<i32>().iter().map(|text| text.map(|text| read(text, zoned)).transpose()).collect()
        }
        DataType::Timestamp(unit, Some(_)) if zoned => {
            let per = i128::from(nanos_per(*unit));
            let numbers = whole(array)?;
            Ok(numbers.iter().map(|value| value.map(|value| i128::from(value) * per)).collect())
        }
        _ => walls(array),
    }
}

fn read(text: &str, zoned: bool) -> Result<i128> {
    let kind = if zoned { "timestamp with time zone" } else { "timestamp" };
    let invalid = || invalid_cast(format!("Value cannot be cast to {kind}: {text}"));
    let parsed = parse_timestamp(text).ok_or_else(invalid)?;
    let nanos = match (zoned, parsed.zone) {
        (true, Some(zone)) => zone.to_utc(parsed.wall),
        (false, Some(_)) => None,
        (_, None) => nanos_of(parsed.wall),
    };
    nanos.ok_or_else(invalid)
}

/// Nanoseconds since midnight.
fn times(array: &ArrayRef) -> Result<Vec<Option<i64>>> {
    match array.data_type() {
        DataType::Utf8 => array
            .as_string::<i32>()
            .iter()
            .map(|text| match text {
                None => Ok(None),
                Some(text) => parse_time(text.trim())
                    .map(|(nanos, _)| Some(nanos))
                    .ok_or_else(|| invalid_cast(format!("Value cannot be cast to time: {text}"))),
            })
            .collect(),
        DataType::Time32(unit) | DataType::Time64(unit) => {
            let per = nanos_per(*unit);
            Ok(whole(array)?.iter().map(|value| value.map(|value| value * per)).collect())
        }
        _ => walls(array)?
            .into_iter()
            .map(|wall| match wall {
                None => Ok(None),
                Some(nanos) => {
                    let time = wall_of(nanos).ok_or_else(beyond)?.time();
                    Ok(Some(
                        i64::from(time.num_seconds_from_midnight()) * NANOS_PER_SECOND + i64::from(time.nanosecond()),
                    ))
                }
            })
            .collect(),
    }
}
