//! Arrays as sets: distinct, union, intersection, difference, overlap. Null is a member like any other.

use std::collections::HashSet;
use std::sync::Arc;

use arrow::array::{Array, ArrayRef, BooleanArray};
use datafusion::common::Result;

use super::list::{Gather, Lists, comparable, joined};
use crate::call::Call;
use crate::function::Function;

pub(crate) fn functions() -> Vec<Function> {
    vec![
        Function::new("array_distinct").on("(array(E)) -> array(E)", distinct),
        Function::new("array_union").on("(array(E), array(E)) -> array(E)", union),
        Function::new("array_intersect").on("(array(E), array(E)) -> array(E)", |call| kept(call, true)),
        Function::new("array_except").on("(array(E), array(E)) -> array(E)", |call| kept(call, false)),
        Function::new("arrays_overlap").on("(array(E), array(E)) -> boolean", overlap),
    ]
}

fn distinct(call: &Call) -> Result<ArrayRef> {
    let lists = Lists::of(call, 0)?;
    let elements = comparable(lists.values())?;
    let mut gather = Gather::new(call.rows);
    for row in 0..call.rows {
        let Some(range) = lists.range(row) else {
            gather.null();
            continue;
        };
        let mut seen = HashSet::new();
        for index in range {
            if seen.insert(elements.row(index)) {
                gather.push(index);
            }
        }
        gather.end();
    }
    gather.finish(lists.values())
}

fn union(call: &Call) -> Result<ArrayRef> {
    let (left, right) = (Lists::of(call, 0)?, Lists::of(call, 1)?);
    let (values, offset) = joined(left.values(), right.values())?;
    let elements = comparable(&values)?;
    let mut gather = Gather::new(call.rows);
    for row in 0..call.rows {
        let (Some(first), Some(second)) = (left.range(row), right.range(row)) else {
            gather.null();
            continue;
        };
        let mut seen = HashSet::new();
        for index in first.chain(second.start + offset..second.end + offset) {
            if seen.insert(elements.row(index)) {
                gather.push(index);
            }
        }
        gather.end();
    }
    gather.finish(&values)
}

/// Distinct elements of the first array that the second has, or has not.
fn kept(call: &Call, wanted: bool) -> Result<ArrayRef> {
    let (left, right) = (Lists::of(call, 0)?, Lists::of(call, 1)?);
    let (elements, others) = (comparable(left.values())?, comparable(right.values())?);
    let mut gather = Gather::new(call.rows);
    for row in 0..call.rows {
        let (Some(first), Some(second)) = (left.range(row), right.range(row)) else {
            gather.null();
            continue;
        };
        let there: HashSet<_> = second.map(|index| others.row(index)).collect();
        let mut seen = HashSet::new();
        for index in first {
            let element = elements.row(index);
            if there.contains(&element) == wanted && seen.insert(element) {
                gather.push(index);
            }
        }
        gather.end();
    }
    gather.finish(left.values())
}

/// Whether a non-null element is in both; unknown if not and one of them has a null.
fn overlap(call: &Call) -> Result<ArrayRef> {
    let (left, right) = (Lists::of(call, 0)?, Lists::of(call, 1)?);
    let (elements, others) = (comparable(left.values())?, comparable(right.values())?);
    let (left_nulls, right_nulls) = (left.values().logical_nulls(), right.values().logical_nulls());
    let answers = (0..call.rows).map(|row| {
        let (first, second) = (left.range(row)?, right.range(row)?);
        if first.is_empty() || second.is_empty() {
            return Some(false);
        }
        let valid = |nulls: &Option<arrow::buffer::NullBuffer>, index: &usize| {
            nulls.as_ref().is_none_or(|nulls| nulls.is_valid(*index))
        };
        let there: HashSet<_> =
            second.clone().filter(|index| valid(&right_nulls, index)).map(|index| others.row(index)).collect();
        let found =
            first.clone().filter(|index| valid(&left_nulls, index)).any(|index| there.contains(&elements.row(index)));
        let unknown = first.clone().any(|index| !valid(&left_nulls, &index))
            || second.clone().any(|index| !valid(&right_nulls, &index));
        if found { Some(true) } else { (!unknown).then_some(false) }
    });
    Ok(Arc::new(answers.collect::<BooleanArray>()))
}
