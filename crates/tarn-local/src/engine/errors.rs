//! What went wrong, as the engine's port tells it.

use datafusion::error::DataFusionError;
use tarn_dialect::SqlError;
use tarn_pipeline::ports::{CatalogueError, EngineError, TableEntry, TableKind};

use crate::writing::WriteError;

pub(super) fn from_sql(error: SqlError) -> EngineError {
    let SqlError { message, line, column, hint, .. } = error;
    EngineError { line, column, hint, ..EngineError::permanent(without_kind(message)) }
}

pub(super) fn from_engine(error: DataFusionError) -> EngineError {
    from_sql(SqlError::from(error))
}

/// Messages about a file say all there is to say; what the layers above put in front of them is dropped.
fn without_kind(message: String) -> String {
    match message.find("file `") {
        Some(start) if message.contains("is not a readable Parquet file") => message[start..].to_owned(),
        _ => message,
    }
}

pub(super) fn from_catalogue(error: CatalogueError) -> EngineError {
    let retryable = error.is_retryable();
    EngineError { retryable, ..EngineError::permanent(error.to_string()) }
}

pub(super) fn from_write(error: WriteError) -> EngineError {
    match error {
        WriteError::Query(error) => from_engine(error),
        WriteError::Object(error) => {
            EngineError { retryable: error.is_retryable(), ..EngineError::permanent(error.to_string()) }
        }
        WriteError::Encode(message) => EngineError::permanent(message),
    }
}

pub(super) fn not_a_query() -> EngineError {
    with_hint("the statement is no query", "write a `SELECT`")
}

pub(super) fn no_such_table(name: &str) -> EngineError {
    EngineError::permanent(format!("table `{name}` does not exist"))
}

pub(super) fn with_hint(message: impl Into<String>, hint: impl Into<String>) -> EngineError {
    EngineError { hint: Some(hint.into()), ..EngineError::permanent(message) }
}

/// A view is no table: what is meant for the one must not happen to the other.
pub(super) fn refuse_other_kind(entry: &TableEntry, view: bool) -> Result<(), EngineError> {
    let name = &entry.name;
    match (&entry.kind, view) {
        (TableKind::View { .. }, false) => {
            Err(with_hint(format!("`{name}` is a view, not a table"), "use `DROP VIEW` or `CREATE OR REPLACE VIEW`"))
        }
        (TableKind::Table { .. }, true) => {
            Err(with_hint(format!("`{name}` is a table, not a view"), "use `DROP TABLE`"))
        }
        _ => Ok(()),
    }
}
