//! Reading arrays row by row, and gathering elements into new ones.

use std::ops::Range;
use std::sync::Arc;

use arrow::array::{Array, ArrayRef, ListArray, NullBufferBuilder, UInt32Array};
use arrow::buffer::OffsetBuffer;
use arrow::compute::{cast, concat, take};
use arrow::datatypes::{DataType, Field};
use arrow::row::{RowConverter, Rows, SortField};
use datafusion::common::Result;

use crate::call::{Argument, Call};
use crate::failure::out_of_range;

/// An argument that is an array.
#[derive(Debug)]
pub(crate) struct Lists<'a> {
    argument: &'a Argument,
    list: &'a ListArray,
}

impl<'a> Lists<'a> {
    pub(crate) fn of(call: &'a Call, index: usize) -> Result<Self> {
        let argument = call.argument(index)?;
        Ok(Self { argument, list: argument.typed()? })
    }

    /// Where the elements of a row lie in [`Self::values`]; `None` for a null array.
    pub(crate) fn range(&self, row: usize) -> Option<Range<usize>> {
        if self.argument.is_null(row) {
            return None;
        }
        let position = self.argument.position(row);
        let offsets = self.list.value_offsets();
        Some(offsets[position] as usize..offsets[position + 1] as usize)
    }

    /// The elements of all rows.
    pub(crate) fn values(&self) -> &'a ArrayRef {
        self.list.values()
    }
}

/// Order-preserving bytes of each value; values of one type compare across calls.
pub(crate) fn comparable(values: &ArrayRef) -> Result<Rows> {
    // Arrays that hold only nulls have no type to compare by; any will do.
    let values =
        if values.data_type() == &DataType::Null { cast(values, &DataType::Boolean)? } else { Arc::clone(values) };
    let converter = RowConverter::new(vec![SortField::new(values.data_type().clone())])?;
    Ok(converter.convert_columns(&[values])?)
}

/// Builds arrays from positions in a column of elements.
#[derive(Debug)]
pub(crate) struct Gather {
    indices: Vec<u32>,
    lengths: Vec<usize>,
    nulls: NullBufferBuilder,
    open: usize,
}

impl Gather {
    pub(crate) fn new(rows: usize) -> Self {
        Self { indices: Vec::new(), lengths: Vec::with_capacity(rows), nulls: NullBufferBuilder::new(rows), open: 0 }
    }

    /// Adds an element to the array under construction.
    pub(crate) fn push(&mut self, index: usize) {
        self.indices.push(index as u32);
        self.open += 1;
    }

    /// Ends an array.
    pub(crate) fn end(&mut self) {
        self.lengths.push(std::mem::take(&mut self.open));
        self.nulls.append_non_null();
    }

    /// Adds a null array.
    pub(crate) fn null(&mut self) {
        self.lengths.push(std::mem::take(&mut self.open));
        self.nulls.append_null();
    }

    /// The arrays, with elements taken from `values`.
    pub(crate) fn finish(mut self, values: &ArrayRef) -> Result<ArrayRef> {
        if i32::try_from(self.indices.len()).is_err() {
            return Err(out_of_range("an array result has too many elements"));
        }
        let indices = UInt32Array::from(self.indices);
        let values = take(values, &indices, None)?;
        let field = Arc::new(Field::new_list_field(values.data_type().clone(), true));
        Ok(Arc::new(ListArray::try_new(field, OffsetBuffer::from_lengths(self.lengths), values, self.nulls.finish())?))
    }
}

/// Two columns of elements as one, with the offset of the second.
pub(crate) fn joined(left: &ArrayRef, right: &ArrayRef) -> Result<(ArrayRef, usize)> {
    Ok((concat(&[left.as_ref(), right.as_ref()])?, left.len()))
}

/// An array cast to the type a call gives, where inner field names may differ.
pub(crate) fn as_given(array: ArrayRef, gives: &DataType) -> Result<ArrayRef> {
    if array.data_type() == gives {
        return Ok(array);
    }
    Ok(cast(&array, gives)?)
}
