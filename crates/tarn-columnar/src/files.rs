//! Typed rows into one Parquet file per partition at a time.
//!
//! Memory is bounded: encoded pages wait for the end of their row group in at most `memory_bytes` over all files, and at
//! most `open_partitions` are open. A partition that was closed and comes up again gets a further part.

use std::collections::BTreeMap;

use arrow::datatypes::SchemaRef;
use parquet::errors::ParquetError;
use tarn_flatten::{Contract, Row, RowSink};

use crate::column::{AddedColumns, AddedValues, schema};
use crate::encode::{ColumnEncoder, Press};
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
    press: Press,
    last_day: LastDay,
    open: Vec<OpenPartition<F::File>>,
    /// Where in `open` the last row went.
    current: usize,
    clock: u64,
    /// Rows since the bounds were looked at.
    unchecked: usize,
    /// Files begun so far, per partition.
    parts: BTreeMap<Partition, u32>,
    /// Columns of partitions that were closed, for the next ones.
    spare: Vec<Vec<ColumnEncoder>>,
    finished: Vec<FinishedFile>,
    failure: Option<ColumnarError>,
}

/// A partition whose rows are being encoded.
struct OpenPartition<W: std::io::Write + Send> {
    partition: Partition,
    /// The row group in the making.
    columns: Vec<ColumnEncoder>,
    /// Its rows.
    rows: usize,
    /// The file, from its first row group on.
    file: Option<OpenFile<W>>,
    /// When a row last came, on the clock of rows that changed partition.
    used: u64,
}

impl<W: std::io::Write + Send> OpenPartition<W> {
    #[inline]
    fn append(&mut self, row: &Row<'_>, added: AddedColumns, press: &mut Press) -> Result<(), ParquetError> {
        let added = AddedValues::new(added, || row.id());
        let mut columns = self.columns.iter_mut();
        for (value, column) in row.values.iter().zip(&mut columns) {
            column.append(*value, press)?;
        }
        for (value, column) in added.values(row.change, row.extra).zip(columns) {
            column.append(value, press)?;
        }
        self.rows += 1;
        Ok(())
    }

    /// Rows of the file so far.
    fn file_rows(&self) -> u64 {
        self.file.as_ref().map_or(0, OpenFile::rows) + self.rows as u64
    }

    fn buffered_bytes(&self) -> usize {
        self.columns.iter().map(ColumnEncoder::buffered_bytes).sum()
    }
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
            press: Press::new(settings.compression),
            settings,
            stem: stem.into(),
            factory,
            last_day: LastDay::default(),
            open: Vec::new(),
            current: 0,
            clock: 0,
            unchecked: 0,
            parts: BTreeMap::new(),
            spare: Vec::new(),
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
        if let Err(source) = open.append(row, self.added, &mut self.press) {
            let part =
                self.parts.get(&partition).map_or(0, |parts| parts.saturating_sub(u32::from(open.file.is_some())));
            return Err(ColumnarError::Parquet { name: part_name(&self.stem, part), source });
        }
        if open.rows >= self.settings.row_group_rows {
            self.write_row_group(self.current)?;
        }
        self.unchecked += 1;
        if self.unchecked < self.settings.batch_rows { Ok(()) } else { self.check() }
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
            let columns = self.spare.pop().unwrap_or_else(|| {
                self.schema.fields().iter().map(|field| ColumnEncoder::new(field.data_type())).collect()
            });
            self.current = self.open.len();
            self.open.push(OpenPartition { partition, columns, rows: 0, file: None, used: 0 });
        }
        if let Some(open) = self.open.get_mut(self.current) {
            open.used = self.clock;
        }
        Ok(())
    }

    /// Writes the row group of an open partition.
    fn write_row_group(&mut self, position: usize) -> Result<(), ColumnarError> {
        let Some(open) = self.open.get_mut(position) else { return Ok(()) };
        if open.rows == 0 {
            return Ok(());
        }
        let file = match &mut open.file {
            Some(file) => file,
            None => {
                let part = self.parts.entry(open.partition).or_insert(0);
                let new = NewFile { partition: open.partition, part: *part, name: part_name(&self.stem, *part) };
                *part += 1;
                open.file.insert(OpenFile::create(&mut self.factory, new, SchemaRef::clone(&self.schema))?)
            }
        };
        file.write_row_group(open.rows, open.columns.iter_mut(), &mut self.press)?;
        open.rows = 0;
        Ok(())
    }

    /// Finishes files that have rows enough, and writes out the fullest row groups until memory is within its bound.
    fn check(&mut self) -> Result<(), ColumnarError> {
        self.unchecked = 0;
        for position in 0..self.open.len() {
            if self.open.get(position).is_some_and(|open| open.file_rows() >= self.settings.file_rows as u64) {
                self.finish_file(position)?;
            }
        }
        loop {
            let buffered = self.open.iter().filter(|open| open.rows > 0).map(OpenPartition::buffered_bytes);
            if buffered.sum::<usize>() <= self.settings.memory_bytes {
                return Ok(());
            }
            let fullest = self.open.iter().enumerate().filter(|(_, open)| open.rows > 0);
            match fullest.max_by_key(|(_, open)| open.buffered_bytes()) {
                Some((fullest, _)) => self.write_row_group(fullest)?,
                None => return Ok(()),
            }
        }
    }

    /// Writes what is left of a partition's file, and finishes it.
    fn finish_file(&mut self, position: usize) -> Result<(), ColumnarError> {
        self.write_row_group(position)?;
        let Some(open) = self.open.get_mut(position) else { return Ok(()) };
        for column in &mut open.columns {
            column.begin_file(&mut self.press);
        }
        if let Some(file) = open.file.take() {
            self.finished.push(file.finish(&mut self.factory)?);
        }
        Ok(())
    }

    fn close(&mut self, position: usize) -> Result<(), ColumnarError> {
        self.finish_file(position)?;
        self.spare.push(self.open.remove(position).columns);
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
