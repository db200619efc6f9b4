//! The rows of a version: its Parquet files, one batch at a time, whatever their size.
//!
//! Columns are found by name, as Athena finds them: a column that a file does not have is null in its rows, and columns that
//! nobody asks for are not read. The values of partition keys are not in the files; they come with them.

mod columns;
mod json;
mod objects;

use std::fmt::Write as _;
use std::ops::Range;
use std::sync::Arc;

use arrow::array::{ArrayRef, RecordBatch, StringArray, new_empty_array};
use arrow::compute::{CastOptions, cast_with_options};
use arrow::datatypes::{DataType, Field, Fields, Schema, SchemaRef, TimeUnit};
use parquet::arrow::ProjectionMask;
use parquet::arrow::arrow_reader::{
    ArrowReaderMetadata, ArrowReaderOptions, ParquetRecordBatchReader, ParquetRecordBatchReaderBuilder,
};
use parquet::basic::Type as PhysicalType;
use tarn_pipeline::names::Key;
use tarn_pipeline::ports::{MartError, ObjectError, ObjectStore, VersionFile};

pub(crate) use columns::ColumnValues;

use crate::fault::{WithHint, refused};
use crate::types::TypedColumn;
use objects::ParquetObject;

/// Rows of a batch: enough to spread the costs of a batch, few enough that wide texts stay small in memory.
const BATCH_ROWS: usize = 2_048;

/// Some rows of one file.
pub(crate) struct RowBatch<'a> {
    /// The file.
    pub(crate) file: &'a Key,
    /// How many rows of the file came before.
    pub(crate) first_row: u64,
    /// How many rows there are.
    pub(crate) rows: usize,
    /// One for each column of the version, then one for each partition key.
    pub(crate) columns: Vec<ColumnValues>,
}

/// What to read.
pub(crate) struct VersionRows<'a> {
    /// Columns in the files.
    pub(crate) columns: &'a [TypedColumn],
    /// Partition keys.
    pub(crate) partition_keys: &'a [TypedColumn],
    /// The files.
    pub(crate) files: &'a [VersionFile],
    /// Where they lie.
    pub(crate) objects: &'a dyn ObjectStore,
}

impl VersionRows<'_> {
    /// Reads every row, in the order of the files. Blocks.
    ///
    /// # Errors
    /// What `visit` says, a file that cannot be read, or one whose columns are of other types than the catalogue says.
    pub(crate) fn visit<E: From<MartError>>(
        &self,
        mut visit: impl FnMut(&RowBatch<'_>) -> Result<(), E>,
    ) -> Result<(), E> {
        for file in self.files {
            let mut source = FileSource::open(self, file)?;
            while let Some(batch) = source.next()? {
                visit(&batch)?;
            }
        }
        Ok(())
    }
}

/// Some row groups of some files: what is loaded at once, and what is loaded again when a connection is lost.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Slice {
    pub(crate) pieces: Vec<Piece>,
    /// Rows that the files say they have.
    pub(crate) rows: u64,
}

/// Neighbouring row groups of one file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Piece {
    /// The place of the file among the version's.
    pub(crate) file: usize,
    pub(crate) groups: Range<usize>,
    /// Rows of the file before these groups.
    pub(crate) first_row: u64,
}

impl Slice {
    /// A name that other rows do not have: it depends on the files, their groups and how many rows they hold.
    pub(crate) fn name(&self, files: &[VersionFile]) -> String {
        let mut text = self.rows.to_string();
        for piece in &self.pieces {
            let key = files.get(piece.file).map_or("", |file| file.key.as_str());
            // Writing to a String cannot fail.
            let _ = write!(text, "|{key}|{}..{}", piece.groups.start, piece.groups.end);
        }
        format!("{:032x}", xxhash_rust::xxh3::xxh3_128(text.as_bytes()))
    }
}

impl VersionRows<'_> {
    /// Cuts the version into slices of at least `rows` rows each, but for the last; a row group is never cut. Blocks.
    ///
    /// # Errors
    /// A file that cannot be read.
    pub(crate) fn slices(&self, rows: u64) -> Result<Vec<Slice>, MartError> {
        let (mut slices, mut slice) = (Vec::new(), Slice { pieces: Vec::new(), rows: 0 });
        for (index, file) in self.files.iter().enumerate() {
            let object = self.objects.open(&file.key).map_err(|error| unreadable_object(&error))?;
            let metadata = metadata(&ParquetObject::new(object)).map_err(|error| damaged(&file.key, &error))?;
            let (mut piece, mut first_row) = (Piece { file: index, groups: 0..0, first_row: 0 }, 0);
            for group in metadata.metadata().row_groups() {
                let group_rows = u64::try_from(group.num_rows()).unwrap_or(0);
                piece.groups.end += 1;
                first_row += group_rows;
                slice.rows += group_rows;
                if slice.rows >= rows {
                    let next = Piece { file: index, groups: piece.groups.end..piece.groups.end, first_row };
                    slice.pieces.push(std::mem::replace(&mut piece, next));
                    slices.push(std::mem::replace(&mut slice, Slice { pieces: Vec::new(), rows: 0 }));
                }
            }
            if !piece.groups.is_empty() {
                slice.pieces.push(piece);
            }
        }
        if !slice.pieces.is_empty() {
            slices.push(slice);
        }
        Ok(slices)
    }

    /// Reads the rows of a slice. Blocks.
    ///
    /// # Errors
    /// As for [`VersionRows::visit`], and a file that holds other rows than when it was cut.
    pub(crate) fn visit_slice(
        &self,
        slice: &Slice,
        mut visit: impl FnMut(&RowBatch<'_>) -> Result<(), MartError>,
    ) -> Result<(), MartError> {
        let mut rows = 0;
        for piece in &slice.pieces {
            let Some(file) = self.files.get(piece.file) else { continue };
            let mut source = FileSource::open_groups(self, file, Some(piece))?;
            while let Some(batch) = source.next()? {
                rows += batch.rows as u64;
                visit(&batch)?;
            }
        }
        if rows == slice.rows {
            return Ok(());
        }
        Err(refused(format!("the files of the version hold {rows} rows where they held {} before", slice.rows))
            .hint("something other than tarn writes to the lake's bucket; run the model again"))
    }
}

struct FileSource<'a> {
    version: &'a VersionRows<'a>,
    file: &'a VersionFile,
    reader: ParquetRecordBatchReader,
    /// For each column of the version, where it is in a batch.
    places: Vec<Option<usize>>,
    rows_read: u64,
}

impl<'a> FileSource<'a> {
    fn open(version: &'a VersionRows<'a>, file: &'a VersionFile) -> Result<Self, MartError> {
        Self::open_groups(version, file, None)
    }

    fn open_groups(
        version: &'a VersionRows<'a>,
        file: &'a VersionFile,
        piece: Option<&Piece>,
    ) -> Result<Self, MartError> {
        let object = version.objects.open(&file.key).map_err(|error| unreadable_object(&error))?;
        let object = ParquetObject::new(object);
        let damaged = |error| damaged(&file.key, &error);
        let metadata = metadata(&object).map_err(damaged)?;
        let schema = Arc::clone(metadata.schema());
        let wanted: Vec<Option<usize>> = version.columns.iter().map(|column| position(&schema, &column.name)).collect();
        for (column, place) in version.columns.iter().zip(&wanted) {
            if let Some(place) = place {
                check_type(column, schema.field(*place), &file.key)?;
            }
        }
        let mut builder = ParquetRecordBatchReaderBuilder::new_with_metadata(object, metadata);
        let mask = ProjectionMask::roots(builder.parquet_schema(), wanted.iter().flatten().copied());
        if let Some(piece) = piece {
            let there = builder.metadata().num_row_groups();
            builder = builder.with_row_groups(piece.groups.clone().filter(|group| *group < there).collect());
        }
        let reader = builder.with_projection(mask).with_batch_size(BATCH_ROWS).build().map_err(damaged)?;
        Ok(Self {
            version,
            file,
            reader,
            places: places_in_projection(&wanted),
            rows_read: piece.map_or(0, |piece| piece.first_row),
        })
    }

    fn next(&mut self) -> Result<Option<RowBatch<'a>>, MartError> {
        let Some(batch) = self.reader.next() else {
            return Ok(None);
        };
        let batch = batch.map_err(|error| damaged(&self.file.key, &error))?;
        let first_row = self.rows_read;
        self.rows_read += batch.num_rows() as u64;
        let mut columns = Vec::with_capacity(self.version.columns.len() + self.version.partition_keys.len());
        for (column, place) in self.version.columns.iter().zip(&self.places) {
            columns.push(self.column(column, *place, &batch)?);
        }
        for (column, value) in self.version.partition_keys.iter().zip(&self.file.partition_values) {
            columns.push(partition_value(column, value.as_deref())?);
        }
        Ok(Some(RowBatch { file: &self.file.key, first_row, rows: batch.num_rows(), columns }))
    }

    fn column(
        &self,
        column: &TypedColumn,
        place: Option<usize>,
        batch: &RecordBatch,
    ) -> Result<ColumnValues, MartError> {
        let Some(place) = place else {
            return Ok(ColumnValues::Nulls);
        };
        let array = batch.column(place);
        ColumnValues::of(array, column.value_type).ok_or_else(|| wrong_type(column, array.data_type(), &self.file.key))
    }
}

/// The value of a partition key as a column that holds it in every row.
pub(crate) fn partition_value(column: &TypedColumn, text: Option<&str>) -> Result<ColumnValues, MartError> {
    let Some(text) = text else {
        return Ok(ColumnValues::Nulls);
    };
    let data_type = column.value_type.arrow().ok_or_else(|| {
        refused(format!("column `{}` of type `{}` cannot be a partition key", column.name, column.hive_type))
    })?;
    let strict = CastOptions { safe: false, ..CastOptions::default() };
    let array: ArrayRef = Arc::new(StringArray::from(vec![text]));
    cast_with_options(&array, &data_type, &strict)
        .ok()
        .and_then(|array| ColumnValues::of(&array, column.value_type))
        .map(|only| ColumnValues::Constant(Box::new(only)))
        .ok_or_else(|| {
            refused(format!(
                "partition value `{text}` is no `{}`, the type of column `{}`",
                column.hive_type, column.name
            ))
        })
}

/// The file's own types, not what its writer remembered of Arrow's: no dictionaries, no views.
///
/// INT96 holds nanoseconds over all of history, which 64 bits of nanoseconds do not: read so, 9999-12-31 becomes 1816-03-30
/// without an error. Microseconds hold it.
fn metadata(object: &ParquetObject) -> Result<ArrowReaderMetadata, parquet::errors::ParquetError> {
    let plain = || ArrowReaderOptions::new().with_skip_arrow_metadata(true);
    let metadata = ArrowReaderMetadata::load(object, plain())?;
    let has_int96 =
        metadata.parquet_schema().columns().iter().any(|column| column.physical_type() == PhysicalType::INT96);
    if !has_int96 {
        return Ok(metadata);
    }
    let fields: Fields = metadata.schema().fields().iter().map(|field| in_microseconds(field)).collect();
    let schema: SchemaRef = Arc::new(Schema::new(fields));
    ArrowReaderMetadata::try_new(Arc::clone(metadata.metadata()), plain().with_schema(schema))
}

fn in_microseconds(field: &Field) -> Field {
    let data_type = match field.data_type() {
        DataType::Timestamp(TimeUnit::Nanosecond, zone) => DataType::Timestamp(TimeUnit::Microsecond, zone.clone()),
        DataType::List(item) => DataType::List(Arc::new(in_microseconds(item))),
        DataType::Struct(fields) => DataType::Struct(fields.iter().map(|field| in_microseconds(field)).collect()),
        DataType::Map(entries, sorted) => DataType::Map(Arc::new(in_microseconds(entries)), *sorted),
        other => other.clone(),
    };
    field.clone().with_data_type(data_type)
}

fn position(schema: &Schema, name: &str) -> Option<usize> {
    let fields = schema.fields();
    fields
        .iter()
        .position(|field| field.name() == name)
        .or_else(|| fields.iter().position(|field| field.name().eq_ignore_ascii_case(name)))
}

/// A projection keeps the order of the file: the place of a column is how many wanted ones lie before it.
fn places_in_projection(wanted: &[Option<usize>]) -> Vec<Option<usize>> {
    let mut roots: Vec<usize> = wanted.iter().flatten().copied().collect();
    roots.sort_unstable();
    roots.dedup();
    wanted.iter().map(|root| root.and_then(|root| roots.binary_search(&root).ok())).collect()
}

fn check_type(column: &TypedColumn, field: &Field, file: &Key) -> Result<(), MartError> {
    match ColumnValues::of(&new_empty_array(field.data_type()), column.value_type) {
        Some(_) => Ok(()),
        None => Err(wrong_type(column, field.data_type(), file)),
    }
}

fn wrong_type(column: &TypedColumn, found: &DataType, file: &Key) -> MartError {
    refused(format!(
        "column `{}` is `{}` in the catalogue but `{found}` in file `{file}`",
        column.name, column.hive_type
    ))
    .hint("run the model again, so that its files and its catalogue entry agree")
}

fn damaged(file: &Key, error: &dyn std::fmt::Display) -> MartError {
    refused(format!("file `{file}` cannot be read as parquet: {error}"))
        .hint("run the model again to write a new version")
}

fn unreadable_object(error: &ObjectError) -> MartError {
    MartError { message: error.to_string(), hint: None, retryable: error.is_retryable() }
}
