//! Where partitions, and groups of peers, begin among the rows of a batch.

use std::iter::once;
use std::ops::Range;
use std::sync::Arc;

use arrow::array::{Array, ArrayRef, RecordBatch};
use arrow::compute::{concat, partition};
use datafusion::common::Result;
use datafusion::physical_expr::PhysicalExpr;
use datafusion::physical_expr_common::utils::evaluate_expressions_to_arrays;

/// The rows of a batch.
#[derive(Debug)]
pub(super) struct Rows {
    pub(super) count: usize,
    /// Those that are the first of their partition, in order.
    pub(super) partitions: Vec<usize>,
    /// Those that are the first of their partition or of their peers, in order.
    pub(super) peers: Vec<usize>,
}

impl Rows {
    /// The rows of one partition each, in order, and whether they begin it: the first may go on with that of the batch before.
    pub(super) fn stretches(&self) -> impl Iterator<Item = (bool, Range<usize>)> {
        let of_before = 0..self.partitions.first().copied().unwrap_or(self.count);
        let ends = self.partitions.iter().skip(1).copied().chain(once(self.count));
        let begun = self.partitions.iter().copied().zip(ends).map(|(start, end)| (true, start..end));
        once((false, of_before)).filter(|(_, rows)| !rows.is_empty()).chain(begun)
    }
}

/// Tells rows whose keys are not those of the row before. Nulls are equal to each other; floats are, as in the engine's sorts,
/// when all their bits are.
#[derive(Debug)]
pub(super) struct Breaks {
    keys: Vec<Arc<dyn PhysicalExpr>>,
    /// The keys of the row before the next batch, one row of each.
    last: Option<Vec<ArrayRef>>,
}

impl Breaks {
    pub(super) fn new(keys: Vec<Arc<dyn PhysicalExpr>>) -> Self {
        Self { keys, last: None }
    }

    /// Such rows of the next batch, which has rows. The first of all batches is one of them.
    pub(super) fn of(&mut self, batch: &RecordBatch) -> Result<Vec<usize>> {
        let keys = evaluate_expressions_to_arrays(&self.keys, batch)?;
        let last = keys.iter().map(|key| key.slice(key.len().saturating_sub(1), 1)).collect();
        let goes_on = match self.last.replace(last) {
            Some(before) => is_same(&before, &keys)?,
            None => false,
        };
        let starts = match keys.is_empty() {
            true => vec![0],
            false => partition(&keys)?.ranges().into_iter().map(|rows| rows.start).collect(),
        };
        Ok(starts.into_iter().filter(|start| *start > 0 || !goes_on).collect())
    }
}

/// Whether the one row of `before` is equal to the first of `keys`.
fn is_same(before: &[ArrayRef], keys: &[ArrayRef]) -> Result<bool> {
    let pairs = before.iter().zip(keys).map(|(before, key)| Ok(concat(&[before.as_ref(), key.slice(0, 1).as_ref()])?));
    let pairs = pairs.collect::<Result<Vec<ArrayRef>>>()?;
    Ok(pairs.is_empty() || partition(&pairs)?.len() == 1)
}
