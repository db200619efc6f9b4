//! `CAST` and `TRY_CAST` by Trino's rules.
//!
//! A cast that cannot fail and that the engine does the same way stays the engine's own, because its optimizer sees
//! through those. All others become one function that knows its target type.

mod array;
mod function;
mod json;
mod number;
mod rows;
mod temporal;
mod text;

use std::sync::Arc;

use arrow::datatypes::{DataType, Field};
use datafusion::common::Result;
use datafusion::logical_expr::Expr;
use datafusion::logical_expr::expr::ScalarFunction;

use crate::coercion::{Typed, coerce, common_type};
use crate::error::SqlError;
use crate::types::{athena_field_type, element_field, field_of, is_json, is_number, map_fields, plain_field};

/// Metadata keys of a target that cuts or pads its text.
const VARCHAR_LENGTH: &str = "tarn.varchar";
const CHAR_LENGTH: &str = "tarn.char";

/// Casts an expression; `safe` gives null where the cast fails.
pub(crate) fn cast(operand: Typed, target: &Field, safe: bool) -> Result<Expr> {
    let operand = local(operand, target)?;
    if !castable(&operand.field, target) {
        return Err(SqlError::types(format!(
            "Cannot cast {} to {}",
            athena_field_type(&operand.field),
            athena_field_type(target)
        ))
        .into());
    }
    if operand.data_type() == &DataType::Null && !is_json(target) {
        return Ok(coerce(operand.expr, &DataType::Null, target.data_type()));
    }
    if is_json(target) == is_json(&operand.field) {
        let sized = target.metadata().contains_key(VARCHAR_LENGTH) || target.metadata().contains_key(CHAR_LENGTH);
        let same = operand.data_type() == target.data_type();
        if !sized && (same || widens(&operand.field, target)) {
            let from = operand.data_type().clone();
            return Ok(coerce(operand.expr, &from, target.data_type()));
        }
    }
    Ok(function::call(operand, target, safe))
}

/// Whether the target is what the type would be coerced to anyway.
fn widens(from: &Field, to: &Field) -> bool {
    let simple = |data_type: &DataType| {
        is_number(data_type) || matches!(data_type, DataType::Date32 | DataType::Timestamp(_, _))
    };
    simple(from.data_type())
        && simple(to.data_type())
        && common_type(from, to).is_some_and(|common| common.data_type() == to.data_type())
}

/// Some functions give moments whose zone differs from row to row, which a column cannot hold; the wall clock of
/// each row is asked from the function itself.
fn local(operand: Typed, target: &Field) -> Result<Typed> {
    let wall = matches!(
        target.data_type(),
        DataType::Date32 | DataType::Timestamp(_, None) | DataType::Time32(_) | DataType::Time64(_)
    );
    let zoned = matches!(operand.data_type(), DataType::Timestamp(_, Some(_)));
    let Expr::ScalarFunction(call) = &operand.expr else {
        return Ok(operand);
    };
    if !wall || !zoned {
        return Ok(operand);
    }
    let Some(variant) = tarn_functions::local_variant(call.func.name()) else {
        return Ok(operand);
    };
    let types = call
        .args
        .iter()
        .map(|argument| match argument {
            Expr::Literal(value, _) => value.data_type(),
            _ => DataType::Utf8,
        })
        .collect::<Vec<_>>();
    let result = variant.return_type(&types)?;
    Ok(Typed {
        expr: Expr::ScalarFunction(ScalarFunction::new_udf(Arc::clone(&variant), call.args.clone())),
        field: field_of(result),
    })
}

/// Whether Trino has a cast from one type to the other.
fn castable(from: &Field, to: &Field) -> bool {
    let (a, b) = (from.data_type(), to.data_type());
    if a == &DataType::Null {
        return true;
    }
    match (is_json(from), is_json(to)) {
        (true, true) => return true,
        (true, false) => return from_json(to),
        (false, true) => return to_json(from),
        (false, false) => {}
    }
    let timestamp = |data_type: &DataType| matches!(data_type, DataType::Timestamp(_, _));
    let time = |data_type: &DataType| matches!(data_type, DataType::Time32(_) | DataType::Time64(_));
    match (a, b) {
        _ if a.equals_datatype(b) => true,
        (DataType::Boolean, b) => is_number(b) || b == &DataType::Utf8,
        (a, b) if is_number(a) => is_number(b) || matches!(b, DataType::Boolean | DataType::Utf8),
        (DataType::Utf8, b) => {
            is_number(b) || b == &DataType::Boolean || b == &DataType::Date32 || timestamp(b) || time(b)
        }
        (DataType::Date32, b) => timestamp(b) || b == &DataType::Utf8,
        (a, b) if timestamp(a) => timestamp(b) || time(b) || matches!(b, DataType::Date32 | DataType::Utf8),
        (a, b) if time(a) => time(b) || b == &DataType::Utf8,
        (DataType::Interval(_), b) => b == &DataType::Utf8,
        (DataType::List(a), DataType::List(b)) => castable(a, b),
        (DataType::Map(_, _), DataType::Map(_, _)) => match (map_fields(a), map_fields(b)) {
            (Some((key_a, value_a)), Some((key_b, value_b))) => castable(key_a, key_b) && castable(value_a, value_b),
            _ => false,
        },
        (DataType::Struct(a), DataType::Struct(b)) => {
            a.len() == b.len() && a.iter().zip(b).all(|(a, b)| castable(a, b))
        }
        _ => false,
    }
}

fn from_json(to: &Field) -> bool {
    if is_json(to) {
        return true;
    }
    match to.data_type() {
        DataType::Boolean | DataType::Utf8 => true,
        other if is_number(other) => true,
        DataType::List(element) => from_json(element),
        map @ DataType::Map(_, _) => map_fields(map).is_some_and(|(key, value)| {
            from_json(value)
                && !is_json(key)
                && (key.data_type() == &DataType::Utf8
                    || key.data_type() == &DataType::Boolean
                    || is_number(key.data_type()))
        }),
        DataType::Struct(fields) => fields.iter().all(|field| from_json(field)),
        _ => false,
    }
}

fn to_json(from: &Field) -> bool {
    if is_json(from) {
        return true;
    }
    match from.data_type() {
        DataType::Null | DataType::Boolean | DataType::Utf8 | DataType::Date32 | DataType::Timestamp(_, _) => true,
        other if is_number(other) => true,
        DataType::Struct(fields) => fields.iter().all(|field| to_json(field)),
        other => match (element_field(other), map_fields(other)) {
            (Some(element), _) => to_json(element),
            (_, Some((key, value))) => {
                to_json(value)
                    && (is_number(key.data_type()) || matches!(key.data_type(), DataType::Utf8 | DataType::Boolean))
            }
            _ => false,
        },
    }
}

/// The target as a nullable field in plain representation.
fn normal_target(target: &Field) -> Arc<Field> {
    let plain = plain_field(target);
    Arc::new(plain.as_ref().clone().with_name("").with_nullable(true))
}
