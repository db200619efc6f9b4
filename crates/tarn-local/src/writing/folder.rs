//! What one thread writes: its files of all partitions, within bounds of memory and open files.

use std::collections::HashMap;
use std::sync::Arc;

use arrow::array::ArrayRef;
use arrow::compute::{CastOptions, cast_with_options, concat_batches};
use arrow::datatypes::{DataType, Schema, SchemaRef};
use arrow::error::ArrowError;
use arrow::record_batch::{RecordBatch, RecordBatchOptions};
use parquet::errors::ParquetError;
use tarn_pipeline::names::Key;

use super::chunks::Chunk;
use super::encoder::{ClosedFile, Encoder};
use super::partitions::{Splitter, Values};
use super::{Target, WriteError};
use crate::disk;

/// Bytes that one thread's unfinished row groups may hold together.
const MEMORY: usize = 96 << 20;
/// Files that one thread has open at once; systems allow a process 1,024 or 256.
const OPEN_FILES: usize = 96;

pub(super) struct FolderWriter {
    target: Arc<Target>,
    number: usize,
    file_schema: SchemaRef,
    splitter: Option<Splitter>,
    open: HashMap<Values, Encoder>,
    closed: Vec<ClosedFile>,
    /// Files started per partition so far.
    started: HashMap<Values, usize>,
    chunks: u64,
}

impl FolderWriter {
    pub(super) fn new(target: Arc<Target>, number: usize) -> Self {
        let columns = target.schema.fields()[..target.column_count()].to_vec();
        Self {
            file_schema: Arc::new(Schema::new(columns)),
            target,
            number,
            splitter: None,
            open: HashMap::new(),
            closed: Vec::new(),
            started: HashMap::new(),
            chunks: 0,
        }
    }

    pub(super) fn write(&mut self, chunk: Chunk) -> Result<(), WriteError> {
        self.try_write(chunk).map_err(|error| self.failed(&error))
    }

    pub(super) fn close(mut self) -> Result<Vec<ClosedFile>, WriteError> {
        self.close_all().map_err(|error| self.failed(&error))?;
        // Threads and hashing must not decide in which order files appear.
        self.closed.sort_by(|left, right| left.object.key().cmp(right.object.key()));
        Ok(self.closed)
    }

    fn failed(&self, error: &ParquetError) -> WriteError {
        use std::error::Error;
        let cause = error.source().and_then(|source| source.downcast_ref::<std::io::Error>());
        let reason = match cause {
            Some(io) => {
                disk::explain(std::io::Error::new(io.kind(), io.to_string()), self.target.objects.root()).to_string()
            }
            None => error.to_string(),
        };
        WriteError::Encode(format!("files of `{}` could not be written: {reason}", self.target.location))
    }

    fn try_write(&mut self, chunk: Chunk) -> Result<(), ParquetError> {
        self.chunks += 1;
        if self.target.key_count == 0 {
            for batch in &chunk.batches {
                let (columns, _) = self.conform(batch)?;
                self.encode(Values::new(), &columns)?;
            }
            return self.stay_within_bounds();
        }
        // Split as one: the more rows at a time, the fewer tiny pieces per partition.
        let Some(first) = chunk.batches.first() else { return Ok(()) };
        let whole = concat_batches(&first.schema(), &chunk.batches)?;
        drop(chunk);
        let (columns, keys) = self.conform(&whole)?;
        let mut splitter = match self.splitter.take() {
            Some(splitter) => splitter,
            None => Splitter::new(&keys)?,
        };
        let parts = splitter.split(&columns, &keys)?;
        self.splitter = Some(splitter);
        for (values, part) in parts {
            self.encode(values, &part)?;
            self.stay_within_bounds()?;
        }
        Ok(())
    }

    /// The rows in the table's types: columns of the files, and partition keys.
    fn conform(&self, batch: &RecordBatch) -> Result<(RecordBatch, Vec<ArrayRef>), ArrowError> {
        let wanted = self.target.schema.fields().iter();
        let cast = |(array, field): (&ArrayRef, &Arc<arrow::datatypes::Field>)| conform_array(array, field.data_type());
        let mut arrays = batch.columns().iter().zip(wanted).map(cast).collect::<Result<Vec<_>, _>>()?;
        let keys = arrays.split_off(self.target.column_count().min(arrays.len()));
        let options = RecordBatchOptions::new().with_row_count(Some(batch.num_rows()));
        let columns = RecordBatch::try_new_with_options(Arc::clone(&self.file_schema), arrays, &options)?;
        Ok((columns, keys))
    }

    fn encode(&mut self, values: Values, rows: &RecordBatch) -> Result<(), ParquetError> {
        if !self.open.contains_key(&values) {
            let encoder = self.start(values.clone())?;
            self.open.insert(values.clone(), encoder);
        }
        let Some(encoder) = self.open.get_mut(&values) else { return Ok(()) };
        encoder.last_used = self.chunks;
        encoder.write(rows)
    }

    fn start(&mut self, values: Values) -> Result<Encoder, ParquetError> {
        let started = self.started.entry(values.clone()).or_default();
        let again = if *started == 0 { String::new() } else { format!("-{started}") };
        *started += 1;
        let name = format!("{}-{:05}{again}.parquet", self.target.prefix, self.number);
        let folder = self.folder_of(&values);
        let (objects, compression) = (&self.target.objects, self.target.compression);
        Encoder::start(objects, (folder, name), values, Arc::clone(&self.file_schema), compression)
    }

    fn folder_of(&self, values: &Values) -> Key {
        let keys = &self.target.schema.fields()[self.target.column_count()..];
        let named = keys.iter().zip(values);
        named.fold(self.target.location.clone(), |folder, (key, value)| {
            folder.join(&format!("{}/", tarn_pipeline::hive::folder_name(key.name(), value.as_deref())))
        })
    }

    fn stay_within_bounds(&mut self) -> Result<(), ParquetError> {
        while self.open.len() > OPEN_FILES {
            let oldest = self
                .open
                .iter()
                .min_by_key(|(values, file)| (file.last_used, *values))
                .map(|(values, _)| values.clone());
            if let Some(file) = oldest.and_then(|values| self.open.remove(&values)) {
                self.closed.push(file.close()?);
            }
        }
        let mut memory: usize = self.open.values().map(Encoder::memory).sum();
        while memory > MEMORY {
            let Some(largest) = self.open.values_mut().max_by_key(|file| file.memory()) else { break };
            let before = largest.memory();
            largest.flush()?;
            let freed = before.saturating_sub(largest.memory());
            if freed == 0 {
                break;
            }
            memory -= freed;
        }
        Ok(())
    }

    fn close_all(&mut self) -> Result<(), ParquetError> {
        for (_, file) in self.open.drain() {
            self.closed.push(file.close()?);
        }
        Ok(())
    }
}

fn conform_array(array: &ArrayRef, wanted: &DataType) -> Result<ArrayRef, ArrowError> {
    if array.data_type() == wanted {
        return Ok(Arc::clone(array));
    }
    cast_with_options(array, wanted, &CastOptions { safe: false, ..Default::default() })
}
