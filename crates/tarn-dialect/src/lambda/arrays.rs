//! `transform`, `filter`, `any_match`, `all_match`, `none_match`, `zip_with`.

use std::sync::Arc;

use arrow::array::{Array, ArrayRef, AsArray, BooleanArray, ListArray, UInt64Array};
use arrow::buffer::OffsetBuffer;
use arrow::compute::{filter as keep, take};
use arrow::datatypes::{DataType, Field, FieldRef};
use datafusion::common::Result;

use crate::error::SqlError;
use crate::lambda::elements::{Layout, evaluate};
use crate::lambda::{Call, Description};
use crate::operator::internal;
use crate::types::{array_of, element_field, field_of, renamed};

pub(super) static FUNCTIONS: [Description; 6] = [
    Description {
        name: "transform",
        values: 1,
        parameters: element,
        result: |_, lambda| Ok(field_of(array_of(lambda))),
        body: transform,
    },
    Description {
        name: "filter",
        values: 1,
        parameters: element,
        result: |values, lambda| {
            boolean("filter", lambda)?;
            Ok(nullable(&values[0]))
        },
        body: filter,
    },
    Description {
        name: "any_match",
        values: 1,
        parameters: element,
        result: |_, lambda| boolean("any_match", lambda),
        body: |call| matches(call, Some(true), Some(false)),
    },
    Description {
        name: "all_match",
        values: 1,
        parameters: element,
        result: |_, lambda| boolean("all_match", lambda),
        body: |call| matches(call, Some(false), Some(true)),
    },
    Description {
        name: "none_match",
        values: 1,
        parameters: element,
        result: |_, lambda| boolean("none_match", lambda),
        body: |call| {
            let any = matches(call, Some(true), Some(false))?;
            Ok(Arc::new(arrow::compute::not(any.as_boolean())?))
        },
    },
    Description {
        name: "zip_with",
        values: 2,
        parameters: |values| {
            let (left, right) = (element(&values[..1])?, element(values.get(1..)?)?);
            Some(left.into_iter().chain(right).collect())
        },
        result: |_, lambda| Ok(field_of(array_of(lambda))),
        body: zip_with,
    },
];

/// The element of the first array; an array of nothing has elements of nothing.
pub(super) fn element(values: &[FieldRef]) -> Option<Vec<FieldRef>> {
    let array = values.first()?;
    if array.data_type() == &DataType::Null {
        return Some(vec![field_of(DataType::Null)]);
    }
    element_field(array.data_type()).map(|element| vec![nullable(element)])
}

pub(super) fn nullable(field: &Field) -> FieldRef {
    Arc::new(renamed(field, "", true))
}

/// The result field of a condition, or the refusal of a lambda that is none.
pub(super) fn boolean(name: &str, lambda: &FieldRef) -> Result<FieldRef> {
    match lambda.data_type() {
        DataType::Boolean | DataType::Null => Ok(field_of(DataType::Boolean)),
        other => Err(SqlError::types(format!(
            "the lambda of `{name}` must give a boolean (actual: {})",
            crate::types::athena_type(other)
        ))
        .into()),
    }
}

/// The element field of the result type.
pub(super) fn result_element(result: &Field) -> Result<Arc<Field>> {
    match result.data_type() {
        DataType::List(element) => Ok(Arc::clone(element)),
        _ => Err(internal("the result is an array")),
    }
}

fn transform(call: &Call<'_>) -> Result<ArrayRef> {
    let array = call.value(0)?;
    if array.data_type() == &DataType::Null {
        return Ok(arrow::array::new_null_array(call.result.data_type(), array.len()));
    }
    let layout = Layout::of_list(array);
    let elements = layout.elements(array.as_list::<i32>().values())?;
    let values = evaluate(call.lambda, &[elements], &layout.rows)?;
    Ok(Arc::new(ListArray::try_new(result_element(call.result)?, layout.offsets, values, layout.nulls)?))
}

fn filter(call: &Call<'_>) -> Result<ArrayRef> {
    let array = call.value(0)?;
    if array.data_type() == &DataType::Null {
        return Ok(arrow::array::new_null_array(call.result.data_type(), array.len()));
    }
    let layout = Layout::of_list(array);
    let elements = layout.elements(array.as_list::<i32>().values())?;
    let answer = evaluate(call.lambda, &[Arc::clone(&elements)], &layout.rows)?;
    let answer = call.condition(&answer)?;
    let lengths = layout.offsets.windows(2).map(|pair| {
        (pair[0]..pair[1])
            .filter(|element| {
                let element = *element as usize;
                answer.is_valid(element) && answer.value(element)
            })
            .count()
    });
    Ok(Arc::new(ListArray::try_new(
        result_element(call.result)?,
        OffsetBuffer::from_lengths(lengths),
        keep(&elements, &answer)?,
        layout.nulls.clone(),
    )?))
}

/// `decides` settles a row at once, `otherwise` holds where nothing did and no answer was null.
fn matches(call: &Call<'_>, decides: Option<bool>, otherwise: Option<bool>) -> Result<ArrayRef> {
    let array = call.value(0)?;
    if array.data_type() == &DataType::Null {
        return Ok(Arc::new(BooleanArray::new_null(array.len())));
    }
    let layout = Layout::of_list(array);
    let elements = layout.elements(array.as_list::<i32>().values())?;
    let answer = evaluate(call.lambda, &[elements], &layout.rows)?;
    let answer = call.condition(&answer)?;
    let results: BooleanArray = layout
        .offsets
        .windows(2)
        .enumerate()
        .map(|(row, pair)| {
            if array.is_null(row) {
                return None;
            }
            let mut unknown = false;
            for element in pair[0] as usize..pair[1] as usize {
                let one = answer.is_valid(element).then(|| answer.value(element));
                if one == decides {
                    return decides;
                }
                unknown |= one.is_none();
            }
            if unknown { None } else { otherwise }
        })
        .collect();
    Ok(Arc::new(results))
}

/// The shorter of the two arrays is filled up with nulls.
fn zip_with(call: &Call<'_>) -> Result<ArrayRef> {
    let (left, right) = (call.value(0)?, call.value(1)?);
    if left.data_type() == &DataType::Null || right.data_type() == &DataType::Null {
        return Ok(arrow::array::new_null_array(call.result.data_type(), left.len()));
    }
    let (left, right) = (left.as_list::<i32>(), right.as_list::<i32>());
    let nulls = arrow::buffer::NullBuffer::union(left.nulls(), right.nulls());
    let (mut rows, mut lengths) = (Vec::new(), Vec::new());
    let (mut from_left, mut from_right): (Vec<Option<u64>>, Vec<Option<u64>>) = (Vec::new(), Vec::new());
    for row in 0..left.len() {
        if nulls.as_ref().is_some_and(|nulls| nulls.is_null(row)) {
            lengths.push(0);
            continue;
        }
        let bounds = |offsets: &[i32]| (offsets[row] as u64, offsets[row + 1] as u64);
        let (a, b) = (bounds(left.value_offsets()), bounds(right.value_offsets()));
        let length = (a.1 - a.0).max(b.1 - b.0);
        for index in 0..length {
            from_left.push((a.0 + index < a.1).then_some(a.0 + index));
            from_right.push((b.0 + index < b.1).then_some(b.0 + index));
            rows.push(row as u64);
        }
        lengths.push(length as usize);
    }
    let parameters = [
        take(left.values(), &UInt64Array::from(from_left), None)?,
        take(right.values(), &UInt64Array::from(from_right), None)?,
    ];
    let values = evaluate(call.lambda, &parameters, &UInt64Array::from(rows))?;
    Ok(Arc::new(ListArray::try_new(result_element(call.result)?, OffsetBuffer::from_lengths(lengths), values, nulls)?))
}
