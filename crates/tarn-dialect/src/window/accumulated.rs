//! Any aggregate of the engine, called as the engine's own window operator calls it.

use std::fmt;
use std::sync::Arc;

use arrow::array::{Array, ArrayRef, new_empty_array};
use arrow::compute::concat;
use arrow::datatypes::DataType;
use datafusion::common::{Result, ScalarValue};
use datafusion::logical_expr::Accumulator;
use datafusion::physical_expr::window::PlainAggregateWindowExpr;
use datafusion::physical_plan::windows::WindowExpr;

use super::rows::Rows;
use super::running::Running;

/// The state of an aggregate over a partition. Rows are given to it one by one, or all of a group together, as the engine does: what
/// floats add up to may depend on that.
pub(super) struct Accumulated {
    window: Arc<dyn WindowExpr>,
    gives: DataType,
    accumulator: Box<dyn Accumulator>,
    /// Arguments of the group at hand that it was not given yet.
    waiting: Vec<Vec<ArrayRef>>,
}

impl fmt::Debug for Accumulated {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_struct("Accumulated").field("window", &self.window).finish_non_exhaustive()
    }
}

impl Accumulated {
    /// `None` where the window expression is no aggregate without a sliding frame.
    pub(super) fn new(window: &Arc<dyn WindowExpr>) -> Option<Self> {
        let accumulator = accumulator(window)?.ok()?;
        let gives = window.field().ok()?.data_type().clone();
        Some(Self { window: Arc::clone(window), gives, accumulator, waiting: Vec::new() })
    }

    fn begin(&mut self) -> Result<()> {
        if let Some(accumulator) = accumulator(&self.window) {
            self.accumulator = accumulator?;
        }
        Ok(())
    }

    fn wait(&mut self, arguments: &[ArrayRef], start: usize, end: usize) {
        if start < end {
            self.waiting.push(arguments.iter().map(|argument| argument.slice(start, end - start)).collect());
        }
    }

    /// The value with the rows that waited.
    fn value(&mut self) -> Result<ScalarValue> {
        let waiting = std::mem::take(&mut self.waiting);
        match waiting.as_slice() {
            [] => {}
            [arguments] => self.accumulator.update_batch(arguments)?,
            several => {
                let arguments = self.window.expressions().len();
                let column = |argument: usize| {
                    let pieces: Vec<&dyn Array> =
                        several.iter().filter_map(|piece| piece.get(argument)).map(AsRef::as_ref).collect();
                    Ok(concat(&pieces)?)
                };
                self.accumulator.update_batch(&(0..arguments).map(column).collect::<Result<Vec<ArrayRef>>>()?)?;
            }
        }
        self.accumulator.evaluate()
    }

    fn array(&self, values: Vec<ScalarValue>) -> Result<ArrayRef> {
        if values.is_empty() { Ok(new_empty_array(&self.gives)) } else { ScalarValue::iter_to_array(values) }
    }
}

fn accumulator(window: &Arc<dyn WindowExpr>) -> Option<Result<Box<dyn Accumulator>>> {
    let window = window.as_any().downcast_ref::<PlainAggregateWindowExpr>()?;
    Some(window.get_aggregate_expr().create_accumulator())
}

impl Running for Accumulated {
    fn after_each(&mut self, arguments: &[ArrayRef], rows: &Rows) -> Result<ArrayRef> {
        let mut values = Vec::with_capacity(rows.count);
        for (first, stretch) in rows.stretches() {
            if first {
                self.begin()?;
            }
            for row in stretch {
                self.wait(arguments, row, row + 1);
                values.push(self.value()?);
            }
        }
        self.array(values)
    }

    fn before(&mut self, arguments: &[ArrayRef], rows: &Rows, wanted: &[usize]) -> Result<ArrayRef> {
        let mut values = Vec::with_capacity(wanted.len());
        let mut start = 0;
        for end in wanted {
            self.wait(arguments, start, *end);
            values.push(self.value()?);
            if rows.partitions.binary_search(end).is_ok() {
                self.begin()?;
            }
            start = *end;
        }
        self.wait(arguments, start, rows.count);
        self.array(values)
    }

    fn current(&mut self) -> Result<ArrayRef> {
        let value = self.value()?;
        self.array(vec![value])
    }
}
