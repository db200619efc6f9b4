//! `transform_keys`, `transform_values`, `map_filter`.

use std::collections::HashSet;
use std::sync::Arc;

use arrow::array::{Array, ArrayRef, AsArray, MapArray, StructArray};
use arrow::buffer::OffsetBuffer;
use arrow::compute::filter as keep;
use arrow::datatypes::{DataType, FieldRef};
use arrow::row::{RowConverter, SortField};
use datafusion::common::Result;

use crate::display::display_value;
use crate::lambda::arrays::{boolean, nullable};
use crate::lambda::elements::{Layout, evaluate};
use crate::lambda::{Call, Description};
use crate::operator::{internal, invalid_argument};
use crate::types::{field_of, map_fields, map_of};

pub(super) static FUNCTIONS: [Description; 3] = [
    Description {
        name: "transform_values",
        values: 1,
        parameters: entry,
        result: |values, lambda| {
            let (key, _) = parts(values)?;
            Ok(field_of(map_of(&key, lambda)))
        },
        body: transform_values,
    },
    Description {
        name: "transform_keys",
        values: 1,
        parameters: entry,
        result: |values, lambda| {
            let (_, value) = parts(values)?;
            Ok(field_of(map_of(lambda, &value)))
        },
        body: transform_keys,
    },
    Description {
        name: "map_filter",
        values: 1,
        parameters: entry,
        result: |values, lambda| {
            boolean("map_filter", lambda)?;
            let (key, value) = parts(values)?;
            Ok(field_of(map_of(&key, &value)))
        },
        body: map_filter,
    },
];

fn entry(values: &[FieldRef]) -> Option<Vec<FieldRef>> {
    let (key, value) = map_fields(values.first()?.data_type())?;
    Some(vec![nullable(key), nullable(value)])
}

fn parts(values: &[FieldRef]) -> Result<(FieldRef, FieldRef)> {
    match values.first().and_then(|map| map_fields(map.data_type())) {
        Some((key, value)) => Ok((Arc::clone(key), Arc::clone(value))),
        None => Err(internal("a map has keys and values")),
    }
}

/// Keys and values of all entries, and the lambda's answer on them.
struct Entries {
    layout: Layout,
    keys: ArrayRef,
    values: ArrayRef,
    answer: ArrayRef,
}

fn entries(call: &Call<'_>) -> Result<Entries> {
    let array = call.value(0)?;
    let map = array.as_map();
    let layout = Layout::of_map(array);
    let (keys, values) = (layout.elements(map.keys())?, layout.elements(map.values())?);
    let answer = evaluate(call.lambda, &[Arc::clone(&keys), Arc::clone(&values)], &layout.rows)?;
    Ok(Entries { layout, keys, values, answer })
}

fn assemble(call: &Call<'_>, offsets: OffsetBuffer<i32>, columns: Vec<ArrayRef>, layout: &Layout) -> Result<ArrayRef> {
    let DataType::Map(field, sorted) = call.result.data_type() else {
        return Err(internal("the result is a map"));
    };
    let DataType::Struct(fields) = field.data_type() else {
        return Err(internal("a map has entries"));
    };
    let length = columns.first().map_or(0, |column| column.len());
    let rows = StructArray::try_new_with_length(fields.clone(), columns, None, length)?;
    Ok(Arc::new(MapArray::try_new(Arc::clone(field), offsets, rows, layout.nulls.clone(), *sorted)?))
}

fn transform_values(call: &Call<'_>) -> Result<ArrayRef> {
    let Entries { layout, keys, answer, .. } = entries(call)?;
    assemble(call, layout.offsets.clone(), vec![keys, answer], &layout)
}

fn transform_keys(call: &Call<'_>) -> Result<ArrayRef> {
    let Entries { layout, values, answer, .. } = entries(call)?;
    if answer.null_count() > 0 {
        return Err(invalid_argument("map key cannot be null"));
    }
    let converter = RowConverter::new(vec![SortField::new(answer.data_type().clone())])?;
    let encoded = converter.convert_columns(&[Arc::clone(&answer)])?;
    for pair in layout.offsets.windows(2) {
        let mut seen = HashSet::new();
        for element in pair[0] as usize..pair[1] as usize {
            if !seen.insert(encoded.row(element)) {
                let key = display_value(answer.as_ref(), element).unwrap_or_default();
                return Err(invalid_argument(format!("Duplicate keys ({key}) are not allowed")));
            }
        }
    }
    assemble(call, layout.offsets.clone(), vec![answer, values], &layout)
}

fn map_filter(call: &Call<'_>) -> Result<ArrayRef> {
    let Entries { layout, keys, values, answer } = entries(call)?;
    let answer = call.condition(&answer)?;
    let lengths = layout.offsets.windows(2).map(|pair| {
        (pair[0]..pair[1])
            .filter(|element| {
                let element = *element as usize;
                answer.is_valid(element) && answer.value(element)
            })
            .count()
    });
    let offsets = OffsetBuffer::from_lengths(lengths);
    let columns = vec![keep(&keys, &answer)?, keep(&values, &answer)?];
    assemble(call, offsets, columns, &layout)
}
