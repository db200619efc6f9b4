//! Access to parts of arrays, maps and rows, and making of rows.

use std::sync::Arc;

use arrow::array::{Array, ArrayRef, AsArray, StructArray, UInt64Array, new_null_array};
use arrow::buffer::NullBuffer;
use arrow::compute::take;
use arrow::datatypes::{DataType, Field, FieldRef, Fields, Int64Type};
use arrow::row::{RowConverter, SortField};
use datafusion::common::Result;
use datafusion::logical_expr::{
    ColumnarValue, ReturnFieldArgs, ScalarFunctionArgs, ScalarUDFImpl, Signature, Volatility,
};

use crate::display::display_value;
use crate::operator::{internal, invalid_argument};
use crate::types::{element_field, field_of, map_fields, renamed};

fn nullable(field: Option<&FieldRef>) -> FieldRef {
    field.map_or_else(|| field_of(DataType::Null), |field| Arc::new(renamed(field, "", true)))
}

/// `array[index]`, from 1; an index beyond the array is an error.
#[derive(Debug, PartialEq, Eq, Hash)]
pub(crate) struct ArraySubscript {
    signature: Signature,
}

impl ArraySubscript {
    pub(crate) fn new() -> Self {
        Self { signature: Signature::any(2, Volatility::Immutable) }
    }
}

impl ScalarUDFImpl for ArraySubscript {
    fn name(&self) -> &str {
        "$array_subscript"
    }

    fn signature(&self) -> &Signature {
        &self.signature
    }

    fn return_type(&self, arguments: &[DataType]) -> Result<DataType> {
        Ok(nullable(arguments.first().and_then(element_field)).data_type().clone())
    }

    fn return_field_from_args(&self, args: ReturnFieldArgs<'_>) -> Result<FieldRef> {
        Ok(nullable(args.arg_fields.first().and_then(|field| element_field(field.data_type()))))
    }

    fn invoke_with_args(&self, args: ScalarFunctionArgs) -> Result<ColumnarValue> {
        let arrays = ColumnarValue::values_to_arrays(&args.args)?;
        let [lists, indices] = &arrays[..] else {
            return Err(internal("a subscript takes an array and an index"));
        };
        let lists = lists.as_list::<i32>();
        let indices = indices.as_primitive::<Int64Type>();
        let positions = (0..lists.len())
            .map(|row| {
                if lists.is_null(row) || indices.is_null(row) {
                    return Ok(None);
                }
                let (start, end) = (i64::from(lists.value_offsets()[row]), i64::from(lists.value_offsets()[row + 1]));
                position(indices.value(row), end - start).map(|position| u64::try_from(start + position).ok())
            })
            .collect::<Result<UInt64Array>>()?;
        Ok(ColumnarValue::Array(take(lists.values(), &positions, None)?))
    }
}

fn position(index: i64, length: i64) -> Result<i64> {
    if index == 0 {
        return Err(invalid_argument("SQL array indices start at 1"));
    }
    if index < 0 {
        return Err(invalid_argument("Array subscript is negative"));
    }
    if index > length {
        return Err(invalid_argument(format!(
            "Array subscript must be less than or equal to array length: {index} > {length}"
        )));
    }
    Ok(index - 1)
}

/// `map[key]`; a key that is not there is an error.
#[derive(Debug, PartialEq, Eq, Hash)]
pub(crate) struct MapSubscript {
    signature: Signature,
}

impl MapSubscript {
    pub(crate) fn new() -> Self {
        Self { signature: Signature::any(2, Volatility::Immutable) }
    }
}

impl ScalarUDFImpl for MapSubscript {
    fn name(&self) -> &str {
        "$map_subscript"
    }

    fn signature(&self) -> &Signature {
        &self.signature
    }

    fn return_type(&self, arguments: &[DataType]) -> Result<DataType> {
        let value = arguments.first().and_then(map_fields).map(|(_, value)| value);
        Ok(nullable(value).data_type().clone())
    }

    fn return_field_from_args(&self, args: ReturnFieldArgs<'_>) -> Result<FieldRef> {
        Ok(nullable(args.arg_fields.first().and_then(|field| map_fields(field.data_type())).map(|(_, value)| value)))
    }

    fn invoke_with_args(&self, args: ScalarFunctionArgs) -> Result<ColumnarValue> {
        let arrays = ColumnarValue::values_to_arrays(&args.args)?;
        let [maps, wanted] = &arrays[..] else {
            return Err(internal("a subscript takes a map and a key"));
        };
        let maps = maps.as_map();
        let converter = RowConverter::new(vec![SortField::new(wanted.data_type().clone())])?;
        let keys = converter.convert_columns(&[Arc::clone(maps.keys())])?;
        let wanted_keys = converter.convert_columns(&[Arc::clone(wanted)])?;
        let offsets = maps.value_offsets();
        let mut positions = Vec::with_capacity(maps.len());
        for row in 0..maps.len() {
            if maps.is_null(row) || wanted.is_null(row) {
                positions.push(None);
                continue;
            }
            let (start, end) = (offsets[row] as usize, offsets[row + 1] as usize);
            let found = (start..end).find(|entry| keys.row(*entry) == wanted_keys.row(row));
            match found {
                Some(entry) => positions.push(Some(entry as u64)),
                None => {
                    let key = display_value(wanted.as_ref(), row).unwrap_or_default();
                    return Err(invalid_argument(format!("Key not present in map: {key}")));
                }
            }
        }
        let positions = UInt64Array::from(positions);
        Ok(ColumnarValue::Array(take(maps.values(), &positions, None)?))
    }
}

/// One field of a row; null where the row is null.
#[derive(Debug, PartialEq, Eq, Hash)]
pub(crate) struct Member {
    position: usize,
    signature: Signature,
}

impl Member {
    pub(crate) fn new(position: usize) -> Self {
        Self { position, signature: Signature::any(1, Volatility::Immutable) }
    }

    fn field<'a>(&self, row: &'a DataType) -> Option<&'a FieldRef> {
        match row {
            DataType::Struct(fields) => fields.get(self.position),
            _ => None,
        }
    }
}

impl ScalarUDFImpl for Member {
    fn name(&self) -> &str {
        "$member"
    }

    fn signature(&self) -> &Signature {
        &self.signature
    }

    fn return_type(&self, arguments: &[DataType]) -> Result<DataType> {
        let field = arguments.first().and_then(|row| self.field(row));
        Ok(nullable(field).data_type().clone())
    }

    fn return_field_from_args(&self, args: ReturnFieldArgs<'_>) -> Result<FieldRef> {
        let row = args.arg_fields.first().map(|field| field.data_type());
        Ok(nullable(row.and_then(|row| self.field(row))))
    }

    fn invoke_with_args(&self, args: ScalarFunctionArgs) -> Result<ColumnarValue> {
        let arrays = ColumnarValue::values_to_arrays(&args.args)?;
        let rows = arrays
            .first()
            .and_then(|array| array.as_struct_opt())
            .ok_or_else(|| internal("a field is taken from a row"))?;
        Ok(ColumnarValue::Array(member_of(rows, self.position)?))
    }
}

/// A field of a row array, null where the row is.
pub(crate) fn member_of(rows: &StructArray, position: usize) -> Result<ArrayRef> {
    if position >= rows.num_columns() {
        return Err(internal("a row lacks a field"));
    }
    let column = rows.column(position);
    let nulls = NullBuffer::union(column.nulls(), rows.nulls());
    if column.data_type() == &DataType::Null {
        return Ok(new_null_array(&DataType::Null, column.len()));
    }
    let data = column.to_data().into_builder().nulls(nulls).build()?;
    Ok(arrow::array::make_array(data))
}

/// `row(a, b)`
#[derive(Debug, PartialEq, Eq, Hash)]
pub(crate) struct RowConstructor {
    fields: Fields,
    signature: Signature,
}

impl RowConstructor {
    pub(crate) fn new(fields: Fields) -> Self {
        Self { fields, signature: Signature::variadic_any(Volatility::Immutable) }
    }
}

impl ScalarUDFImpl for RowConstructor {
    fn name(&self) -> &str {
        "$row"
    }

    fn signature(&self) -> &Signature {
        &self.signature
    }

    fn return_type(&self, _arguments: &[DataType]) -> Result<DataType> {
        Ok(DataType::Struct(self.fields.clone()))
    }

    fn return_field_from_args(&self, _args: ReturnFieldArgs<'_>) -> Result<FieldRef> {
        Ok(Arc::new(Field::new("", DataType::Struct(self.fields.clone()), false)))
    }

    fn invoke_with_args(&self, args: ScalarFunctionArgs) -> Result<ColumnarValue> {
        let columns = args.args.iter().map(|value| value.to_array(args.number_rows)).collect::<Result<Vec<_>>>()?;
        Ok(ColumnarValue::Array(Arc::new(StructArray::try_new(self.fields.clone(), columns, None)?)))
    }
}
