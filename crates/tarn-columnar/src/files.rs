//! Typed rows into one Parquet file per partition at a time.
//!
//! Memory is bounded: rows wait in a batch per open partition, encoded pages in at most `memory_bytes` over all files, and
//! at most `open_partitions` are open. A partition that was closed and comes up again gets a further part.

use std::collections::BTreeMap;

use arrow::datatypes::SchemaRef;
use tarn_flatten::{Contract, Row, RowSink};

use crate::builder::BatchBuilder;
use crate::column::{AddedColumns, schema};
use crate::error::ColumnarError;
use crate::open_file::{FileFactory, FinishedFile, NewFile, OpenFile, part_name};
use crate::partition::{LastDay, Partition, PartitionRule};
use crate::settings::ParquetSettings;

/// Writes the rows of a source to Parquet files.
///
/// Rows are taken without an answer ([`RowSink`]); the first failure stops all writing and is told by
/// [`ParquetFiles::status`] and [`ParquetFiles::finish`]. Nothing is safe before `finish` says so.
pub struct ParquetFiles<F: FileFactory> {
    schema: SchemaRef,
    added: AddedColumns,
    rule: PartitionRule,
    settings: ParquetSettings,
    stem: String,
    factory: F,
    last_day: LastDay,
    open: Vec<OpenPartition<F::File>>,
    /// Where in `open` the last row went.
    current: usize,
    clock: u64,
    /// Files begun so far, per partition.
    parts: BTreeMap<Partition, u32>,
    finished: Vec<FinishedFile>,
    failure: Option<ColumnarError>,
}

/// A partition whose rows are being collected.
struct OpenPartition<W: std::io::Write + Send> {
    partition: Partition,
    batch: BatchBuilder,
    file: Option<OpenFile<W>>,
    /// When a row last came, on the clock of rows that changed partition.
    used: u64,
}

impl<F: FileFactory> ParquetFiles<F> {
    /// A writer whose files are named `<stem>-<part>.parquet`; with the same rows a stem gives the same names and bytes.
    pub fn new(
        contract: &Contract,
        added: AddedColumns,
        rule: PartitionRule,
        settings: ParquetSettings,
        stem: impl Into<String>,
        factory: F,
    ) -> Self {
        Self {
            schema: schema(contract, added),
            added,
            rule,
            settings,
            stem: stem.into(),
            factory,
            last_day: LastDay::default(),
            open: Vec::new(),
            current: 0,
            clock: 0,
            parts: BTreeMap::new(),
            finished: Vec::new(),
            failure: None,
        }
    }

    /// The schema of the files.
    pub fn schema(&self) -> &SchemaRef {
        &self.schema
    }

    /// Whether writing goes on.
    ///
    /// # Errors
    ///
    /// The first failure, once; [`ColumnarError::Stopped`] after that.
    pub fn status(&mut self) -> Result<(), ColumnarError> {
        match self.failure.replace(ColumnarError::Stopped) {
            Some(failure) => Err(failure),
            None => {
                self.failure = None;
                Ok(())
            }
        }
    }

    /// Writes what is left and gives the files in the order they were finished, and the factory back.
    ///
    /// # Errors
    ///
    /// When any row could not be written.
    pub fn finish(mut self) -> Result<(Vec<FinishedFile>, F), ColumnarError> {
        self.status()?;
        self.open.sort_by_key(|open| open.partition);
        while !self.open.is_empty() {
            self.close(0)?;
        }
        Ok((self.finished, self.factory))
    }

    fn take(&mut self, row: &Row<'_>) -> Result<(), ColumnarError> {
        let partition = self.rule.partition(row, &mut self.last_day);
        if self.open.get(self.current).is_none_or(|open| open.partition != partition) {
            self.switch_to(partition)?;
        }
        let Some(open) = self.open.get_mut(self.current) else { return Err(ColumnarError::Stopped) };
        open.batch.append(row);
        if open.batch.rows() < self.settings.batch_rows {
            return Ok(());
        }
        self.write_batch(self.current)?;
        self.relieve()
    }

    /// Makes the partition the current one, and room for it if it is not open.
    fn switch_to(&mut self, partition: Partition) -> Result<(), ColumnarError> {
        self.clock += 1;
        if let Some(position) = self.open.iter().position(|open| open.partition == partition) {
            self.current = position;
        } else {
            while self.open.len() >= self.settings.open_partitions.max(1) {
                let oldest = (0..self.open.len()).min_by_key(|position| self.open.get(*position).map(|open| open.used));
                self.close(oldest.unwrap_or(0))?;
            }
            let batch = BatchBuilder::new(SchemaRef::clone(&self.schema), self.added, self.settings.batch_rows);
            self.current = self.open.len();
            self.open.push(OpenPartition { partition, batch, file: None, used: 0 });
        }
        if let Some(open) = self.open.get_mut(self.current) {
            open.used = self.clock;
        }
        Ok(())
    }

    /// Encodes the rows that an open partition collected.
    fn write_batch(&mut self, position: usize) -> Result<(), ColumnarError> {
        let Some(open) = self.open.get_mut(position) else { return Ok(()) };
        if open.batch.rows() == 0 {
            return Ok(());
        }
        let batch = open.batch.finish()?;
        let file = match &mut open.file {
            Some(file) => file,
            None => {
                let part = self.parts.entry(open.partition).or_insert(0);
                let new = NewFile { partition: open.partition, part: *part, name: part_name(&self.stem, *part) };
                *part += 1;
                open.file.insert(OpenFile::create(&mut self.factory, new, &batch, &self.settings)?)
            }
        };
        file.write(&batch)?;
        if file.rows() >= self.settings.file_rows as u64
            && let Some(file) = open.file.take()
        {
            self.finished.push(file.finish(&mut self.factory)?);
        }
        Ok(())
    }

    /// Writes out the fullest row groups until memory is within its bound.
    fn relieve(&mut self) -> Result<(), ColumnarError> {
        loop {
            let buffered = |open: &OpenPartition<F::File>| open.file.as_ref().map_or(0, OpenFile::buffered_bytes);
            if self.open.iter().map(buffered).sum::<usize>() <= self.settings.memory_bytes {
                return Ok(());
            }
            let fullest = self.open.iter_mut().max_by_key(|open| buffered(open));
            let Some(file) = fullest.and_then(|open| open.file.as_mut()) else { return Ok(()) };
            let before = file.buffered_bytes();
            file.flush()?;
            if file.buffered_bytes() >= before {
                return Ok(());
            }
        }
    }

    /// Writes what is left of an open partition and finishes its file.
    fn close(&mut self, position: usize) -> Result<(), ColumnarError> {
        self.write_batch(position)?;
        let closed = self.open.remove(position);
        if let Some(file) = closed.file {
            self.finished.push(file.finish(&mut self.factory)?);
        }
        Ok(())
    }
}

impl<F: FileFactory> RowSink for ParquetFiles<F> {
    fn row(&mut self, row: &Row<'_>) {
        if self.failure.is_none()
            && let Err(failure) = self.take(row)
        {
            self.failure = Some(failure);
        }
    }
}

impl<F: FileFactory> std::fmt::Debug for ParquetFiles<F> {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter
            .debug_struct("ParquetFiles")
            .field("stem", &self.stem)
            .field("open", &self.open.len())
            .finish_non_exhaustive()
    }
}
