//! Timestamps rounded to milliseconds.

use std::fmt;
use std::hash::{Hash, Hasher};
use std::sync::Arc;

use arrow::array::{ArrayRef, AsArray, PrimitiveArray, RecordBatch};
use arrow::datatypes::{
    DataType, Schema, TimeUnit, TimestampMicrosecondType, TimestampMillisecondType, TimestampNanosecondType,
};
use datafusion::common::{Result, ScalarValue, exec_err};
use datafusion::logical_expr::{ColumnarValue, Operator};
use datafusion::physical_expr::PhysicalExpr;
use datafusion::physical_expr::expressions::{BinaryExpr, Literal};

use super::schema::TIMESTAMP;

/// How many units of this type make a millisecond; none for types that are not finer than that.
pub(super) fn per_millisecond(data_type: &DataType) -> Option<i64> {
    match data_type {
        DataType::Timestamp(TimeUnit::Microsecond, _) => Some(1_000),
        DataType::Timestamp(TimeUnit::Nanosecond, _) => Some(1_000_000),
        _ => None,
    }
}

/// A finer timestamp, rounded half up to milliseconds.
#[derive(Debug, Eq)]
pub(super) struct Rounded {
    finer: Arc<dyn PhysicalExpr>,
}

// Derived comparisons would move out of the trait object (rust-lang/rust#78808).
impl PartialEq for Rounded {
    fn eq(&self, other: &Self) -> bool {
        self.finer.eq(&other.finer)
    }
}

impl Hash for Rounded {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.finer.hash(state);
    }
}

impl Rounded {
    pub(super) fn new(finer: Arc<dyn PhysicalExpr>) -> Self {
        Self { finer }
    }
}

impl fmt::Display for Rounded {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "round_to_millisecond({})", self.finer)
    }
}

impl PhysicalExpr for Rounded {
    fn data_type(&self, _input: &Schema) -> Result<DataType> {
        Ok(TIMESTAMP)
    }

    fn nullable(&self, input: &Schema) -> Result<bool> {
        self.finer.nullable(input)
    }

    fn evaluate(&self, batch: &RecordBatch) -> Result<ColumnarValue> {
        let finer = self.finer.evaluate(batch)?.into_array(batch.num_rows())?;
        let rounded: PrimitiveArray<TimestampMillisecondType> = match finer.data_type() {
            DataType::Timestamp(TimeUnit::Microsecond, _) => {
                finer.as_primitive::<TimestampMicrosecondType>().unary(|value| round(value, 1_000))
            }
            DataType::Timestamp(TimeUnit::Nanosecond, _) => {
                finer.as_primitive::<TimestampNanosecondType>().unary(|value| round(value, 1_000_000))
            }
            other => return exec_err!("a timestamp finer than milliseconds was expected, not {other}"),
        };
        Ok(ColumnarValue::Array(Arc::new(rounded) as ArrayRef))
    }

    fn children(&self) -> Vec<&Arc<dyn PhysicalExpr>> {
        vec![&self.finer]
    }

    fn with_new_children(self: Arc<Self>, children: Vec<Arc<dyn PhysicalExpr>>) -> Result<Arc<dyn PhysicalExpr>> {
        match <[_; 1]>::try_from(children) {
            Ok([finer]) => Ok(Arc::new(Self { finer })),
            Err(children) => exec_err!("one child was expected, not {}", children.len()),
        }
    }

    fn fmt_sql(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, formatter)
    }
}

fn round(value: i64, unit: i64) -> i64 {
    value.saturating_add(unit / 2).div_euclid(unit)
}

/// `rounded(finer) operator milliseconds` as comparisons of `finer` itself; none when the bounds lie outside of the type.
pub(super) fn compare(
    finer: &Arc<dyn PhysicalExpr>,
    finer_type: &DataType,
    operator: Operator,
    milliseconds: i64,
) -> Option<Arc<dyn PhysicalExpr>> {
    let unit = per_millisecond(finer_type)?;
    // The first finer value that is rounded to this millisecond, and the first that is rounded to the next one.
    let first = milliseconds.checked_mul(unit)?.checked_sub(unit / 2)?;
    let next = first.checked_add(unit)?;
    let bound = |operator, value| -> Option<Arc<dyn PhysicalExpr>> {
        let value = match finer_type {
            DataType::Timestamp(TimeUnit::Microsecond, zone) => {
                ScalarValue::TimestampMicrosecond(Some(value), zone.clone())
            }
            DataType::Timestamp(TimeUnit::Nanosecond, zone) => {
                ScalarValue::TimestampNanosecond(Some(value), zone.clone())
            }
            _ => return None,
        };
        Some(Arc::new(BinaryExpr::new(Arc::clone(finer), operator, Arc::new(Literal::new(value)))))
    };
    match operator {
        Operator::Lt => bound(Operator::Lt, first),
        Operator::LtEq => bound(Operator::Lt, next),
        Operator::Gt => bound(Operator::GtEq, next),
        Operator::GtEq => bound(Operator::GtEq, first),
        Operator::Eq => {
            let (from, to) = (bound(Operator::GtEq, first)?, bound(Operator::Lt, next)?);
            Some(Arc::new(BinaryExpr::new(from, Operator::And, to)))
        }
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a failed test may panic")]
    use arrow::array::TimestampMicrosecondArray;
    use arrow::datatypes::{Field, Schema};
    use datafusion::physical_expr::expressions::Column;

    use super::*;

    #[test]
    fn half_a_millisecond_goes_up() {
        for (microseconds, milliseconds) in
            [(0, 0), (499, 0), (500, 1), (1_499, 1), (-500, 0), (-501, -1), (-1_500, -1), (-1_501, -2)]
        {
            assert_eq!(round(microseconds, 1_000), milliseconds, "{microseconds}");
        }
    }

    #[test]
    fn comparing_the_finer_value_is_comparing_the_rounded_one() {
        let finer_type = DataType::Timestamp(TimeUnit::Microsecond, None);
        let values: Vec<i64> = (-4_000..4_000).step_by(50).chain([499, 500, 501, -499, -500, -501]).collect();
        let schema = Arc::new(Schema::new(vec![Field::new("t", finer_type.clone(), true)]));
        let array = Arc::new(TimestampMicrosecondArray::from(values));
        let batch = RecordBatch::try_new(schema, vec![array]).unwrap();
        let column: Arc<dyn PhysicalExpr> = Arc::new(Column::new("t", 0));
        for operator in [Operator::Lt, Operator::LtEq, Operator::Gt, Operator::GtEq, Operator::Eq] {
            for milliseconds in -3..=3 {
                let literal = Literal::new(ScalarValue::TimestampMillisecond(Some(milliseconds), None));
                let rounded = BinaryExpr::new(Arc::new(Rounded::new(Arc::clone(&column))), operator, Arc::new(literal));
                let bounds = compare(&column, &finer_type, operator, milliseconds).unwrap();
                let evaluate = |expression: &dyn PhysicalExpr| {
                    expression.evaluate(&batch).unwrap().into_array(batch.num_rows()).unwrap()
                };
                assert_eq!(&evaluate(&rounded), &evaluate(bounds.as_ref()), "{operator} {milliseconds}");
            }
        }
    }

    #[test]
    fn bounds_outside_of_the_type_are_left_alone() {
        let column: Arc<dyn PhysicalExpr> = Arc::new(Column::new("t", 0));
        let nanoseconds = DataType::Timestamp(TimeUnit::Nanosecond, None);
        assert!(compare(&column, &nanoseconds, Operator::Lt, i64::MAX / 2).is_none());
    }
}
