//! The statements that make a version, written as a person would write them: someone will read them in a console at night.
//!
//! Every version is made by `CREATE TABLE … AS` into a fresh folder, whatever the strategy: what differs is which rows the
//! version holds and which parts of the published table it replaces. Nothing is ever inserted into, or deleted from, what
//! readers see. Two things are Athena's own: a version with many partitions is written by several statements
//! ([`batched`]), and an Iceberg table, whose commits are atomic, is merged in place ([`merge_into`]).
//!
//! Everything here is a function of its arguments: the same version has the same statements whenever it is prepared.

mod attribution;
mod batches;
mod length;
mod merge;
mod names;
mod partitions;
mod surrogates;
mod table;
mod values;

pub use attribution::{ATTRIBUTION_ROOM, attributed, attribution_of, unattributed};
pub use batches::{Batch, WRITER_LIMIT, batched, batches};
use length::LONGEST;
pub use length::{Known, check_length, refuse_long};
pub use merge::{MERGE_COLUMN_LIMIT, Merge, merge_into, merged_rows, unmergeable_keys};
pub use names::{identifier, literal};
pub use partitions::{PartitionRows, partitions, read_partitions};
pub use surrogates::{WrittenKeys, with_own_keys};
pub use table::{
    Rows, SHAPE_LINES, TableProperties, create_table_as, create_view, delete_partitions, iceberg_columns, iceberg_rows,
    insert_into, shape,
};
pub use values::{predicate, typed_literal};

/// The highest number of bytes of a statement that Athena takes.
pub const STATEMENT_LIMIT: usize = 262_144;

/// A statement and where the user's own SQL stands in it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Statement {
    /// The text.
    pub text: String,
    /// How many lines come before the first line of the user's SQL.
    pub lines_before: usize,
}

impl Statement {
    /// The statement whose query stands around the user's SQL, which begins so many lines further down.
    pub fn below(self, lines: usize) -> Self {
        Self { lines_before: self.lines_before + lines, ..self }
    }
}
