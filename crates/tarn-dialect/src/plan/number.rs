//! Arithmetic: which operator the types of the operands choose, and in what type it works.

use std::sync::Arc;

use arrow::datatypes::{DataType, IntervalUnit};
use datafusion::common::{Result, ScalarValue};
use datafusion::logical_expr::expr::ScalarFunction;
use datafusion::logical_expr::{Expr, ScalarUDF};
use datafusion::sql::sqlparser::ast::BinaryOperator;

use crate::coercion::{Typed, coerce, common_type};
use crate::error::SqlError;
use crate::operator::arithmetic::{Arithmetic, ArithmeticOperator, decimal_result};
use crate::plan::comparison::cannot_apply;
use crate::temporal::{AtTimeZone, TemporalArithmetic, Zone, temporal_result};
use crate::types::{athena_field_type, decimal_shape, is_float, is_integer, is_number};

pub(super) fn arithmetic(op: &BinaryOperator, left: Typed, right: Typed) -> Result<Expr> {
    let operator = match op {
        BinaryOperator::Plus => ArithmeticOperator::Add,
        BinaryOperator::Minus => ArithmeticOperator::Subtract,
        BinaryOperator::Multiply => ArithmeticOperator::Multiply,
        BinaryOperator::Divide => ArithmeticOperator::Divide,
        _ => ArithmeticOperator::Modulo,
    };
    let (a, b) = (left.data_type().clone(), right.data_type().clone());
    if is_null_or_number(&a) && is_null_or_number(&b) {
        return numbers(operator, left, right);
    }
    if let Some(result) = temporal_result(operator, &a, &b) {
        let function = TemporalArithmetic::new(operator, result);
        return Ok(call(function, vec![left.expr, right.expr]));
    }
    Err(cannot_apply(&left, &op.to_string(), &right).into())
}

fn is_null_or_number(data_type: &DataType) -> bool {
    data_type == &DataType::Null || is_number(data_type)
}

fn numbers(operator: ArithmeticOperator, left: Typed, right: Typed) -> Result<Expr> {
    let Some(common) = common_type(&left.field, &right.field) else {
        return Err(cannot_apply(&left, operator.symbol(), &right).into());
    };
    let common = match common.data_type() {
        DataType::Null => crate::types::field_of(DataType::Int32),
        _ => common,
    };
    if is_float(common.data_type()) || is_integer(common.data_type()) {
        return Ok(chained(left.into(&common), operator, common.data_type().clone(), right.into(&common)));
    }
    let side = |typed: &Typed| decimal_shape(typed.data_type()).or(decimal_shape(common.data_type()));
    let (Some(a), Some(b)) = (side(&left), side(&right)) else {
        return Err(cannot_apply(&left, operator.symbol(), &right).into());
    };
    let result = decimal_result(operator, a, b)?;
    let decimal = |typed: Typed, (precision, scale): (u8, i8)| {
        let from = typed.data_type().clone();
        coerce(typed.expr, &from, &DataType::Decimal128(precision, scale))
    };
    Ok(chained(decimal(left, a), operator, result, decimal(right, b)))
}

/// The operator on two operands; a chain of operators on the left grows by it.
fn chained(left: Expr, operator: ArithmeticOperator, result: DataType, right: Expr) -> Expr {
    let Expr::ScalarFunction(ScalarFunction { func, mut args }) = left else {
        return call(Arithmetic::new(operator, result), vec![left, right]);
    };
    match func.inner().downcast_ref::<Arithmetic>() {
        Some(chain) => {
            let longer = chain.then(operator, result);
            args.push(right);
            call(longer, args)
        }
        None => {
            call(Arithmetic::new(operator, result), vec![Expr::ScalarFunction(ScalarFunction { func, args }), right])
        }
    }
}

/// A call of one of our operators.
pub(crate) fn call(function: impl Into<ScalarUDF>, arguments: Vec<Expr>) -> Expr {
    Expr::ScalarFunction(ScalarFunction::new_udf(Arc::new(function.into()), arguments))
}

pub(super) fn negate(operand: Typed) -> Result<Expr> {
    match operand.data_type().clone() {
        DataType::Null => Ok(operand.expr),
        data_type if is_float(&data_type) => Ok(Expr::Negative(Box::new(operand.expr))),
        data_type if is_number(&data_type) => {
            let zero = ScalarValue::new_zero(&data_type)?;
            let function = Arithmetic::new(ArithmeticOperator::Subtract, data_type);
            Ok(call(function, vec![Expr::Literal(zero, None), operand.expr]))
        }
        DataType::Interval(unit) => {
            let minus = Expr::Literal(ScalarValue::Int64(Some(-1)), None);
            let result = DataType::Interval(match unit {
                IntervalUnit::YearMonth => IntervalUnit::YearMonth,
                _ => IntervalUnit::MonthDayNano,
            });
            let function = TemporalArithmetic::new(ArithmeticOperator::Multiply, result);
            Ok(call(function, vec![operand.expr, minus]))
        }
        _ => Err(SqlError::types(format!("Cannot negate {}", athena_field_type(&operand.field))).into()),
    }
}

pub(super) fn at_time_zone(moment: Typed, zone: &Typed) -> Result<Expr> {
    let DataType::Timestamp(unit, _) = moment.data_type().clone() else {
        return Err(SqlError::types(format!(
            "Type of value must be a time or timestamp with or without time zone (actual {})",
            athena_field_type(&moment.field)
        ))
        .into());
    };
    let Expr::Literal(ScalarValue::Utf8(Some(name)), _) = &zone.expr else {
        return Err(SqlError::not_supported(
            "`AT TIME ZONE` with a zone that is not a constant does not run on the laptop",
        )
        .into());
    };
    let zone = Zone::parse(name).ok_or_else(|| SqlError::types(format!("'{name}' is not a valid time zone")))?;
    let utc = DataType::Timestamp(unit, Some("UTC".into()));
    let from = moment.data_type().clone();
    let moment = match &from {
        DataType::Timestamp(_, None) => coerce(moment.expr, &from, &utc),
        _ => moment.expr,
    };
    Ok(call(AtTimeZone::new(&zone), vec![moment]))
}
