//! Values one by one, with their nulls.

use std::sync::Arc;

use arrow::array::{Array, ArrayRef, ArrowPrimitiveType, PrimitiveArray};
use datafusion::common::Result;

/// Maps every valid row to a value, or fails with the first failure.
pub(super) fn map<T: ArrowPrimitiveType>(
    array: &dyn Array,
    mut value: impl FnMut(usize) -> Result<T::Native>,
) -> Result<PrimitiveArray<T>> {
    (0..array.len()).map(|row| if array.is_null(row) { Ok(None) } else { value(row).map(Some) }).collect()
}

/// The same as a shared array.
pub(super) fn mapped<T: ArrowPrimitiveType>(
    array: &dyn Array,
    value: impl FnMut(usize) -> Result<T::Native>,
) -> Result<ArrayRef> {
    Ok(Arc::new(map::<T>(array, value)?))
}
