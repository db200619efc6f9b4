//! A result whose rows are taken as they come.

use std::fmt;
use std::pin::Pin;
use std::task::{Context, Poll};

use arrow::array::{Array, ArrayRef};
use arrow::record_batch::RecordBatch;
use datafusion::physical_plan::SendableRecordBatchStream;
use futures::{Stream, StreamExt};
use tarn_dialect::{display_value, json_text};
use tarn_pipeline::ports::{Column, EngineError};

use super::errors;
use crate::tables::BytesScanned;

/// The rows of a query in batches; dropping it stops the query.
pub struct QueryStream {
    columns: Vec<Column>,
    batches: SendableRecordBatchStream,
    scanned: BytesScanned,
    nested_as_json: bool,
}

impl fmt::Debug for QueryStream {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_struct("QueryStream").field("columns", &self.columns).finish_non_exhaustive()
    }
}

impl QueryStream {
    pub(super) fn new(columns: Vec<Column>, batches: SendableRecordBatchStream, scanned: BytesScanned) -> Self {
        Self { columns, batches, scanned, nested_as_json: false }
    }

    /// The same with arrays, maps and rows as JSON, and not as Athena prints them.
    #[must_use]
    pub fn with_nested_as_json(self) -> Self {
        Self { nested_as_json: true, ..self }
    }

    /// The columns of the result.
    pub fn columns(&self) -> &[Column] {
        &self.columns
    }

    /// Bytes read so far.
    pub fn bytes_scanned(&self) -> u64 {
        self.scanned.get()
    }

    /// The next rows as Athena prints them, null as `None`; `None` after the last.
    pub async fn next_rows(&mut self) -> Result<Option<Vec<Vec<Option<String>>>>, EngineError> {
        let Some(batch) = self.next().await.transpose()? else {
            return Ok(None);
        };
        let nested_as_json = self.nested_as_json;
        let value = |column: &ArrayRef, row: usize| match column.data_type().is_nested() && nested_as_json {
            true => column.is_valid(row).then(|| json_text(column.as_ref(), row)),
            false => display_value(column.as_ref(), row),
        };
        let row = |row| batch.columns().iter().map(|column| value(column, row)).collect();
        Ok(Some((0..batch.num_rows()).map(row).collect()))
    }

    pub(super) fn into_columns(self) -> Vec<Column> {
        self.columns
    }
}

impl Stream for QueryStream {
    type Item = Result<RecordBatch, EngineError>;

    fn poll_next(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        self.batches.poll_next_unpin(context).map(|next| next.map(|batch| batch.map_err(errors::from_engine)))
    }
}
