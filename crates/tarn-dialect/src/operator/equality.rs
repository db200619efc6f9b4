//! Arrays and rows that are equal as Athena has it: a null inside of them makes the answer unknown, unless they differ elsewhere.
//!
//! The engine holds a null inside of an array to be equal to another.

use std::sync::Arc;

use arrow::array::{Array, ArrayRef, AsArray, BooleanArray, make_comparator};
use arrow::compute::SortOptions;
use arrow::datatypes::{DataType, Float32Type, Float64Type};
use datafusion::common::{Result, ScalarValue};
use datafusion::logical_expr::{ColumnarValue, ScalarFunctionArgs, ScalarUDFImpl, Signature, Volatility};

use crate::operator::internal;

/// Tells whether the value at a place of one array equals that at a place of another; `None` is unknown.
type Equal = Box<dyn Fn(usize, usize) -> Option<bool>>;

/// Whether values of a type are compared here: arrays and rows, but those with maps inside.
pub(crate) fn is_compared(data_type: &DataType) -> bool {
    fn has_map(data_type: &DataType) -> bool {
        match data_type {
            DataType::Map(_, _) => true,
            DataType::List(element) => has_map(element.data_type()),
            DataType::Struct(fields) => fields.iter().any(|field| has_map(field.data_type())),
            _ => false,
        }
    }
    matches!(data_type, DataType::List(_) | DataType::Struct(_)) && !has_map(data_type)
}

/// `a = b` of two arrays or rows of one type.
#[derive(Debug, PartialEq, Eq, Hash)]
pub(crate) struct NestedEqual {
    signature: Signature,
}

impl NestedEqual {
    pub(crate) fn new() -> Self {
        Self { signature: Signature::any(2, Volatility::Immutable) }
    }
}

impl ScalarUDFImpl for NestedEqual {
    fn name(&self) -> &str {
        "$nested_equal"
    }

    fn signature(&self) -> &Signature {
        &self.signature
    }

    fn return_type(&self, _arguments: &[DataType]) -> Result<DataType> {
        Ok(DataType::Boolean)
    }

    fn invoke_with_args(&self, args: ScalarFunctionArgs) -> Result<ColumnarValue> {
        let arrays = ColumnarValue::values_to_arrays(&args.args)?;
        let [left, right] = &arrays[..] else {
            return Err(internal("two values are compared"));
        };
        let equal = equality(left, right)?;
        let answers: BooleanArray = (0..left.len()).map(|row| equal(row, row)).collect();
        if args.args.iter().all(|value| matches!(value, ColumnarValue::Scalar(_))) {
            return Ok(ColumnarValue::Scalar(ScalarValue::try_from_array(&answers, 0)?));
        }
        Ok(ColumnarValue::Array(Arc::new(answers)))
    }
}

fn equality(left: &ArrayRef, right: &ArrayRef) -> Result<Equal> {
    let values: Equal = match left.data_type() {
        DataType::List(_) => {
            let (left, right) = (left.as_list::<i32>().clone(), right.as_list::<i32>().clone());
            let elements = equality(left.values(), right.values())?;
            Box::new(move |a, b| {
                if left.value_length(a) != right.value_length(b) {
                    return Some(false);
                }
                let (from, to) = (left.value_offsets()[a] as usize, right.value_offsets()[b] as usize);
                let count = left.value_length(a) as usize;
                all((0..count).map(|place| elements(from + place, to + place)))
            })
        }
        DataType::Struct(_) => {
            let columns = left.as_struct().columns().iter().zip(right.as_struct().columns());
            let fields = columns.map(|(left, right)| equality(left, right)).collect::<Result<Vec<Equal>>>()?;
            Box::new(move |a, b| all(fields.iter().map(|field| field(a, b))))
        }
        DataType::Null => Box::new(|_, _| None),
        DataType::Float64 => {
            let (left, right) =
                (left.as_primitive::<Float64Type>().clone(), right.as_primitive::<Float64Type>().clone());
            Box::new(move |a, b| Some(left.value(a) == right.value(b)))
        }
        DataType::Float32 => {
            let (left, right) =
                (left.as_primitive::<Float32Type>().clone(), right.as_primitive::<Float32Type>().clone());
            Box::new(move |a, b| Some(left.value(a) == right.value(b)))
        }
        _ => {
            let compare = make_comparator(left, right, SortOptions::default())?;
            Box::new(move |a, b| Some(compare(a, b).is_eq()))
        }
    };
    let (left, right) = (left.logical_nulls(), right.logical_nulls());
    Ok(Box::new(move |a, b| {
        let is_null =
            left.as_ref().is_some_and(|nulls| nulls.is_null(a)) || right.as_ref().is_some_and(|nulls| nulls.is_null(b));
        if is_null { None } else { values(a, b) }
    }))
}

/// What all parts say together: one that differs decides, else one that is unknown.
fn all(parts: impl Iterator<Item = Option<bool>>) -> Option<bool> {
    let mut answer = Some(true);
    for part in parts {
        match part {
            Some(true) => {}
            Some(false) => return Some(false),
            None => answer = None,
        }
    }
    answer
}
