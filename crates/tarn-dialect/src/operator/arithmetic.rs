//! Arithmetic: exact for integers and decimals, and an error where the result does not fit.
//!
//! The engine's own operators wrap integers around silently and give decimals other precisions and scales than
//! Athena does (Trino's `DecimalOperators`). Floats are worked out as the engine does; they are here so that chains do not nest.

use std::sync::Arc;

use arrow::array::{ArrayRef, AsArray, Datum, Decimal128Array};
use arrow::compute::kernels::numeric;
use arrow::datatypes::{DataType, Decimal128Type, i256};
use arrow::error::ArrowError;
use datafusion::common::{DataFusionError, Result};
use datafusion::logical_expr::{ColumnarValue, Expr, ScalarFunctionArgs, ScalarUDFImpl, Signature, Volatility};
use datafusion::physical_expr_common::datum::apply;

use crate::coercion::{MAX_PRECISION, decimal_of, whole_digits};
use crate::error::SqlError;
use crate::operator::{division_by_zero, internal, out_of_range};
use crate::types::{athena_type, is_float};

/// An arithmetic operator.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) enum ArithmeticOperator {
    Add,
    Subtract,
    Multiply,
    Divide,
    Modulo,
}

impl ArithmeticOperator {
    /// How the operator is written.
    pub(crate) fn symbol(self) -> &'static str {
        match self {
            Self::Add => "+",
            Self::Subtract => "-",
            Self::Multiply => "*",
            Self::Divide => "/",
            Self::Modulo => "%",
        }
    }

    fn noun(self) -> &'static str {
        match self {
            Self::Add => "addition",
            Self::Subtract => "subtraction",
            Self::Multiply => "multiplication",
            Self::Divide => "division",
            Self::Modulo => "modulus",
        }
    }
}

/// The decimal type of a result (Trino's rules for precision and scale).
pub(crate) fn decimal_result(
    operator: ArithmeticOperator,
    (precision_a, scale_a): (u8, i8),
    (precision_b, scale_b): (u8, i8),
) -> Result<DataType> {
    let (p1, p2) = (i16::from(precision_a), i16::from(precision_b));
    let (s1, s2) = (i16::from(scale_a), i16::from(scale_b));
    let (w1, w2) = (whole_digits(precision_a, scale_a), whole_digits(precision_b, scale_b));
    let scale = s1.max(s2);
    let (precision, scale) = match operator {
        ArithmeticOperator::Add | ArithmeticOperator::Subtract => (w1.max(w2) + scale + 1, scale),
        ArithmeticOperator::Multiply => (p1 + p2, s1 + s2),
        ArithmeticOperator::Divide => (p1 + s2 + (s2 - s1).max(0), scale),
        ArithmeticOperator::Modulo => (w1.min(w2) + scale, scale),
    };
    if scale > i16::from(MAX_PRECISION) {
        return Err(SqlError::types(format!(
            "DECIMAL scale must be in range [0, precision ({MAX_PRECISION})]: {scale}"
        ))
        .into());
    }
    Ok(decimal_of(precision, i8::try_from(scale).map_err(|_| internal("scale of a decimal"))?))
}

/// A chain of operators, worked from left to right: `a + b - c` is one call of three operands.
///
/// The engine names and types a call by walking all of its operands, again for each call around it. As calls in calls a sum of a
/// thousand terms would take it minutes; as one call it takes one walk.
#[derive(Debug, PartialEq, Eq, Hash)]
pub(crate) struct Arithmetic {
    steps: Vec<Step>,
    signature: Signature,
}

/// One operator on what came out before it and the next operand.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
struct Step {
    operator: ArithmeticOperator,
    result: DataType,
}

impl Arithmetic {
    /// Operands are of the result's type where that is an integer or a float, or decimals of any shape.
    pub(crate) fn new(operator: ArithmeticOperator, result: DataType) -> Self {
        Self { steps: vec![Step { operator, result }], signature: Signature::variadic_any(Volatility::Immutable) }
    }

    /// The same with one more operator and operand behind it.
    pub(crate) fn then(&self, operator: ArithmeticOperator, result: DataType) -> Self {
        let steps = self.steps.iter().cloned().chain([Step { operator, result }]).collect();
        Self { steps, signature: self.signature.clone() }
    }

    /// The chain as a person would write it; what stands in an operand has parentheses of its own.
    fn written(&self, operands: impl IntoIterator<Item = String>) -> String {
        let mut operands = operands.into_iter();
        let mut written = format!("({}", operands.next().unwrap_or_default());
        for (step, operand) in self.steps.iter().zip(operands) {
            written.push(' ');
            written.push_str(step.operator.symbol());
            written.push(' ');
            written.push_str(&operand);
        }
        written.push(')');
        written
    }
}

impl Step {
    fn apply(&self, left: &ColumnarValue, right: &ColumnarValue) -> Result<ColumnarValue> {
        let DataType::Decimal128(precision, scale) = self.result else {
            return apply(left, right, |left, right| self.plain(left, right)).map_err(|error| self.explain(error));
        };
        let arrays = ColumnarValue::values_to_arrays(&[left.clone(), right.clone()])?;
        let [a, b] = &arrays[..] else {
            return Err(internal("an operator takes two operands"));
        };
        let (a, b) = (a.as_primitive::<Decimal128Type>(), b.as_primitive::<Decimal128Type>());
        let result = decimals(self.operator, a, b, precision, scale)?;
        if matches!((left, right), (ColumnarValue::Scalar(_), ColumnarValue::Scalar(_))) {
            return Ok(ColumnarValue::Scalar(datafusion::common::ScalarValue::try_from_array(&result, 0)?));
        }
        Ok(ColumnarValue::Array(result))
    }

    fn plain(&self, left: &dyn Datum, right: &dyn Datum) -> Result<ArrayRef, ArrowError> {
        match self.operator {
            ArithmeticOperator::Add => numeric::add(left, right),
            ArithmeticOperator::Subtract => numeric::sub(left, right),
            ArithmeticOperator::Multiply => numeric::mul(left, right),
            ArithmeticOperator::Divide => numeric::div(left, right),
            ArithmeticOperator::Modulo => numeric::rem(left, right),
        }
    }

    fn explain(&self, error: DataFusionError) -> DataFusionError {
        match &error {
            DataFusionError::ArrowError(inner, _) => match inner.as_ref() {
                ArrowError::DivideByZero => division_by_zero(),
                ArrowError::ArithmeticOverflow(message) => {
                    let operands =
                        message.split_once("on: ").map(|(_, operands)| format!(": {operands}")).unwrap_or_default();
                    out_of_range(format!("{} {} overflow{operands}", athena_type(&self.result), self.operator.noun()))
                }
                _ => error,
            },
            _ => error,
        }
    }
}

impl ScalarUDFImpl for Arithmetic {
    /// The operator that may fail for some values, where there is one: division is named only where a divisor may be wrong.
    fn name(&self) -> &str {
        let divides = |step: &&Step| matches!(step.operator, ArithmeticOperator::Divide | ArithmeticOperator::Modulo);
        // Floats divided by zero are infinite, or no number.
        let may_fail = |step: &&Step| divides(step) && !is_float(&step.result);
        self.steps.iter().find(may_fail).map_or("+", |step| step.operator.symbol())
    }

    fn schema_name(&self, args: &[Expr]) -> Result<String> {
        Ok(self.written(args.iter().map(|argument| argument.schema_name().to_string())))
    }

    fn signature(&self) -> &Signature {
        &self.signature
    }

    fn return_type(&self, _arguments: &[DataType]) -> Result<DataType> {
        self.steps.last().map(|step| step.result.clone()).ok_or_else(|| internal("a chain has operators"))
    }

    fn invoke_with_args(&self, args: ScalarFunctionArgs) -> Result<ColumnarValue> {
        let mut operands = args.args.into_iter();
        let (Some(first), true) = (operands.next(), operands.len() == self.steps.len()) else {
            return Err(internal("each operator has an operand on either side"));
        };
        self.steps.iter().zip(operands).try_fold(first, |left, (step, right)| step.apply(&left, &right))
    }
}

fn decimals(
    operator: ArithmeticOperator,
    left: &Decimal128Array,
    right: &Decimal128Array,
    precision: u8,
    scale: i8,
) -> Result<ArrayRef> {
    let shifts = Shifts::new(operator, left.scale(), right.scale(), scale);
    let limit = power(u32::from(precision))?;
    let mut failed: Option<DataFusionError> = None;
    let result: Decimal128Array = left
        .iter()
        .zip(right.iter())
        .map(|pair| match pair {
            (Some(left), Some(right)) if failed.is_none() => match one(operator, left, right, &shifts, limit) {
                Ok(value) => Some(value),
                Err(error) => {
                    failed = Some(error);
                    None
                }
            },
            _ => None,
        })
        .collect();
    if let Some(error) = failed {
        return Err(error);
    }
    Ok(Arc::new(result.with_precision_and_scale(precision, scale)?))
}

/// Powers of ten that bring both operands to where the operator works.
struct Shifts {
    left: u32,
    right: u32,
}

impl Shifts {
    fn new(operator: ArithmeticOperator, left: i8, right: i8, result: i8) -> Self {
        let steps = |count: i16| u32::try_from(count).unwrap_or(0);
        let (left, right, result) = (i16::from(left), i16::from(right), i16::from(result));
        match operator {
            ArithmeticOperator::Multiply => Self { left: 0, right: 0 },
            ArithmeticOperator::Divide => Self { left: steps(result - left + right), right: 0 },
            _ => Self { left: steps(result - left), right: steps(result - right) },
        }
    }
}

fn power(exponent: u32) -> Result<i128> {
    10_i128.checked_pow(exponent).ok_or_else(|| internal("precision of a decimal"))
}

fn overflow() -> DataFusionError {
    out_of_range("Decimal overflow")
}

fn one(operator: ArithmeticOperator, left: i128, right: i128, shifts: &Shifts, limit: i128) -> Result<i128> {
    let divides = matches!(operator, ArithmeticOperator::Divide | ArithmeticOperator::Modulo);
    if divides && right == 0 {
        return Err(division_by_zero());
    }
    let value = match narrow(operator, left, right, shifts) {
        Some(value) => value,
        None => wide(operator, left, right, shifts).and_then(i256::to_i128).ok_or_else(overflow)?,
    };
    if value >= limit || value <= -limit {
        return Err(overflow());
    }
    Ok(value)
}

fn narrow(operator: ArithmeticOperator, left: i128, right: i128, shifts: &Shifts) -> Option<i128> {
    let left = left.checked_mul(10_i128.checked_pow(shifts.left)?)?;
    let right = right.checked_mul(10_i128.checked_pow(shifts.right)?)?;
    match operator {
        ArithmeticOperator::Add => left.checked_add(right),
        ArithmeticOperator::Subtract => left.checked_sub(right),
        ArithmeticOperator::Multiply => left.checked_mul(right),
        ArithmeticOperator::Divide => {
            let (quotient, rest) = (left.checked_div(right)?, left.checked_rem(right)?);
            let rounds = rest.unsigned_abs() >= right.unsigned_abs() - rest.unsigned_abs();
            let away = if (left < 0) == (right < 0) { 1 } else { -1 };
            quotient.checked_add(if rounds && rest != 0 { away } else { 0 })
        }
        ArithmeticOperator::Modulo => left.checked_rem(right),
    }
}

/// The same on 256 bits, for intermediate values that 128 do not hold.
fn wide(operator: ArithmeticOperator, left: i128, right: i128, shifts: &Shifts) -> Option<i256> {
    let ten = i256::from_i128(10);
    let shifted = |value: i128, by: u32| i256::from_i128(value).checked_mul(ten.checked_pow(by)?);
    let (left, right) = (shifted(left, shifts.left)?, shifted(right, shifts.right)?);
    match operator {
        ArithmeticOperator::Add => left.checked_add(right),
        ArithmeticOperator::Subtract => left.checked_sub(right),
        ArithmeticOperator::Multiply => left.checked_mul(right),
        ArithmeticOperator::Divide => {
            let (quotient, rest) = (left.checked_div(right)?, left.checked_rem(right)?);
            let (rest_size, right_size) = (magnitude(rest), magnitude(right));
            let rounds = rest != i256::ZERO && rest_size >= right_size.checked_sub(rest_size)?;
            let same_sign = left.is_negative() == right.is_negative();
            let away = i256::from_i128(if same_sign { 1 } else { -1 });
            quotient.checked_add(if rounds { away } else { i256::ZERO })
        }
        ArithmeticOperator::Modulo => left.checked_rem(right),
    }
}

fn magnitude(value: i256) -> i256 {
    if value.is_negative() { value.wrapping_neg() } else { value }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a failing law must stop the test")]

    use super::*;

    fn array(value: i128, precision: u8, scale: i8) -> Decimal128Array {
        Decimal128Array::from(vec![value]).with_precision_and_scale(precision, scale).unwrap()
    }

    fn apply_one(operator: ArithmeticOperator, a: (i128, u8, i8), b: (i128, u8, i8)) -> Result<(i128, i8)> {
        let DataType::Decimal128(precision, scale) = decimal_result(operator, (a.1, a.2), (b.1, b.2))? else {
            return Err(internal("a decimal"));
        };
        let result = decimals(operator, &array(a.0, a.1, a.2), &array(b.0, b.1, b.2), precision, scale)?;
        Ok((result.as_primitive::<Decimal128Type>().value(0), scale))
    }

    #[test]
    fn quotients_round_half_away_from_zero() {
        use ArithmeticOperator::Divide;
        assert_eq!(apply_one(Divide, (10, 2, 1), (3, 10, 0)).unwrap(), (3, 1));
        assert_eq!(apply_one(Divide, (5, 1, 0), (10, 2, 0)).unwrap(), (1, 0));
        assert_eq!(apply_one(Divide, (-5, 1, 0), (10, 2, 0)).unwrap(), (-1, 0));
        assert_eq!(apply_one(Divide, (4, 1, 0), (10, 2, 0)).unwrap(), (0, 0));
    }

    /// What does not fit 128 bits on the way is computed on 256, with the same result.
    #[test]
    fn narrow_and_wide_agree() {
        let mut state = 0x2545_f491_4f6c_dd1d_u64;
        let mut next = || {
            state ^= state << 13;
            state ^= state >> 7;
            state ^= state << 17;
            i128::from(state as i64 >> 20)
        };
        for _ in 0..5_000 {
            let (a, b) = (next(), next());
            if b == 0 {
                continue;
            }
            for operator in [
                ArithmeticOperator::Add,
                ArithmeticOperator::Subtract,
                ArithmeticOperator::Multiply,
                ArithmeticOperator::Divide,
                ArithmeticOperator::Modulo,
            ] {
                let shifts = Shifts::new(operator, 4, 2, 4);
                let small = narrow(operator, a, b, &shifts).unwrap();
                let large = wide(operator, a, b, &shifts).and_then(i256::to_i128).unwrap();
                assert_eq!(small, large, "{a} {} {b}", operator.symbol());
            }
        }
    }

    /// `a = (a / b) * b + a % b` in whole numbers.
    #[test]
    fn the_rest_is_what_division_leaves() {
        use ArithmeticOperator::Modulo;
        for (a, b) in [(7, 3), (-7, 3), (7, -3), (-7, -3), (6, 3)] {
            let (rest, _) = apply_one(Modulo, (a, 10, 0), (b, 10, 0)).unwrap();
            assert_eq!(a / b * b + rest, a);
        }
    }
}
