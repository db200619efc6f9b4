//! Rows on their way from Parquet files to a connection: written by a thread of its own, in chunks, a few of them at a time.
//!
//! The thread waits when the connection does, so that a load needs the same memory whatever the size of its files.

use std::sync::Arc;

use bytes::Bytes;
use tarn_pipeline::ports::{Load, MartError, ObjectStore};
use tokio::sync::mpsc;
use tokio::task::{JoinHandle, spawn_blocking};

use super::notation::{Notation, RowWriter};
use super::order::Rising;
use crate::fault::broken_off;
use crate::refusal::{long_row, null_key, wrong_value};
use crate::rows::{RowBatch, Slice};
use crate::types::TypedColumn;
use crate::value::Value;
use crate::version::Version;

/// Far below every server's largest packet, large enough that the costs of a chunk do not matter.
const CHUNK: usize = 256 * 1024;
/// A chunk and the end of its last row, mostly.
const CAPACITY: usize = CHUNK + CHUNK / 4;
/// Chunks that wait for the connection.
const WAITING: usize = 4;

/// It is never told: the rows come in another way.
const UNORDERED: &str = "the keys of the load do not rise";

/// Whole rows.
pub(crate) struct Chunk {
    pub(crate) bytes: Bytes,
    pub(crate) rows: u64,
}

/// How rows are written.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Form {
    pub(crate) notation: Notation,
    /// The most bytes of a chunk.
    pub(crate) limit: usize,
    /// Whether the writing fails when the keys do not rise from row to row.
    pub(crate) rising: bool,
}

/// The rows of some files, being written.
pub(crate) struct Feed {
    /// Chunks in order; it ends when all are written, or when writing failed.
    pub(crate) chunks: mpsc::Receiver<Chunk>,
    /// Tells how many rows were written, or why not all were.
    pub(crate) writer: JoinHandle<Result<u64, MartError>>,
    /// A name that no other rows have.
    pub(crate) name: String,
    /// The bucket that the rows come from.
    pub(crate) objects: Arc<dyn ObjectStore>,
}

impl Feed {
    /// Starts to write the rows of a slice.
    pub(crate) fn start(load: &Arc<Load>, slice: &Slice, objects: &Arc<dyn ObjectStore>, form: Form) -> Self {
        let (sender, chunks) = mpsc::channel(WAITING);
        let name = slice.name(&load.files);
        let (load, slice, bucket) = (Arc::clone(load), slice.clone(), Arc::clone(objects));
        let writer = spawn_blocking(move || write(&load, &slice, bucket.as_ref(), form, &sender));
        Self { chunks, writer, name, objects: Arc::clone(objects) }
    }

    /// How many rows were written; waits for the thread, which ends when nobody takes its chunks.
    ///
    /// # Errors
    /// Why not all rows were written.
    pub(crate) async fn finish(self) -> Result<u64, MartError> {
        drop(self.chunks);
        self.writer.await.unwrap_or_else(|error| Err(broken_off(error)))
    }
}

/// Written rows on their way to the connection.
struct Chunks<'a> {
    sender: &'a mpsc::Sender<Chunk>,
    /// The most bytes of a chunk.
    limit: usize,
    /// Rows of the chunks that were sent.
    rows: u64,
    /// Rows of the chunk that is being written.
    in_chunk: u64,
}

impl Chunks<'_> {
    /// Takes the row that was written from `start` on, and sends what is full. `false` for a row that is over the limit by itself.
    #[inline(always)]
    fn row_ended(&mut self, writer: &mut RowWriter, start: usize) -> Result<bool, MartError> {
        if writer.bytes.len() > self.limit {
            if writer.bytes.len() - start > self.limit {
                return Ok(false);
            }
            let last = writer.bytes.split_off(start);
            self.send(std::mem::replace(&mut writer.bytes, last))?;
        }
        self.in_chunk += 1;
        if writer.bytes.len() >= CHUNK {
            self.send(std::mem::replace(&mut writer.bytes, Vec::with_capacity(CAPACITY)))?;
        }
        Ok(true)
    }

    #[cold]
    fn send(&mut self, bytes: Vec<u8>) -> Result<(), MartError> {
        self.rows += std::mem::take(&mut self.in_chunk);
        // An error of the receiver is not told here: it is whoever dropped it that knows why.
        self.sender.blocking_send(Chunk { bytes: bytes.into(), rows: self.rows }).map_err(|_| nobody_listens())
    }

    /// Sends what is left; returns all rows.
    fn end(mut self, writer: RowWriter) -> Result<u64, MartError> {
        if !writer.bytes.is_empty() {
            self.send(writer.bytes)?;
        }
        Ok(self.rows)
    }
}

fn write(
    load: &Load,
    slice: &Slice,
    objects: &dyn ObjectStore,
    form: Form,
    sender: &mpsc::Sender<Chunk>,
) -> Result<u64, MartError> {
    let version = Version::of(load)?;
    let (columns, key) = (version.columns(), version.key()?);
    let mut rising = form.rising.then(Rising::default);
    let mut chunks = Chunks { sender, limit: form.limit, rows: 0, in_chunk: 0 };
    let (mut writer, mut json) = (RowWriter::new(form.notation, CAPACITY), String::new());
    version.rows(objects).visit_slice(slice, |batch| {
        for row in 0..batch.rows {
            let start = writer.bytes.len();
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
            if let Some(rising) = &mut rising {
                rises(rising, batch, row, &key, columns, &mut json)?;
            }
            if !chunks.row_ended(&mut writer, start)? {
                return Err(long_row(batch, row, writer.bytes.len() - start, form.limit));
            }
        }
        Ok(())
    })?;
    chunks.end(writer)
}

/// That the key of a row is above that of the row before it.
fn rises(
    rising: &mut Rising,
    batch: &RowBatch<'_>,
    row: usize,
    key: &[usize],
    columns: &[TypedColumn],
    json: &mut String,
) -> Result<(), MartError> {
    rising.begin();
    for place in key {
        let value = batch.columns[*place].value(row, json);
        let value = value.map_err(|what| wrong_value(batch, row, &columns[*place], what))?;
        if !rising.take(value) {
            return Err(unordered());
        }
    }
    if rising.is_above() { Ok(()) } else { Err(unordered()) }
}

/// Whether a load was broken off because its keys do not rise.
pub(crate) fn is_unordered(error: &MartError) -> bool {
    error.message == UNORDERED
}

fn unordered() -> MartError {
    MartError { message: UNORDERED.to_owned(), hint: None, retryable: false }
}

fn nobody_listens() -> MartError {
    MartError { message: "the connection was given up".to_owned(), hint: None, retryable: true }
}
