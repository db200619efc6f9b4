//! `sequence` and `repeat`.

use std::sync::Arc;

use arrow::array::{Array, ArrayRef, AsArray, ListArray, NullBufferBuilder};
use arrow::buffer::OffsetBuffer;
use arrow::compute::cast;
use arrow::datatypes::{DataType, Field, IntervalMonthDayNanoType, IntervalUnit};
use datafusion::common::{Result, ScalarValue};

use super::list::{Gather, as_given};
use crate::call::{Call, Input, Output};
use crate::datetime::moment::Moment;
use crate::failure::{internal, invalid_argument};
use crate::function::Function;
use crate::types::array_of;

/// Most elements of one sequence, by Trino's rule.
const MAX_ENTRIES: usize = 10_000;

pub(crate) fn functions() -> Vec<Function> {
    vec![
        Function::new("sequence")
            .on("(bigint, bigint) -> array(bigint)", integers)
            .on("(bigint, bigint, bigint) -> array(bigint)", integers)
            .on("(date, date) -> array(date)", moments)
            .computing("(date, date, S)", date_or_timestamp, moments)
            .on("(M, M, S) -> array(M)", moments),
        Function::new("repeat").on("(T, bigint) -> array(T)", repeat),
    ]
}

fn date_or_timestamp(_: &[DataType], _: &[Option<&ScalarValue>]) -> Result<DataType> {
    Ok(array_of(DataType::Date32))
}

fn too_long() -> datafusion::common::DataFusionError {
    invalid_argument(format!("result of sequence function must not have more than {MAX_ENTRIES} entries"))
}

fn list_of(values: ArrayRef, lengths: Vec<usize>, mut nulls: NullBufferBuilder) -> Result<ArrayRef> {
    let field = Arc::new(Field::new_list_field(values.data_type().clone(), true));
    let offsets = OffsetBuffer::from_lengths(lengths);
    Ok(Arc::new(ListArray::try_new(field, offsets, values, nulls.finish())?))
}

fn integers(call: &Call) -> Result<ArrayRef> {
    let readers = call.arguments.iter().map(<i64>::reader).collect::<Result<Vec<_>>>()?;
    let mut values: Vec<i64> = Vec::new();
    let (mut lengths, mut nulls) = (Vec::new(), NullBufferBuilder::new(call.rows));
    for row in 0..call.rows {
        if call.arguments.iter().any(|argument| argument.is_null(row)) {
            lengths.push(0);
            nulls.append_null();
            continue;
        }
        let number = |index: usize| {
            let argument = call.arguments.get(index)?;
            readers.get(index).map(|reader| reader.value(argument.position(row)))
        };
        let (start, stop) = (number(0).unwrap_or(0), number(1).unwrap_or(0));
        let step = number(2).unwrap_or(if stop >= start { 1 } else { -1 });
        check_step(step == 0, step > 0, start <= stop, start == stop)?;
        let count = (i128::from(stop) - i128::from(start)) / i128::from(step) + 1;
        if count > MAX_ENTRIES as i128 {
            return Err(too_long());
        }
        values.extend((0..count as i64).map(|index| start + index * step));
        lengths.push(count as usize);
        nulls.append_non_null();
    }
    list_of(Arc::new(arrow::array::Int64Array::from(values)), lengths, nulls)
}

fn check_step(zero: bool, up: bool, ascending: bool, equal: bool) -> Result<()> {
    if zero {
        return Err(invalid_argument("step must not be zero"));
    }
    if !equal && up != ascending {
        return Err(invalid_argument(
            "sequence stop value should be greater than or equal to start value if step is greater than zero \
             otherwise stop should be less than or equal to start",
        ));
    }
    Ok(())
}

/// A step in months and nanoseconds; days are whole days of the clock.
#[derive(Clone, Copy)]
struct Step {
    months: i64,
    nanos: i128,
}

impl Step {
    fn at(self, start: Moment, index: i64) -> Option<Moment> {
        let mut moment = start;
        if self.months != 0 {
            let day = moment.day().plus_months(self.months.checked_mul(index)?)?;
            moment = moment.on_day(day.days());
        }
        let nanos = i128::from(moment.nanos) + self.nanos * i128::from(index);
        Some(Moment {
            seconds: moment.seconds.checked_add(i64::try_from(nanos.div_euclid(1_000_000_000)).ok()?)?,
            nanos: nanos.rem_euclid(1_000_000_000) as u32,
        })
    }
}

fn moments(call: &Call) -> Result<ArrayRef> {
    let (starts, stops) = (call.argument(0)?, call.argument(1)?);
    let (start_values, stop_values) = (Moment::reader(starts)?, Moment::reader(stops)?);
    let steps = match call.arguments.get(2) {
        Some(steps) => {
            let wanted = DataType::Interval(IntervalUnit::MonthDayNano);
            Some((steps, cast(&steps.array, &wanted)?))
        }
        None => None,
    };
    let DataType::List(element) = &call.gives else {
        return Err(internal("a sequence gives an array"));
    };
    let dates = element.data_type() == &DataType::Date32;
    let mut values = Moment::builder(call.rows, element.data_type())?;
    let (mut lengths, mut nulls) = (Vec::new(), NullBufferBuilder::new(call.rows));
    for row in 0..call.rows {
        if call.arguments.iter().any(|argument| argument.is_null(row)) {
            lengths.push(0);
            nulls.append_null();
            continue;
        }
        let start = Moment::read(&start_values, starts.position(row));
        let stop = Moment::read(&stop_values, stops.position(row));
        let step = match &steps {
            Some((argument, intervals)) => {
                let interval = intervals.as_primitive::<IntervalMonthDayNanoType>().value(argument.position(row));
                Step {
                    months: interval.months.into(),
                    nanos: i128::from(interval.days) * 86_400_000_000_000 + i128::from(interval.nanoseconds),
                }
            }
            None => Step { months: 0, nanos: if stop >= start { 1 } else { -1 } * 86_400_000_000_000 },
        };
        if dates && step.nanos % 86_400_000_000_000 != 0 {
            return Err(invalid_argument("sequence step must be a day interval if start and end values are dates"));
        }
        let up = step.months > 0 || (step.months == 0 && step.nanos > 0);
        let zero = step.months == 0 && step.nanos == 0;
        check_step(zero, up, start <= stop, start == stop)?;
        let mut count = 0;
        while let Some(moment) = step.at(start, count as i64) {
            if (up && moment > stop) || (!up && moment < stop) {
                break;
            }
            if count == MAX_ENTRIES {
                return Err(too_long());
            }
            Moment::append(&mut values, moment)?;
            count += 1;
        }
        lengths.push(count);
        nulls.append_non_null();
    }
    list_of(Moment::finish(values), lengths, nulls)
}

fn repeat(call: &Call) -> Result<ArrayRef> {
    let (element, counts) = (call.argument(0)?, call.argument(1)?);
    let numbers = <i64>::reader(counts)?;
    let mut gather = Gather::new(call.rows);
    for row in 0..call.rows {
        if counts.is_null(row) {
            gather.null();
            continue;
        }
        let count = numbers.value(counts.position(row));
        if count > MAX_ENTRIES as i64 {
            return Err(invalid_argument("count argument of repeat function must be less than or equal to 10000"));
        }
        if count < 0 {
            return Err(invalid_argument("count argument of repeat function must be greater than or equal to 0"));
        }
        for _ in 0..count {
            gather.push(element.position(row));
        }
        gather.end();
    }
    as_given(gather.finish(&element.array)?, &call.gives)
}
