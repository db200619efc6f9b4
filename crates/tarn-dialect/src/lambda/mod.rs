//! Functions that take lambdas, and `try`, which takes its argument as one.
//!
//! A lambda is evaluated on all elements of a batch at once; `elements` lays the elements of arrays and maps out in
//! one column and spreads the columns that the lambda captures to the same length.

mod arrays;
mod attempt;
mod elements;
mod maps;
mod reduce;
mod sort;

use std::sync::Arc;

use arrow::array::{ArrayRef, AsArray, BooleanArray};
use arrow::datatypes::{DataType, FieldRef};
use datafusion::common::Result;
use datafusion::logical_expr::{
    ColumnarValue, HigherOrderFunctionArgs, HigherOrderReturnFieldArgs, HigherOrderSignature, HigherOrderUDF,
    HigherOrderUDFImpl, LambdaArgument, LambdaParametersProgress, ValueOrLambda, Volatility,
};

use crate::error::SqlError;
use crate::operator::internal;

/// The name under which `try(x)` reaches the planner.
pub(crate) const TRY: &str = "$try";

/// All functions that take lambdas.
pub(crate) fn higher_order_functions() -> Vec<Arc<HigherOrderUDF>> {
    let mut functions = vec![
        Arc::new(HigherOrderUDF::new_from_impl(attempt::Attempt::new())),
        Arc::new(HigherOrderUDF::new_from_impl(reduce::Reduce::new())),
    ];
    functions.extend(
        arrays::FUNCTIONS
            .iter()
            .chain(&maps::FUNCTIONS)
            .chain(&sort::FUNCTIONS)
            .map(|description| Arc::new(HigherOrderUDF::new_from_impl(Plain::new(description)))),
    );
    functions
}

/// A function whose lambda's parameters follow from its other arguments.
#[derive(Debug)]
struct Description {
    name: &'static str,
    /// How many values come before the lambda.
    values: usize,
    /// The parameters of the lambda, from the fields of the values.
    parameters: fn(&[FieldRef]) -> Option<Vec<FieldRef>>,
    /// The result, from the fields of the values and of the lambda's result.
    result: fn(&[FieldRef], &FieldRef) -> Result<FieldRef>,
    /// The result for a batch.
    body: fn(&Call<'_>) -> Result<ArrayRef>,
}

/// A call on one batch.
struct Call<'a> {
    values: Vec<ArrayRef>,
    lambda: &'a LambdaArgument,
    result: &'a FieldRef,
    name: &'static str,
}

impl Call<'_> {
    fn value(&self, index: usize) -> Result<&ArrayRef> {
        self.values.get(index).ok_or_else(|| internal("an argument is missing"))
    }

    /// The lambda's answer as booleans.
    fn condition(&self, answer: &ArrayRef) -> Result<BooleanArray> {
        match answer.data_type() {
            DataType::Boolean => Ok(answer.as_boolean().clone()),
            DataType::Null => Ok(BooleanArray::new_null(answer.len())),
            _ => Err(internal(format!("the lambda of `{}` gives no boolean", self.name))),
        }
    }
}

#[derive(Debug)]
struct Plain {
    description: &'static Description,
    signature: HigherOrderSignature,
}

impl Plain {
    fn new(description: &'static Description) -> Self {
        Self { description, signature: HigherOrderSignature::variadic_any(Volatility::Immutable) }
    }

    fn unexpected(&self, fields: &[FieldRef]) -> SqlError {
        let types: Vec<String> =
            fields.iter().map(|field| crate::types::athena_field_type(field)).chain(["function".to_owned()]).collect();
        SqlError::types(format!("Unexpected parameters ({}) for function {}", types.join(", "), self.description.name))
    }
}

// There is one object per name.
impl PartialEq for Plain {
    fn eq(&self, other: &Self) -> bool {
        self.description.name == other.description.name
    }
}

impl Eq for Plain {}

impl std::hash::Hash for Plain {
    fn hash<H: std::hash::Hasher>(&self, state: &mut H) {
        self.description.name.hash(state);
    }
}

fn value_fields<V: Clone, L>(arguments: &[ValueOrLambda<V, L>]) -> Vec<V> {
    arguments
        .iter()
        .filter_map(|argument| match argument {
            ValueOrLambda::Value(value) => Some(value.clone()),
            ValueOrLambda::Lambda(_) => None,
        })
        .collect()
}

fn last_lambda<V, L>(arguments: &[ValueOrLambda<V, L>]) -> Option<&L> {
    match arguments.last() {
        Some(ValueOrLambda::Lambda(lambda)) => Some(lambda),
        _ => None,
    }
}

impl HigherOrderUDFImpl for Plain {
    fn name(&self) -> &str {
        self.description.name
    }

    fn signature(&self) -> &HigherOrderSignature {
        &self.signature
    }

    fn lambda_parameters(
        &self,
        _step: usize,
        fields: &[ValueOrLambda<FieldRef, Option<FieldRef>>],
    ) -> Result<LambdaParametersProgress> {
        let values = value_fields(fields);
        if values.len() != self.description.values
            || fields.len() != self.description.values + 1
            || last_lambda(fields).is_none()
        {
            return Err(self.unexpected(&values).into());
        }
        match (self.description.parameters)(&values) {
            Some(parameters) => Ok(LambdaParametersProgress::Complete(vec![parameters])),
            None => Err(self.unexpected(&values).into()),
        }
    }

    fn return_field_from_args(&self, args: HigherOrderReturnFieldArgs<'_>) -> Result<FieldRef> {
        let values = value_fields(args.arg_fields);
        let lambda = last_lambda(args.arg_fields).ok_or_else(|| self.unexpected(&values))?;
        (self.description.result)(&values, lambda)
    }

    fn invoke_with_args(&self, args: HigherOrderFunctionArgs) -> Result<ColumnarValue> {
        let lambda = last_lambda(&args.args).ok_or_else(|| internal("a lambda is the last argument"))?;
        let values = value_fields(&args.args)
            .into_iter()
            .map(|value| value.to_array(args.number_rows))
            .collect::<Result<Vec<_>>>()?;
        let call = Call { values, lambda, result: &args.return_field, name: self.description.name };
        Ok(ColumnarValue::Array((self.description.body)(&call)?))
    }
}
