//! Order within arrays: sorting, extremes, reversal, slices, shuffling.

use arrow::array::{Array, ArrayRef, UInt32Array};
use arrow::compute::take;
use datafusion::common::Result;
use rand::seq::SliceRandom;

use super::list::{Gather, Lists, comparable};
use crate::call::{Call, Input, map_rows};
use crate::failure::invalid_argument;
use crate::function::Function;

pub(crate) fn functions() -> Vec<Function> {
    vec![
        Function::new("array_sort").on("(array(E)) -> array(E)", sort),
        Function::new("array_max").on("(array(E)) -> E", |call| extreme(call, true)),
        Function::new("array_min").on("(array(E)) -> E", |call| extreme(call, false)),
        Function::new("reverse")
            .on("(varchar) -> varchar", |call| {
                map_rows::<(&str,), String>(call, |(text,)| Ok(Some(text.chars().rev().collect())))
            })
            .on("(varbinary) -> varbinary", |call| {
                map_rows::<(&[u8],), Vec<u8>>(call, |(bytes,)| Ok(Some(bytes.iter().rev().copied().collect())))
            })
            .on("(array(E)) -> array(E)", |call| rearranged(call, |range| range.reverse())),
        Function::new("shuffle")
            .volatile()
            .on("(array(E)) -> array(E)", |call| rearranged(call, |range| range.shuffle(&mut rand::rng()))),
        Function::new("slice").on("(array(E), bigint, bigint) -> array(E)", slice),
        Function::new("trim_array").on("(array(E), bigint) -> array(E)", trim_array),
    ]
}

/// Ascending, nulls last.
fn sort(call: &Call) -> Result<ArrayRef> {
    let lists = Lists::of(call, 0)?;
    let elements = comparable(lists.values())?;
    let nulls = lists.values().logical_nulls();
    let is_null = |index: usize| nulls.as_ref().is_some_and(|nulls| nulls.is_null(index));
    let mut gather = Gather::new(call.rows);
    for row in 0..call.rows {
        let Some(range) = lists.range(row) else {
            gather.null();
            continue;
        };
        let mut order: Vec<usize> = range.collect();
        order.sort_by(|a, b| is_null(*a).cmp(&is_null(*b)).then_with(|| elements.row(*a).cmp(&elements.row(*b))));
        order.into_iter().for_each(|index| gather.push(index));
        gather.end();
    }
    gather.finish(lists.values())
}

/// The greatest or least element; null if the array has a null or nothing.
fn extreme(call: &Call, greatest: bool) -> Result<ArrayRef> {
    let lists = Lists::of(call, 0)?;
    let elements = comparable(lists.values())?;
    let nulls = lists.values().logical_nulls();
    let is_null = |index: usize| nulls.as_ref().is_some_and(|nulls| nulls.is_null(index));
    let indices: UInt32Array = (0..call.rows)
        .map(|row| {
            let mut range = lists.range(row)?;
            if range.clone().any(is_null) {
                return None;
            }
            let first = range.next()?;
            let best = range.fold(first, |best, index| {
                let better = if greatest {
                    elements.row(index) > elements.row(best)
                } else {
                    elements.row(index) < elements.row(best)
                };
                if better { index } else { best }
            });
            Some(best as u32)
        })
        .collect();
    Ok(take(lists.values(), &indices, None)?)
}

fn rearranged(call: &Call, arrange: fn(&mut [usize])) -> Result<ArrayRef> {
    let lists = Lists::of(call, 0)?;
    let mut gather = Gather::new(call.rows);
    for row in 0..call.rows {
        let Some(range) = lists.range(row) else {
            gather.null();
            continue;
        };
        let mut order: Vec<usize> = range.collect();
        arrange(&mut order);
        order.into_iter().for_each(|index| gather.push(index));
        gather.end();
    }
    gather.finish(lists.values())
}

/// `length` elements from `start`: 1 is the first, -1 the last.
fn slice(call: &Call) -> Result<ArrayRef> {
    let lists = Lists::of(call, 0)?;
    let (starts, lengths) = (call.argument(1)?, call.argument(2)?);
    let (start_values, length_values) = (<i64>::reader(starts)?, <i64>::reader(lengths)?);
    let mut gather = Gather::new(call.rows);
    for row in 0..call.rows {
        let usable = !starts.is_null(row) && !lengths.is_null(row);
        let Some(range) = lists.range(row).filter(|_| usable) else {
            gather.null();
            continue;
        };
        let start = start_values.value(starts.position(row));
        let length = length_values.value(lengths.position(row));
        if length < 0 {
            return Err(invalid_argument("length must be greater than or equal to 0"));
        }
        if start == 0 {
            return Err(invalid_argument("SQL array indices start at 1"));
        }
        let size = range.len() as i64;
        let first = if start > 0 { start - 1 } else { size.saturating_add(start) };
        if (0..size).contains(&first) {
            let last = first.saturating_add(length).min(size);
            for index in first..last {
                gather.push(range.start + index as usize);
            }
        }
        gather.end();
    }
    gather.finish(lists.values())
}

fn trim_array(call: &Call) -> Result<ArrayRef> {
    let (lists, counts) = (Lists::of(call, 0)?, call.argument(1)?);
    let values = <i64>::reader(counts)?;
    let mut gather = Gather::new(call.rows);
    for row in 0..call.rows {
        let Some(range) = lists.range(row).filter(|_| !counts.is_null(row)) else {
            gather.null();
            continue;
        };
        let count = values.value(counts.position(row));
        if count < 0 {
            return Err(invalid_argument(format!("size must not be negative: {count}")));
        }
        let size = range.len();
        let kept = usize::try_from(count)
            .ok()
            .and_then(|count| size.checked_sub(count))
            .ok_or_else(|| invalid_argument(format!("size must not exceed array cardinality {size}: {count}")))?;
        for index in range.take(kept) {
            gather.push(index);
        }
        gather.end();
    }
    gather.finish(lists.values())
}
