//! Rows into Parquet files of a folder of the bucket, split by partition.
//!
//! Batches are gathered into chunks and dealt out in turn to as many threads as the engine has partitions. Each thread encodes its
//! chunks into files of its own, so a small result is one file and a large one is a file per thread (and partition). Rows keep
//! their order within a file. All files are named only at the end, when all of them are whole: until then nothing is visible, and a
//! write that is dropped leaves nothing behind.

mod chunks;
mod encoder;
mod folder;
mod partitions;

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use arrow::datatypes::SchemaRef;
use arrow::record_batch::RecordBatch;
use datafusion::error::DataFusionError;
use datafusion::physical_plan::SendableRecordBatchStream;
use futures::StreamExt;
use tarn_pipeline::names::Key;
use tarn_pipeline::ports::ObjectError;
use tokio::sync::mpsc;
use tokio::task::JoinHandle;

use crate::objects::LocalObjects;
use chunks::Chunk;
use encoder::ClosedFile;
pub(crate) use encoder::Compression;
use folder::FolderWriter;

/// Where rows go and how.
#[derive(Debug)]
pub(crate) struct Target {
    /// The bucket.
    pub(crate) objects: LocalObjects,
    /// The folder, ending in `/`.
    pub(crate) location: Key,
    /// How files' names begin: `part`.
    pub(crate) prefix: String,
    /// The columns that rows are cast to, partition keys last.
    pub(crate) schema: SchemaRef,
    /// How many of the columns are partition keys.
    pub(crate) key_count: usize,
    /// The files' compression.
    pub(crate) compression: Compression,
}

impl Target {
    /// How many columns the files have.
    pub(crate) fn column_count(&self) -> usize {
        self.schema.fields().len().saturating_sub(self.key_count)
    }
}

/// What was written.
#[derive(Debug, Default)]
pub(crate) struct Written {
    /// Rows in all.
    pub(crate) rows: u64,
    /// Files.
    pub(crate) files: u64,
    /// Bytes of those files.
    pub(crate) bytes: u64,
    /// Partitions with at least one row, sorted: values and folder.
    pub(crate) partitions: Vec<(Vec<Option<String>>, Key)>,
}

/// Why nothing was written.
#[derive(Debug, thiserror::Error)]
pub(crate) enum WriteError {
    /// The query failed.
    #[error(transparent)]
    Query(#[from] DataFusionError),
    /// The bucket refused.
    #[error(transparent)]
    Object(#[from] ObjectError),
    /// A file could not be encoded or written; the message names the folder.
    #[error("{0}")]
    Encode(String),
}

/// What a thread is told.
enum Message {
    Rows(Chunk),
    Close,
}

struct Worker {
    sender: mpsc::Sender<Message>,
    closed: JoinHandle<Result<Vec<ClosedFile>, WriteError>>,
}

/// Writes all rows of the stream; returns when every file is in its place.
pub(crate) async fn write(
    mut rows: SendableRecordBatchStream,
    target: Target,
    threads: usize,
) -> Result<Written, WriteError> {
    let target = Arc::new(target);
    let mut workers = Workers { target: Arc::clone(&target), limit: threads.max(1), started: Vec::new(), turn: 0 };
    let mut chunk = Chunk::default();
    while let Some(batch) = rows.next().await {
        let batch: RecordBatch = batch?;
        chunk.push(batch);
        if chunk.is_full() {
            workers.deal(std::mem::take(&mut chunk)).await?;
        }
    }
    drop(rows);
    if !chunk.is_empty() {
        workers.deal(chunk).await?;
    }
    let files = workers.close().await?;
    put_in_place(target, files).await
}

/// The threads that encode; they are started as chunks come.
struct Workers {
    target: Arc<Target>,
    limit: usize,
    started: Vec<Worker>,
    turn: usize,
}

impl Workers {
    async fn deal(&mut self, chunk: Chunk) -> Result<(), WriteError> {
        if self.started.len() < self.limit {
            self.started.push(start(Arc::clone(&self.target), self.started.len()));
        }
        let turn = self.turn % self.started.len();
        self.turn = turn + 1;
        if self.started[turn].sender.send(Message::Rows(chunk)).await.is_ok() {
            return Ok(());
        }
        // The thread has stopped: it knows why.
        let stopped = self.started.swap_remove(turn);
        match join(stopped).await {
            Err(error) => Err(error),
            Ok(_) => Err(WriteError::Encode("a thread that writes files has stopped".to_owned())),
        }
    }

    async fn close(self) -> Result<Vec<ClosedFile>, WriteError> {
        for worker in &self.started {
            // A thread that has stopped says why when it is joined.
            let _ = worker.sender.send(Message::Close).await;
        }
        let mut files = Vec::new();
        for worker in self.started {
            files.extend(join(worker).await?);
        }
        Ok(files)
    }
}

fn start(target: Arc<Target>, number: usize) -> Worker {
    // One chunk waits while another is encoded.
    let (sender, mut messages) = mpsc::channel(1);
    let closed = tokio::task::spawn_blocking(move || {
        let mut folder = FolderWriter::new(target, number);
        loop {
            match messages.blocking_recv() {
                Some(Message::Rows(chunk)) => folder.write(chunk)?,
                Some(Message::Close) => return folder.close(),
                // The write was dropped: the files are, too.
                None => return Ok(vec![]),
            }
        }
    });
    Worker { sender, closed }
}

async fn join(worker: Worker) -> Result<Vec<ClosedFile>, WriteError> {
    drop(worker.sender);
    worker.closed.await.unwrap_or_else(|stopped| Err(WriteError::Encode(stopped.to_string())))
}

/// Tells a thread that nobody waits for it any more.
struct Abandon(Arc<AtomicBool>);

impl Drop for Abandon {
    fn drop(&mut self) {
        self.0.store(true, Ordering::Relaxed);
    }
}

async fn put_in_place(target: Arc<Target>, files: Vec<ClosedFile>) -> Result<Written, WriteError> {
    let abandoned = Abandon(Arc::default());
    let flag = Arc::clone(&abandoned.0);
    let place = move || place_all(&target, files, &flag);
    let placed = tokio::task::spawn_blocking(place).await;
    placed.unwrap_or_else(|stopped| Err(WriteError::Encode(stopped.to_string())))
}

fn place_all(target: &Target, files: Vec<ClosedFile>, abandoned: &AtomicBool) -> Result<Written, WriteError> {
    let mut written = Written::default();
    let mut placed = Vec::new();
    for file in files {
        let key = file.object.key().clone();
        let outcome = match abandoned.load(Ordering::Relaxed) {
            true => Err(WriteError::Encode("the write was given up".to_owned())),
            false => file.object.finish().map_err(WriteError::from),
        };
        if let Err(error) = outcome {
            placed.iter().for_each(|key| target.objects.take_back(key));
            return Err(error);
        }
        placed.push(key);
        written.rows += file.rows;
        written.bytes += file.bytes;
        written.files += 1;
        written.partitions.push((file.values, file.folder));
    }
    written.partitions.sort_unstable();
    written.partitions.dedup();
    Ok(written)
}
