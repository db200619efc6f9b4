//! Calls of scalar functions: arguments are checked against the function's signature here, where the place is known.

use std::sync::Arc;

use arrow::datatypes::{DataType, FieldRef};
use datafusion::common::Result;
use datafusion::logical_expr::Expr;
use datafusion::logical_expr::expr::ScalarFunction;
use datafusion::logical_expr::type_coercion::functions::fields_with_udf;

use crate::coercion::{Typed, coerce};
use crate::error::SqlError;
use crate::plan::FormPlanner;
use crate::types::athena_field_type;

pub(super) fn call(planner: &FormPlanner, name: &str, arguments: Vec<Typed>) -> Result<Expr> {
    let Some(function) = planner.functions.scalar.get(name) else {
        return Err(planner.functions.unknown(name).into());
    };
    let given: Vec<FieldRef> = arguments.iter().map(|argument| Arc::clone(&argument.field)).collect();
    let coerced =
        fields_with_udf(&given, function.as_ref()).map_err(|error| refusal(name, &given, SqlError::from(error)))?;
    if let Some((from, to)) = given.iter().zip(&coerced).find(|(from, to)| is_guess(from.data_type(), to.data_type())) {
        let reason = SqlError::types(format!(
            "Unexpected parameters: {} is not coerced to {}",
            athena_field_type(from),
            athena_field_type(to)
        ));
        return Err(refusal(name, &given, reason).into());
    }
    let arguments = arguments
        .into_iter()
        .zip(&coerced)
        .map(|(argument, target)| {
            let from = argument.field.data_type().clone();
            coerce(argument.expr, &from, target.data_type())
        })
        .collect();
    Ok(Expr::ScalarFunction(ScalarFunction::new_udf(Arc::clone(function), arguments)))
}

/// The engine would make text of anything, and anything of text; Athena would not.
fn is_guess(from: &DataType, to: &DataType) -> bool {
    let text = |data_type: &DataType| matches!(data_type, DataType::Utf8 | DataType::LargeUtf8 | DataType::Utf8View);
    from != &DataType::Null && text(from) != text(to)
}

fn refusal(name: &str, given: &[FieldRef], reason: SqlError) -> SqlError {
    // Athena's own functions say what they expect; the engine wraps that in words of its own.
    if let Some(start) = reason.message.find("Unexpected parameters")
        && reason.message.contains("Expected: ")
    {
        return SqlError::types(&reason.message[start..]);
    }
    let types: Vec<String> = given.iter().map(|field| athena_field_type(field)).collect();
    SqlError::types(format!("Unexpected parameters ({}) for function {name}", types.join(", ")))
}
