//! `array_sort(array, (x, y) -> -1 | 0 | 1)`.
//!
//! The lambda is asked about all pairs of an array at once, then a stable merge sort goes by its answers.

use std::cmp::Ordering;
use std::sync::Arc;

use arrow::array::{Array, ArrayRef, AsArray, Int64Array, ListArray, UInt64Array};
use arrow::compute::{cast, take};
use arrow::datatypes::{DataType, Int64Type};
use datafusion::common::Result;

use crate::error::SqlError;
use crate::lambda::arrays::{element, nullable, result_element};
use crate::lambda::elements::{Layout, evaluate};
use crate::lambda::{Call, Description};
use crate::operator::invalid_argument;
use crate::types::is_integer;

/// Longer arrays would ask about too many pairs.
const LONGEST: usize = 2_000;

pub(super) static FUNCTIONS: [Description; 1] = [Description {
    name: "array_sort",
    values: 1,
    parameters: |values| {
        let element = element(values)?.into_iter().next()?;
        Some(vec![Arc::clone(&element), element])
    },
    result: |values, lambda| {
        if is_integer(lambda.data_type()) || lambda.data_type() == &DataType::Null {
            Ok(nullable(&values[0]))
        } else {
            Err(SqlError::types("the lambda of `array_sort` must give an integer").into())
        }
    },
    body: sort,
}];

fn sort(call: &Call<'_>) -> Result<ArrayRef> {
    let array = call.value(0)?;
    if array.data_type() == &DataType::Null {
        return Ok(Arc::clone(array));
    }
    let layout = Layout::of_list(array);
    let elements = layout.elements(array.as_list::<i32>().values())?;
    let mut order: Vec<u64> = Vec::with_capacity(elements.len());
    for (row, pair) in layout.offsets.windows(2).enumerate() {
        let (start, end) = (pair[0] as usize, pair[1] as usize);
        let length = end - start;
        if length > LONGEST {
            return Err(SqlError::not_supported(format!(
                "`array_sort` with a lambda does not run on the laptop for arrays of more than {LONGEST} elements"
            ))
            .into());
        }
        let answers = compare_all(call, &elements, start, length, row)?;
        let mut positions: Vec<usize> = (0..length).collect();
        merge_sort(&mut positions, &|left, right| answers.value(left * length + right).cmp(&0));
        order.extend(positions.into_iter().map(|position| (start + position) as u64));
    }
    let sorted = take(elements.as_ref(), &UInt64Array::from(order), None)?;
    Ok(Arc::new(ListArray::try_new(result_element(call.result)?, layout.offsets, sorted, layout.nulls)?))
}

fn compare_all(call: &Call<'_>, elements: &ArrayRef, start: usize, length: usize, row: usize) -> Result<Int64Array> {
    let pairs = length * length;
    let left: UInt64Array = (0..pairs).map(|pair| Some((start + pair / length.max(1)) as u64)).collect();
    let right: UInt64Array = (0..pairs).map(|pair| Some((start + pair % length.max(1)) as u64)).collect();
    let rows = UInt64Array::from(vec![row as u64; pairs]);
    let parameters = [take(elements.as_ref(), &left, None)?, take(elements.as_ref(), &right, None)?];
    let answers = evaluate(call.lambda, &parameters, &rows)?;
    let answers = cast(&answers, &DataType::Int64)?;
    let answers = answers.as_primitive::<Int64Type>();
    let valid = answers.null_count() == 0 && answers.values().iter().all(|answer| (-1..=1).contains(answer));
    if !valid {
        return Err(invalid_argument("Lambda comparator must return either -1, 0, or 1"));
    }
    Ok(answers.clone())
}

/// A comparator may contradict itself; this sort ends all the same.
fn merge_sort(items: &mut [usize], compare: &dyn Fn(usize, usize) -> Ordering) {
    if items.len() < 2 {
        return;
    }
    let half = items.len() / 2;
    merge_sort(&mut items[..half], compare);
    merge_sort(&mut items[half..], compare);
    let (left, right) = (items[..half].to_vec(), items[half..].to_vec());
    let (mut a, mut b) = (0, 0);
    for slot in items.iter_mut() {
        let take_left = match (left.get(a), right.get(b)) {
            (Some(left), Some(right)) => compare(*left, *right) != Ordering::Greater,
            (Some(_), None) => true,
            _ => false,
        };
        if take_left {
            *slot = left[a];
            a += 1;
        } else {
            *slot = right[b];
            b += 1;
        }
    }
}
