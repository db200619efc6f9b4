//! `lag` and `lead`: values of rows so many before or after.

use std::collections::VecDeque;

use arrow::array::{Array, ArrayRef};
use arrow::compute::interleave;
use datafusion::common::Result;

use super::column::WindowColumn;
use super::rows::Rows;

/// Which row of its partition a value comes from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Direction {
    Back,
    Ahead,
}

/// Values of other rows of the partition, or a default where it has no such row. Rows are numbered from the first of all.
#[derive(Debug)]
pub(super) struct Shift {
    direction: Direction,
    distance: usize,
    /// One row.
    default: ArrayRef,
    /// The argument, batch by batch, as far as it is still needed.
    pieces: VecDeque<ArrayRef>,
    /// The number of the first row in `pieces`.
    first: usize,
    /// How many rows came in.
    count: usize,
    /// The first rows of partitions: of the one that the next value belongs to, and of later ones.
    partitions: VecDeque<usize>,
    /// How many values were taken.
    taken: usize,
    finished: bool,
}

impl Shift {
    /// `distance` is at least 1, `default` one row of the argument's type.
    pub(super) fn new(direction: Direction, distance: usize, default: ArrayRef) -> Self {
        Self {
            direction,
            distance,
            default,
            pieces: VecDeque::new(),
            first: 0,
            count: 0,
            partitions: VecDeque::new(),
            taken: 0,
            finished: false,
        }
    }

    /// The row whose value a row of the partition `start..end` has.
    fn source(&self, row: usize, start: usize, end: usize) -> Option<usize> {
        match self.direction {
            Direction::Back => row.checked_sub(self.distance).filter(|source| *source >= start),
            Direction::Ahead => row.checked_add(self.distance).filter(|source| *source < end),
        }
    }

    /// Where the next values are: in the default, which is array 0, or in one of `pieces`.
    fn places(&mut self, count: usize) -> Vec<(usize, usize)> {
        let mut places = Vec::with_capacity(count);
        let mut piece = Piece { array: 0, start: self.first, end: self.first };
        let end = self.taken + count;
        while self.taken < end {
            let start = self.partitions.front().copied().unwrap_or_default();
            let next = self.partitions.get(1).copied();
            let partition_end = next.unwrap_or(self.count);
            for row in self.taken..end.min(partition_end) {
                places.push(match self.source(row, start, partition_end) {
                    Some(source) => piece.place(source, &self.pieces),
                    None => (0, 0),
                });
            }
            self.taken = end.min(partition_end);
            if next == Some(self.taken) {
                self.partitions.pop_front();
            }
        }
        places
    }

    /// Lets go of what no later value comes from.
    fn forget(&mut self) {
        let needed = match self.direction {
            Direction::Back => {
                let start = self.partitions.front().copied().unwrap_or_default();
                start.max(self.taken.saturating_sub(self.distance))
            }
            Direction::Ahead => self.taken,
        };
        while let Some(piece) = self.pieces.front()
            && self.first + piece.len() <= needed
        {
            self.first += piece.len();
            self.pieces.pop_front();
        }
    }
}

/// The piece that a row was last found in; rows are asked for in order.
struct Piece {
    /// Its number, from 1.
    array: usize,
    start: usize,
    end: usize,
}

impl Piece {
    fn place(&mut self, row: usize, pieces: &VecDeque<ArrayRef>) -> (usize, usize) {
        while row >= self.end
            && let Some(next) = pieces.get(self.array)
        {
            self.array += 1;
            self.start = self.end;
            self.end += next.len();
        }
        (self.array, row - self.start)
    }
}

impl WindowColumn for Shift {
    fn push(&mut self, arguments: &[ArrayRef], rows: &Rows) -> Result<()> {
        self.pieces.extend(arguments.first().cloned());
        self.partitions.extend(rows.partitions.iter().map(|row| self.count + row));
        self.count += rows.count;
        Ok(())
    }

    fn finish(&mut self) -> Result<()> {
        self.finished = true;
        Ok(())
    }

    fn known(&self) -> usize {
        let known = if self.direction == Direction::Back || self.finished {
            self.count
        } else {
            // All rows of partitions that have ended, and of the last those whose source came in.
            let last = self.partitions.back().copied().unwrap_or_default();
            last.max(self.count.saturating_sub(self.distance))
        };
        known.saturating_sub(self.taken)
    }

    fn take(&mut self, count: usize) -> Result<ArrayRef> {
        let places = self.places(count);
        let mut arrays: Vec<&dyn Array> = vec![self.default.as_ref()];
        arrays.extend(self.pieces.iter().map(AsRef::as_ref));
        let values = interleave(&arrays, &places)?;
        self.forget();
        Ok(values)
    }
}
