//! Casts of whole arrays: which family a pair of types belongs to, and the parts of nested values.

use std::sync::Arc;

use arrow::array::{Array, ArrayRef, AsArray, ListArray, MapArray, StructArray, new_null_array};
use arrow::datatypes::{DataType, Field};
use datafusion::common::Result;

use crate::cast::{json, number, temporal, text};
use crate::operator::nested::member_of;
use crate::operator::{internal, invalid_cast};
use crate::types::{element_field, is_json, is_number, map_fields};

/// Casts all values, or fails with the first that cannot be.
pub(super) fn convert(array: &ArrayRef, from: &Field, to: &Field) -> Result<ArrayRef> {
    let (a, b) = (from.data_type(), to.data_type());
    if a == &DataType::Null {
        return Ok(new_null_array(b, array.len()));
    }
    match (is_json(from), is_json(to)) {
        (true, true) => return Ok(Arc::clone(array)),
        (true, false) => return json::read(array, to),
        (false, true) => return json::write(array, from),
        (false, false) => {}
    }
    match (a, b) {
        (DataType::Boolean | DataType::Binary | DataType::Interval(_), b) if a == b => Ok(Arc::clone(array)),
        (_, DataType::Utf8) => text::to_text(array, to),
        (_, DataType::Boolean) => text::to_boolean(array),
        (_, b) if is_number(b) => number::to_number(array, b),
        (_, DataType::Date32 | DataType::Timestamp(_, _) | DataType::Time32(_) | DataType::Time64(_)) => {
            temporal::to_moment(array, b)
        }
        (DataType::List(from), DataType::List(to)) => {
            let list = array.as_list::<i32>();
            let (start, end) = bounds(list.value_offsets());
            let values = list.values().slice(start, end - start);
            let values = convert(&values, from, to)?;
            Ok(Arc::new(ListArray::try_new(
                Arc::clone(to),
                shifted(list.offsets(), start),
                values,
                list.nulls().cloned(),
            )?))
        }
        (DataType::Map(_, _), DataType::Map(entries, sorted)) => {
            let (Some((key_a, value_a)), Some((key_b, value_b))) = (map_fields(a), map_fields(b)) else {
                return Err(internal("a map has keys and values"));
            };
            let map = array.as_map();
            let (start, end) = bounds(map.value_offsets());
            let keys = convert(&map.keys().slice(start, end - start), key_a, key_b)?;
            if keys.null_count() > 0 {
                return Err(invalid_cast("map key is null"));
            }
            let values = convert(&map.values().slice(start, end - start), value_a, value_b)?;
            let DataType::Struct(fields) = entries.data_type() else {
                return Err(internal("a map has entries"));
            };
            let rows = StructArray::try_new(fields.clone(), vec![keys, values], None)?;
            Ok(Arc::new(MapArray::try_new(
                Arc::clone(entries),
                shifted(map.offsets(), start),
                rows,
                map.nulls().cloned(),
                *sorted,
            )?))
        }
        (DataType::Struct(from), DataType::Struct(to)) => {
            let rows = array.as_struct();
            let columns = from
                .iter()
                .zip(to)
                .enumerate()
                .map(|(position, (from, to))| convert(&member_of(rows, position)?, from, to))
                .collect::<Result<Vec<_>>>()?;
            Ok(Arc::new(StructArray::try_new_with_length(to.clone(), columns, rows.nulls().cloned(), rows.len())?))
        }
        _ if element_field(a).is_some() || a.equals_datatype(b) => Ok(arrow::compute::cast(array, b)?),
        _ => Err(internal(format!("a cast from `{a}` to `{b}`"))),
    }
}

fn bounds(offsets: &[i32]) -> (usize, usize) {
    let at = |offset: Option<&i32>| offset.map_or(0, |offset| *offset as usize);
    (at(offsets.first()), at(offsets.last()))
}

fn shifted(offsets: &arrow::buffer::OffsetBuffer<i32>, start: usize) -> arrow::buffer::OffsetBuffer<i32> {
    let start = start as i32;
    let moved: Vec<i32> = offsets.iter().map(|offset| offset - start).collect();
    arrow::buffer::OffsetBuffer::new(moved.into())
}
