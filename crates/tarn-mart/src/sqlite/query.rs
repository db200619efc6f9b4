//! Questions to a mart, over a connection that cannot write.

use std::path::Path;

use rusqlite::types::ValueRef;
use tarn_pipeline::ports::MartError;

use super::fault::SqliteFault;
use super::{WAIT_FOR_WRITERS, connection};
use crate::RowReceiver;
use crate::fault::{WithHint, refused};

/// Runs one statement and hands over its rows as text; returns the names of the columns.
pub(crate) fn query(path: &Path, sql: &str, receive: &mut RowReceiver<'_>) -> Result<Vec<String>, MartError> {
    if !path.exists() {
        return Err(refused(format!("mart `{}` is not there", path.display()))
            .hint("it is made when a version is loaded: run the models first"));
    }
    run(path, sql, receive).map_err(|fault| match fault {
        SqliteFault::Database(rusqlite::Error::MultipleStatement) => {
            refused("only one statement can be asked at a time")
        }
        SqliteFault::Database(rusqlite::Error::SqlInputError { msg, .. }) => refused(msg),
        SqliteFault::Database(rusqlite::Error::SqliteFailure(failure, _))
            if failure.code == rusqlite::ErrorCode::ReadOnly =>
        {
            refused("a query cannot write to a mart").hint("a mart is filled by loading versions")
        }
        // No such table, no such function, and the like.
        SqliteFault::Database(rusqlite::Error::SqliteFailure(failure, Some(message)))
            if failure.code == rusqlite::ErrorCode::Unknown =>
        {
            refused(message)
        }
        other => other.explain(path),
    })
}

fn run(path: &Path, sql: &str, receive: &mut RowReceiver<'_>) -> Result<Vec<String>, SqliteFault> {
    let connection = connection::open_to_read(path, WAIT_FOR_WRITERS)?;
    let mut statement = connection.prepare(sql)?;
    let columns: Vec<String> = statement.column_names().map(str::to_owned).collect();
    let mut texts: Vec<Option<String>> = vec![None; columns.len()];
    let mut rows = statement.query([])?;
    while let Some(row) = rows.next()? {
        for (place, text) in texts.iter_mut().enumerate() {
            *text = as_text(row.get_ref(place)?);
        }
        if receive(&columns, &texts).is_break() {
            break;
        }
    }
    Ok(columns)
}

/// A value as text; null is `None`, bytes are in base 16.
pub(super) fn as_text(value: ValueRef<'_>) -> Option<String> {
    match value {
        ValueRef::Null => None,
        ValueRef::Integer(number) => Some(number.to_string()),
        ValueRef::Real(number) => Some(format!("{number:?}")),
        ValueRef::Text(bytes) => Some(String::from_utf8_lossy(bytes).into_owned()),
        ValueRef::Blob(bytes) => Some(bytes.iter().map(|byte| format!("{byte:02x}")).collect()),
    }
}
