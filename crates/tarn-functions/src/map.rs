//! Functions on maps.

use std::collections::{HashMap, HashSet};
use std::sync::Arc;

use arrow::array::{Array, ArrayRef, AsArray, ListArray, MapArray, NullBufferBuilder, StructArray, UInt32Array};
use arrow::buffer::OffsetBuffer;
use arrow::compute::take;
use arrow::datatypes::{DataType, Field};
use datafusion::common::{Result, ScalarValue};

use crate::array::list::{Lists, as_given, comparable};
use crate::call::{Argument, Call};
use crate::failure::{internal, invalid_argument};
use crate::function::Function;
use crate::types::{array_of, element_type, map_of, map_types};

pub(crate) fn functions() -> Vec<Function> {
    vec![
        Function::new("map")
            .computing(
                "()",
                |_, _| Ok(map_of(DataType::Null, DataType::Null)),
                |call| {
                    let mut maps = Building::new(call.rows);
                    (0..call.rows).for_each(|_| maps.end());
                    let none = arrow::array::new_empty_array(&DataType::Null);
                    maps.finish(&none, &none, &call.gives)
                },
            )
            .on("(array(K), array(V)) -> map(K, V)", from_arrays),
        Function::new("map_keys").on("(map(K, V)) -> array(K)", |call| side(call, 0)),
        Function::new("map_values").on("(map(K, V)) -> array(V)", |call| side(call, 1)),
        Function::new("map_entries").computing("(map(K, V))", entries_type, entries),
        Function::new("map_concat").on("(map(K, V)...) -> map(K, V)", concat),
        Function::new("map_from_entries").computing("(array(T))", from_entries_type, |call| from_entries(call, false)),
        Function::new("multimap_from_entries").computing("(array(T))", multimap_type, |call| from_entries(call, true)),
    ]
}

/// Builds maps from positions in columns of keys and values.
struct Building {
    keys: Vec<u32>,
    values: Vec<u32>,
    lengths: Vec<usize>,
    nulls: NullBufferBuilder,
    open: usize,
}

impl Building {
    fn new(rows: usize) -> Self {
        Self {
            keys: Vec::new(),
            values: Vec::new(),
            lengths: Vec::with_capacity(rows),
            nulls: NullBufferBuilder::new(rows),
            open: 0,
        }
    }

    fn put(&mut self, key: usize, value: usize) {
        self.keys.push(key as u32);
        self.values.push(value as u32);
        self.open += 1;
    }

    fn end(&mut self) {
        self.lengths.push(std::mem::take(&mut self.open));
        self.nulls.append_non_null();
    }

    fn null(&mut self) {
        self.lengths.push(std::mem::take(&mut self.open));
        self.nulls.append_null();
    }

    fn finish(mut self, keys: &ArrayRef, values: &ArrayRef, gives: &DataType) -> Result<ArrayRef> {
        let DataType::Map(field, _) = gives else {
            return Err(internal(format!("`{gives}` is no map")));
        };
        let DataType::Struct(fields) = field.data_type() else {
            return Err(internal("map entries are no rows"));
        };
        let entries = StructArray::try_new(
            fields.clone(),
            vec![
                take(keys, &UInt32Array::from(self.keys), None)?,
                take(values, &UInt32Array::from(self.values), None)?,
            ],
            None,
        )?;
        Ok(Arc::new(MapArray::try_new(
            Arc::clone(field),
            OffsetBuffer::from_lengths(self.lengths),
            entries,
            self.nulls.finish(),
            false,
        )?))
    }
}

fn duplicate(keys: &ArrayRef, index: usize) -> datafusion::common::DataFusionError {
    let text = crate::string::format::plain_text(keys, index).unwrap_or_default();
    invalid_argument(format!("Duplicate map keys ({text}) are not allowed"))
}

fn from_arrays(call: &Call) -> Result<ArrayRef> {
    let (keys, values) = (Lists::of(call, 0)?, Lists::of(call, 1)?);
    let comparable_keys = comparable(keys.values())?;
    let nulls = keys.values().logical_nulls();
    let mut maps = Building::new(call.rows);
    for row in 0..call.rows {
        let (Some(key_range), Some(value_range)) = (keys.range(row), values.range(row)) else {
            maps.null();
            continue;
        };
        if key_range.len() != value_range.len() {
            return Err(invalid_argument("Key and value arrays must be the same length"));
        }
        let mut seen = HashSet::new();
        for (key, value) in key_range.zip(value_range) {
            if nulls.as_ref().is_some_and(|nulls| nulls.is_null(key)) {
                return Err(invalid_argument("map key cannot be null"));
            }
            if !seen.insert(comparable_keys.row(key)) {
                return Err(duplicate(keys.values(), key));
            }
            maps.put(key, value);
        }
        maps.end();
    }
    maps.finish(keys.values(), values.values(), &call.gives)
}

struct Maps<'a> {
    argument: &'a Argument,
    map: &'a MapArray,
}

impl<'a> Maps<'a> {
    fn of(call: &'a Call, index: usize) -> Result<Self> {
        let argument = call.argument(index)?;
        Ok(Self { argument, map: argument.typed()? })
    }

    fn range(&self, row: usize) -> Option<std::ops::Range<usize>> {
        if self.argument.is_null(row) {
            return None;
        }
        let position = self.argument.position(row);
        let offsets = self.map.value_offsets();
        Some(offsets[position] as usize..offsets[position + 1] as usize)
    }
}

/// The value of a key; null if the map lacks it.
pub(crate) fn element_at(call: &Call) -> Result<ArrayRef> {
    let (maps, wanted) = (Maps::of(call, 0)?, call.argument(1)?);
    let (keys, wanted_keys) = (comparable(maps.map.keys())?, comparable(&wanted.array)?);
    let indices: UInt32Array = (0..call.rows)
        .map(|row| {
            let mut range = maps.range(row).filter(|_| !wanted.is_null(row))?;
            let key = wanted_keys.row(wanted.position(row));
            range.find(|index| keys.row(*index) == key).map(|index| index as u32)
        })
        .collect();
    Ok(take(maps.map.values(), &indices, None)?)
}

/// Keys or values as arrays.
fn side(call: &Call, column: usize) -> Result<ArrayRef> {
    let maps = Maps::of(call, 0)?;
    let mut gather = crate::array::list::Gather::new(call.rows);
    for row in 0..call.rows {
        match maps.range(row) {
            Some(range) => {
                range.for_each(|index| gather.push(index));
                gather.end();
            }
            None => gather.null(),
        }
    }
    as_given(gather.finish(maps.map.entries().column(column))?, &call.gives)
}

fn entries_type(types: &[DataType], _: &[Option<&ScalarValue>]) -> Result<DataType> {
    let (key, value) = types.first().and_then(map_types).ok_or_else(|| internal("a map is expected"))?;
    Ok(array_of(DataType::Struct(
        vec![Field::new("c0", key.clone(), true), Field::new("c1", value.clone(), true)].into(),
    )))
}

fn entries(call: &Call) -> Result<ArrayRef> {
    let maps = Maps::of(call, 0)?;
    let DataType::List(field) = &call.gives else {
        return Err(internal("an array is expected"));
    };
    let DataType::Struct(fields) = field.data_type() else {
        return Err(internal("rows are expected"));
    };
    let (mut lengths, mut nulls) = (Vec::new(), NullBufferBuilder::new(call.rows));
    let mut indices: Vec<u32> = Vec::new();
    for row in 0..call.rows {
        match maps.range(row) {
            Some(range) => {
                lengths.push(range.len());
                indices.extend(range.map(|index| index as u32));
                nulls.append_non_null();
            }
            None => {
                lengths.push(0);
                nulls.append_null();
            }
        }
    }
    let indices = UInt32Array::from(indices);
    let columns = vec![take(maps.map.keys(), &indices, None)?, take(maps.map.values(), &indices, None)?];
    let rows = StructArray::try_new(fields.clone(), columns, None)?;
    Ok(Arc::new(ListArray::try_new(
        Arc::clone(field),
        OffsetBuffer::from_lengths(lengths),
        Arc::new(rows),
        nulls.finish(),
    )?))
}

/// All entries; of equal keys the last map's wins. A null map gives null.
fn concat(call: &Call) -> Result<ArrayRef> {
    let maps = (0..call.arguments.len()).map(|index| Maps::of(call, index)).collect::<Result<Vec<_>>>()?;
    let key_columns: Vec<&dyn Array> = maps.iter().map(|maps| maps.map.keys().as_ref()).collect();
    let value_columns: Vec<&dyn Array> = maps.iter().map(|maps| maps.map.values().as_ref()).collect();
    let keys = arrow::compute::concat(&key_columns)?;
    let values = arrow::compute::concat(&value_columns)?;
    let comparable_keys = comparable(&keys)?;
    let mut building = Building::new(call.rows);
    for row in 0..call.rows {
        let ranges: Option<Vec<_>> = maps.iter().map(|maps| maps.range(row)).collect();
        let Some(ranges) = ranges else {
            building.null();
            continue;
        };
        let mut places = HashMap::new();
        let mut kept: Vec<usize> = Vec::new();
        let mut offset = 0;
        for (range, column) in ranges.into_iter().zip(&key_columns) {
            for index in range.start + offset..range.end + offset {
                let place = *places.entry(comparable_keys.row(index)).or_insert_with(|| {
                    kept.push(index);
                    kept.len() - 1
                });
                kept[place] = index;
            }
            offset += column.len();
        }
        kept.into_iter().for_each(|index| building.put(index, index));
        building.end();
    }
    building.finish(&keys, &values, &call.gives)
}

fn entry_types(types: &[DataType]) -> Result<(DataType, DataType)> {
    match types.first().and_then(element_type) {
        Some(DataType::Struct(fields)) if fields.len() == 2 => {
            Ok((fields[0].data_type().clone(), fields[1].data_type().clone()))
        }
        _ => Err(crate::failure::no_overload(
            "FUNCTION_NOT_FOUND: Unexpected parameters for function map_from_entries. Expected: array(row(K,V))",
        )),
    }
}

fn from_entries_type(types: &[DataType], _: &[Option<&ScalarValue>]) -> Result<DataType> {
    let (key, value) = entry_types(types)?;
    Ok(map_of(key, value))
}

fn multimap_type(types: &[DataType], _: &[Option<&ScalarValue>]) -> Result<DataType> {
    let (key, value) = entry_types(types)?;
    Ok(map_of(key, array_of(value)))
}

fn from_entries(call: &Call, several: bool) -> Result<ArrayRef> {
    let lists = Lists::of(call, 0)?;
    let rows = lists.values().as_struct();
    let (keys, values) = (rows.column(0), rows.column(1));
    let comparable_keys = comparable(keys)?;
    let key_nulls = keys.logical_nulls();
    let mut maps = Building::new(call.rows);
    let mut collected = crate::array::list::Gather::new(call.rows);
    let mut arrays = 0;
    for row in 0..call.rows {
        let Some(range) = lists.range(row) else {
            maps.null();
            continue;
        };
        let mut order = Vec::new();
        let mut places: HashMap<_, Vec<usize>> = HashMap::new();
        for index in range {
            if rows.is_null(index) {
                return Err(invalid_argument("map entry cannot be null"));
            }
            if key_nulls.as_ref().is_some_and(|nulls| nulls.is_null(index)) {
                return Err(invalid_argument("map key cannot be null"));
            }
            let members = places.entry(comparable_keys.row(index)).or_default();
            if members.is_empty() {
                order.push(index);
            } else if !several {
                return Err(duplicate(keys, index));
            }
            members.push(index);
        }
        for key in order {
            if several {
                for member in places.get(&comparable_keys.row(key)).into_iter().flatten() {
                    collected.push(*member);
                }
                collected.end();
                maps.put(key, arrays);
                arrays += 1;
            } else {
                maps.put(key, key);
            }
        }
        maps.end();
    }
    if several {
        let lists = collected.finish(values)?;
        return maps.finish(keys, &lists, &call.gives);
    }
    maps.finish(keys, values, &call.gives)
}
