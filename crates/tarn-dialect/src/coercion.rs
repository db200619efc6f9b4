//! The common type of two types and the implicit casts to it, by Trino's rules.
//!
//! Numbers widen, dates become timestamps, a bare null becomes anything; text never becomes a number or a date,
//! and nothing becomes text. Implicit casts cannot fail, so they are the engine's own casts, which its optimizer
//! understands and pushes down.

use std::sync::Arc;

use arrow::datatypes::{DataType, Field, FieldRef, Fields, TimeUnit};
use datafusion::common::{DFSchema, Result};
use datafusion::logical_expr::expr::Cast;
use datafusion::logical_expr::{BinaryExpr, Expr, ExprSchemable, Operator};

use crate::error::unknown_column;
use crate::operator::arithmetic::Arithmetic;
use crate::types::{
    array_of, decimal_shape, element_field, field_of, integer_digits, is_json, is_number, map_fields, map_of, plain,
    plain_field,
};

/// The widest decimal of Athena.
pub(crate) const MAX_PRECISION: u8 = 38;

/// An expression with its field, in plain representation.
#[derive(Debug, Clone)]
pub(crate) struct Typed {
    pub(crate) expr: Expr,
    pub(crate) field: FieldRef,
}

impl Typed {
    /// Types an expression; a column that is not in scope is refused with its place.
    pub(crate) fn of(expr: Expr, schema: &DFSchema) -> Result<Self> {
        let expr = expr.unalias();
        if let Some(field) = known(&expr) {
            return Ok(Self { expr, field });
        }
        for column in expr.column_refs() {
            if !schema.has_column(column) {
                if column.relation.is_none() && schema.fields_with_unqualified_name(&column.name).len() > 1 {
                    continue;
                }
                return Err(unknown_column(column, &schema.columns()).into());
            }
        }
        // Both sides of a float operator are of its type: the first operand of a chain has the type of all of it.
        let (_, field) = first_operand(&expr).to_field(schema)?;
        let simple = plain_field(&field);
        let expr = if simple.data_type() == field.data_type() { expr } else { engine_cast(expr, simple.data_type()) };
        Ok(Self { expr, field: simple })
    }

    pub(crate) fn data_type(&self) -> &DataType {
        self.field.data_type()
    }

    /// Casts implicitly to a type that [`common_type`] gave.
    pub(crate) fn into(self, target: &Field) -> Expr {
        coerce(self.expr, self.field.data_type(), target.data_type())
    }
}

/// The type of an operator that was planned here before, whose operands were checked then.
///
/// The engine finds the type of an expression by walking all of it; in a chain of operators that would be done
/// again at each link.
fn known(expr: &Expr) -> Option<FieldRef> {
    match expr {
        Expr::BinaryExpr(BinaryExpr { op, .. }) => match op {
            Operator::And | Operator::Or => Some(field_of(DataType::Boolean)),
            Operator::StringConcat => Some(field_of(DataType::Utf8)),
            op if op.supports_propagation() => Some(field_of(DataType::Boolean)),
            _ => None,
        },
        Expr::ScalarFunction(call) if call.func.inner().is::<Arithmetic>() => {
            call.func.return_type(&[]).ok().map(field_of)
        }
        _ => None,
    }
}

fn first_operand(expr: &Expr) -> &Expr {
    let mut first = expr;
    while let Expr::BinaryExpr(BinaryExpr { left, op, .. }) = first
        && is_float_operator(*op)
    {
        first = left;
    }
    first
}

/// Arithmetic is left to the engine for floats only.
fn is_float_operator(op: Operator) -> bool {
    matches!(op, Operator::Plus | Operator::Minus | Operator::Multiply | Operator::Divide | Operator::Modulo)
}

/// The engine's own cast.
pub(crate) fn engine_cast(expr: Expr, target: &DataType) -> Expr {
    Expr::Cast(Cast::new(Box::new(expr), target.clone()))
}

/// Casts where the types differ; the cast is one that cannot fail.
pub(crate) fn coerce(expr: Expr, from: &DataType, to: &DataType) -> Expr {
    if from == to {
        return expr;
    }
    match (from, to) {
        // A wall clock without zone is read as UTC, whatever zone the other side is shown in.
        (DataType::Timestamp(_, None) | DataType::Date32, DataType::Timestamp(unit, Some(_))) => {
            let naive = DataType::Timestamp(*unit, None);
            let utc = DataType::Timestamp(*unit, Some("UTC".into()));
            let moment = engine_cast(coerce(expr, from, &naive), &utc);
            coerce(moment, &utc, to)
        }
        (DataType::Struct(_) | DataType::Map(_, _) | DataType::List(_), _) if same_but_names(from, to) => {
            engine_cast(expr, to)
        }
        _ => engine_cast(expr, to),
    }
}

fn same_but_names(from: &DataType, to: &DataType) -> bool {
    from.equals_datatype(to)
}

/// The type that both sides are coerced to; `None` where there is none.
pub(crate) fn common_type(left: &Field, right: &Field) -> Option<FieldRef> {
    let (a, b) = (&plain(left.data_type()), &plain(right.data_type()));
    match (a, b) {
        (DataType::Null, _) => return Some(plain_field(right)),
        (_, DataType::Null) => return Some(plain_field(left)),
        _ => {}
    }
    if is_json(left) != is_json(right) {
        return None;
    }
    if a == b {
        return Some(plain_field(left));
    }
    let common = match (a, b) {
        (a, b) if is_number(a) && is_number(b) => common_number(a, b)?,
        (DataType::Date32, DataType::Timestamp(unit, zone)) | (DataType::Timestamp(unit, zone), DataType::Date32) => {
            DataType::Timestamp(*unit, zone.clone())
        }
        (DataType::Timestamp(a, zone_a), DataType::Timestamp(b, zone_b)) => {
            DataType::Timestamp(finer(*a, *b), zone_a.clone().or_else(|| zone_b.clone()))
        }
        (DataType::Time32(a) | DataType::Time64(a), DataType::Time32(b) | DataType::Time64(b)) => {
            time_of(finer(*a, *b))
        }
        (DataType::List(_), DataType::List(_)) => array_of(common_type(element_field(a)?, element_field(b)?)?.as_ref()),
        (DataType::Map(_, _), DataType::Map(_, _)) => {
            let ((key_a, value_a), (key_b, value_b)) = (map_fields(a)?, map_fields(b)?);
            map_of(common_type(key_a, key_b)?.as_ref(), common_type(value_a, value_b)?.as_ref())
        }
        (DataType::Struct(a), DataType::Struct(b)) if a.len() == b.len() => {
            let fields: Option<Vec<FieldRef>> = a
                .iter()
                .zip(b)
                .map(|(a, b)| common_type(a, b).map(|field| Arc::new(field.as_ref().clone().with_name(a.name()))))
                .collect();
            DataType::Struct(Fields::from(fields?))
        }
        _ => return None,
    };
    Some(field_of(common))
}

/// The type all of several sides are coerced to.
pub(crate) fn common_of_all<'a>(fields: impl IntoIterator<Item = &'a FieldRef>) -> Option<FieldRef> {
    let mut fields = fields.into_iter();
    let first = fields.next()?;
    fields.try_fold(plain_field(first), |common, next| common_type(&common, next))
}

fn common_number(left: &DataType, right: &DataType) -> Option<DataType> {
    match (left, right) {
        (DataType::Float64, _) | (_, DataType::Float64) => Some(DataType::Float64),
        (DataType::Float32, _) | (_, DataType::Float32) => Some(DataType::Float32),
        (DataType::Decimal128(_, _), _) | (_, DataType::Decimal128(_, _)) => {
            let (precision_a, scale_a) = decimal_shape(left)?;
            let (precision_b, scale_b) = decimal_shape(right)?;
            let scale = scale_a.max(scale_b);
            let whole = whole_digits(precision_a, scale_a).max(whole_digits(precision_b, scale_b));
            Some(decimal_of(whole + i16::from(scale), scale))
        }
        (a, b) => Some(if integer_digits(a) >= integer_digits(b) { a.clone() } else { b.clone() }),
    }
}

/// Digits before the decimal point.
pub(crate) fn whole_digits(precision: u8, scale: i8) -> i16 {
    i16::from(precision) - i16::from(scale)
}

/// A decimal type, its precision cut to what Athena has.
pub(crate) fn decimal_of(precision: i16, scale: i8) -> DataType {
    let precision = precision.clamp(1, i16::from(MAX_PRECISION));
    DataType::Decimal128(u8::try_from(precision).unwrap_or(MAX_PRECISION), scale)
}

/// The time-of-day type of a unit: Arrow keeps two widths.
pub(crate) fn time_of(unit: TimeUnit) -> DataType {
    match unit {
        TimeUnit::Second | TimeUnit::Millisecond => DataType::Time32(unit),
        TimeUnit::Microsecond | TimeUnit::Nanosecond => DataType::Time64(unit),
    }
}

/// The finer of two time units.
pub(crate) fn finer(left: TimeUnit, right: TimeUnit) -> TimeUnit {
    left.max(right)
}
