//! Size, membership, position, element access, joining to text.

use std::sync::Arc;

use arrow::array::{Array, ArrayRef, AsArray, BooleanArray, Int64Array, StringArray, StringBuilder, UInt32Array};
use arrow::compute::take;
use datafusion::common::Result;

use super::list::{Gather, Lists, comparable};
use crate::call::{Call, Input};
use crate::failure::invalid_argument;
use crate::function::Function;
use crate::string::format::plain_text;

pub(crate) fn functions() -> Vec<Function> {
    vec![
        Function::new("cardinality")
            .on("(array(E)) -> bigint", |call| {
                let lists = Lists::of(call, 0)?;
                let sizes = (0..call.rows).map(|row| lists.range(row).map(|range| range.len() as i64));
                Ok(Arc::new(sizes.collect::<Int64Array>()))
            })
            .on("(map(K, V)) -> bigint", |call| {
                let argument = call.argument(0)?;
                let maps = argument.array.as_map();
                let sizes = (0..call.rows)
                    .map(|row| (!argument.is_null(row)).then(|| maps.value_length(argument.position(row)).into()));
                Ok(Arc::new(sizes.collect::<Int64Array>()))
            }),
        Function::new("contains").on("(array(E), E) -> boolean", contains),
        Function::new("array_position").on("(array(E), E) -> bigint", position),
        Function::new("array_remove").on("(array(E), E) -> array(E)", remove),
        Function::new("element_at")
            .on("(array(E), bigint) -> E", element_at)
            .on("(map(K, V), K) -> V", crate::map::element_at),
        Function::new("array_first").on("(array(E)) -> E", |call| end(call, |range| range.start)),
        Function::new("array_last").on("(array(E)) -> E", |call| end(call, |range| range.end - 1)),
        Function::new("array_join")
            .on("(array(E), varchar) -> varchar", join)
            .on("(array(E), varchar, varchar) -> varchar", join),
    ]
}

fn contains(call: &Call) -> Result<ArrayRef> {
    let (lists, wanted) = (Lists::of(call, 0)?, call.argument(1)?);
    let (elements, keys) = (comparable(lists.values())?, comparable(&wanted.array)?);
    let nulls = lists.values().logical_nulls();
    let answers = (0..call.rows).map(|row| {
        let range = lists.range(row).filter(|_| !wanted.is_null(row))?;
        let key = keys.row(wanted.position(row));
        let mut unknown = false;
        for index in range {
            if nulls.as_ref().is_some_and(|nulls| nulls.is_null(index)) {
                unknown = true;
            } else if elements.row(index) == key {
                return Some(true);
            }
        }
        // Among nulls it may be there: unknown.
        (!unknown).then_some(false)
    });
    Ok(Arc::new(answers.collect::<BooleanArray>()))
}

fn position(call: &Call) -> Result<ArrayRef> {
    let (lists, wanted) = (Lists::of(call, 0)?, call.argument(1)?);
    let (elements, keys) = (comparable(lists.values())?, comparable(&wanted.array)?);
    let places = (0..call.rows).map(|row| {
        let mut range = lists.range(row).filter(|_| !wanted.is_null(row))?;
        let key = keys.row(wanted.position(row));
        Some(range.position(|index| elements.row(index) == key).map_or(0, |index| index as i64 + 1))
    });
    Ok(Arc::new(places.collect::<Int64Array>()))
}

fn remove(call: &Call) -> Result<ArrayRef> {
    let (lists, unwanted) = (Lists::of(call, 0)?, call.argument(1)?);
    let (elements, keys) = (comparable(lists.values())?, comparable(&unwanted.array)?);
    let mut gather = Gather::new(call.rows);
    for row in 0..call.rows {
        let Some(range) = lists.range(row).filter(|_| !unwanted.is_null(row)) else {
            gather.null();
            continue;
        };
        let key = keys.row(unwanted.position(row));
        for index in range.filter(|index| elements.row(*index) != key) {
            gather.push(index);
        }
        gather.end();
    }
    gather.finish(lists.values())
}

fn element_at(call: &Call) -> Result<ArrayRef> {
    let (lists, places) = (Lists::of(call, 0)?, call.argument(1)?);
    let numbers = <i64>::reader(places)?;
    let mut indices = Vec::with_capacity(call.rows);
    for row in 0..call.rows {
        let Some(range) = lists.range(row).filter(|_| !places.is_null(row)) else {
            indices.push(None);
            continue;
        };
        let place = numbers.value(places.position(row));
        if place == 0 {
            return Err(invalid_argument("SQL array indices start at 1"));
        }
        let size = range.len() as i64;
        let index = if place > 0 { place - 1 } else { size.saturating_add(place) };
        indices.push((0..size).contains(&index).then(|| range.start as u32 + index as u32));
    }
    Ok(take(lists.values(), &UInt32Array::from(indices), None)?)
}

fn end(call: &Call, pick: fn(std::ops::Range<usize>) -> usize) -> Result<ArrayRef> {
    let lists = Lists::of(call, 0)?;
    let indices: UInt32Array = (0..call.rows)
        .map(|row| lists.range(row).filter(|range| !range.is_empty()).map(|range| pick(range) as u32))
        .collect();
    Ok(take(lists.values(), &indices, None)?)
}

/// Joins elements as text; nulls are left out, or replaced by a third argument.
fn join(call: &Call) -> Result<ArrayRef> {
    let lists = Lists::of(call, 0)?;
    let rest = &call.arguments[1..];
    let texts = rest.iter().map(|argument| argument.typed::<StringArray>()).collect::<Result<Vec<_>>>()?;
    let values = lists.values();
    let nulls = values.logical_nulls();
    let mut builder = StringBuilder::with_capacity(call.rows, call.rows * 16);
    for row in 0..call.rows {
        let Some(range) = lists.range(row).filter(|_| !rest.iter().any(|a| a.is_null(row))) else {
            builder.append_null();
            continue;
        };
        let text = |index: usize| Some(texts.get(index)?.value(rest.get(index)?.position(row)));
        let delimiter = text(0).unwrap_or_default();
        let mut out = String::new();
        let mut first = true;
        for index in range {
            let part = if nulls.as_ref().is_some_and(|nulls| nulls.is_null(index)) {
                match text(1) {
                    Some(replacement) => replacement.to_owned(),
                    None => continue,
                }
            } else {
                plain_text(values, index)?
            };
            if !first {
                out.push_str(delimiter);
            }
            out.push_str(&part);
            first = false;
        }
        builder.append_value(out);
    }
    Ok(Arc::new(builder.finish()))
}
