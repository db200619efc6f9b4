//! `reduce(array, state, (state, element) -> state, state -> result)`.
//!
//! The lambda runs once per position: on the first elements of all rows, then on the second of those that have one.

use std::sync::Arc;

use arrow::array::{Array, ArrayRef, AsArray, UInt64Array, new_null_array};
use arrow::compute::{concat, take};
use arrow::datatypes::{DataType, FieldRef};
use datafusion::common::Result;
use datafusion::logical_expr::{
    ColumnarValue, HigherOrderFunctionArgs, HigherOrderReturnFieldArgs, HigherOrderSignature, HigherOrderUDFImpl,
    LambdaParametersProgress, ValueOrLambda, Volatility,
};

use crate::coercion::{MAX_PRECISION, common_type};
use crate::error::SqlError;
use crate::lambda::arrays::{element, nullable};
use crate::lambda::elements::evaluate;
use crate::lambda::value_fields;
use crate::operator::internal;

#[derive(Debug, PartialEq, Eq, Hash)]
pub(super) struct Reduce {
    signature: HigherOrderSignature,
}

impl Reduce {
    pub(super) fn new() -> Self {
        Self { signature: HigherOrderSignature::variadic_any(Volatility::Immutable) }
    }
}

fn unexpected() -> SqlError {
    SqlError::types(
        "Unexpected parameters for function reduce. Expected: reduce(array(T), S, function(S,T,S), function(S,R))",
    )
}

/// The type of a state that starts as one type and becomes another; sums of decimals would grow for ever.
fn widened(initial: &FieldRef, merged: &FieldRef) -> Result<FieldRef> {
    let common = common_type(initial, merged).ok_or_else(|| {
        SqlError::types(format!(
            "the state of `reduce` is {} and its lambda gives {}",
            crate::types::athena_field_type(initial),
            crate::types::athena_field_type(merged)
        ))
    })?;
    Ok(match common.data_type() {
        DataType::Decimal128(_, scale) if initial.data_type() != merged.data_type() => {
            crate::types::field_of(DataType::Decimal128(MAX_PRECISION, *scale))
        }
        _ => nullable(&common),
    })
}

impl HigherOrderUDFImpl for Reduce {
    fn name(&self) -> &str {
        "reduce"
    }

    fn signature(&self) -> &HigherOrderSignature {
        &self.signature
    }

    fn lambda_parameters(
        &self,
        step: usize,
        fields: &[ValueOrLambda<FieldRef, Option<FieldRef>>],
    ) -> Result<LambdaParametersProgress> {
        let [
            ValueOrLambda::Value(array),
            ValueOrLambda::Value(initial),
            ValueOrLambda::Lambda(merged),
            ValueOrLambda::Lambda(_),
        ] = fields
        else {
            return Err(unexpected().into());
        };
        let element =
            element(std::slice::from_ref(array)).and_then(|fields| fields.into_iter().next()).ok_or_else(unexpected)?;
        let initial = nullable(initial);
        let Some(merged) = merged else {
            return Ok(LambdaParametersProgress::Partial(vec![Some(vec![initial, element]), None]));
        };
        let state = widened(&initial, merged)?;
        // At the first answer the lambda saw the initial type; later ones saw the widened one.
        let settled =
            if step == 1 { initial.data_type() == merged.data_type() } else { state.data_type() == merged.data_type() };
        if settled {
            return Ok(LambdaParametersProgress::Complete(vec![vec![Arc::clone(&state), element], vec![state]]));
        }
        Ok(LambdaParametersProgress::Partial(vec![Some(vec![state, element]), None]))
    }

    fn coerce_values_for_lambdas(&self, fields: &[ValueOrLambda<DataType, DataType>]) -> Result<Option<Vec<DataType>>> {
        match fields {
            [
                ValueOrLambda::Value(array),
                ValueOrLambda::Value(_),
                ValueOrLambda::Lambda(merged),
                ValueOrLambda::Lambda(_),
            ] => Ok(Some(vec![array.clone(), merged.clone()])),
            _ => Err(unexpected().into()),
        }
    }

    fn return_field_from_args(&self, args: HigherOrderReturnFieldArgs<'_>) -> Result<FieldRef> {
        match args.arg_fields.last() {
            Some(ValueOrLambda::Lambda(result)) => Ok(nullable(result)),
            _ => Err(unexpected().into()),
        }
    }

    fn invoke_with_args(&self, args: HigherOrderFunctionArgs) -> Result<ColumnarValue> {
        let [_, _, ValueOrLambda::Lambda(merge), ValueOrLambda::Lambda(finish)] = &args.args[..] else {
            return Err(internal("reduce takes two values and two lambdas"));
        };
        let values = value_fields(&args.args)
            .into_iter()
            .map(|value| value.to_array(args.number_rows))
            .collect::<Result<Vec<_>>>()?;
        let [array, initial] = &values[..] else {
            return Err(internal("reduce takes two values"));
        };
        if array.data_type() == &DataType::Null {
            return Ok(ColumnarValue::Array(new_null_array(args.return_type(), array.len())));
        }
        let list = array.as_list::<i32>();
        let offsets = list.value_offsets();
        let length = |row: usize| {
            if list.is_null(row) { 0 } else { (offsets[row + 1] - offsets[row]) as u64 }
        };
        let longest = (0..list.len()).map(length).max().unwrap_or(0);
        let mut state: ArrayRef = Arc::clone(initial);
        for position in 0..longest {
            let rows: Vec<u64> = (0..list.len()).filter(|row| length(*row) > position).map(|row| row as u64).collect();
            let elements: UInt64Array = rows.iter().map(|row| Some(offsets[*row as usize] as u64 + position)).collect();
            let rows = UInt64Array::from(rows);
            let parameters = [take(state.as_ref(), &rows, None)?, take(list.values(), &elements, None)?];
            let merged = evaluate(merge, &parameters, &rows)?;
            state = scatter(&state, &merged, &rows)?;
        }
        let all: UInt64Array = (0..list.len() as u64).map(Some).collect();
        let result = evaluate(finish, &[state], &all)?;
        // A null array reduces to null.
        let nulls = list.nulls().cloned();
        let result = match nulls {
            Some(nulls) => {
                let valid = arrow::array::BooleanArray::new(nulls.into_inner(), None);
                let kept: UInt64Array = (0..valid.len()).map(|row| valid.value(row).then_some(row as u64)).collect();
                take(result.as_ref(), &kept, None)?
            }
            None => result,
        };
        Ok(ColumnarValue::Array(result))
    }
}

/// The state with the given rows replaced.
fn scatter(state: &ArrayRef, merged: &ArrayRef, rows: &UInt64Array) -> Result<ArrayRef> {
    if rows.len() == state.len() {
        return Ok(Arc::clone(merged));
    }
    let old = state.len() as u64;
    let mut positions: Vec<u64> = (0..old).collect();
    for (index, row) in rows.values().iter().enumerate() {
        positions[*row as usize] = old + index as u64;
    }
    let all = concat(&[state.as_ref(), merged.as_ref()])?;
    Ok(take(all.as_ref(), &UInt64Array::from(positions), None)?)
}
