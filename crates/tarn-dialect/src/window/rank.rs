//! `row_number`, `rank` and `dense_rank`.

use std::sync::Arc;

use arrow::array::{ArrayRef, UInt64Array};
use datafusion::common::Result;

use super::column::{Known, WindowColumn};
use super::rows::Rows;

/// How rows are numbered.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Numbering {
    /// Each by its place in the partition.
    Row,
    /// Peers by the place of the first of them.
    Rank,
    /// Peers by how many groups of peers there were.
    Dense,
}

/// The numbers of rows, from 1 in each partition.
#[derive(Debug)]
pub(super) struct Ranks {
    numbering: Numbering,
    /// Rows of the partition so far.
    rows: u64,
    /// The number of the group of peers at hand.
    group: u64,
    known: Known,
}

impl Ranks {
    pub(super) fn new(numbering: Numbering) -> Self {
        Self { numbering, rows: 0, group: 0, known: Known::default() }
    }

    fn by_rows(&mut self, rows: &Rows) -> Vec<u64> {
        let mut numbers = Vec::with_capacity(rows.count);
        for (first, stretch) in rows.stretches() {
            let before = if first { 0 } else { self.rows };
            self.rows = before + stretch.len() as u64;
            numbers.extend(before + 1..=self.rows);
        }
        numbers
    }

    fn by_groups(&mut self, rows: &Rows) -> Vec<u64> {
        let mut numbers = Vec::with_capacity(rows.count);
        let mut peers = rows.peers.iter().copied().peekable();
        for (first, stretch) in rows.stretches() {
            if first {
                self.rows = 0;
                self.group = 0;
            }
            for row in stretch {
                self.rows += 1;
                if peers.next_if_eq(&row).is_some() {
                    self.group = if self.numbering == Numbering::Dense { self.group + 1 } else { self.rows };
                }
                numbers.push(self.group);
            }
        }
        numbers
    }
}

impl WindowColumn for Ranks {
    fn needs_peers(&self) -> bool {
        self.numbering != Numbering::Row
    }

    fn push(&mut self, _arguments: &[ArrayRef], rows: &Rows) -> Result<()> {
        let numbers = if self.needs_peers() { self.by_groups(rows) } else { self.by_rows(rows) };
        self.known.push(Arc::new(UInt64Array::from(numbers)));
        Ok(())
    }

    fn known(&self) -> usize {
        self.known.count()
    }

    fn take(&mut self, count: usize) -> Result<ArrayRef> {
        self.known.take(count)
    }
}
