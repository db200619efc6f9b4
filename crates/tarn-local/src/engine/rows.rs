//! A small result as text.

use futures::StreamExt;
use tarn_dialect::display_value;
use tarn_pipeline::ports::{EngineError, QueryOutcome};

use super::QueryStream;
use super::errors::with_hint;

/// Rows that a result held in memory may have.
const MOST_ROWS: usize = 100_000;

pub(super) async fn collect(mut result: QueryStream) -> Result<QueryOutcome, EngineError> {
    let mut rows = Vec::new();
    while let Some(batch) = result.next().await {
        let batch = batch?;
        if rows.len() + batch.num_rows() > MOST_ROWS {
            return Err(with_hint(
                format!("the result has more than {MOST_ROWS} rows, too many to hold"),
                "add a `LIMIT`, or take the rows as a stream (`tarn query` does)",
            ));
        }
        let row = |row| batch.columns().iter().map(|array| display_value(array.as_ref(), row)).collect();
        rows.extend((0..batch.num_rows()).map(row));
    }
    let bytes_scanned = result.bytes_scanned();
    Ok(QueryOutcome { columns: result.into_columns(), rows, bytes_scanned, ..QueryOutcome::default() })
}
