//! What grouped accumulators share: one group as a plain accumulator, and rows as partial states.

use std::fmt::Debug;

use arrow::array::{ArrayRef, BooleanArray};
use datafusion::common::{Result, ScalarValue};
use datafusion::logical_expr::{Accumulator, EmitTo, GroupsAccumulator};

/// State of many groups that can be copied, made anew, and perhaps run backwards.
pub(crate) trait Groups: GroupsAccumulator + Clone + Debug + Sync {
    /// An accumulator of the same kind without groups.
    fn fresh(&self) -> Self;

    /// Takes rows of the only group out again, for sliding windows.
    fn retract(&mut self, _values: &[ArrayRef]) -> Result<()> {
        Err(crate::failure::not_supported("a sliding window frame for this aggregate"))
    }

    fn can_retract(&self) -> bool {
        false
    }
}

/// Turns each row into a state of its own, as the engine asks when grouping early does not pay.
pub(crate) fn rows_as_states<G: Groups>(
    groups: &G,
    values: &[ArrayRef],
    filter: Option<&BooleanArray>,
) -> Result<Vec<ArrayRef>> {
    let rows = values.first().map_or(0, |column| column.len());
    let indices: Vec<usize> = (0..rows).collect();
    let mut fresh = groups.fresh();
    fresh.update_batch(values, &indices, filter, rows)?;
    fresh.state(EmitTo::All)
}

/// The only group of a grouped accumulator.
#[derive(Debug)]
pub(crate) struct Single<G>(pub(crate) G);

impl<G: Groups + 'static> Accumulator for Single<G> {
    fn update_batch(&mut self, values: &[ArrayRef]) -> Result<()> {
        let rows = values.first().map_or(0, |column| column.len());
        self.0.update_batch(values, &vec![0; rows], None, 1)
    }

    fn merge_batch(&mut self, states: &[ArrayRef]) -> Result<()> {
        let rows = states.first().map_or(0, |column| column.len());
        self.0.merge_batch(states, &vec![0; rows], 1)
    }

    // Windows ask again and again: the state must stay.
    fn evaluate(&mut self) -> Result<ScalarValue> {
        let mut copy = self.0.clone();
        copy.update_batch(&[], &[], None, 1)?;
        ScalarValue::try_from_array(&copy.evaluate(EmitTo::All)?, 0)
    }

    fn state(&mut self) -> Result<Vec<ScalarValue>> {
        let mut copy = self.0.clone();
        copy.update_batch(&[], &[], None, 1)?;
        copy.state(EmitTo::All)?.iter().map(|column| ScalarValue::try_from_array(column, 0)).collect()
    }

    fn retract_batch(&mut self, values: &[ArrayRef]) -> Result<()> {
        self.0.retract(values)
    }

    fn supports_retract_batch(&self) -> bool {
        self.0.can_retract()
    }

    fn size(&self) -> usize {
        self.0.size()
    }
}
