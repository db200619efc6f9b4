//! `count_if`: rewritten to the engine's `count` of rows that pass.

use std::sync::Arc;

use arrow::datatypes::DataType;
use datafusion::common::{Result, ScalarValue};
use datafusion::functions_aggregate::count::count_udaf;
use datafusion::logical_expr::expr::AggregateFunction;
use datafusion::logical_expr::function::{AccumulatorArgs, AggregateFunctionSimplification};
use datafusion::logical_expr::{Accumulator, AggregateUDF, AggregateUDFImpl, Expr, Signature, Volatility, lit, when};

use crate::failure::internal;

pub(crate) fn functions() -> Vec<Arc<AggregateUDF>> {
    vec![Arc::new(AggregateUDF::new_from_impl(CountIf {
        signature: Signature::exact(vec![DataType::Boolean], Volatility::Immutable),
    }))]
}

#[derive(Debug, PartialEq, Eq, Hash)]
struct CountIf {
    signature: Signature,
}

impl AggregateUDFImpl for CountIf {
    fn name(&self) -> &str {
        "count_if"
    }

    fn signature(&self) -> &Signature {
        &self.signature
    }

    fn return_type(&self, _: &[DataType]) -> Result<DataType> {
        Ok(DataType::Int64)
    }

    fn is_nullable(&self) -> bool {
        false
    }

    fn default_value(&self, _: &DataType) -> Result<ScalarValue> {
        Ok(ScalarValue::Int64(Some(0)))
    }

    fn simplify(&self) -> Option<AggregateFunctionSimplification> {
        Some(Box::new(|function: AggregateFunction, _| {
            let mut parameters = function.params;
            let condition = parameters.args.pop().ok_or_else(|| internal("count_if takes one argument"))?;
            // Distinct or not, what counts is whether a row is true.
            let one = when(condition, lit(1_i64)).end()?;
            Ok(Expr::AggregateFunction(AggregateFunction::new_udf(
                count_udaf(),
                vec![one],
                parameters.distinct,
                parameters.filter,
                parameters.order_by,
                parameters.null_treatment,
            )))
        }))
    }

    fn accumulator(&self, _: AccumulatorArgs<'_>) -> Result<Box<dyn Accumulator>> {
        Ok(Box::new(Count(0)))
    }
}

/// Counts rows that are true; used in windows, which are not rewritten.
#[derive(Debug)]
struct Count(i64);

impl Count {
    fn of(values: &[arrow::array::ArrayRef]) -> i64 {
        use arrow::array::AsArray;
        values.first().map_or(0, |column| column.as_boolean().true_count() as i64)
    }
}

impl Accumulator for Count {
    fn update_batch(&mut self, values: &[arrow::array::ArrayRef]) -> Result<()> {
        self.0 += Self::of(values);
        Ok(())
    }

    fn retract_batch(&mut self, values: &[arrow::array::ArrayRef]) -> Result<()> {
        self.0 -= Self::of(values);
        Ok(())
    }

    fn supports_retract_batch(&self) -> bool {
        true
    }

    fn evaluate(&mut self) -> Result<ScalarValue> {
        Ok(ScalarValue::Int64(Some(self.0)))
    }

    fn state(&mut self) -> Result<Vec<ScalarValue>> {
        Ok(vec![ScalarValue::Int64(Some(self.0))])
    }

    fn merge_batch(&mut self, states: &[arrow::array::ArrayRef]) -> Result<()> {
        use arrow::array::AsArray;
        if let Some(column) = states.first() {
            let counts = column.as_primitive::<arrow::datatypes::Int64Type>();
            self.0 += arrow::compute::sum(counts).unwrap_or(0);
        }
        Ok(())
    }

    fn size(&self) -> usize {
        size_of::<Self>()
    }
}
