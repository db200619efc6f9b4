//! Functions of a partition's rows from its first to the current one, to the last of its peers, or to the partition's last.

use std::collections::VecDeque;
use std::fmt::Debug;
use std::iter::repeat_n;

use arrow::array::{Array, ArrayRef};
use arrow::compute::interleave;
use datafusion::common::Result;

use super::column::{Known, WindowColumn};
use super::rows::Rows;

/// What is kept of a partition's rows so far. It changes with each row, and rows come only once.
pub(super) trait Running: Debug + Send {
    /// Takes in rows, and gives the value after each of them.
    fn after_each(&mut self, arguments: &[ArrayRef], rows: &Rows) -> Result<ArrayRef>;

    /// Takes in rows, and gives the values before some of them, which are in order. Other rows are never looked at on their own:
    /// what fails within a group, and no more at its end, does not fail.
    fn before(&mut self, arguments: &[ArrayRef], rows: &Rows, wanted: &[usize]) -> Result<ArrayRef>;

    /// The value after all rows, in one row.
    fn current(&mut self) -> Result<ArrayRef>;
}

/// The values of `ROWS BETWEEN UNBOUNDED PRECEDING AND CURRENT ROW`.
#[derive(Debug)]
pub(super) struct ToRow<R> {
    running: R,
    known: Known,
}

impl<R> ToRow<R> {
    pub(super) fn new(running: R) -> Self {
        Self { running, known: Known::default() }
    }
}

impl<R: Running> WindowColumn for ToRow<R> {
    fn push(&mut self, arguments: &[ArrayRef], rows: &Rows) -> Result<()> {
        self.known.push(self.running.after_each(arguments, rows)?);
        Ok(())
    }

    fn known(&self) -> usize {
        self.known.count()
    }

    fn take(&mut self, count: usize) -> Result<ArrayRef> {
        self.known.take(count)
    }
}

/// Rows that share a value.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Group {
    Peers,
    Partition,
}

/// The values of `RANGE BETWEEN UNBOUNDED PRECEDING AND CURRENT ROW`, and of frames that are the whole partition: all rows of a group
/// have the value after the last of them, which is known when a row comes that is none of them.
#[derive(Debug)]
pub(super) struct ToGroupEnd<R> {
    running: R,
    group: Group,
    /// Rows of the group at hand.
    open: usize,
    ended: VecDeque<Ended>,
    known: usize,
}

/// Groups that have ended.
#[derive(Debug)]
struct Ended {
    /// One for each group.
    values: ArrayRef,
    /// How many rows each has.
    lengths: Vec<usize>,
    /// The group that the next value to be taken belongs to.
    group: usize,
    /// How many of its rows were taken.
    taken: usize,
}

impl<R> ToGroupEnd<R> {
    pub(super) fn new(running: R, group: Group) -> Self {
        Self { running, group, open: 0, ended: VecDeque::new(), known: 0 }
    }

    fn end(&mut self, values: ArrayRef, lengths: Vec<usize>) {
        if !lengths.is_empty() {
            self.known += lengths.iter().sum::<usize>();
            self.ended.push_back(Ended { values, lengths, group: 0, taken: 0 });
        }
    }
}

impl Ended {
    /// Adds the groups of the next values as `(array, group)`, until there are `count` or no group is left.
    fn take(&mut self, array: usize, count: usize, places: &mut Vec<(usize, usize)>) {
        while places.len() < count
            && let Some(length) = self.lengths.get(self.group)
        {
            let rows = (count - places.len()).min(length - self.taken);
            places.extend(repeat_n((array, self.group), rows));
            self.taken += rows;
            if self.taken == *length {
                self.group += 1;
                self.taken = 0;
            }
        }
    }

    fn is_taken(&self) -> bool {
        self.group == self.lengths.len()
    }
}

impl<R: Running> WindowColumn for ToGroupEnd<R> {
    fn needs_peers(&self) -> bool {
        self.group == Group::Peers
    }

    fn push(&mut self, arguments: &[ArrayRef], rows: &Rows) -> Result<()> {
        let starts = if self.group == Group::Peers { &rows.peers } else { &rows.partitions };
        // Before the first row of all no group has ended.
        let ends: Vec<usize> = starts.iter().copied().filter(|row| self.open + row > 0).collect();
        let mut lengths = Vec::with_capacity(ends.len());
        let mut start = 0;
        for end in &ends {
            lengths.push(self.open + end - start);
            self.open = 0;
            start = *end;
        }
        self.open += rows.count - start;
        let values = self.running.before(arguments, rows, &ends)?;
        self.end(values, lengths);
        Ok(())
    }

    fn finish(&mut self) -> Result<()> {
        if self.open > 0 {
            let value = self.running.current()?;
            self.end(value, vec![self.open]);
            self.open = 0;
        }
        Ok(())
    }

    fn known(&self) -> usize {
        self.known
    }

    fn take(&mut self, count: usize) -> Result<ArrayRef> {
        let mut arrays = Vec::new();
        let mut places = Vec::with_capacity(count);
        for ended in &mut self.ended {
            if places.len() == count {
                break;
            }
            ended.take(arrays.len(), count, &mut places);
            arrays.push(ArrayRef::clone(&ended.values));
        }
        while self.ended.front().is_some_and(Ended::is_taken) {
            self.ended.pop_front();
        }
        self.known -= count;
        Ok(interleave(&arrays.iter().map(AsRef::as_ref).collect::<Vec<&dyn Array>>(), &places)?)
    }
}
