//! Rows on their way from Parquet files to a connection: written by a thread of its own, in chunks, a few of them at a time.
//!
//! The thread waits when the connection does, so that a load needs the same memory whatever the size of its files.

use std::sync::Arc;

use bytes::Bytes;
use tarn_pipeline::ports::{Load, MartError, ObjectStore};
use tokio::sync::mpsc;
use tokio::task::{JoinHandle, spawn_blocking};

use super::notation::{Notation, RowWriter};
use crate::fault::broken_off;
use crate::refusal::{null_key, wrong_value};
use crate::rows::Slice;
use crate::value::Value;
use crate::version::Version;

/// Far below every server's largest packet, large enough that the costs of a chunk do not matter.
const CHUNK: usize = 256 * 1024;
/// Chunks that wait for the connection.
const WAITING: usize = 4;

/// Whole rows.
pub(crate) struct Chunk {
    pub(crate) bytes: Bytes,
    pub(crate) rows: u64,
}

/// The rows of some files, being written.
pub(crate) struct Feed {
    /// Chunks in order; it ends when all are written, or when writing failed.
    pub(crate) chunks: mpsc::Receiver<Chunk>,
    writer: JoinHandle<Result<u64, MartError>>,
}

impl Feed {
    /// Starts to write the rows of a slice.
    pub(crate) fn start(load: &Arc<Load>, slice: &Slice, objects: &Arc<dyn ObjectStore>, notation: Notation) -> Self {
        let (sender, chunks) = mpsc::channel(WAITING);
        let (load, slice, objects) = (Arc::clone(load), slice.clone(), Arc::clone(objects));
        let writer = spawn_blocking(move || write(&load, &slice, objects.as_ref(), notation, &sender));
        Self { chunks, writer }
    }

    /// How many rows were written; waits for the thread, which ends when nobody takes its chunks.
    ///
    /// # Errors
    /// Why not all rows were written.
    pub(crate) async fn finish(self) -> Result<u64, MartError> {
        drop(self.chunks);
        self.writer.await.unwrap_or_else(|error| Err(broken_off(error)))
    }

    /// Parts the chunks from what tells how the writing went.
    pub(crate) fn split(self) -> (mpsc::Receiver<Chunk>, JoinHandle<Result<u64, MartError>>) {
        (self.chunks, self.writer)
    }
}

fn write(
    load: &Load,
    slice: &Slice,
    objects: &dyn ObjectStore,
    notation: Notation,
    sender: &mpsc::Sender<Chunk>,
) -> Result<u64, MartError> {
    let version = Version::of(load)?;
    let (columns, key) = (version.columns(), version.key()?);
    let mut writer = RowWriter::new(notation, CHUNK + CHUNK / 4);
    let (mut json, mut rows, mut in_chunk) = (String::new(), 0_u64, 0_u64);
    // An error of the receiver is not told here: it is whoever dropped it that knows why.
    let send = |bytes: Vec<u8>, rows| sender.blocking_send(Chunk { bytes: bytes.into(), rows }).is_ok();
    version.rows(objects).visit_slice(slice, |batch| {
        for row in 0..batch.rows {
            writer.start_row();
            for (index, values) in batch.columns.iter().enumerate() {
                if index > 0 {
                    writer.separate();
                }
                let column = &columns[index];
                let value = values.value(row, &mut json);
                let value = value.map_err(|what| wrong_value(batch, row, column, what))?;
                if value == Value::Null && key.contains(&index) {
                    return Err(null_key(batch, row, column));
                }
                writer.value(value, column.value_type).map_err(|what| wrong_value(batch, row, column, what))?;
            }
            writer.end_row();
            in_chunk += 1;
            if writer.bytes.len() >= CHUNK {
                let bytes = std::mem::replace(&mut writer.bytes, Vec::with_capacity(CHUNK + CHUNK / 4));
                rows += std::mem::take(&mut in_chunk);
                if !send(bytes, rows) {
                    return Err(nobody_listens());
                }
            }
        }
        Ok(())
    })?;
    if !writer.bytes.is_empty() {
        rows += in_chunk;
        if !send(std::mem::take(&mut writer.bytes), rows) {
            return Err(nobody_listens());
        }
    }
    Ok(rows)
}

fn nobody_listens() -> MartError {
    MartError { message: "the connection was given up".to_owned(), hint: None, retryable: true }
}
