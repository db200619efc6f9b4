//! Arrays of arrays and of rows: `flatten`, `zip`, `ngrams`, `combinations`.

use std::sync::Arc;

use arrow::array::{Array, ArrayRef, AsArray, ListArray, NullBufferBuilder, StructArray};
use arrow::buffer::OffsetBuffer;
use arrow::datatypes::{DataType, Field, Fields};
use datafusion::common::{Result, ScalarValue};

use super::list::{Gather, Lists, as_given};
use crate::call::{Call, Input};
use crate::failure::{internal, invalid_argument};
use crate::function::Function;
use crate::types::{array_of, element_type};

pub(crate) fn functions() -> Vec<Function> {
    vec![
        Function::new("flatten").on("(array(array(E))) -> array(E)", flatten),
        Function::new("ngrams").on("(array(E), bigint) -> array(array(E))", |call| {
            groups(call, |size, count, put| {
                let width = count.min(size);
                for start in 0..=size - width {
                    put(&(start..start + width).collect::<Vec<_>>());
                }
            })
        }),
        Function::new("combinations").on("(array(E), bigint) -> array(array(E))", combinations),
        Function::new("zip")
            .computing("(array(A), array(B))", zip_type, zip)
            .computing("(array(A), array(B), array(C))", zip_type, zip)
            .computing("(array(A), array(B), array(C), array(D))", zip_type, zip)
            .computing("(array(A), array(B), array(C), array(D), array(E))", zip_type, zip),
    ]
}

fn flatten(call: &Call) -> Result<ArrayRef> {
    let outer = Lists::of(call, 0)?;
    let inner = outer.values().as_list::<i32>();
    let offsets = inner.value_offsets();
    let mut gather = Gather::new(call.rows);
    for row in 0..call.rows {
        let Some(range) = outer.range(row) else {
            gather.null();
            continue;
        };
        for list in range.filter(|list| inner.is_valid(*list)) {
            for index in offsets[list]..offsets[list + 1] {
                gather.push(index as usize);
            }
        }
        gather.end();
    }
    as_given(gather.finish(inner.values())?, &call.gives)
}

/// Builds arrays of arrays: `arrange` gets the size of an array and the second argument, and puts groups of positions.
fn groups(call: &Call, arrange: impl Fn(usize, usize, &mut dyn FnMut(&[usize]))) -> Result<ArrayRef> {
    let (lists, counts) = (Lists::of(call, 0)?, call.argument(1)?);
    let numbers = <i64>::reader(counts)?;
    let mut inner = Gather::new(call.rows);
    let (mut lengths, mut nulls) = (Vec::new(), NullBufferBuilder::new(call.rows));
    for row in 0..call.rows {
        let Some(range) = lists.range(row).filter(|_| !counts.is_null(row)) else {
            lengths.push(0);
            nulls.append_null();
            continue;
        };
        let count = usize::try_from(numbers.value(counts.position(row)))
            .ok()
            .filter(|count| *count > 0)
            .ok_or_else(|| invalid_argument("N must be positive"))?;
        let mut length = 0;
        arrange(range.len(), count, &mut |positions: &[usize]| {
            for position in positions {
                inner.push(range.start + position);
            }
            inner.end();
            length += 1;
        });
        lengths.push(length);
        nulls.append_non_null();
    }
    let inner = inner.finish(lists.values())?;
    let field = Arc::new(Field::new_list_field(inner.data_type().clone(), true));
    let list = ListArray::try_new(field, OffsetBuffer::from_lengths(lengths), inner, nulls.finish())?;
    as_given(Arc::new(list), &call.gives)
}

/// Most groups that `combinations` may give for one row, by Trino's rule.
const MAX_COMBINATIONS: usize = 100_000;

fn combinations(call: &Call) -> Result<ArrayRef> {
    let counts = <i64>::reader(call.argument(1)?)?;
    if let Some(count) = counts.iter().flatten().find(|count| !(1..=5).contains(count)) {
        return Err(invalid_argument(format!("combination size must not exceed 5 and be positive: {count}")));
    }
    let lists = Lists::of(call, 0)?;
    let widest = (0..call.rows).filter_map(|row| lists.range(row)).map(|range| range.len()).max().unwrap_or(0);
    let most = counts.iter().flatten().max().unwrap_or(1);
    let total =
        (0..most as usize).fold(1.0, |total, index| total * widest.saturating_sub(index) as f64 / (index + 1) as f64);
    if total > MAX_COMBINATIONS as f64 {
        return Err(invalid_argument(format!("combinations exceed max size of {MAX_COMBINATIONS}")));
    }
    groups(call, |size, count, put| {
        if count > size {
            return;
        }
        let mut chosen: Vec<usize> = (0..count).collect();
        loop {
            put(&chosen);
            // The next choice, the first position varying fastest, as Trino orders them.
            let Some(place) = (0..count).find(|place| {
                let limit = chosen.get(place + 1).copied().unwrap_or(size);
                chosen[*place] + 1 < limit
            }) else {
                return;
            };
            chosen[place] += 1;
            for (index, position) in chosen.iter_mut().take(place).enumerate() {
                *position = index;
            }
        }
    })
}

fn zip_type(types: &[DataType], _: &[Option<&ScalarValue>]) -> Result<DataType> {
    let fields = types
        .iter()
        .enumerate()
        .map(|(index, data_type)| {
            element_type(data_type)
                .map(|element| Field::new(format!("c{index}"), element.clone(), true))
                .ok_or_else(|| internal("zip takes arrays"))
        })
        .collect::<Result<Vec<_>>>()?;
    Ok(array_of(DataType::Struct(Fields::from(fields))))
}

/// Rows of the elements at each position; a shorter array is filled up with nulls.
fn zip(call: &Call) -> Result<ArrayRef> {
    let lists = (0..call.arguments.len()).map(|index| Lists::of(call, index)).collect::<Result<Vec<_>>>()?;
    let (mut lengths, mut nulls) = (Vec::new(), NullBufferBuilder::new(call.rows));
    let mut columns: Vec<Vec<Option<u32>>> = vec![Vec::new(); lists.len()];
    for row in 0..call.rows {
        let ranges: Option<Vec<_>> = lists.iter().map(|list| list.range(row)).collect();
        let Some(ranges) = ranges else {
            lengths.push(0);
            nulls.append_null();
            continue;
        };
        let longest = ranges.iter().map(|range| range.len()).max().unwrap_or(0);
        for (column, range) in columns.iter_mut().zip(&ranges) {
            column.extend((0..longest).map(|index| (index < range.len()).then(|| (range.start + index) as u32)));
        }
        lengths.push(longest);
        nulls.append_non_null();
    }
    let Some(DataType::Struct(fields)) = element_type(&call.gives) else {
        return Err(internal("zip gives rows"));
    };
    let columns = columns
        .into_iter()
        .zip(&lists)
        .map(|(indices, list)| {
            let indices = arrow::array::UInt32Array::from(indices);
            Ok(arrow::compute::take(list.values(), &indices, None)?)
        })
        .collect::<Result<Vec<_>>>()?;
    let rows = StructArray::try_new(fields.clone(), columns, None)?;
    let DataType::List(field) = &call.gives else {
        return Err(internal("zip gives an array"));
    };
    Ok(Arc::new(ListArray::try_new(
        Arc::clone(field),
        OffsetBuffer::from_lengths(lengths),
        Arc::new(rows),
        nulls.finish(),
    )?))
}
