//! The cast as the engine calls it.

use std::hash::{Hash, Hasher};
use std::sync::Arc;

use arrow::array::{Array, ArrayRef, new_null_array};
use arrow::compute::concat;
use arrow::datatypes::{DataType, Field, FieldRef};
use datafusion::common::{DataFusionError, Result, ScalarValue};
use datafusion::logical_expr::expr::ScalarFunction;
use datafusion::logical_expr::{
    ColumnarValue, Expr, ReturnFieldArgs, ScalarFunctionArgs, ScalarUDF, ScalarUDFImpl, Signature, Volatility,
};

use crate::cast::array::convert;
use crate::cast::normal_target;
use crate::coercion::Typed;
use crate::operator::internal;

/// Writes a cast to a type that the engine casts otherwise.
pub(super) fn call(operand: Typed, target: &Field, safe: bool) -> Expr {
    let function = Cast {
        from: operand.field,
        to: normal_target(target),
        safe,
        signature: Signature::any(1, Volatility::Immutable),
    };
    Expr::ScalarFunction(ScalarFunction::new_udf(Arc::new(ScalarUDF::from(function)), vec![operand.expr]))
}

#[derive(Debug, PartialEq, Eq)]
struct Cast {
    from: FieldRef,
    to: FieldRef,
    safe: bool,
    signature: Signature,
}

impl Hash for Cast {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.to.data_type().hash(state);
        self.safe.hash(state);
    }
}

impl ScalarUDFImpl for Cast {
    fn name(&self) -> &str {
        if self.safe { "$try_cast" } else { "$cast" }
    }

    fn signature(&self) -> &Signature {
        &self.signature
    }

    fn return_type(&self, _arguments: &[DataType]) -> Result<DataType> {
        Ok(self.to.data_type().clone())
    }

    fn return_field_from_args(&self, _args: ReturnFieldArgs<'_>) -> Result<FieldRef> {
        Ok(Arc::clone(&self.to))
    }

    fn invoke_with_args(&self, args: ScalarFunctionArgs) -> Result<ColumnarValue> {
        let Some(value) = args.args.first() else {
            return Err(internal("a cast takes one value"));
        };
        let scalar = matches!(value, ColumnarValue::Scalar(_));
        let array = value.to_array(if scalar { 1 } else { args.number_rows })?;
        let result = if self.safe { self.halve(&array)? } else { convert(&array, &self.from, &self.to)? };
        if scalar {
            return Ok(ColumnarValue::Scalar(ScalarValue::try_from_array(&result, 0)?));
        }
        Ok(ColumnarValue::Array(result))
    }
}

impl Cast {
    /// Casts what can be; where a batch fails it is halved, down to the rows that become null.
    fn halve(&self, array: &ArrayRef) -> Result<ArrayRef> {
        match convert(array, &self.from, &self.to) {
            Ok(result) => Ok(result),
            Err(DataFusionError::Execution(_) | DataFusionError::ArrowError(_, _)) => {
                if array.len() <= 1 {
                    return Ok(new_null_array(self.to.data_type(), array.len()));
                }
                let half = array.len() / 2;
                let first = self.halve(&array.slice(0, half))?;
                let second = self.halve(&array.slice(half, array.len() - half))?;
                Ok(concat(&[first.as_ref(), second.as_ref()])?)
            }
            Err(error) => Err(error),
        }
    }
}
