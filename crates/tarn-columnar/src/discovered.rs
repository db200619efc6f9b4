//! Sources without a contract: every flat name is a column of text.
//!
//! Columns are the union of the names seen. The columns of a file are fixed when its first row group is written; a name
//! that comes up later ends the file and begins a part that has it. Columns given at the start (those the table has
//! already) come first, so that files of later runs do not lose them.

use std::collections::HashMap;
use std::sync::Arc;

use arrow::datatypes::{DataType, Field, Schema};
use arrow::error::ArrowError;
use parquet::errors::ParquetError;
use tarn_flatten::{FlatRecord, FlatSink, Value, plain_text};

use crate::column::{AddedColumns, AddedValues, data_type};
use crate::encode::{ColumnEncoder, Press};
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
    press: Press,
    columns: Vec<Column>,
    positions: HashMap<String, usize>,
    added_values: Vec<ColumnEncoder>,
    /// The columns that the fields of a document go to.
    targets: Vec<Option<usize>>,
    /// Rows of the row group in the making.
    rows: usize,
    /// Rows since the bounds were looked at.
    unchecked: usize,
    part: u32,
    /// The file, from its first row group on, and how many of the columns it has.
    file: Option<(OpenFile<F::File>, usize)>,
    finished: Vec<FinishedFile>,
    failure: Option<ColumnarError>,
    unescaped: String,
    left_over: String,
}

struct Column {
    name: String,
    values: ColumnEncoder,
    /// Rows of the row group that have a value or a null so far; missing ones are filled in when the next value comes.
    filled: usize,
}

impl Column {
    fn fill(&mut self, rows: usize, press: &mut Press) -> Result<(), ParquetError> {
        while self.filled < rows {
            self.values.append_null(press)?;
            self.filled += 1;
        }
        Ok(())
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
        let press = Press::new(settings.compression);
        let added_values =
            added.fields().into_iter().map(|(_, column_type)| ColumnEncoder::new(&data_type(column_type)));
        let mut files = Self {
            settings,
            stem: stem.into(),
            added,
            factory,
            press,
            columns: Vec::new(),
            positions: HashMap::new(),
            added_values: added_values.collect(),
            targets: Vec::new(),
            rows: 0,
            unchecked: 0,
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
        self.close(self.columns.len())?;
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
        let values = ColumnEncoder::new(&DataType::Utf8);
        self.columns.push(Column { name: name.to_owned(), values, filled: 0 });
        Some(position)
    }

    fn take(&mut self, flat: &FlatRecord<'_>) -> Result<(), ColumnarError> {
        let known = self.columns.len();
        self.targets.clear();
        for (expected, field) in flat.fields.iter().enumerate() {
            // Documents of one source look alike: the n-th field is most often the n-th column.
            let same = self.columns.get(expected).is_some_and(|column| column.name == field.name);
            let target = if same { Some(expected) } else { self.position(field.name) };
            self.targets.push(target);
        }
        if self.columns.len() > known && self.file.is_some() {
            self.close(known)?;
        }
        if let Err(source) = self.append(flat) {
            let part = self.part.saturating_sub(u32::from(self.file.is_some()));
            return Err(ColumnarError::Parquet { name: part_name(&self.stem, part), source });
        }
        if self.rows >= self.settings.row_group_rows {
            self.write_row_group(self.columns.len())?;
        }
        self.unchecked += 1;
        if self.unchecked < self.settings.batch_rows { Ok(()) } else { self.check() }
    }

    /// Appends a document whose fields have their targets.
    fn append(&mut self, flat: &FlatRecord<'_>) -> Result<(), ParquetError> {
        self.left_over.clear();
        for (field, target) in flat.fields.iter().zip(&self.targets) {
            let Some(column) = target.and_then(|position| self.columns.get_mut(position)) else {
                self.left_over.push(if self.left_over.is_empty() { '{' } else { ',' });
                for part in ["\"", field.name, "\":", field.json] {
                    self.left_over.push_str(part);
                }
                continue;
            };
            column.fill(self.rows, &mut self.press)?;
            let text = plain_text(field.json, &mut self.unescaped);
            column.values.append(Value::from_text(text), &mut self.press)?;
            column.filled = self.rows + 1;
        }
        if !self.left_over.is_empty() {
            self.left_over.push('}');
        }
        let extra = (!self.left_over.is_empty()).then_some(self.left_over.as_str());
        let added = AddedValues::new(self.added, || flat.id());
        for (column, value) in self.added_values.iter_mut().zip(added.values(flat.change, extra)) {
            column.append(value, &mut self.press)?;
        }
        self.rows += 1;
        Ok(())
    }

    /// Finishes the file if it has rows enough, and writes its row group if memory is beyond its bound.
    fn check(&mut self) -> Result<(), ColumnarError> {
        self.unchecked = 0;
        let columns = self.columns.iter().map(|column| &column.values).chain(&self.added_values);
        let buffered: usize = columns.map(ColumnEncoder::buffered_bytes).sum();
        let file_rows = self.file.as_ref().map_or(0, |(file, _)| file.rows()) + self.rows as u64;
        if file_rows >= self.settings.file_rows as u64 {
            self.close(self.columns.len())
        } else if buffered > self.settings.memory_bytes {
            self.write_row_group(self.columns.len())
        } else {
            Ok(())
        }
    }

    /// Writes the row group; the file has the first `count` columns.
    fn write_row_group(&mut self, count: usize) -> Result<(), ColumnarError> {
        if self.rows == 0 {
            return Ok(());
        }
        let (file, count) = match &mut self.file {
            Some((file, count)) => (file, *count),
            None => {
                let text = |column: &Column| Field::new(&column.name, DataType::Utf8, true);
                let added = self.added.fields().into_iter();
                let added = added.map(|(name, column_type)| Field::new(name, data_type(column_type), true));
                let fields: Vec<_> = self.columns.iter().take(count).map(text).chain(added).collect();
                if fields.is_empty() {
                    return Err(ArrowError::InvalidArgumentError("documents without columns".to_owned()).into());
                }
                let new =
                    NewFile { partition: Partition::Whole, part: self.part, name: part_name(&self.stem, self.part) };
                self.part += 1;
                let file = OpenFile::create(&mut self.factory, new, Arc::new(Schema::new(fields)))?;
                (&mut self.file.insert((file, count)).0, count)
            }
        };
        for column in self.columns.iter_mut().take(count) {
            column.fill(self.rows, &mut self.press).map_err(|source| file.failure(source))?;
            column.filled = 0;
        }
        let columns = self.columns.iter_mut().take(count).map(|column| &mut column.values);
        file.write_row_group(self.rows, columns.chain(&mut self.added_values), &mut self.press)?;
        self.rows = 0;
        Ok(())
    }

    /// Writes what is left of the file, which has the first `count` columns, and finishes it.
    fn close(&mut self, count: usize) -> Result<(), ColumnarError> {
        self.write_row_group(count)?;
        for column in self.columns.iter_mut().map(|column| &mut column.values).chain(&mut self.added_values) {
            column.begin_file(&mut self.press);
        }
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
