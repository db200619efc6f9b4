//! What runs along with the rows of a partition: totals, counts, and rows that are picked.

use std::cmp::Ordering;
use std::sync::Arc;

use arrow::array::{Array, ArrayRef, Int64Array, make_comparator, new_null_array};
use arrow::compute::{SortOptions, interleave};
use arrow::datatypes::DataType;
use datafusion::common::Result;
use tarn_functions::RunningTotal;

use super::rows::Rows;
use super::running::Running;
use crate::operator::internal;

impl Running for RunningTotal {
    fn after_each(&mut self, arguments: &[ArrayRef], rows: &Rows) -> Result<ArrayRef> {
        self.add(only(arguments)?, rows.stretches())?;
        RunningTotal::after_each(self)
    }

    fn before(&mut self, arguments: &[ArrayRef], rows: &Rows, wanted: &[usize]) -> Result<ArrayRef> {
        self.add(only(arguments)?, rows.stretches())?;
        RunningTotal::before(self, wanted)
    }

    fn current(&mut self) -> Result<ArrayRef> {
        RunningTotal::current(self)
    }
}

fn only(arguments: &[ArrayRef]) -> Result<&ArrayRef> {
    arguments.first().ok_or_else(|| internal("one argument is expected"))
}

/// The states before some rows: `states` has one before each row, and one after the last.
fn chosen<T: Copy>(states: &[T], rows: &[usize]) -> Vec<T> {
    rows.iter().filter_map(|row| states.get(*row).copied()).collect()
}

/// How many values are not null.
#[derive(Debug, Default)]
pub(super) struct Count(i64);

impl Count {
    /// The counts before each row, and after the last.
    fn states(&mut self, arguments: &[ArrayRef], rows: &Rows) -> Result<Vec<i64>> {
        let nulls = only(arguments)?.logical_nulls();
        let mut states = Vec::with_capacity(rows.count + 1);
        states.push(self.0);
        for (first, stretch) in rows.stretches() {
            if first {
                self.0 = 0;
            }
            for row in stretch {
                self.0 += i64::from(nulls.as_ref().is_none_or(|nulls| nulls.is_valid(row)));
                states.push(self.0);
            }
        }
        Ok(states)
    }
}

impl Running for Count {
    fn after_each(&mut self, arguments: &[ArrayRef], rows: &Rows) -> Result<ArrayRef> {
        let mut states = self.states(arguments, rows)?;
        states.remove(0);
        Ok(Arc::new(Int64Array::from(states)))
    }

    fn before(&mut self, arguments: &[ArrayRef], rows: &Rows, wanted: &[usize]) -> Result<ArrayRef> {
        let states = self.states(arguments, rows)?;
        Ok(Arc::new(Int64Array::from(chosen(&states, wanted))))
    }

    fn current(&mut self) -> Result<ArrayRef> {
        Ok(Arc::new(Int64Array::from(vec![self.0])))
    }
}

/// Which row's value is taken.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Choice {
    First,
    Last,
    /// The least value that is not null; floats in their total order, as the engine's `min` has them.
    Least,
    Greatest,
}

/// The value of one of the partition's rows.
#[derive(Debug)]
pub(super) struct Picked {
    choice: Choice,
    /// The value of the last row, in one row.
    held: ArrayRef,
    /// One null.
    none: ArrayRef,
}

/// Where a value is: in `held`, in the argument, or nowhere.
type Place = (usize, usize);
const HELD: Place = (0, 0);
const ARGUMENT: usize = 1;
const NONE: Place = (2, 0);

impl Picked {
    pub(super) fn new(choice: Choice, argument: &DataType) -> Self {
        let none = new_null_array(argument, 1);
        Self { choice, held: Arc::clone(&none), none }
    }

    /// The places before each row, and after the last.
    fn places(&self, argument: &ArrayRef, rows: &Rows) -> Result<Vec<Place>> {
        let mut places = Vec::with_capacity(rows.count + 1);
        places.push(HELD);
        let wanted = match self.choice {
            Choice::First => {
                for (first, stretch) in rows.stretches() {
                    let place = if first { (ARGUMENT, stretch.start) } else { HELD };
                    places.extend(stretch.map(|_| place));
                }
                return Ok(places);
            }
            Choice::Last => {
                places.extend((0..rows.count).map(|row| (ARGUMENT, row)));
                return Ok(places);
            }
            Choice::Least => Ordering::Less,
            Choice::Greatest => Ordering::Greater,
        };
        let with_held = make_comparator(argument, &self.held, SortOptions::default())?;
        let with_other = make_comparator(argument, argument, SortOptions::default())?;
        let mut best = if self.held.is_null(0) { NONE } else { HELD };
        for (first, stretch) in rows.stretches() {
            if first {
                best = NONE;
            }
            for row in stretch {
                let is_better = argument.is_valid(row)
                    && match best {
                        NONE => true,
                        HELD => with_held(row, 0) == wanted,
                        (_, other) => with_other(row, other) == wanted,
                    };
                if is_better {
                    best = (ARGUMENT, row);
                }
                places.push(best);
            }
        }
        Ok(places)
    }

    fn pick(&mut self, argument: &ArrayRef, wanted: &[Place], last: Place) -> Result<ArrayRef> {
        let arrays: [&dyn Array; 3] = [&self.held, argument, &self.none];
        let values = interleave(&arrays, wanted)?;
        self.held = interleave(&arrays, &[last])?;
        Ok(values)
    }
}

impl Running for Picked {
    fn after_each(&mut self, arguments: &[ArrayRef], rows: &Rows) -> Result<ArrayRef> {
        let argument = only(arguments)?;
        let places = self.places(argument, rows)?;
        let last = places.last().copied().unwrap_or(HELD);
        self.pick(argument, places.get(1..).unwrap_or_default(), last)
    }

    fn before(&mut self, arguments: &[ArrayRef], rows: &Rows, wanted: &[usize]) -> Result<ArrayRef> {
        let argument = only(arguments)?;
        let places = self.places(argument, rows)?;
        let last = places.last().copied().unwrap_or(HELD);
        self.pick(argument, &chosen(&places, wanted), last)
    }

    fn current(&mut self) -> Result<ArrayRef> {
        Ok(Arc::clone(&self.held))
    }
}
