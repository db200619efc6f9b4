//! Rows that no database takes, in words that tell where they are.

use tarn_pipeline::names::Key;
use tarn_pipeline::ports::MartError;

use crate::fault::{WithHint, refused};
use crate::rows::RowBatch;
use crate::types::TypedColumn;

/// Where a row is, as a message names it.
pub(crate) fn place(file: &Key, row: u64) -> String {
    format!("row {} of file `{file}`", row + 1)
}

/// A value that a database cannot hold.
pub(crate) fn wrong_value(batch: &RowBatch<'_>, row: usize, column: &TypedColumn, what: &str) -> MartError {
    let place = place(batch.file, batch.first_row + row as u64);
    refused(format!("column `{}` of type `{}` holds {what}, at {place}", column.name, column.hive_type))
        .hint("change the value in the model, for example to null")
}

/// A row without a key.
pub(crate) fn null_key(batch: &RowBatch<'_>, row: usize, column: &TypedColumn) -> MartError {
    let place = place(batch.file, batch.first_row + row as u64);
    refused(format!("key column `{}` is null at {place}", column.name))
        .hint("leave rows without a key out, or add an audit `not_null` for it")
}

/// A row that no statement can hold.
pub(crate) fn long_row(batch: &RowBatch<'_>, row: usize, bytes: usize, limit: usize) -> MartError {
    let place = place(batch.file, batch.first_row + row as u64);
    refused(format!("a row takes {bytes} bytes where the mart takes statements with {limit}, at {place}"))
        .hint("raise `max_allowed_packet` of the server, or allow `local_infile`, which needs no statement for a row")
}
