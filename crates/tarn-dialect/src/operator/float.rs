//! Floats that compare as Athena compares them.
//!
//! The engine orders floats by their bits: there NaN equals NaN and is above all numbers (below them, with the sign that a
//! processor gives it), and -0 is below 0. In Athena NaN is neither equal to, nor below, nor above anything, and -0 equals 0.

use std::sync::Arc;

use arrow::array::{Array, ArrayRef, AsArray, BooleanArray, Float32Array, Float64Array};
use arrow::buffer::NullBuffer;
use arrow::datatypes::{DataType, Float32Type, Float64Type};
use datafusion::common::{Result, ScalarValue};
use datafusion::logical_expr::expr::InList;
use datafusion::logical_expr::{BinaryExpr, ColumnarValue, Expr, Operator};
use datafusion::logical_expr::{ScalarFunctionArgs, ScalarUDFImpl, Signature, Volatility};

use crate::operator::internal;
use crate::plan::call;

fn binary(left: Expr, operator: Operator, right: Expr) -> Expr {
    Expr::BinaryExpr(BinaryExpr::new(Box::new(left), operator, Box::new(right)))
}

/// A comparison of two floats of one type.
pub(crate) fn compare(left: Expr, operator: Operator, right: Expr) -> Expr {
    match operator {
        Operator::Gt => below(right, Operator::Lt, left),
        Operator::GtEq => below(right, Operator::LtEq, left),
        Operator::Lt | Operator::LtEq => below(left, operator, right),
        Operator::Eq => equal(left, right),
        Operator::NotEq => Expr::Not(Box::new(equal(left, right))),
        _ => binary(canonical(left), operator, canonical(right)),
    }
}

/// Columns stay as they are where a number is compared with them, so that files can be left out by their statistics.
fn below(left: Expr, operator: Operator, right: Expr) -> Expr {
    // `x < 0` is not to hold for -0, and `x <= 0` is.
    let strict = operator == Operator::Lt;
    match (number(&left), number(&right)) {
        (_, Some(bound)) if matches!(left, Expr::Column(_)) => {
            let compared = binary(left.clone(), operator, literal(&bound, strict));
            binary(compared, Operator::And, binary(left, Operator::GtEq, limit(&bound, f64::NEG_INFINITY)))
        }
        (Some(bound), _) if matches!(right, Expr::Column(_)) => {
            let compared = binary(literal(&bound, !strict), operator, right.clone());
            binary(compared, Operator::And, binary(right, Operator::LtEq, limit(&bound, f64::INFINITY)))
        }
        (_, Some(bound)) => binary(canonical(left), operator, literal(&bound, false)),
        _ => {
            let (left, right) = (canonical(left), canonical(right));
            binary(binary(left.clone(), operator, right.clone()), Operator::And, is_number(right, left))
        }
    }
}

/// Whether a float equals any of others; `None` where there are none.
///
/// All constants but zeros and NaN are one list, whose bits tell: a comparison of each would nest as deep as the list is long.
pub(crate) fn is_any(value: &Expr, others: impl Iterator<Item = Expr>) -> Option<Expr> {
    let (mut constants, mut compared) = (Vec::new(), Vec::new());
    for other in others {
        match number(&other).filter(|constant| !is_zero(constant)) {
            Some(constant) => constants.push(Expr::Literal(constant, None)),
            None => compared.push(compare(value.clone(), Operator::Eq, other)),
        }
    }
    let listed = (!constants.is_empty()).then(|| InList::new(Box::new(value.clone()), constants, false));
    listed.map(Expr::InList).into_iter().chain(compared).reduce(|any, next| binary(any, Operator::Or, next))
}

fn equal(left: Expr, right: Expr) -> Expr {
    match (number(&left), number(&right)) {
        (None, Some(bound)) if !is_zero(&bound) => binary(left, Operator::Eq, right),
        (Some(bound), None) if !is_zero(&bound) => binary(left, Operator::Eq, right),
        (_, Some(bound)) => binary(canonical(left), Operator::Eq, literal(&bound, false)),
        _ => {
            let (left, right) = (canonical(left), canonical(right));
            binary(binary(left.clone(), Operator::Eq, right.clone()), Operator::And, is_number(left, right))
        }
    }
}

/// False for NaN; null where it is compared with a null, as the comparison is.
fn is_number(expr: Expr, compared: Expr) -> Expr {
    classify(vec![expr, compared], Classify::IsNumber)
}

/// One bit pattern for each value: NaN without a sign, 0 for -0.
pub(crate) fn canonical(expr: Expr) -> Expr {
    classify(vec![expr], Classify::Canonical)
}

/// The value, null for NaN.
pub(crate) fn without_nan(expr: Expr) -> Expr {
    classify(vec![expr], Classify::Number)
}

fn classify(operands: Vec<Expr>, classify: Classify) -> Expr {
    call(ScalarFloat { classify, signature: Signature::any(operands.len(), Volatility::Immutable) }, operands)
}

/// What [`without_nan`] was made of, if the expression was.
pub(crate) fn with_nan(expr: &Expr) -> Option<Expr> {
    match expr {
        Expr::ScalarFunction(call) => {
            let classified = call.func.inner().downcast_ref::<ScalarFloat>()?;
            (classified.classify == Classify::Number).then(|| call.args.first().cloned()).flatten()
        }
        _ => None,
    }
}

/// A constant that is a number.
fn number(expr: &Expr) -> Option<ScalarValue> {
    let value = match expr {
        Expr::Literal(value, _) => value.clone(),
        Expr::Cast(cast) => match cast.expr.as_ref() {
            Expr::Literal(value, _) => value.cast_to(cast.field.data_type()).ok()?,
            _ => return None,
        },
        _ => return None,
    };
    let is_number = match value {
        ScalarValue::Float64(Some(value)) => !value.is_nan(),
        ScalarValue::Float32(Some(value)) => !value.is_nan(),
        _ => false,
    };
    is_number.then_some(value)
}

fn is_zero(value: &ScalarValue) -> bool {
    *value == zero_of(value, false) || *value == zero_of(value, true)
}

fn zero_of(value: &ScalarValue, negative: bool) -> ScalarValue {
    match (value, negative) {
        (ScalarValue::Float32(_), true) => ScalarValue::Float32(Some(-0.0)),
        (ScalarValue::Float32(_), false) => ScalarValue::Float32(Some(0.0)),
        (_, true) => ScalarValue::Float64(Some(-0.0)),
        (_, false) => ScalarValue::Float64(Some(0.0)),
    }
}

/// The constant; a zero with the sign that is asked for.
fn literal(value: &ScalarValue, negative: bool) -> Expr {
    Expr::Literal(if is_zero(value) { zero_of(value, negative) } else { value.clone() }, None)
}

#[expect(clippy::cast_possible_truncation, reason = "infinity is infinity in either width")]
fn limit(of: &ScalarValue, infinity: f64) -> Expr {
    let value = match of {
        ScalarValue::Float32(_) => ScalarValue::Float32(Some(infinity as f32)),
        _ => ScalarValue::Float64(Some(infinity)),
    };
    Expr::Literal(value, None)
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
enum Classify {
    Canonical,
    IsNumber,
    Number,
}

#[derive(Debug, PartialEq, Eq, Hash)]
struct ScalarFloat {
    classify: Classify,
    signature: Signature,
}

impl ScalarUDFImpl for ScalarFloat {
    fn name(&self) -> &str {
        match self.classify {
            Classify::Canonical => "$float",
            Classify::IsNumber => "$is_number",
            Classify::Number => "$number",
        }
    }

    fn signature(&self) -> &Signature {
        &self.signature
    }

    fn return_type(&self, arguments: &[DataType]) -> Result<DataType> {
        match (self.classify, arguments) {
            (Classify::IsNumber, _) => Ok(DataType::Boolean),
            (Classify::Canonical | Classify::Number, [float]) => Ok(float.clone()),
            _ => Err(internal("one float is classified")),
        }
    }

    fn invoke_with_args(&self, args: ScalarFunctionArgs) -> Result<ColumnarValue> {
        let arrays = ColumnarValue::values_to_arrays(&args.args)?;
        let result = match &arrays[..] {
            [array] => self.classified(array)?,
            [array, compared] => null_where_null(&self.classified(array)?, compared),
            _ => return Err(internal("one float is classified")),
        };
        if args.args.iter().all(|argument| matches!(argument, ColumnarValue::Scalar(_))) {
            return Ok(ColumnarValue::Scalar(ScalarValue::try_from_array(&result, 0)?));
        }
        Ok(ColumnarValue::Array(result))
    }
}

fn null_where_null(conditions: &ArrayRef, compared: &ArrayRef) -> ArrayRef {
    let conditions = conditions.as_boolean();
    let nulls = NullBuffer::union(conditions.nulls(), compared.logical_nulls().as_ref());
    Arc::new(BooleanArray::new(conditions.values().clone(), nulls))
}

impl ScalarFloat {
    fn classified(&self, array: &ArrayRef) -> Result<ArrayRef> {
        Ok(match (self.classify, array.data_type()) {
            (Classify::Canonical, DataType::Float64) => {
                let plain = |value: f64| if value.is_nan() { f64::NAN } else { value + 0.0 };
                Arc::new(array.as_primitive::<Float64Type>().unary::<_, Float64Type>(plain)) as ArrayRef
            }
            (Classify::Canonical, DataType::Float32) => {
                let plain = |value: f32| if value.is_nan() { f32::NAN } else { value + 0.0 };
                Arc::new(array.as_primitive::<Float32Type>().unary::<_, Float32Type>(plain))
            }
            (Classify::Number, DataType::Float64) => {
                let values: &Float64Array = array.as_primitive();
                Arc::new(values.iter().map(|value| value.filter(|value| !value.is_nan())).collect::<Float64Array>())
            }
            (Classify::Number, DataType::Float32) => {
                let values: &Float32Array = array.as_primitive();
                Arc::new(values.iter().map(|value| value.filter(|value| !value.is_nan())).collect::<Float32Array>())
            }
            (Classify::IsNumber, DataType::Float64) => {
                let values: &Float64Array = array.as_primitive();
                Arc::new(BooleanArray::from_unary(values, |value| !value.is_nan()))
            }
            (Classify::IsNumber, DataType::Float32) => {
                let values: &Float32Array = array.as_primitive();
                Arc::new(BooleanArray::from_unary(values, |value| !value.is_nan()))
            }
            _ => return Err(internal("a float is classified")),
        })
    }
}
