//! How each column is encoded.
//!
//! A dictionary makes columns of few different values small and fast, and is wasted work on columns of ids. Which one a
//! column is, is told by the first rows of the file. Sorted or clustered integers and timestamps without a dictionary are
//! stored as differences.

use arrow::array::{Array, AsArray, RecordBatch};
use arrow::datatypes::{DataType, Int64Type, TimeUnit, TimestampMicrosecondType};
use parquet::basic::Encoding;
use parquet::file::properties::{EnabledStatistics, WriterProperties, WriterVersion};
use parquet::schema::types::ColumnPath;
use std::collections::HashSet;

use crate::settings::ParquetSettings;

/// Rows that are looked at.
const SAMPLE_ROWS: usize = 2_048;

/// Rows that are encoded in one go; a page ends only between two of them.
const WRITE_ROWS: usize = 4_096;

/// Bytes after which a page ends: larger ones leave the processor's cache before they are compressed.
const PAGE_BYTES: usize = 256 << 10;

/// The writer properties for a file that begins with these rows.
pub(crate) fn properties(first: &RecordBatch, settings: &ParquetSettings) -> WriterProperties {
    let mut properties = WriterProperties::builder()
        .set_writer_version(WriterVersion::PARQUET_1_0)
        .set_created_by("tarn".to_owned())
        .set_compression(settings.compression.parquet())
        .set_max_row_group_row_count(Some(settings.row_group_rows.max(1)))
        .set_write_batch_size(WRITE_ROWS)
        .set_data_page_size_limit(PAGE_BYTES)
        .set_statistics_enabled(EnabledStatistics::Chunk);
    for (field, column) in first.schema().fields().iter().zip(first.columns()) {
        if repeats(column.as_ref()) {
            continue;
        }
        let path = ColumnPath::new(vec![field.name().clone()]);
        if !is_sorted(column.as_ref()) {
            // The smallest and the largest of unordered ids or texts exclude nothing, and finding them is dear.
            properties = properties.set_column_statistics_enabled(path.clone(), EnabledStatistics::None);
        }
        properties = properties.set_column_dictionary_enabled(path.clone(), false);
        if matches!(field.data_type(), DataType::Int32 | DataType::Int64 | DataType::Timestamp(..) | DataType::Date32) {
            properties = properties.set_column_encoding(path, Encoding::DELTA_BINARY_PACKED);
        }
    }
    properties.build()
}

/// Whether at most half of the sampled values are different ones, so that a dictionary pays.
fn repeats(column: &dyn Array) -> bool {
    let rows = column.len().min(SAMPLE_ROWS);
    let present = (0..rows).filter(|row| column.is_valid(*row));
    let (seen, different) = match column.data_type() {
        DataType::Utf8 => {
            let values = column.as_string::<i32>();
            count(present.map(|row| values.value(row)))
        }
        DataType::Int64 => {
            let values = column.as_primitive::<Int64Type>();
            count(present.map(|row| values.value(row)))
        }
        DataType::Timestamp(TimeUnit::Microsecond, _) => {
            let values = column.as_primitive::<TimestampMicrosecondType>();
            count(present.map(|row| values.value(row)))
        }
        // Floating point, decimals and bytes are measures or blobs more often than categories; the small types repeat.
        DataType::Float32 | DataType::Float64 | DataType::Decimal128(..) | DataType::Binary => return false,
        _ => return true,
    };
    different * 2 <= seen
}

/// Whether text is in order, as far as sampled; other types are taken for ordered, their comparison is cheap.
fn is_sorted(column: &dyn Array) -> bool {
    match column.data_type() {
        DataType::Utf8 => column.as_string::<i32>().iter().take(SAMPLE_ROWS).is_sorted(),
        DataType::Binary => false,
        _ => true,
    }
}

fn count<T: std::hash::Hash + Eq>(values: impl Iterator<Item = T>) -> (usize, usize) {
    let mut different = HashSet::new();
    let mut seen = 0;
    for value in values {
        seen += 1;
        different.insert(value);
    }
    (seen, different.len())
}
