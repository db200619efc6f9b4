//! `try(x)`: null for each row whose evaluation fails with an error of values.
//!
//! The argument arrives as a lambda without parameters that captures its columns. It is evaluated on the whole
//! batch first; only where that fails is the batch halved, down to the rows that fail.

use std::sync::Arc;

use arrow::array::{Array, ArrayRef, NullArray, new_null_array};
use arrow::compute::concat;
use arrow::datatypes::{DataType, Field, FieldRef};
use datafusion::common::{DataFusionError, Result};
use datafusion::logical_expr::{
    ColumnarValue, HigherOrderFunctionArgs, HigherOrderReturnFieldArgs, HigherOrderSignature, HigherOrderUDFImpl,
    LambdaArgument, LambdaParametersProgress, ValueOrLambda, Volatility,
};

use crate::error::{SqlError, SqlErrorKind};
use crate::lambda::TRY;
use crate::operator::internal;

#[derive(Debug, PartialEq, Eq, Hash)]
pub(super) struct Attempt {
    signature: HigherOrderSignature,
}

impl Attempt {
    pub(super) fn new() -> Self {
        Self { signature: HigherOrderSignature::exact(vec![ValueOrLambda::Lambda(())], Volatility::Immutable) }
    }
}

impl HigherOrderUDFImpl for Attempt {
    fn name(&self) -> &str {
        TRY
    }

    fn signature(&self) -> &HigherOrderSignature {
        &self.signature
    }

    fn coerce_value_types(&self, _types: &[DataType]) -> Result<Vec<DataType>> {
        Ok(Vec::new())
    }

    fn lambda_parameters(
        &self,
        _step: usize,
        _fields: &[ValueOrLambda<FieldRef, Option<FieldRef>>],
    ) -> Result<LambdaParametersProgress> {
        Ok(LambdaParametersProgress::Complete(vec![Vec::new()]))
    }

    fn return_field_from_args(&self, args: HigherOrderReturnFieldArgs<'_>) -> Result<FieldRef> {
        match args.arg_fields {
            [ValueOrLambda::Lambda(body)] => {
                Ok(Arc::new(Field::new("", body.data_type().clone(), true).with_metadata(body.metadata().clone())))
            }
            _ => Err(internal("`try` takes one expression")),
        }
    }

    fn invoke_with_args(&self, args: HigherOrderFunctionArgs) -> Result<ColumnarValue> {
        let [ValueOrLambda::Lambda(body)] = &args.args[..] else {
            return Err(internal("`try` takes one expression"));
        };
        let result = evaluate(body, 0, args.number_rows, args.return_type())?;
        Ok(ColumnarValue::Array(result))
    }

    fn short_circuits(&self) -> bool {
        true
    }
}

fn evaluate(body: &LambdaArgument, start: usize, rows: usize, result: &DataType) -> Result<ArrayRef> {
    let count = || Ok(Arc::new(NullArray::new(rows)) as ArrayRef);
    let outcome = body
        .evaluate(&[&count], |captures| Ok(captures.iter().map(|capture| capture.slice(start, rows)).collect()))
        .and_then(|value| value.into_array(rows));
    match outcome {
        Ok(array) => Ok(array),
        Err(error) if !is_about_values(&error) => Err(error),
        Err(_) if rows <= 1 => Ok(new_null_array(result, rows)),
        Err(_) => {
            let half = rows / 2;
            let first = evaluate(body, start, half, result)?;
            let second = evaluate(body, start + half, rows - half, result)?;
            Ok(concat(&[first.as_ref(), second.as_ref()])?)
        }
    }
}

fn is_about_values(error: &DataFusionError) -> bool {
    match error {
        DataFusionError::Execution(_) | DataFusionError::ArrowError(_, _) => true,
        DataFusionError::Context(_, inner) => is_about_values(inner),
        DataFusionError::External(inner) => {
            inner.downcast_ref::<SqlError>().is_some_and(|error| error.kind == SqlErrorKind::Runtime)
        }
        _ => false,
    }
}
