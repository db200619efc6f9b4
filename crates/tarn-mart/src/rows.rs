//! The rows of a version: its Parquet files, one batch at a time, whatever their size.
//!
//! Columns are found by name, as Athena finds them: a column that a file does not have is null in its rows, and columns that
//! nobody asks for are not read. The values of partition keys are not in the files; they come with them.

mod columns;
mod json;
mod objects;
mod slices;

use std::sync::Arc;

use arrow::array::{ArrayRef, RecordBatch, StringArray, new_empty_array};
use arrow::compute::{CastOptions, cast_with_options};
use arrow::datatypes::{DataType, Field, Fields, Schema, SchemaRef, TimeUnit};
use parquet::arrow::ProjectionMask;
use parquet::arrow::arrow_reader::{
    ArrowReaderMetadata, ArrowReaderOptions, ParquetRecordBatchReader, ParquetRecordBatchReaderBuilder,
};
use parquet::basic::Type as PhysicalType;
use parquet::errors::ParquetError;
use parquet::file::metadata::ParquetMetaData;
use tarn_pipeline::names::Key;
use tarn_pipeline::ports::{MartError, ObjectError, ObjectStore, VersionFile};

pub(crate) use columns::ColumnValues;
pub(crate) use slices::{Piece, Slice, SliceSize};

use crate::fault::{WithHint, refused};
use crate::types::TypedColumn;
use objects::{ColumnChunk, ParquetObject};

/// Rows of a batch: enough to spread the costs of a batch, few enough that they stay small in memory.
const BATCH_ROWS: usize = 2_048;
/// The rows of a batch of wide values, which may take so many bytes.
const FEWEST_ROWS: usize = 16;
const BATCH_BYTES: u64 = 8 * 1024 * 1024;

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
            let mut source = FileSource::open(self, file, None)?;
            while let Some(batch) = source.next()? {
                visit(&batch)?;
            }
        }
        Ok(())
    }
}

struct FileSource<'a> {
    version: &'a VersionRows<'a>,
    file: &'a VersionFile,
    object: ParquetObject,
    reader: ParquetRecordBatchReader,
    /// For each column of the version, where it is in a batch.
    places: Vec<Option<usize>>,
    rows_read: u64,
}

impl<'a> FileSource<'a> {
    /// Opens all of a file, or a piece of it.
    fn open(version: &'a VersionRows<'a>, file: &'a VersionFile, piece: Option<&Piece>) -> Result<Self, MartError> {
        let object = version.objects.open(&file.key).map_err(|error| unreadable_object(&error))?;
        let object = ParquetObject::open(object).map_err(|error| unreadable_object(&error))?;
        if piece.is_some_and(|piece| piece.fingerprint != object.fingerprint()) {
            return Err(slices::changed(&format!("file `{}` was changed while it was loaded", file.key)));
        }
        let metadata = metadata(&object).map_err(|error| damaged(&file.key, &object, &error))?;
        let schema = Arc::clone(metadata.schema());
        let wanted: Vec<Option<usize>> = version.columns.iter().map(|column| position(&schema, &column.name)).collect();
        for (column, place) in version.columns.iter().zip(&wanted) {
            if let Some(place) = place {
                check_type(column, schema.field(*place), &file.key)?;
            }
        }
        let mask = ProjectionMask::roots(metadata.parquet_schema(), wanted.iter().flatten().copied());
        let there = metadata.metadata().num_row_groups();
        let groups: Vec<usize> =
            piece.map_or(0..there, |piece| piece.groups.clone()).filter(|group| *group < there).collect();
        let (chunks, columns) = chunks(metadata.metadata(), &groups, &mask);
        let rows = batch_rows(metadata.metadata(), &groups, &mask);
        let object = object.ahead(chunks, columns);
        let reader = ParquetRecordBatchReaderBuilder::new_with_metadata(object.clone(), metadata)
            .with_row_groups(groups)
            .with_projection(mask)
            .with_batch_size(rows)
            .build()
            .map_err(|error| damaged(&file.key, &object, &error))?;
        let rows_read = piece.map_or(0, |piece| piece.first_row);
        Ok(Self { version, file, object, reader, places: places_in_projection(&wanted), rows_read })
    }

    fn next(&mut self) -> Result<Option<RowBatch<'a>>, MartError> {
        let Some(batch) = self.reader.next() else {
            return Ok(None);
        };
        let batch = batch.map_err(|error| damaged(&self.file.key, &self.object, &error))?;
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

/// Where the columns that are read lie in the row groups that are read, and how many columns these are.
fn chunks(metadata: &ParquetMetaData, groups: &[usize], mask: &ProjectionMask) -> (Vec<ColumnChunk>, usize) {
    let leaves: Vec<usize> =
        (0..metadata.file_metadata().schema_descr().num_columns()).filter(|leaf| mask.leaf_included(*leaf)).collect();
    let of_group = |group: &usize| {
        let columns = metadata.row_group(*group).columns();
        let chunk = |(column, leaf): (usize, &usize)| {
            let chunk = columns.get(*leaf)?;
            let start =
                chunk.dictionary_page_offset().unwrap_or(chunk.data_page_offset()).min(chunk.data_page_offset());
            // A damaged footer may point anywhere.
            let (start, length) = (u64::try_from(start).ok()?, u64::try_from(chunk.compressed_size()).ok()?);
            Some(ColumnChunk { bytes: start..start.checked_add(length)?, column })
        };
        leaves.iter().enumerate().filter_map(chunk).collect::<Vec<_>>()
    };
    (groups.iter().flat_map(of_group).collect(), leaves.len())
}

/// How many rows make a batch of limited size, by the widest row group.
fn batch_rows(metadata: &ParquetMetaData, groups: &[usize], mask: &ProjectionMask) -> usize {
    let of_group = |group: &usize| {
        let group = metadata.row_group(*group);
        let columns = group.columns().iter().enumerate().filter(|(leaf, _)| mask.leaf_included(*leaf));
        // A dictionary holds each value once; not every writer tells how many bytes the values have without it.
        let bytes = columns
            .map(|(_, column)| column.uncompressed_size().max(column.unencoded_byte_array_data_bytes().unwrap_or(0)));
        let bytes = bytes.filter_map(|bytes| u64::try_from(bytes).ok()).fold(0, u64::saturating_add);
        bytes / u64::try_from(group.num_rows()).unwrap_or(1).max(1)
    };
    let widest = groups.iter().map(of_group).max().unwrap_or(0);
    usize::try_from(BATCH_BYTES / widest.max(1)).unwrap_or(BATCH_ROWS).clamp(FEWEST_ROWS, BATCH_ROWS)
}

/// The file's own types, not what its writer remembered of Arrow's, but for two things.
///
/// INT96 holds nanoseconds over all of history, which 64 bits of nanoseconds do not: read so, 9999-12-31 becomes 1816-03-30
/// without an error. Microseconds hold it. And texts are views of the pages they lie in: nothing is copied, and a long text that a
/// dictionary holds once is in memory once, however many rows have it.
fn metadata(object: &ParquetObject) -> Result<ArrowReaderMetadata, ParquetError> {
    let plain = || ArrowReaderOptions::new().with_skip_arrow_metadata(true);
    let metadata = ArrowReaderMetadata::load(object, plain())?;
    let has_int96 =
        metadata.parquet_schema().columns().iter().any(|column| column.physical_type() == PhysicalType::INT96);
    let field = |field: &Arc<Field>| match field.data_type() {
        DataType::Utf8 => field.as_ref().clone().with_data_type(DataType::Utf8View),
        DataType::Binary => field.as_ref().clone().with_data_type(DataType::BinaryView),
        _ if has_int96 => in_microseconds(field),
        _ => field.as_ref().clone(),
    };
    let fields: Fields = metadata.schema().fields().iter().map(field).collect();
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
    let found = match found {
        DataType::Utf8View => &DataType::Utf8,
        DataType::BinaryView => &DataType::Binary,
        other => other,
    };
    refused(format!(
        "column `{}` is `{}` in the catalogue but `{found}` in file `{file}`",
        column.name, column.hive_type
    ))
    .hint("run the model again, so that its files and its catalogue entry agree")
}

fn damaged(file: &Key, object: &ParquetObject, error: &dyn std::fmt::Display) -> MartError {
    if let Some(failure) = object.failure() {
        return unreadable_object(&failure);
    }
    refused(format!("file `{file}` cannot be read as parquet: {error}"))
        .hint("run the model again to write a new version")
}

fn unreadable_object(error: &ObjectError) -> MartError {
    MartError { message: error.to_string(), hint: None, retryable: error.is_retryable() }
}
