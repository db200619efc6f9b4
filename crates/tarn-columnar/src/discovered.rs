//! Sources without a contract: every flat name is a column of text.
//!
//! Columns are the union of the names seen. The columns of a file are fixed when its first batch is written; a name that
//! comes up later ends the file and begins a part that has it. Columns given at the start (those the table has already)
//! come first, so that files of later runs do not lose them.

use std::collections::HashMap;
use std::sync::Arc;

use arrow::array::{ArrayRef, RecordBatch, StringBuilder};
use arrow::datatypes::{DataType, Field, Schema};
use tarn_flatten::{FlatRecord, FlatSink, plain_text};

use crate::builder::AddedBuilder;
use crate::column::{AddedColumns, data_type};
use crate::error::ColumnarError;
use crate::open_file::{FileFactory, FinishedFile, NewFile, OpenFile, part_name};
use crate::partition::Partition;
use crate::settings::ParquetSettings;

/// Names past this number are left to `_extra`, where there is one: a table of more columns is a mistake in the source
/// (keys that are data), and the metastore refuses it.
const MAXIMUM_COLUMNS: usize = 1_000;

/// Writes flattened documents to Parquet files whose columns are all text.
///
/// Failures are told as by [`ParquetFiles`](crate::ParquetFiles).
pub struct DiscoveredFiles<F: FileFactory> {
    settings: ParquetSettings,
    stem: String,
    added: AddedColumns,
    factory: F,
    columns: Vec<Column>,
    positions: HashMap<String, usize>,
    added_values: AddedBuilder,
    rows: usize,
    part: u32,
    /// The file, and how many of the columns it has.
    file: Option<(OpenFile<F::File>, usize)>,
    finished: Vec<FinishedFile>,
    failure: Option<ColumnarError>,
    unescaped: String,
    left_over: String,
}

struct Column {
    name: String,
    values: StringBuilder,
    /// Rows that have a value or a null so far; missing ones are filled in when the next value comes.
    filled: usize,
}

impl Column {
    fn fill(&mut self, rows: usize) {
        self.values.append_nulls(rows - self.filled);
        self.filled = rows;
    }
}

impl<F: FileFactory> DiscoveredFiles<F> {
    /// A writer whose files are named `<stem>-<part>.parquet` and have these columns at least.
    pub fn new(
        columns: impl IntoIterator<Item = String>,
        added: AddedColumns,
        settings: ParquetSettings,
        stem: impl Into<String>,
        factory: F,
    ) -> Self {
        let mut files = Self {
            settings,
            stem: stem.into(),
            added,
            factory,
            columns: Vec::new(),
            positions: HashMap::new(),
            added_values: AddedBuilder::new(added, 0),
            rows: 0,
            part: 0,
            file: None,
            finished: Vec::new(),
            failure: None,
            unescaped: String::new(),
            left_over: String::new(),
        };
        for name in columns {
            files.position(&name);
        }
        files
    }

    /// The names of the columns so far, without the added ones.
    pub fn columns(&self) -> impl Iterator<Item = &str> {
        self.columns.iter().map(|column| column.name.as_str())
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
    /// When any document could not be written.
    pub fn finish(mut self) -> Result<(Vec<FinishedFile>, F), ColumnarError> {
        self.status()?;
        self.write_batch()?;
        self.close()?;
        Ok((self.finished, self.factory))
    }

    /// The column of a name, new or known; `None` if there are too many.
    fn position(&mut self, name: &str) -> Option<usize> {
        if let Some(position) = self.positions.get(name) {
            return Some(*position);
        }
        if self.columns.len() >= MAXIMUM_COLUMNS && self.added != AddedColumns::None {
            return None;
        }
        let position = self.columns.len();
        self.positions.insert(name.to_owned(), position);
        self.columns.push(Column { name: name.to_owned(), values: StringBuilder::new(), filled: 0 });
        Some(position)
    }

    fn take(&mut self, flat: &FlatRecord<'_>) -> Result<(), ColumnarError> {
        self.left_over.clear();
        for (expected, field) in flat.fields.iter().enumerate() {
            // Documents of one source look alike: the n-th field is most often the n-th column.
            let same = self.columns.get(expected).is_some_and(|column| column.name == field.name);
            let position = if same { Some(expected) } else { self.position(field.name) };
            let Some(column) = position.and_then(|position| self.columns.get_mut(position)) else {
                self.left_over.push(if self.left_over.is_empty() { '{' } else { ',' });
                for part in ["\"", field.name, "\":", field.json] {
                    self.left_over.push_str(part);
                }
                continue;
            };
            column.fill(self.rows);
            column.values.append_option(plain_text(field.json, &mut self.unescaped));
            column.filled = self.rows + 1;
        }
        if !self.left_over.is_empty() {
            self.left_over.push('}');
        }
        let extra = (!self.left_over.is_empty()).then_some(self.left_over.as_str());
        self.added_values.append(|| flat.id(), flat.change, extra);
        self.rows += 1;
        if self.rows >= self.settings.batch_rows { self.write_batch() } else { Ok(()) }
    }

    fn write_batch(&mut self) -> Result<(), ColumnarError> {
        if self.rows == 0 {
            return Ok(());
        }
        let mut fields = Vec::new();
        let mut arrays: Vec<ArrayRef> = Vec::new();
        for column in &mut self.columns {
            column.fill(self.rows);
            column.filled = 0;
            fields.push(Field::new(&column.name, DataType::Utf8, true));
            arrays.push(Arc::new(column.values.finish()));
        }
        let added = self.added.fields().into_iter();
        fields.extend(added.map(|(name, column_type)| Field::new(name, data_type(column_type), true)));
        arrays.extend(self.added_values.finish());
        self.rows = 0;
        let batch = RecordBatch::try_new(Arc::new(Schema::new(fields)), arrays)?;

        let columns = self.columns.len();
        if self
            .file
            .as_ref()
            .is_some_and(|(file, had)| *had != columns || file.rows() >= self.settings.file_rows as u64)
        {
            self.close()?;
        }
        let (file, _) = match &mut self.file {
            Some(file) => file,
            None => {
                let new =
                    NewFile { partition: Partition::Whole, part: self.part, name: part_name(&self.stem, self.part) };
                self.part += 1;
                self.file.insert((OpenFile::create(&mut self.factory, new, &batch, &self.settings)?, columns))
            }
        };
        file.write(&batch)?;
        if file.buffered_bytes() > self.settings.memory_bytes { file.flush() } else { Ok(()) }
    }

    fn close(&mut self) -> Result<(), ColumnarError> {
        if let Some((file, _)) = self.file.take() {
            self.finished.push(file.finish(&mut self.factory)?);
        }
        Ok(())
    }
}

impl<F: FileFactory> FlatSink for DiscoveredFiles<F> {
    fn flat(&mut self, flat: &FlatRecord<'_>) {
        if self.failure.is_none()
            && let Err(failure) = self.take(flat)
        {
            self.failure = Some(failure);
        }
    }
}

impl<F: FileFactory> std::fmt::Debug for DiscoveredFiles<F> {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let columns = self.columns.len();
        formatter
            .debug_struct("DiscoveredFiles")
            .field("stem", &self.stem)
            .field("columns", &columns)
            .finish_non_exhaustive()
    }
}
