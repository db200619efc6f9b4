//! Comparisons, membership, patterns and logic: both sides get one type, or the query is refused.

use arrow::datatypes::{DataType, Field};
use datafusion::common::{Result, ScalarValue};
use datafusion::logical_expr::expr::InList;
use datafusion::logical_expr::{Between, BinaryExpr, Expr, Like, Operator};
use datafusion::sql::sqlparser::ast::BinaryOperator;

use crate::coercion::{Typed, coerce, common_of_all, common_type};
use crate::error::SqlError;
use crate::operator::equality::{self, NestedEqual};
use crate::operator::{float, like_pattern};
use crate::plan::call;
use crate::plan::guard;
use crate::types::{athena_field_type, is_float, is_number};

fn binary(left: Expr, operator: Operator, right: Expr) -> Expr {
    Expr::BinaryExpr(BinaryExpr::new(Box::new(left), operator, Box::new(right)))
}

/// A condition, or the refusal of an expression that is none.
pub(super) fn condition(typed: Typed, what: &str) -> Result<Expr> {
    match typed.data_type() {
        DataType::Boolean => Ok(typed.expr),
        DataType::Null => Ok(coerce(typed.expr, &DataType::Null, &DataType::Boolean)),
        _ => Err(SqlError::types(format!(
            "{what} must evaluate to a boolean (actual: {})",
            athena_field_type(&typed.field)
        ))
        .into()),
    }
}

pub(super) fn logical(and: bool, left: Typed, right: Typed) -> Result<Expr> {
    let what = "Logical expression term";
    let (left, right) = (condition(left, what)?, condition(right, what)?);
    Ok(if and { guard::and(left, right) } else { binary(left, Operator::Or, right) })
}

pub(super) fn not(operand: Typed) -> Result<Expr> {
    Ok(Expr::Not(Box::new(condition(operand, "Value of logical NOT expression")?)))
}

/// The refusal of an operator for two types, with what people mean most often.
pub(super) fn cannot_apply(left: &Typed, operator: &str, right: &Typed) -> SqlError {
    let error = SqlError::types(format!(
        "Cannot apply operator: {} {operator} {}",
        athena_field_type(&left.field),
        athena_field_type(&right.field)
    ));
    let text = |typed: &Typed| typed.data_type() == &DataType::Utf8;
    let other = match (text(left), text(right)) {
        (true, false) => right,
        (false, true) => left,
        _ => return error,
    };
    match other.data_type() {
        DataType::Date32 => error.hint("write a date as `date '2020-01-31'`"),
        DataType::Timestamp(_, _) => error.hint("write a timestamp as `timestamp '2020-01-31 10:00:00'`"),
        other if is_number(other) => {
            error.hint(format!("cast one side: `cast(… as {})`", crate::types::athena_type(other)))
        }
        _ => error,
    }
}

pub(super) fn compare(op: &BinaryOperator, left: Typed, right: Typed) -> Result<Expr> {
    let operator = match op {
        BinaryOperator::Eq => Operator::Eq,
        BinaryOperator::NotEq => Operator::NotEq,
        BinaryOperator::Lt => Operator::Lt,
        BinaryOperator::LtEq => Operator::LtEq,
        BinaryOperator::Gt => Operator::Gt,
        BinaryOperator::GtEq => Operator::GtEq,
        other => {
            return Err(SqlError::syntax(format!("operator `{other}` is not part of Athena's SQL")).into());
        }
    };
    same_typed(left, operator, right, &op.to_string())
}

pub(super) fn distinct(negated: bool, left: Typed, right: Typed) -> Result<Expr> {
    let operator = if negated { Operator::IsNotDistinctFrom } else { Operator::IsDistinctFrom };
    same_typed(left, operator, right, "IS DISTINCT FROM")
}

fn same_typed(left: Typed, operator: Operator, right: Typed, written: &str) -> Result<Expr> {
    let Some(common) = common_type(&left.field, &right.field) else {
        return Err(cannot_apply(&left, written, &right).into());
    };
    let (left, right) = (left.into(&common), right.into(&common));
    Ok(match operator {
        _ if is_float(common.data_type()) => float::compare(left, operator, right),
        Operator::Eq if equality::is_compared(common.data_type()) => call(NestedEqual::new(), vec![left, right]),
        Operator::NotEq if equality::is_compared(common.data_type()) => {
            Expr::Not(Box::new(call(NestedEqual::new(), vec![left, right])))
        }
        _ => binary(left, operator, right),
    })
}

pub(super) fn in_list(negated: bool, operands: Vec<Typed>) -> Result<Expr> {
    let Some(common) = common_of_all(operands.iter().map(|operand| &operand.field)) else {
        let mut operands = operands.into_iter();
        let value = operands.next();
        for item in operands {
            if let Some(value) = &value
                && common_type(&value.field, &item.field).is_none()
            {
                return Err(cannot_apply(value, "IN", &item).into());
            }
        }
        return Err(SqlError::types("All IN list values must be the same type").into());
    };
    if is_float(common.data_type()) {
        return float_in_list(negated, operands, &common);
    }
    let mut operands = operands.into_iter().map(|operand| operand.into(&common));
    let Some(value) = operands.next() else {
        return Err(SqlError::syntax("IN needs a value").into());
    };
    Ok(Expr::InList(InList::new(Box::new(value), operands.collect(), negated)))
}

/// The engine's list of floats alone would hold NaN to be equal to itself, and -0 not to be 0.
fn float_in_list(negated: bool, operands: Vec<Typed>, common: &Field) -> Result<Expr> {
    let mut operands = operands.into_iter().map(|operand| operand.into(common));
    let Some(value) = operands.next() else {
        return Err(SqlError::syntax("IN needs a value").into());
    };
    let Some(is_any) = float::is_any(&value, operands) else {
        return Err(SqlError::syntax("IN needs a list").into());
    };
    Ok(if negated { Expr::Not(Box::new(is_any)) } else { is_any })
}

pub(super) fn between(negated: bool, operands: Vec<Typed>) -> Result<Expr> {
    let Ok([value, low, high]) = <[Typed; 3]>::try_from(operands) else {
        return Err(SqlError::syntax("BETWEEN needs two bounds").into());
    };
    let Some(common) = common_of_all([&value.field, &low.field, &high.field]) else {
        let wrong = match common_type(&value.field, &low.field) {
            None => &low,
            Some(_) => &high,
        };
        return Err(cannot_apply(&value, "BETWEEN", wrong).into());
    };
    if is_float(common.data_type()) {
        let value = value.into(&common);
        let lower = float::compare(value.clone(), Operator::GtEq, low.into(&common));
        let within = binary(lower, Operator::And, float::compare(value, Operator::LtEq, high.into(&common)));
        return Ok(if negated { Expr::Not(Box::new(within)) } else { within });
    }
    Ok(Expr::Between(Between::new(
        Box::new(value.into(&common)),
        negated,
        Box::new(low.into(&common)),
        Box::new(high.into(&common)),
    )))
}

pub(super) fn like(negated: bool, operands: Vec<Typed>) -> Result<Expr> {
    for operand in &operands {
        if !matches!(operand.data_type(), DataType::Utf8 | DataType::Null) || crate::types::is_json(&operand.field) {
            return Err(SqlError::types(format!(
                "Left and right sides of LIKE must evaluate to a varchar (actual: {})",
                athena_field_type(&operand.field)
            ))
            .into());
        }
    }
    let text = |typed: Typed| coerce(typed.expr, typed.field.data_type(), &DataType::Utf8);
    let mut operands = operands.into_iter().map(text);
    let (Some(value), Some(pattern)) = (operands.next(), operands.next()) else {
        return Err(SqlError::syntax("LIKE needs a pattern").into());
    };
    let escape = operands.next();
    let pattern = match (&pattern, &escape) {
        (Expr::Literal(ScalarValue::Utf8(Some(text)), _), None) => {
            Expr::Literal(ScalarValue::Utf8(Some(like_pattern::translate(text, None)?)), None)
        }
        (Expr::Literal(ScalarValue::Utf8(Some(text)), _), Some(Expr::Literal(ScalarValue::Utf8(Some(escape)), _))) => {
            Expr::Literal(ScalarValue::Utf8(Some(like_pattern::translate(text, Some(escape))?)), None)
        }
        _ => like_pattern::call(pattern, escape),
    };
    Ok(Expr::Like(Like::new(negated, Box::new(value), Box::new(pattern), None, false)))
}
