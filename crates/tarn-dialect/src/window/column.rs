//! What a column of a window function's values is while its rows come in.

use std::collections::VecDeque;
use std::fmt::Debug;

use arrow::array::{Array, ArrayRef};
use arrow::compute::concat;
use datafusion::common::Result;

use super::rows::Rows;
use crate::operator::internal;

/// A column that follows its rows: some values are known at once, others with later rows.
pub(super) trait WindowColumn: Debug + Send {
    /// Whether [`Rows::peers`] are looked at.
    fn needs_peers(&self) -> bool {
        false
    }

    /// Takes in the next rows.
    fn push(&mut self, arguments: &[ArrayRef], rows: &Rows) -> Result<()>;

    /// Says that no rows follow: after this all values are known.
    fn finish(&mut self) -> Result<()> {
        Ok(())
    }

    /// How many values are known beyond those taken.
    fn known(&self) -> usize;

    /// The next so many values, all of them known.
    fn take(&mut self, count: usize) -> Result<ArrayRef>;
}

/// Known values that wait to be taken.
#[derive(Debug, Default)]
pub(super) struct Known {
    arrays: VecDeque<ArrayRef>,
    count: usize,
}

impl Known {
    pub(super) fn push(&mut self, values: ArrayRef) {
        self.count += values.len();
        self.arrays.push_back(values);
    }

    pub(super) fn count(&self) -> usize {
        self.count
    }

    pub(super) fn take(&mut self, count: usize) -> Result<ArrayRef> {
        let mut pieces = Vec::new();
        let mut missing = count;
        while missing > 0 {
            let values = self.arrays.pop_front().ok_or_else(|| internal("values are taken before they are known"))?;
            if values.len() > missing {
                self.arrays.push_front(values.slice(missing, values.len() - missing));
            }
            let piece = values.slice(0, missing.min(values.len()));
            missing -= piece.len();
            pieces.push(piece);
        }
        self.count -= count;
        match pieces.as_slice() {
            [whole] => Ok(ArrayRef::clone(whole)),
            pieces => Ok(concat(&pieces.iter().map(AsRef::as_ref).collect::<Vec<&dyn Array>>())?),
        }
    }
}
