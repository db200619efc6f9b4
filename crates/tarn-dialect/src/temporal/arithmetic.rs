//! Arithmetic on dates, times, timestamps and intervals, and showing a moment in another zone.

use std::sync::Arc;

use arrow::array::{Array, ArrayRef, AsArray, Date32Array, IntervalMonthDayNanoArray, IntervalYearMonthArray};
use arrow::compute::cast;
use arrow::datatypes::{
    DataType, Date32Type, Float64Type, Int64Type, IntervalMonthDayNanoType, IntervalUnit, IntervalYearMonthType,
    TimeUnit,
};
use chrono::Months;
use datafusion::common::Result;
use datafusion::logical_expr::{
    ColumnarValue, ReturnFieldArgs, ScalarFunctionArgs, ScalarUDFImpl, Signature, Volatility,
};

use crate::operator::arithmetic::ArithmeticOperator;
use crate::operator::{internal, invalid_argument, out_of_range};
use crate::temporal::{NANOS_PER_DAY, Zone, date_of, day_time, days_of, nanos_of, nanos_per, span_of, ticks, wall_of};
use crate::types::field_of;

const DAY_TIME: DataType = DataType::Interval(IntervalUnit::MonthDayNano);
const YEAR_MONTH: DataType = DataType::Interval(IntervalUnit::YearMonth);

/// The type of a temporal operation; `None` where there is none.
pub(crate) fn temporal_result(operator: ArithmeticOperator, left: &DataType, right: &DataType) -> Option<DataType> {
    use ArithmeticOperator::{Add, Divide, Multiply, Subtract};
    let interval = |data_type: &DataType| matches!(data_type, DataType::Interval(_));
    let number = |data_type: &DataType| crate::types::is_integer(data_type) || data_type == &DataType::Float64;
    match (operator, left, right) {
        (Add | Subtract, a, b) if interval(a) && a == b => Some(a.clone()),
        (Add | Subtract, moment, span) if interval(span) => shifted(moment, span),
        (Add, span, moment) if interval(span) => shifted(moment, span),
        (Subtract, DataType::Date32, DataType::Date32) => Some(DAY_TIME),
        (Subtract, DataType::Timestamp(_, _) | DataType::Date32, DataType::Timestamp(_, _) | DataType::Date32) => {
            Some(DAY_TIME)
        }
        (Subtract, DataType::Time32(_) | DataType::Time64(_), DataType::Time32(_) | DataType::Time64(_)) => {
            Some(DAY_TIME)
        }
        (Multiply | Divide, span, factor) if interval(span) && number(factor) => Some(span.clone()),
        (Multiply, factor, span) if interval(span) && number(factor) => Some(span.clone()),
        _ => None,
    }
}

/// What a moment is after a span: milliseconds are the unit of spans, months of calendar spans.
fn shifted(moment: &DataType, span: &DataType) -> Option<DataType> {
    match moment {
        DataType::Date32 => Some(DataType::Date32),
        DataType::Timestamp(unit, zone) if span == &YEAR_MONTH => Some(DataType::Timestamp(*unit, zone.clone())),
        DataType::Timestamp(unit, zone) => Some(DataType::Timestamp((*unit).max(TimeUnit::Millisecond), zone.clone())),
        DataType::Time32(_) | DataType::Time64(_) if span == &DAY_TIME => Some(DataType::Time32(TimeUnit::Millisecond)),
        _ => None,
    }
}

/// One temporal operator with the type of its result.
#[derive(Debug, PartialEq, Eq, Hash)]
pub(crate) struct TemporalArithmetic {
    operator: ArithmeticOperator,
    result: DataType,
    signature: Signature,
}

impl TemporalArithmetic {
    pub(crate) fn new(operator: ArithmeticOperator, result: DataType) -> Self {
        Self { operator, result, signature: Signature::any(2, Volatility::Immutable) }
    }
}

impl ScalarUDFImpl for TemporalArithmetic {
    fn name(&self) -> &str {
        self.operator.symbol()
    }

    fn signature(&self) -> &Signature {
        &self.signature
    }

    fn return_type(&self, _arguments: &[DataType]) -> Result<DataType> {
        Ok(self.result.clone())
    }

    fn invoke_with_args(&self, args: ScalarFunctionArgs) -> Result<ColumnarValue> {
        let arrays = args.args.iter().map(|value| value.to_array(args.number_rows)).collect::<Result<Vec<_>>>()?;
        let [left, right] = &arrays[..] else {
            return Err(internal("an operator takes two operands"));
        };
        let sign: i64 = if self.operator == ArithmeticOperator::Subtract { -1 } else { 1 };
        let left_span = matches!(left.data_type(), DataType::Interval(_));
        let right_span = matches!(right.data_type(), DataType::Interval(_));
        let result = match self.operator {
            ArithmeticOperator::Multiply if left_span => scale(left, right, false)?,
            ArithmeticOperator::Multiply => scale(right, left, false)?,
            ArithmeticOperator::Divide => scale(left, right, true)?,
            _ => match (left_span, right_span) {
                (true, true) => sum(left, right, sign)?,
                (false, true) => shift(left, right, sign, &self.result)?,
                (true, false) => shift(right, left, sign, &self.result)?,
                (false, false) => difference(left, right)?,
            },
        };
        Ok(ColumnarValue::Array(result))
    }
}

fn too_far() -> datafusion::common::DataFusionError {
    out_of_range("the result is beyond the range of its type")
}

/// The moments or times of an array in nanoseconds.
fn nanos(array: &ArrayRef) -> Result<Vec<Option<i128>>> {
    let (numbers, per): (ArrayRef, i64) = match array.data_type() {
        DataType::Date32 => (cast(&cast(array, &DataType::Int32)?, &DataType::Int64)?, NANOS_PER_DAY),
        DataType::Timestamp(unit, _) | DataType::Time64(unit) => (cast(array, &DataType::Int64)?, nanos_per(*unit)),
        DataType::Time32(unit) => (cast(&cast(array, &DataType::Int32)?, &DataType::Int64)?, nanos_per(*unit)),
        other => return Err(internal(format!("`{other}` is no moment"))),
    };
    Ok(numbers
        .as_primitive::<Int64Type>()
        .iter()
        .map(|value| value.map(|value| i128::from(value) * i128::from(per)))
        .collect())
}

fn difference(left: &ArrayRef, right: &ArrayRef) -> Result<ArrayRef> {
    let spans = nanos(left)?
        .into_iter()
        .zip(nanos(right)?)
        .map(|pair| match pair {
            (Some(left), Some(right)) => {
                i64::try_from(left - right).map(|span| Some(day_time(span))).map_err(|_| too_far())
            }
            _ => Ok(None),
        })
        .collect::<Result<IntervalMonthDayNanoArray>>()?;
    Ok(Arc::new(spans))
}

fn sum(left: &ArrayRef, right: &ArrayRef, sign: i64) -> Result<ArrayRef> {
    if left.data_type() == &YEAR_MONTH {
        let (left, right) =
            (left.as_primitive::<IntervalYearMonthType>(), right.as_primitive::<IntervalYearMonthType>());
        let months = left
            .iter()
            .zip(right.iter())
            .map(|pair| match pair {
                (Some(left), Some(right)) => {
                    i32::try_from(i64::from(left) + sign * i64::from(right)).map(Some).map_err(|_| too_far())
                }
                _ => Ok(None),
            })
            .collect::<Result<IntervalYearMonthArray>>()?;
        return Ok(Arc::new(months));
    }
    let (left, right) =
        (left.as_primitive::<IntervalMonthDayNanoType>(), right.as_primitive::<IntervalMonthDayNanoType>());
    let spans = left
        .iter()
        .zip(right.iter())
        .map(|pair| match pair {
            (Some(left), Some(right)) => i64::try_from(span_of(left) + i128::from(sign) * span_of(right))
                .map(|span| Some(day_time(span)))
                .map_err(|_| too_far()),
            _ => Ok(None),
        })
        .collect::<Result<IntervalMonthDayNanoArray>>()?;
    Ok(Arc::new(spans))
}

fn scale(spans: &ArrayRef, factors: &ArrayRef, divide: bool) -> Result<ArrayRef> {
    let factors = cast(factors, &DataType::Float64)?;
    let factors = factors.as_primitive::<Float64Type>();
    let apply = |span: f64, factor: f64| -> Result<f64> {
        let scaled = if divide {
            if factor == 0.0 {
                return Err(crate::operator::division_by_zero());
            }
            span / factor
        } else {
            span * factor
        };
        if scaled.is_finite() && scaled.abs() < 9.2e18 { Ok(scaled) } else { Err(too_far()) }
    };
    if spans.data_type() == &YEAR_MONTH {
        let spans = spans.as_primitive::<IntervalYearMonthType>();
        let months = spans
            .iter()
            .zip(factors.iter())
            .map(|pair| match pair {
                (Some(span), Some(factor)) => apply(f64::from(span), factor).map(|months| Some(months as i32)),
                _ => Ok(None),
            })
            .collect::<Result<IntervalYearMonthArray>>()?;
        return Ok(Arc::new(months));
    }
    let spans = spans.as_primitive::<IntervalMonthDayNanoType>();
    let scaled = spans
        .iter()
        .zip(factors.iter())
        .map(|pair| match pair {
            // Spans count milliseconds in Athena.
            (Some(span), Some(factor)) => apply((span_of(span) / 1_000_000) as f64, factor)
                .and_then(|millis| (millis as i64).checked_mul(1_000_000).ok_or_else(too_far))
                .map(|nanos| Some(day_time(nanos))),
            _ => Ok(None),
        })
        .collect::<Result<IntervalMonthDayNanoArray>>()?;
    Ok(Arc::new(scaled))
}

fn shift(moments: &ArrayRef, spans: &ArrayRef, sign: i64, result: &DataType) -> Result<ArrayRef> {
    match (result, spans.data_type()) {
        (DataType::Date32, span) => {
            let dates = moments.as_primitive::<Date32Type>();
            let months = (span == &YEAR_MONTH).then(|| spans.as_primitive::<IntervalYearMonthType>());
            let days = (span != &YEAR_MONTH).then(|| spans.as_primitive::<IntervalMonthDayNanoType>());
            let shifted = (0..dates.len())
                .map(|row| {
                    if dates.is_null(row) || spans.is_null(row) {
                        return Ok(None);
                    }
                    let date = dates.value(row);
                    match (months, days) {
                        (Some(months), _) => {
                            let date = date_of(date).ok_or_else(too_far)?;
                            add_months(date, sign * i64::from(months.value(row))).map(|date| Some(days_of(date)))
                        }
                        (_, Some(days)) => {
                            let span = span_of(days.value(row));
                            if span % i128::from(NANOS_PER_DAY) != 0 {
                                return Err(invalid_argument("Cannot add hour, minutes or seconds to a date"));
                            }
                            let whole = span / i128::from(NANOS_PER_DAY) * i128::from(sign);
                            i32::try_from(i128::from(date) + whole).map(Some).map_err(|_| too_far())
                        }
                        _ => Ok(None),
                    }
                })
                .collect::<Result<Date32Array>>()?;
            Ok(Arc::new(shifted))
        }
        (DataType::Timestamp(unit, zone), span) => {
            let by_months = span == &YEAR_MONTH;
            let named = zone.as_deref().and_then(Zone::parse);
            let mut values: Vec<Option<i64>> = Vec::with_capacity(moments.len());
            for (row, moment) in nanos(moments)?.into_iter().enumerate() {
                let Some(moment) = moment.filter(|_| spans.is_valid(row)) else {
                    values.push(None);
                    continue;
                };
                let moved = if by_months {
                    let months = spans.as_primitive::<IntervalYearMonthType>().value(row);
                    months_later(moment, sign * i64::from(months), named)?
                } else {
                    let span = spans.as_primitive::<IntervalMonthDayNanoType>().value(row);
                    moment + span_of(span) * i128::from(sign)
                };
                values.push(Some(ticks(moved, *unit).ok_or_else(too_far)?));
            }
            let numbers = arrow::array::Int64Array::from(values);
            Ok(arrow::array::make_array(numbers.to_data().into_builder().data_type(result.clone()).build()?))
        }
        (DataType::Time32(_), _) => {
            let spans = spans.as_primitive::<IntervalMonthDayNanoType>();
            let day = i128::from(NANOS_PER_DAY);
            let times: arrow::array::Time32MillisecondArray = nanos(moments)?
                .into_iter()
                .zip(spans.iter())
                .map(|pair| match pair {
                    (Some(time), Some(span)) => {
                        let moved = (time + span_of(span) * i128::from(sign)).rem_euclid(day);
                        i32::try_from(moved / 1_000_000).ok()
                    }
                    _ => None,
                })
                .collect();
            Ok(Arc::new(times))
        }
        _ => Err(internal("a span is added to a moment")),
    }
}

/// A date some months later; the day is cut to the length of the month.
fn add_months(date: chrono::NaiveDate, months: i64) -> Result<chrono::NaiveDate> {
    let size = Months::new(u32::try_from(months.unsigned_abs()).map_err(|_| too_far())?);
    let moved = if months < 0 { date.checked_sub_months(size) } else { date.checked_add_months(size) };
    moved.ok_or_else(too_far)
}

fn months_later(moment: i128, months: i64, zone: Option<Zone>) -> Result<i128> {
    let wall = match zone {
        Some(zone) => zone.wall(moment),
        None => wall_of(moment),
    }
    .ok_or_else(too_far)?;
    let moved = add_months(wall.date(), months)?.and_time(wall.time());
    match zone {
        Some(zone) => zone.to_utc(moved),
        None => nanos_of(moved),
    }
    .ok_or_else(too_far)
}

/// A moment shown in a zone: the instant stays, the type's zone changes.
#[derive(Debug, PartialEq, Eq, Hash)]
pub(crate) struct AtTimeZone {
    zone: Arc<str>,
    signature: Signature,
}

impl AtTimeZone {
    pub(crate) fn new(zone: &Zone) -> Self {
        Self { zone: zone.name().into(), signature: Signature::any(1, Volatility::Immutable) }
    }

    fn result(&self, moment: &DataType) -> DataType {
        match moment {
            DataType::Timestamp(unit, _) => DataType::Timestamp(*unit, Some(Arc::clone(&self.zone))),
            other => other.clone(),
        }
    }
}

impl ScalarUDFImpl for AtTimeZone {
    fn name(&self) -> &str {
        "$at_time_zone"
    }

    fn signature(&self) -> &Signature {
        &self.signature
    }

    fn return_type(&self, arguments: &[DataType]) -> Result<DataType> {
        arguments.first().map(|moment| self.result(moment)).ok_or_else(|| internal("a zone is given to a moment"))
    }

    fn return_field_from_args(&self, args: ReturnFieldArgs<'_>) -> Result<arrow::datatypes::FieldRef> {
        let moment = args.arg_fields.first().map(|field| field.data_type());
        Ok(field_of(self.result(moment.unwrap_or(&DataType::Null))))
    }

    fn invoke_with_args(&self, args: ScalarFunctionArgs) -> Result<ColumnarValue> {
        let Some(moment) = args.args.first() else {
            return Err(internal("a zone is given to a moment"));
        };
        let moments = moment.to_array(args.number_rows)?;
        let data = moments.to_data().into_builder().data_type(self.result(moments.data_type())).build()?;
        Ok(ColumnarValue::Array(arrow::array::make_array(data)))
    }
}
