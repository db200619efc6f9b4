//! Aggregates that give maps or sets: `map_agg`, `multimap_agg`, `histogram`, `map_union`, `set_agg`.

use std::collections::HashMap;
use std::sync::Arc;

use arrow::array::{Array, ArrayRef, AsArray, Int64Array, ListArray, MapArray, StructArray, UInt32Array};
use arrow::buffer::OffsetBuffer;
use arrow::compute::take;
use arrow::datatypes::{DataType, Field};
use arrow::row::{RowConverter, SortField};
use datafusion::common::{Result, ScalarValue};

use super::collect::{Collected, Collecting};
use crate::failure::internal;

pub(crate) fn functions() -> Vec<Collecting> {
    vec![
        Collecting::new("map_agg").on("(K, V) -> map(K, V)", map_agg),
        Collecting::new("multimap_agg").on("(K, V) -> map(K, array(V))", multimap_agg),
        Collecting::new("histogram").on("(K) -> map(K, bigint)", histogram),
        Collecting::new("map_union").on("(map(K, V)) -> map(K, V)", map_union),
        Collecting::new("set_agg").on("(T) -> array(T)", set_agg),
        Collecting::new("set_union").on("(array(T)) -> array(T)", set_union),
    ]
}

/// The rows of each distinct value, in order of first appearance; rows with null are left out.
pub(crate) fn rows_by_value(column: &ArrayRef, with_null: bool) -> Result<Vec<Vec<u32>>> {
    let converter = RowConverter::new(vec![SortField::new(column.data_type().clone())])?;
    let rows = converter.convert_columns(&[Arc::clone(column)])?;
    let nulls = column.logical_nulls();
    let mut places = HashMap::new();
    let mut groups: Vec<Vec<u32>> = Vec::new();
    for row in 0..rows.num_rows() {
        if !with_null && nulls.as_ref().is_some_and(|nulls| nulls.is_null(row)) {
            continue;
        }
        let place = *places.entry(rows.row(row)).or_insert_with(|| {
            groups.push(Vec::new());
            groups.len() - 1
        });
        groups[place].push(row as u32);
    }
    Ok(groups)
}

/// One map as a scalar of the wanted type.
pub(crate) fn map_scalar(keys: ArrayRef, values: ArrayRef, gives: &DataType) -> Result<ScalarValue> {
    let DataType::Map(entries_field, _) = gives else {
        return Err(internal(format!("`{gives}` is no map")));
    };
    let DataType::Struct(fields) = entries_field.data_type() else {
        return Err(internal("map entries are no rows"));
    };
    let offsets = OffsetBuffer::from_lengths([keys.len()]);
    let entries = StructArray::try_new(fields.clone(), vec![keys, values], None)?;
    let map = MapArray::try_new(Arc::clone(entries_field), offsets, entries, None, false)?;
    Ok(ScalarValue::Map(Arc::new(map)))
}

fn firsts(groups: &[Vec<u32>]) -> UInt32Array {
    groups.iter().filter_map(|rows| rows.first().copied()).collect()
}

fn map_agg(rows: &Collected<'_>) -> Result<ScalarValue> {
    map_of_firsts(rows.column(0)?, rows.column(1)?, rows)
}

fn map_of_firsts(keys: &ArrayRef, values: &ArrayRef, rows: &Collected<'_>) -> Result<ScalarValue> {
    let kept = firsts(&rows_by_value(keys, false)?);
    if kept.is_empty() {
        return rows.null();
    }
    map_scalar(take(keys, &kept, None)?, take(values, &kept, None)?, rows.gives)
}

fn multimap_agg(rows: &Collected<'_>) -> Result<ScalarValue> {
    let groups = rows_by_value(rows.column(0)?, false)?;
    if groups.is_empty() {
        return rows.null();
    }
    let values = rows.column(1)?;
    let all: UInt32Array = groups.iter().flatten().copied().collect();
    let lists = ListArray::try_new(
        Arc::new(Field::new_list_field(values.data_type().clone(), true)),
        OffsetBuffer::from_lengths(groups.iter().map(Vec::len)),
        take(values, &all, None)?,
        None,
    )?;
    let keys = take(rows.column(0)?, &firsts(&groups), None)?;
    map_scalar(keys, Arc::new(lists), rows.gives)
}

fn histogram(rows: &Collected<'_>) -> Result<ScalarValue> {
    let groups = rows_by_value(rows.column(0)?, false)?;
    if groups.is_empty() {
        return rows.null();
    }
    let keys = take(rows.column(0)?, &firsts(&groups), None)?;
    let counts = Int64Array::from_iter_values(groups.iter().map(|rows| rows.len() as i64));
    map_scalar(keys, Arc::new(counts), rows.gives)
}

fn map_union(rows: &Collected<'_>) -> Result<ScalarValue> {
    let maps = rows.column(0)?.as_map();
    let parts: Vec<StructArray> =
        (0..maps.len()).filter(|row| maps.is_valid(*row)).map(|row| maps.value(row)).collect();
    let entries: Vec<&dyn Array> = parts.iter().map(|part| part as &dyn Array).collect();
    if entries.is_empty() {
        return rows.null();
    }
    let all = arrow::compute::concat(&entries)?;
    let all = all.as_struct();
    if all.is_empty() {
        return map_scalar(Arc::clone(all.column(0)), Arc::clone(all.column(1)), rows.gives);
    }
    map_of_firsts(all.column(0), all.column(1), rows)
}

fn set_agg(rows: &Collected<'_>) -> Result<ScalarValue> {
    distinct_list(rows.column(0)?)
}

fn set_union(rows: &Collected<'_>) -> Result<ScalarValue> {
    let lists = rows.column(0)?.as_list::<i32>();
    let parts: Vec<ArrayRef> = lists.iter().flatten().collect();
    let parts: Vec<&dyn Array> = parts.iter().map(AsRef::as_ref).collect();
    if parts.is_empty() {
        return rows.null();
    }
    distinct_list(&arrow::compute::concat(&parts)?)
}

fn distinct_list(column: &ArrayRef) -> Result<ScalarValue> {
    let kept = firsts(&rows_by_value(column, true)?);
    list_scalar(take(column, &kept, None)?)
}

/// One array as a scalar.
pub(crate) fn list_scalar(values: ArrayRef) -> Result<ScalarValue> {
    let field = Arc::new(Field::new_list_field(values.data_type().clone(), true));
    let offsets = OffsetBuffer::from_lengths([values.len()]);
    Ok(ScalarValue::List(Arc::new(ListArray::try_new(field, offsets, values, None)?)))
}
