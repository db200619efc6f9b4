//! The columns an argument of `UNNEST` becomes, each as one array per row.

use std::sync::Arc;

use arrow::array::{Array, ArrayRef, AsArray, Int64Array, ListArray};
use arrow::buffer::OffsetBuffer;
use arrow::datatypes::{DataType, Field, FieldRef};
use datafusion::common::Result;
use datafusion::logical_expr::{
    ColumnarValue, ReturnFieldArgs, ScalarFunctionArgs, ScalarUDFImpl, Signature, Volatility,
};

use crate::operator::internal;
use crate::operator::nested::member_of;
use crate::types::{array_of, element_field, field_of, map_fields, renamed};

/// Which part of the argument's elements a column takes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(super) enum Part {
    /// The elements of an array.
    Element,
    /// A field of an array of rows.
    Field(usize),
    /// The keys of a map.
    Key,
    /// The values of a map.
    Value,
    /// The numbers from 1 to the length of the longest argument.
    Ordinality,
}

/// The columns of an argument: their names, types and parts; `None` where it cannot be unnested.
pub(super) fn columns_of(argument: &Field) -> Option<Vec<(Option<String>, FieldRef, Part)>> {
    if let Some((key, value)) = map_fields(argument.data_type()) {
        return Some(vec![(None, nullable(key), Part::Key), (None, nullable(value), Part::Value)]);
    }
    let element = element_field(argument.data_type())?;
    match element.data_type() {
        DataType::Struct(fields) => Some(
            fields
                .iter()
                .enumerate()
                .map(|(index, field)| {
                    let name = (!crate::types::is_unnamed(field.name())).then(|| field.name().clone());
                    (name, nullable(field), Part::Field(index))
                })
                .collect(),
        ),
        _ => Some(vec![(None, nullable(element), Part::Element)]),
    }
}

fn nullable(field: &Field) -> FieldRef {
    Arc::new(renamed(field, "", true))
}

/// Takes one part of its argument as an array per row.
#[derive(Debug, PartialEq, Eq, Hash)]
pub(super) struct Spread {
    part: Part,
    signature: Signature,
}

impl Spread {
    pub(super) fn new(part: Part) -> Self {
        Self { part, signature: Signature::variadic_any(Volatility::Immutable) }
    }

    fn element(&self, argument: Option<&DataType>) -> FieldRef {
        let found = argument.and_then(|argument| match self.part {
            Part::Ordinality => None,
            Part::Key => map_fields(argument).map(|(key, _)| nullable(key)),
            Part::Value => map_fields(argument).map(|(_, value)| nullable(value)),
            Part::Element => element_field(argument).map(|element| nullable(element)),
            Part::Field(index) => match element_field(argument)?.data_type() {
                DataType::Struct(fields) => fields.get(index).map(|field| nullable(field)),
                _ => None,
            },
        });
        found.unwrap_or_else(|| field_of(DataType::Int64))
    }
}

impl ScalarUDFImpl for Spread {
    fn name(&self) -> &str {
        "$spread"
    }

    fn signature(&self) -> &Signature {
        &self.signature
    }

    fn return_type(&self, arguments: &[DataType]) -> Result<DataType> {
        Ok(array_of(&self.element(arguments.first())))
    }

    fn return_field_from_args(&self, args: ReturnFieldArgs<'_>) -> Result<FieldRef> {
        let argument = args.arg_fields.first().map(|field| field.data_type());
        Ok(field_of(array_of(&self.element(argument))))
    }

    fn invoke_with_args(&self, args: ScalarFunctionArgs) -> Result<ColumnarValue> {
        let arrays = args.args.iter().map(|value| value.to_array(args.number_rows)).collect::<Result<Vec<_>>>()?;
        let first = arrays.first().ok_or_else(|| internal("UNNEST takes arrays and maps"))?;
        let element = match args.return_field.data_type() {
            DataType::List(element) => Arc::clone(element),
            _ => return Err(internal("a part is an array")),
        };
        let (offsets, values, nulls) = match self.part {
            Part::Ordinality => return ordinality(&arrays, element, args.number_rows),
            Part::Key | Part::Value => {
                let map = first.as_map();
                let values = if self.part == Part::Key { map.keys() } else { map.values() };
                (map.offsets(), Arc::clone(values), map.nulls())
            }
            Part::Element => return Ok(ColumnarValue::Array(Arc::clone(first))),
            Part::Field(index) => {
                let list = first.as_list::<i32>();
                let rows = list.values().as_struct();
                (list.offsets(), member_of(rows, index)?, list.nulls())
            }
        };
        Ok(ColumnarValue::Array(Arc::new(ListArray::try_new(element, offsets.clone(), values, nulls.cloned())?)))
    }
}

fn ordinality(arrays: &[ArrayRef], element: FieldRef, rows: usize) -> Result<ColumnarValue> {
    let length = |array: &ArrayRef, row: usize| {
        if array.is_null(row) {
            return 0;
        }
        let offsets = match array.data_type() {
            DataType::Map(_, _) => array.as_map().value_offsets(),
            _ => array.as_list::<i32>().value_offsets(),
        };
        (offsets[row + 1] - offsets[row]) as usize
    };
    let lengths: Vec<usize> =
        (0..rows).map(|row| arrays.iter().map(|array| length(array, row)).max().unwrap_or(0)).collect();
    let numbers: Int64Array = lengths.iter().flat_map(|length| (1..=*length as i64).map(Some)).collect();
    Ok(ColumnarValue::Array(Arc::new(ListArray::try_new(
        element,
        OffsetBuffer::from_lengths(lengths),
        Arc::new(numbers),
        None,
    )?)))
}
