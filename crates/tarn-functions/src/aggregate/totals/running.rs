//! `sum` and `avg` of a partition's rows so far, at each of them: what a window from the first row to the current one gives.

use std::iter::once;
use std::ops::Range;

use arrow::array::{Array, ArrayRef, AsArray};
use arrow::datatypes::{DataType, Decimal128Type, Float32Type, Float64Type, Int8Type, Int16Type, Int32Type, Int64Type};
use datafusion::common::Result;
use datafusion::logical_expr::AggregateUDF;

use super::{Sums, TotalFunction, Totals};
use crate::failure::{internal, out_of_range};

/// The total of a partition's rows so far. Rows come in their order, one partition after the other; types, roundings and errors
/// are those of the aggregate.
#[derive(Debug)]
pub struct RunningTotal {
    /// Before the rows last added, and after each of them.
    states: Totals,
}

impl RunningTotal {
    /// Nothing yet, of values of one type; `None` where the function is not `sum` or `avg` of this crate.
    pub fn of(function: &AggregateUDF, argument: &DataType, gives: &DataType) -> Option<Self> {
        let function: &TotalFunction = function.inner().downcast_ref()?;
        let mut states = function.totals(argument, gives);
        states.grow(1);
        Some(Self { states })
    }

    /// Adds rows. `stretches`: the rows of the column in order, those of one partition together, and whether they are its first.
    ///
    /// # Errors
    /// A sum outside 128 bits, and a column of another type.
    pub fn add(&mut self, column: &ArrayRef, stretches: impl Iterator<Item = (bool, Range<usize>)>) -> Result<()> {
        let last = self.states.counts.len().saturating_sub(1);
        let mut count = self.states.counts.get(last).copied().unwrap_or_default();
        let counts = &mut self.states.counts;
        counts.clear();
        counts.reserve(column.len() + 1);
        counts.push(count);
        let nulls = column.nulls().filter(|nulls| nulls.null_count() > 0);
        macro_rules! add {
            ($type:ty, $sums:expr, |$sum:ident, $value:ident| $next:expr) => {{
                let values = column.as_primitive::<$type>().values();
                let mut $sum = $sums.get(last).copied().unwrap_or_default();
                $sums.clear();
                $sums.reserve(column.len() + 1);
                $sums.push($sum);
                for (first, rows) in stretches {
                    if first {
                        $sum = Default::default();
                        count = 0;
                    }
                    for (row, $value) in rows.clone().zip(values.get(rows).unwrap_or_default()) {
                        if nulls.is_none_or(|nulls| nulls.is_valid(row)) {
                            $sum = $next;
                            count += 1;
                        }
                        $sums.push($sum);
                        counts.push(count);
                    }
                }
            }};
        }
        macro_rules! exact {
            ($type:ty, $sums:expr) => {
                add!($type, $sums, |sum, value| sum
                    .checked_add(i128::from(*value))
                    .ok_or_else(|| out_of_range("Decimal overflow"))?)
            };
        }
        match (&mut self.states.sums, column.data_type()) {
            (Sums::Exact(sums), DataType::Int8) => exact!(Int8Type, sums),
            (Sums::Exact(sums), DataType::Int16) => exact!(Int16Type, sums),
            (Sums::Exact(sums), DataType::Int32) => exact!(Int32Type, sums),
            (Sums::Exact(sums), DataType::Int64) => exact!(Int64Type, sums),
            (Sums::Exact(sums), DataType::Decimal128(_, _)) => exact!(Decimal128Type, sums),
            (Sums::Float(sums), DataType::Float32) => add!(Float32Type, sums, |sum, value| sum + f64::from(*value)),
            (Sums::Float(sums), DataType::Float64) => add!(Float64Type, sums, |sum, value| sum + value),
            (_, other) => return Err(internal(format!("`{other}` cannot be totalled"))),
        }
        Ok(())
    }

    /// The totals after each of the rows last added.
    ///
    /// # Errors
    /// A total that does not fit its type.
    pub fn after_each(&self) -> Result<ArrayRef> {
        let counts = self.states.counts.get(1..).unwrap_or_default();
        match &self.states.sums {
            Sums::Exact(sums) => self.states.exact_results(sums.get(1..).unwrap_or_default(), counts),
            Sums::Float(sums) => Ok(self.states.float_results(sums.get(1..).unwrap_or_default(), counts)),
        }
    }

    /// The totals before some of the rows last added; that before the row after them all is the one after the last.
    ///
    /// # Errors
    /// A total that does not fit its type.
    pub fn before(&self, rows: &[usize]) -> Result<ArrayRef> {
        let counts = chosen(&self.states.counts, rows);
        match &self.states.sums {
            Sums::Exact(sums) => self.states.exact_results(&chosen(sums, rows), &counts),
            Sums::Float(sums) => Ok(self.states.float_results(&chosen(sums, rows), &counts)),
        }
    }

    /// The total after all rows: one value.
    ///
    /// # Errors
    /// A total that does not fit its type.
    pub fn current(&self) -> Result<ArrayRef> {
        let last: Vec<usize> = once(self.states.counts.len().saturating_sub(1)).collect();
        self.before(&last)
    }
}

fn chosen<T: Copy>(states: &[T], rows: &[usize]) -> Vec<T> {
    rows.iter().filter_map(|row| states.get(*row).copied()).collect()
}
