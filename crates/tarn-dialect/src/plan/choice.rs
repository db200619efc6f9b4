//! `CASE`, `if`, `coalesce` and `nullif`: branches get one type.

use arrow::datatypes::{DataType, Field};
use datafusion::common::{Result, ScalarValue};
use datafusion::functions::core::coalesce as engine_coalesce;
use datafusion::logical_expr::Expr;
use datafusion::logical_expr::expr::{Case, ScalarFunction};
use datafusion::sql::sqlparser::ast::BinaryOperator;

use crate::coercion::{Typed, common_of_all, common_type, engine_cast};
use crate::error::SqlError;
use crate::plan::comparison::{self, condition};
use crate::plan::guard;
use crate::types::athena_field_type;

pub(super) fn case(operand: bool, otherwise: bool, arguments: Vec<Typed>) -> Result<Expr> {
    let mut arguments: std::collections::VecDeque<Typed> = arguments.into();
    let operand = if operand { arguments.pop_front() } else { None };
    let otherwise = if otherwise { arguments.pop_back() } else { None };
    let mut whens = Vec::new();
    let mut results = Vec::new();
    while let (Some(when), Some(then)) = (arguments.pop_front(), arguments.pop_front()) {
        let when = match &operand {
            Some(operand) => comparison::compare(&BinaryOperator::Eq, operand.clone(), when)?,
            None => condition(when, "CASE WHEN clause")?,
        };
        whens.push(when);
        results.push(then);
    }
    results.extend(otherwise.clone());
    let common = common("All CASE results", &results)?;
    if otherwise.is_some() {
        results.pop();
    }
    let branches = whens.into_iter().zip(results).map(|(when, then)| (when, then.into(&common))).collect();
    let otherwise = otherwise.map(|otherwise| otherwise.into(&common));
    Ok(branched(branches, otherwise, &common))
}

fn branched(branches: Vec<(Expr, Expr)>, otherwise: Option<Expr>, common: &Field) -> Expr {
    let fails =
        branches.iter().any(|(_, then)| guard::can_fail(then)) || otherwise.as_ref().is_some_and(guard::can_fail);
    if common.data_type() == &DataType::Boolean && fails {
        return guard::branches(branches, otherwise);
    }
    Expr::Case(Case::new(
        None,
        branches.into_iter().map(|(when, then)| (Box::new(when), Box::new(then))).collect(),
        otherwise.map(Box::new),
    ))
}

fn common(what: &str, results: &[Typed]) -> Result<arrow::datatypes::FieldRef> {
    if let Some(common) = common_of_all(results.iter().map(|result| &result.field)) {
        return Ok(common);
    }
    let mut types: Vec<String> = results.iter().map(|result| athena_field_type(&result.field)).collect();
    types.dedup();
    Err(SqlError::types(format!(
        "{what} must be the same type or coercible to a common type. Cannot find common type between {}",
        types.join(" and ")
    ))
    .into())
}

pub(super) fn conditional(arguments: Vec<Typed>) -> Result<Expr> {
    let mut arguments = arguments.into_iter();
    let (Some(when), Some(then)) = (arguments.next(), arguments.next()) else {
        return Err(SqlError::types("Incorrect number of arguments for 'if' function").into());
    };
    let when = condition(when, "IF condition")?;
    let mut results = vec![then];
    results.extend(arguments);
    let common = common("Result types for IF", &results)?;
    let mut results = results.into_iter().map(|result| result.into(&common));
    let Some(then) = results.next() else {
        return Err(SqlError::types("Incorrect number of arguments for 'if' function").into());
    };
    Ok(branched(vec![(when, then)], results.next(), &common))
}

pub(super) fn coalesce(arguments: Vec<Typed>) -> Result<Expr> {
    let common = common("All COALESCE operands", &arguments)?;
    let arguments = arguments.into_iter().map(|argument| argument.into(&common)).collect();
    Ok(Expr::ScalarFunction(ScalarFunction::new_udf(engine_coalesce(), arguments)))
}

/// `nullif(a, b)` has the type of `a`, compared with `b` in their common type.
pub(super) fn null_if(left: Typed, right: Typed) -> Result<Expr> {
    if common_type(&left.field, &right.field).is_none() {
        return Err(comparison::cannot_apply(&left, "NULLIF", &right).into());
    }
    let nothing = engine_cast(Expr::Literal(ScalarValue::Null, None), left.field.data_type());
    let value = left.expr.clone();
    let equal = comparison::compare(&BinaryOperator::Eq, left, right)?;
    Ok(Expr::Case(Case::new(None, vec![(Box::new(equal), Box::new(nothing))], Some(Box::new(value)))))
}
