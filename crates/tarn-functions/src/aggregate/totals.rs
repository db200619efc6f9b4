//! `sum` and `avg` with Trino's types.
//!
//! Integers and decimals are added in 128 bits and checked at the end: a sum of integers is a bigint, of
//! decimals a decimal of 38 digits, an average of decimals keeps the argument's type and rounds half up.

use std::sync::Arc;

use arrow::array::{Array, ArrayRef, AsArray, BooleanArray, Decimal128Array, Float32Array, Float64Array, Int64Array};
use arrow::compute::cast;
use arrow::datatypes::{
    DataType, Decimal128Type, Field, FieldRef, Float32Type, Float64Type, Int8Type, Int16Type, Int32Type, Int64Type,
};
use datafusion::common::Result;
use datafusion::logical_expr::function::{AccumulatorArgs, StateFieldsArgs};
use datafusion::logical_expr::utils::format_state_name;
use datafusion::logical_expr::{
    Accumulator, AggregateUDF, AggregateUDFImpl, EmitTo, GroupsAccumulator, Signature, Volatility,
};

use super::groups::{Groups, Single, rows_as_states};
use crate::failure::{internal, no_overload, out_of_range};
use crate::math::decimal::divide_rounding;
use crate::types::{MAX_DECIMAL_PRECISION, array_of, is_number, normal, type_name};

mod running;

pub use running::RunningTotal;

pub(crate) fn functions() -> Vec<Arc<AggregateUDF>> {
    [Total::Sum, Total::Average]
        .into_iter()
        .map(|total| {
            Arc::new(AggregateUDF::new_from_impl(TotalFunction {
                total,
                signature: Signature::user_defined(Volatility::Immutable),
            }))
        })
        .collect()
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
enum Total {
    Sum,
    Average,
}

#[derive(Debug, PartialEq, Eq, Hash)]
struct TotalFunction {
    total: Total,
    signature: Signature,
}

impl AggregateUDFImpl for TotalFunction {
    fn name(&self) -> &str {
        match self.total {
            Total::Sum => "sum",
            Total::Average => "avg",
        }
    }

    fn signature(&self) -> &Signature {
        &self.signature
    }

    fn coerce_types(&self, arguments: &[DataType]) -> Result<Vec<DataType>> {
        match arguments {
            [DataType::Null] => Ok(vec![DataType::Int64]),
            [argument] if is_number(&normal(argument)) => Ok(vec![normal(argument)]),
            _ => {
                let given: Vec<String> = arguments.iter().map(type_name).collect();
                Err(no_overload(format!(
                    "FUNCTION_NOT_FOUND: Unexpected parameters ({}) for function {name}. Expected: {name}(bigint), \
                     {name}(double), {name}(real), {name}(decimal(p,s))",
                    given.join(", "),
                    name = self.name()
                )))
            }
        }
    }

    fn return_type(&self, arguments: &[DataType]) -> Result<DataType> {
        let argument = arguments.first().ok_or_else(|| internal("a total takes one argument"))?;
        Ok(match (argument, self.total) {
            (DataType::Float32, _) => DataType::Float32,
            (DataType::Decimal128(_, scale), Total::Sum) => DataType::Decimal128(MAX_DECIMAL_PRECISION, *scale),
            (DataType::Decimal128(_, _), Total::Average) => argument.clone(),
            (DataType::Float64, _) | (_, Total::Average) => DataType::Float64,
            _ => DataType::Int64,
        })
    }

    fn state_fields(&self, args: StateFieldsArgs<'_>) -> Result<Vec<FieldRef>> {
        let argument = args.input_fields.first().ok_or_else(|| internal("a total takes one argument"))?;
        if args.is_distinct {
            let values = array_of(argument.data_type().clone());
            let name = format_state_name(args.name, "distinct");
            return Ok(vec![Arc::new(Field::new(name, values, true))]);
        }
        let sum = match argument.data_type() {
            DataType::Float32 | DataType::Float64 => DataType::Float64,
            _ => DataType::Decimal128(MAX_DECIMAL_PRECISION, 0),
        };
        Ok(vec![
            Arc::new(Field::new(format_state_name(args.name, "sum"), sum, true)),
            Arc::new(Field::new(format_state_name(args.name, "count"), DataType::Int64, true)),
        ])
    }

    fn accumulator(&self, args: AccumulatorArgs<'_>) -> Result<Box<dyn Accumulator>> {
        if args.is_distinct {
            return Ok(Box::new(super::distinct::DistinctTotal::new(self.groups(&args)?)?));
        }
        Ok(Box::new(Single(self.groups(&args)?)))
    }

    fn groups_accumulator_supported(&self, args: AccumulatorArgs<'_>) -> bool {
        !args.is_distinct
    }

    fn create_groups_accumulator(&self, args: AccumulatorArgs<'_>) -> Result<Box<dyn GroupsAccumulator>> {
        Ok(Box::new(self.groups(&args)?))
    }
}

impl TotalFunction {
    fn groups(&self, args: &AccumulatorArgs<'_>) -> Result<Totals> {
        let argument = args.expr_fields.first().ok_or_else(|| internal("a total takes one argument"))?;
        Ok(self.totals(argument.data_type(), args.return_field.data_type()))
    }

    fn totals(&self, argument: &DataType, gives: &DataType) -> Totals {
        let sums = match argument {
            DataType::Float32 | DataType::Float64 => Sums::Float(Vec::new()),
            _ => Sums::Exact(Vec::new()),
        };
        Totals { total: self.total, argument: argument.clone(), gives: gives.clone(), sums, counts: Vec::new() }
    }
}

#[derive(Debug, Clone)]
enum Sums {
    Exact(Vec<i128>),
    Float(Vec<f64>),
}

/// Sum and count of each group.
#[derive(Debug, Clone)]
pub(crate) struct Totals {
    total: Total,
    argument: DataType,
    gives: DataType,
    sums: Sums,
    counts: Vec<i64>,
}

impl Totals {
    /// The type of the state that distinct values are kept in.
    pub(crate) fn state_type(&self) -> DataType {
        array_of(self.argument.clone())
    }

    fn grow(&mut self, groups: usize) {
        self.counts.resize(groups.max(self.counts.len()), 0);
        match &mut self.sums {
            Sums::Exact(sums) => sums.resize(self.counts.len(), 0),
            Sums::Float(sums) => sums.resize(self.counts.len(), 0.0),
        }
    }

    fn add(
        &mut self,
        column: &ArrayRef,
        group_of: impl Fn(usize) -> usize,
        filter: Option<&BooleanArray>,
        sign: i64,
    ) -> Result<()> {
        let wanted =
            |row: usize| column.is_valid(row) && filter.is_none_or(|filter| filter.is_valid(row) && filter.value(row));
        let all = column.null_count() == 0 && filter.is_none();
        let rows = (0..column.len()).filter(|row| all || wanted(*row));
        let counts = &mut self.counts;
        macro_rules! exact {
            ($type:ty, $sums:expr) => {{
                let values = column.as_primitive::<$type>().values();
                for row in rows {
                    let group = group_of(row);
                    $sums[group] = $sums[group]
                        .checked_add(i128::from(values[row]) * i128::from(sign))
                        .ok_or_else(|| out_of_range("Decimal overflow"))?;
                    counts[group] += sign;
                }
            }};
        }
        macro_rules! float {
            ($type:ty, $sums:expr) => {{
                let values = column.as_primitive::<$type>().values();
                for row in rows {
                    let group = group_of(row);
                    $sums[group] += f64::from(values[row]) * sign as f64;
                    counts[group] += sign;
                }
            }};
        }
        match (&mut self.sums, column.data_type()) {
            (Sums::Exact(sums), DataType::Int8) => exact!(Int8Type, sums),
            (Sums::Exact(sums), DataType::Int16) => exact!(Int16Type, sums),
            (Sums::Exact(sums), DataType::Int32) => exact!(Int32Type, sums),
            (Sums::Exact(sums), DataType::Int64) => exact!(Int64Type, sums),
            (Sums::Exact(sums), DataType::Decimal128(_, _)) => exact!(Decimal128Type, sums),
            (Sums::Float(sums), DataType::Float32) => float!(Float32Type, sums),
            (Sums::Float(sums), DataType::Float64) => float!(Float64Type, sums),
            (_, other) => return Err(internal(format!("`{other}` cannot be totalled"))),
        }
        Ok(())
    }

    fn take_sums(&mut self, emit: EmitTo) -> Sums {
        match &mut self.sums {
            Sums::Exact(sums) => Sums::Exact(emit.take_needed(sums)),
            Sums::Float(sums) => Sums::Float(emit.take_needed(sums)),
        }
    }

    fn exact_results(&self, sums: &[i128], counts: &[i64]) -> Result<ArrayRef> {
        let pairs = || sums.iter().zip(counts);
        match (&self.gives, self.total) {
            (DataType::Int64, _) => {
                let values = pairs()
                    .map(|(sum, count)| match count {
                        0 => Ok(None),
                        _ => i64::try_from(*sum)
                            .map(Some)
                            .map_err(|_| out_of_range(format!("bigint addition overflow: {sum}"))),
                    })
                    .collect::<Result<Int64Array>>()?;
                Ok(Arc::new(values))
            }
            (DataType::Float64, _) => {
                let values: Float64Array =
                    pairs().map(|(sum, count)| (*count != 0).then(|| *sum as f64 / *count as f64)).collect();
                Ok(Arc::new(values))
            }
            (DataType::Decimal128(precision, scale), total) => {
                let limit = 10_i128.pow(u32::from(*precision));
                let values = pairs()
                    .map(|(sum, count)| {
                        if *count == 0 {
                            return Ok(None);
                        }
                        let value = match total {
                            Total::Sum => *sum,
                            Total::Average => divide_rounding(*sum, i128::from(*count)),
                        };
                        if value.abs() >= limit {
                            return Err(out_of_range("Decimal overflow"));
                        }
                        Ok(Some(value))
                    })
                    .collect::<Result<Decimal128Array>>()?;
                Ok(Arc::new(values.with_precision_and_scale(*precision, *scale)?))
            }
            (other, _) => Err(internal(format!("a total cannot give `{other}`"))),
        }
    }

    fn float_results(&self, sums: &[f64], counts: &[i64]) -> ArrayRef {
        let values = sums.iter().zip(counts).map(|(sum, count)| {
            (*count != 0).then(|| match self.total {
                Total::Sum => *sum,
                Total::Average => sum / *count as f64,
            })
        });
        if self.gives == DataType::Float32 {
            let values: Float32Array = values.map(|value| value.map(|value| value as f32)).collect();
            return Arc::new(values);
        }
        Arc::new(values.collect::<Float64Array>())
    }
}

impl Groups for Totals {
    fn fresh(&self) -> Self {
        Self {
            sums: match self.sums {
                Sums::Exact(_) => Sums::Exact(Vec::new()),
                Sums::Float(_) => Sums::Float(Vec::new()),
            },
            counts: Vec::new(),
            ..self.clone()
        }
    }

    fn retract(&mut self, values: &[ArrayRef]) -> Result<()> {
        match values.first() {
            Some(column) => self.add(column, |_| 0, None, -1),
            None => Ok(()),
        }
    }

    fn can_retract(&self) -> bool {
        true
    }
}

impl GroupsAccumulator for Totals {
    fn update_batch(
        &mut self,
        values: &[ArrayRef],
        group_indices: &[usize],
        filter: Option<&BooleanArray>,
        total_num_groups: usize,
    ) -> Result<()> {
        self.grow(total_num_groups);
        match values.first() {
            Some(column) => self.add(column, |row| group_indices[row], filter, 1),
            None => Ok(()),
        }
    }

    fn evaluate(&mut self, emit_to: EmitTo) -> Result<ArrayRef> {
        let counts = emit_to.take_needed(&mut self.counts);
        match self.take_sums(emit_to) {
            Sums::Exact(sums) => self.exact_results(&sums, &counts),
            Sums::Float(sums) => Ok(self.float_results(&sums, &counts)),
        }
    }

    fn state(&mut self, emit_to: EmitTo) -> Result<Vec<ArrayRef>> {
        let counts = Arc::new(Int64Array::from(emit_to.take_needed(&mut self.counts)));
        let sums: ArrayRef = match self.take_sums(emit_to) {
            Sums::Exact(sums) => {
                Arc::new(Decimal128Array::from(sums).with_precision_and_scale(MAX_DECIMAL_PRECISION, 0)?)
            }
            Sums::Float(sums) => Arc::new(Float64Array::from(sums)),
        };
        Ok(vec![sums, counts])
    }

    fn merge_batch(&mut self, values: &[ArrayRef], group_indices: &[usize], total_num_groups: usize) -> Result<()> {
        self.grow(total_num_groups);
        let [sums, counts] = values else {
            return Err(internal("a total has a state of two columns"));
        };
        let counts = cast(counts, &DataType::Int64)?;
        for (row, group) in group_indices.iter().enumerate() {
            match &mut self.sums {
                Sums::Exact(known) => {
                    let sum = sums.as_primitive::<Decimal128Type>().value(row);
                    known[*group] = known[*group].checked_add(sum).ok_or_else(|| out_of_range("Decimal overflow"))?;
                }
                Sums::Float(known) => {
                    known[*group] += sums.as_primitive::<Float64Type>().value(row);
                }
            }
            self.counts[*group] += counts.as_primitive::<Int64Type>().value(row);
        }
        Ok(())
    }

    fn convert_to_state(&self, values: &[ArrayRef], filter: Option<&BooleanArray>) -> Result<Vec<ArrayRef>> {
        rows_as_states(self, values, filter)
    }

    fn size(&self) -> usize {
        self.counts.capacity() * 8
            + match &self.sums {
                Sums::Exact(sums) => sums.capacity() * 16,
                Sums::Float(sums) => sums.capacity() * 8,
            }
    }
}
