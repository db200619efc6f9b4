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
use crate::rows::Slice;
use crate::value::Value;
use crate::version::Version;

/// Far below every server's largest packet, large enough that the costs of a chunk do not matter.
const CHUNK: usize = 256 * 1024;
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
    writer: JoinHandle<Result<u64, MartError>>,
}

impl Feed {
    /// Starts to write the rows of a slice.
    pub(crate) fn start(load: &Arc<Load>, slice: &Slice, objects: &Arc<dyn ObjectStore>, form: Form) -> Self {
        let (sender, chunks) = mpsc::channel(WAITING);
        let (load, slice, objects) = (Arc::clone(load), slice.clone(), Arc::clone(objects));
        let writer = spawn_blocking(move || write(&load, &slice, objects.as_ref(), form, &sender));
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
    form: Form,
    sender: &mpsc::Sender<Chunk>,
) -> Result<u64, MartError> {
    let version = Version::of(load)?;
    let (columns, key) = (version.columns(), version.key()?);
    let (limit, mut rising) = (form.limit, form.rising.then(Rising::default));
    let mut writer = RowWriter::new(form.notation, CHUNK + CHUNK / 4);
    let (mut json, mut rows, mut in_chunk) = (String::new(), 0_u64, 0_u64);
    let mut send = |bytes: Vec<u8>, in_chunk: &mut u64| {
        rows += std::mem::take(in_chunk);
        // An error of the receiver is not told here: it is whoever dropped it that knows why.
        sender.blocking_send(Chunk { bytes: bytes.into(), rows }).map_err(|_| nobody_listens())
    };
    let fresh = || Vec::with_capacity(CHUNK + CHUNK / 4);
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
                rising.begin();
                for place in &key {
                    let value = batch.columns[*place].value(row, &mut json);
                    let value = value.map_err(|what| wrong_value(batch, row, &columns[*place], what))?;
                    if !rising.take(value) {
                        return Err(unordered());
                    }
                }
                if !rising.is_above() {
                    return Err(unordered());
                }
            }
            if writer.bytes.len() > limit {
                let last = writer.bytes.split_off(start);
                if last.len() > limit {
                    return Err(long_row(batch, row, last.len(), limit));
                }
                send(std::mem::replace(&mut writer.bytes, last), &mut in_chunk)?;
            }
            in_chunk += 1;
            if writer.bytes.len() >= CHUNK {
                send(std::mem::replace(&mut writer.bytes, fresh()), &mut in_chunk)?;
            }
        }
        Ok(())
    })?;
    if !writer.bytes.is_empty() {
        send(std::mem::take(&mut writer.bytes), &mut in_chunk)?;
    }
    Ok(rows)
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
