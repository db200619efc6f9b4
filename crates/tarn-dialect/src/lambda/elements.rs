//! The elements of a batch of arrays or maps, laid out in one column.

use std::sync::Arc;

use arrow::array::{Array, ArrayRef, AsArray, UInt64Array};
use arrow::buffer::{NullBuffer, OffsetBuffer};
use arrow::compute::take;
use datafusion::common::Result;
use datafusion::logical_expr::LambdaArgument;

/// Where each element comes from; null arrays have no elements.
pub(super) struct Layout {
    /// Elements per row, as offsets from zero.
    pub(super) offsets: OffsetBuffer<i32>,
    /// Positions of the elements among all values of the array.
    pub(super) positions: UInt64Array,
    /// The row of each element.
    pub(super) rows: UInt64Array,
    /// Which rows are null.
    pub(super) nulls: Option<NullBuffer>,
}

impl Layout {
    pub(super) fn of(offsets: &[i32], nulls: Option<&NullBuffer>) -> Self {
        let count = offsets.len().saturating_sub(1);
        let mut lengths = Vec::with_capacity(count);
        let (mut positions, mut rows) = (Vec::new(), Vec::new());
        for row in 0..count {
            if nulls.is_some_and(|nulls| nulls.is_null(row)) {
                lengths.push(0);
                continue;
            }
            let (start, end) = (offsets[row] as u64, offsets[row + 1] as u64);
            lengths.push((end - start) as usize);
            positions.extend(start..end);
            rows.extend(std::iter::repeat_n(row as u64, (end - start) as usize));
        }
        Self {
            offsets: OffsetBuffer::from_lengths(lengths),
            positions: UInt64Array::from(positions),
            rows: UInt64Array::from(rows),
            nulls: nulls.cloned(),
        }
    }

    pub(super) fn of_list(array: &ArrayRef) -> Self {
        let list = array.as_list::<i32>();
        Self::of(list.value_offsets(), list.nulls())
    }

    pub(super) fn of_map(array: &ArrayRef) -> Self {
        let map = array.as_map();
        Self::of(map.value_offsets(), map.nulls())
    }

    /// The elements out of all values of the array.
    pub(super) fn elements(&self, values: &ArrayRef) -> Result<ArrayRef> {
        let straight = self.positions.len() == values.len()
            && self.positions.values().iter().enumerate().all(|(index, position)| index as u64 == *position);
        if straight {
            return Ok(Arc::clone(values));
        }
        Ok(take(values.as_ref(), &self.positions, None)?)
    }
}

/// Evaluates a lambda on columns of elements that come from the given rows.
pub(super) fn evaluate(lambda: &LambdaArgument, parameters: &[ArrayRef], rows: &UInt64Array) -> Result<ArrayRef> {
    let closures: Vec<Box<dyn Fn() -> Result<ArrayRef>>> = parameters
        .iter()
        .map(|parameter| {
            let parameter = Arc::clone(parameter);
            Box::new(move || Ok(Arc::clone(&parameter))) as Box<dyn Fn() -> Result<ArrayRef>>
        })
        .collect();
    let closures: Vec<&dyn Fn() -> Result<ArrayRef>> = closures.iter().map(AsRef::as_ref).collect();
    lambda
        .evaluate(&closures, |captures| {
            captures.iter().map(|capture| Ok(take(capture.as_ref(), rows, None)?)).collect()
        })?
        .into_array(rows.len())
}
