//! Arrays, maps and rows: construction, subscripts, fields, concatenation.

use std::sync::Arc;

use arrow::array::{ListArray, NullArray};
use arrow::buffer::OffsetBuffer;
use arrow::datatypes::{DataType, Field, FieldRef, Fields};
use datafusion::common::{Result, ScalarValue};
use datafusion::functions_nested::concat::{array_append_udf, array_concat_udf, array_prepend_udf};
use datafusion::functions_nested::make_array::make_array_udf;
use datafusion::logical_expr::expr::ScalarFunction;
use datafusion::logical_expr::{BinaryExpr, Expr, Operator};

use crate::coercion::{Typed, coerce, common_of_all, common_type, engine_cast};
use crate::error::{SqlError, SqlErrorKind};
use crate::operator::nested::{ArraySubscript, MapSubscript, Member, RowConstructor};
use crate::plan::number::call;
use crate::plan::{FormPlanner, calls};
use crate::types::{
    array_of, athena_field_type, athena_type, element_field, field_of, is_integer, map_fields, plain_field, renamed,
};

pub(super) fn array(elements: Vec<Typed>) -> Result<Expr> {
    if elements.is_empty() {
        let empty = ScalarValue::new_list_nullable(&[], &DataType::Null);
        return Ok(Expr::Literal(ScalarValue::List(empty), None));
    }
    let Some(common) = common_of_all(elements.iter().map(|element| &element.field)) else {
        let mut types: Vec<String> = elements.iter().map(|element| athena_field_type(&element.field)).collect();
        types.dedup();
        return Err(SqlError::types(format!(
            "All ARRAY elements must be the same type or coercible to a common type. Cannot find common type between {}",
            types.join(" and ")
        ))
        .into());
    };
    if common.data_type() == &DataType::Null {
        return nulls(elements.len());
    }
    let wanted = array_of(&common);
    let elements = elements.into_iter().map(|element| element.into(&common)).collect();
    let made = Expr::ScalarFunction(ScalarFunction::new_udf(make_array_udf(), elements));
    Ok(engine_cast(made, &wanted))
}

/// An array of nothing but nulls, which have no type yet; the engine's own would be empty.
fn nulls(count: usize) -> Result<Expr> {
    let element = Arc::new(Field::new_list_field(DataType::Null, true));
    let array =
        ListArray::try_new(element, OffsetBuffer::from_lengths([count]), Arc::new(NullArray::new(count)), None)?;
    Ok(Expr::Literal(ScalarValue::List(Arc::new(array)), None))
}

pub(super) fn row(elements: Vec<Typed>) -> Result<Expr> {
    let fields: Vec<Field> = elements
        .iter()
        .enumerate()
        .map(|(index, element)| renamed(&element.field, &format!("c{index}"), true))
        .collect();
    let arguments = elements.into_iter().map(|element| element.expr).collect();
    Ok(call(RowConstructor::new(Fields::from(fields)), arguments))
}

/// A field of a row, by its name.
pub(super) fn member(row: Typed, name: &str) -> Result<Typed> {
    let DataType::Struct(fields) = row.data_type() else {
        return Err(SqlError::types(format!(
            "Expression is not of type ROW: {} has no field '{name}'",
            athena_field_type(&row.field)
        ))
        .into());
    };
    let position = fields.iter().position(|field| field.name().eq_ignore_ascii_case(name));
    match position {
        Some(position) => Ok(field_at(row, position)),
        None => Err(SqlError::new(SqlErrorKind::UnknownColumn, format!("Column '{name}' cannot be resolved"))
            .suggest(name, fields.iter().map(|field| field.name().as_str()))
            .into()),
    }
}

fn field_at(row: Typed, position: usize) -> Typed {
    let field: FieldRef = match row.data_type() {
        DataType::Struct(fields) => {
            fields.get(position).map_or_else(|| field_of(DataType::Null), |field| Arc::new(renamed(field, "", true)))
        }
        _ => field_of(DataType::Null),
    };
    Typed { expr: call(Member::new(position), vec![row.expr]), field: plain_field(&field) }
}

pub(super) fn subscript(container: Typed, index: Typed) -> Result<Expr> {
    match container.data_type().clone() {
        DataType::List(_) if is_integer(index.data_type()) => {
            let from = index.data_type().clone();
            let index = coerce(index.expr, &from, &DataType::Int64);
            Ok(call(ArraySubscript::new(), vec![container.expr, index]))
        }
        map @ DataType::Map(_, _) => {
            let key = map_fields(&map).map(|(key, _)| Arc::clone(key));
            match key.and_then(|key| Some((common_type(&key, &index.field)?, key))) {
                Some((common, key)) if common.data_type() == key.data_type() => {
                    Ok(call(MapSubscript::new(), vec![container.expr, index.into(&common)]))
                }
                _ => Err(cannot_subscript(&container, &index)),
            }
        }
        DataType::Struct(fields) => {
            let position = match &index.expr {
                Expr::Literal(ScalarValue::Int32(Some(position)), _) => usize::try_from(*position).ok(),
                _ => None,
            };
            let position = position.ok_or_else(|| {
                SqlError::types("Subscript expression on ROW requires a constant integer index".to_owned())
            })?;
            if position == 0 || position > fields.len() {
                return Err(SqlError::types(format!(
                    "ROW subscript {position} is out of range: the row has {} fields",
                    fields.len()
                ))
                .into());
            }
            Ok(field_at(container, position - 1).expr)
        }
        _ => Err(cannot_subscript(&container, &index)),
    }
}

fn cannot_subscript(container: &Typed, index: &Typed) -> datafusion::common::DataFusionError {
    SqlError::types(format!(
        "Cannot use {} for subscript of {}",
        athena_field_type(&index.field),
        athena_field_type(&container.field)
    ))
    .into()
}

/// `||` on texts, bytes and arrays; an element may stand on either side of an array.
pub(super) fn concatenate(planner: &FormPlanner, left: Typed, right: Typed) -> Result<Expr> {
    let (a, b) = (left.data_type().clone(), right.data_type().clone());
    match (&a, &b) {
        (DataType::Utf8 | DataType::Null, DataType::Utf8 | DataType::Null) => {
            let text = field_of(DataType::Utf8);
            Ok(Expr::BinaryExpr(BinaryExpr::new(
                Box::new(left.into(&text)),
                Operator::StringConcat,
                Box::new(right.into(&text)),
            )))
        }
        (DataType::List(_), DataType::List(_)) => match common_type(&left.field, &right.field) {
            Some(common) => {
                Ok(engine_call(array_concat_udf(), vec![left.into(&common), right.into(&common)], common.data_type()))
            }
            None => Err(cannot_concatenate(&a, &b)),
        },
        (DataType::List(element), _) => match common_type(element, &right.field) {
            Some(common) => {
                let whole = field_of(array_of(&common));
                Ok(engine_call(array_append_udf(), vec![left.into(&whole), right.into(&common)], whole.data_type()))
            }
            None => Err(cannot_concatenate(&a, &b)),
        },
        (_, DataType::List(element)) => match common_type(&left.field, element) {
            Some(common) => {
                let whole = field_of(array_of(&common));
                Ok(engine_call(array_prepend_udf(), vec![left.into(&common), right.into(&whole)], whole.data_type()))
            }
            None => Err(cannot_concatenate(&a, &b)),
        },
        (DataType::Binary, DataType::Binary) => calls::call(planner, "concat", vec![left, right]),
        _ => Err(cannot_concatenate(&a, &b)),
    }
}

fn engine_call(function: Arc<datafusion::logical_expr::ScalarUDF>, arguments: Vec<Expr>, result: &DataType) -> Expr {
    engine_cast(Expr::ScalarFunction(ScalarFunction::new_udf(function, arguments)), result)
}

fn cannot_concatenate(left: &DataType, right: &DataType) -> datafusion::common::DataFusionError {
    let error = SqlError::types(format!(
        "Unexpected parameters ({}, {}) for function concat",
        athena_type(left),
        athena_type(right)
    ));
    let text = |data_type: &DataType| data_type == &DataType::Utf8;
    if text(left) != text(right) && element_field(left).is_none() && element_field(right).is_none() {
        return error.hint("cast the other side: `cast(… as varchar)`").into();
    }
    error.into()
}
