//! Loads a published version into a relational mart.
//!
//! What is common to all databases comes first: [`open`] reads a URL, a version's types and names are checked, its Parquet files
//! are read as typed values batch by batch, and the ledger decides whether there is anything to do. What a database is asked,
//! and in which notation values reach it, is a module of its own per database; `sqlite` is the one there is.

mod fault;
mod ledger;
mod rows;
mod sqlite;
mod types;
mod url;
mod value;
mod version;

use std::ops::ControlFlow;
use std::path::Path;

use tarn_pipeline::ports::{Mart, MartError};

use crate::sqlite::SqliteMart;
use crate::url::Location;

/// Opens the mart behind a URL, e.g. `sqlite:reporting.db`; a relative path starts at `base`. The database is made when first loaded.
///
/// # Errors
/// A URL that names no database this program can load; the message never holds more of the URL than its scheme.
pub fn open(url: &str, base: &Path) -> Result<Box<dyn Mart>, MartError> {
    match url::parse(url, base)? {
        Location::Sqlite(path) => Ok(Box::new(SqliteMart::new(path))),
    }
}

/// Rows of a mart as text.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct QueryRows {
    /// The names of the columns.
    pub columns: Vec<String>,
    /// The rows, one text for each column; `None` is null, bytes are written in base 16.
    pub rows: Vec<Vec<Option<String>>>,
}

/// Runs one query against a mart, over a connection that can only read, and keeps all rows. Blocks.
///
/// # Errors
/// A mart that is not there or cannot be read, a statement that fails, writes, or is more than one.
pub fn query(url: &str, base: &Path, sql: &str) -> Result<QueryRows, MartError> {
    let mut rows = Vec::new();
    let columns = query_each(url, base, sql, &mut |_, row| {
        rows.push(row.to_vec());
        ControlFlow::Continue(())
    })?;
    Ok(QueryRows { columns, rows })
}

/// Gets the names of the columns and the values of one row; [`ControlFlow::Break`] ends the query.
pub type RowReceiver<'a> = dyn FnMut(&[String], &[Option<String>]) -> ControlFlow<()> + 'a;

/// Like [`query`], handing each row to `receive`.
/// Returns the names of the columns.
///
/// # Errors
/// As for [`query`].
pub fn query_each(url: &str, base: &Path, sql: &str, receive: &mut RowReceiver<'_>) -> Result<Vec<String>, MartError> {
    match url::parse(url, base)? {
        Location::Sqlite(path) => sqlite::query(&path, sql, receive),
    }
}
