//! Typed rows as Arrow batches in memory.

use arrow::array::RecordBatch;
use arrow::datatypes::SchemaRef;
use arrow::error::ArrowError;
use tarn_flatten::{Contract, Row, RowSink};

use crate::builder::BatchBuilder;
use crate::column::{AddedColumns, schema};
use crate::error::ColumnarError;

/// Collects rows as Arrow batches.
#[derive(Debug)]
pub struct RowBatches {
    schema: SchemaRef,
    builder: BatchBuilder,
    batch_rows: usize,
    batches: Vec<RecordBatch>,
    failure: Option<ArrowError>,
}

impl RowBatches {
    /// Batches of at most `batch_rows` rows, with the columns of the contract and the added ones.
    #[must_use]
    pub fn new(contract: &Contract, added: AddedColumns, batch_rows: usize) -> Self {
        let schema = schema(contract, added);
        let builder = BatchBuilder::new(SchemaRef::clone(&schema), added, batch_rows);
        Self { schema, builder, batch_rows: batch_rows.max(1), batches: Vec::new(), failure: None }
    }

    /// The schema of the batches.
    #[must_use]
    pub fn schema(&self) -> &SchemaRef {
        &self.schema
    }

    /// Takes the full batches out, so that they do not pile up.
    pub fn take_full(&mut self) -> Vec<RecordBatch> {
        std::mem::take(&mut self.batches)
    }

    /// All batches that were not taken out, the last one as full as it got.
    ///
    /// # Errors
    ///
    /// When the columns did not make a batch.
    pub fn finish(mut self) -> Result<Vec<RecordBatch>, ColumnarError> {
        if self.builder.rows() > 0 {
            self.complete_batch();
        }
        match self.failure {
            Some(failure) => Err(failure.into()),
            None => Ok(self.batches),
        }
    }

    fn complete_batch(&mut self) {
        match self.builder.finish() {
            Ok(batch) => self.batches.push(batch),
            Err(failure) => self.failure = Some(failure),
        }
    }
}

impl RowSink for RowBatches {
    fn row(&mut self, row: &Row<'_>) {
        self.builder.append(row);
        if self.builder.rows() >= self.batch_rows {
            self.complete_batch();
        }
    }
}
