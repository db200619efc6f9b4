//! Batches gathered until it is worth handing them to another thread.

use arrow::record_batch::RecordBatch;

const FULL_ROWS: usize = 128 * 1024;
const FULL_BYTES: usize = 16 << 20;

/// Some batches, in order.
#[derive(Debug, Default)]
pub(super) struct Chunk {
    pub(super) batches: Vec<RecordBatch>,
    rows: usize,
    bytes: usize,
}

impl Chunk {
    pub(super) fn push(&mut self, batch: RecordBatch) {
        if batch.num_rows() > 0 {
            self.rows += batch.num_rows();
            self.bytes += batch.get_array_memory_size();
            self.batches.push(batch);
        }
    }

    pub(super) fn is_full(&self) -> bool {
        self.rows >= FULL_ROWS || self.bytes >= FULL_BYTES
    }

    pub(super) fn is_empty(&self) -> bool {
        self.batches.is_empty()
    }
}
