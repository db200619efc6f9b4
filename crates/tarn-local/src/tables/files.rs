//! The files behind a table: its parts, their listings, and the row counts in the files' footers.

use std::io;
use std::sync::Arc;

use arrow::datatypes::{DataType, SchemaRef};
use datafusion::common::stats::Precision;
use datafusion::common::{ColumnStatistics, DataFusionError, Result, ScalarValue, Statistics};
use datafusion::datasource::listing::PartitionedFile;
use datafusion::datasource::physical_plan::FileGroup;
use datafusion::datasource::physical_plan::parquet::metadata::DFParquetMetadata;
use datafusion::parquet::arrow::parquet_to_arrow_schema;
use tarn_pipeline::names::Key;

use super::adapter::match_columns;
use super::reader::{BytesScanned, Footers, TableFile};
use crate::objects::{LocalObjects, list_files};

/// Footers read while planning; of a table with more files than this, the row count is told from so many.
const PLANNED_FOOTERS: usize = 1_024;

/// One part that survived pruning.
#[derive(Debug, Clone)]
pub(crate) struct ScannedPart {
    /// Its folder.
    pub(crate) location: Key,
    /// Its partition values, typed.
    pub(crate) values: Vec<ScalarValue>,
}

/// All files of some parts, in the order of the parts and then by name. May block.
pub(crate) fn files_of(
    objects: &LocalObjects,
    table: &Arc<str>,
    parts: &[ScannedPart],
) -> Result<Vec<PartitionedFile>> {
    let mut files = Vec::new();
    for part in parts {
        let failed = |error: io::Error| {
            DataFusionError::External(
                format!("folder `{}` of table `{table}` cannot be read: {error}", part.location).into(),
            )
        };
        let folder = objects.path(&part.location).map_err(failed)?;
        // As Athena does: the whole tree below the folder, without hidden names.
        let found = list_files(&folder, |name, _| !name.starts_with(['_', '.'])).map_err(failed)?;
        for file in found.into_iter().filter(|file| file.size > 0) {
            let path = folder.join(&file.name);
            let mut planned = PartitionedFile::new(path.to_string_lossy(), file.size);
            planned.object_meta.last_modified = file.modified;
            planned.partition_values.clone_from(&part.values);
            let (size, modified, table) = (file.size, file.modified, Arc::clone(table));
            files.push(planned.with_extension(TableFile { path: path.into(), size, modified, table }));
        }
    }
    Ok(files)
}

/// Splits files into at most `count` groups of about the same size, keeping their order.
pub(crate) fn group(files: Vec<PartitionedFile>, count: usize) -> Vec<FileGroup> {
    let total: u64 = files.iter().map(|file| file.object_meta.size).sum();
    let share = total.div_ceil(count.max(1) as u64).max(1);
    let mut groups = vec![Vec::new(); count.max(1)];
    let mut before = 0;
    for file in files {
        // A file goes to the group that its middle falls into.
        let number = usize::try_from((before + file.object_meta.size / 2) / share).unwrap_or(usize::MAX);
        before += file.object_meta.size;
        let last = groups.len() - 1;
        groups[number.min(last)].push(file);
    }
    groups.into_iter().filter(|group| !group.is_empty()).map(FileGroup::new).collect()
}

/// Row count and column statistics of all files together, from their footers. May block.
///
/// The row count is exact when every footer was read; the rest is for the optimizer's estimates only, because a file's values
/// need not be the table's (a timestamp is rounded).
///
/// # Errors
/// When a footer cannot be read; the message names the file.
pub(crate) fn statistics(
    footers: &Footers,
    scanned: &BytesScanned,
    file_columns: &SchemaRef,
    table_columns: &SchemaRef,
    files: &[PartitionedFile],
) -> Result<Statistics> {
    let read = files.iter().filter_map(PartitionedFile::extension::<TableFile>).take(PLANNED_FOOTERS);
    let statistics =
        read.map(|file| file_statistics(footers, scanned, file_columns, file)).collect::<Result<Vec<_>>>()?;
    let mut all = Statistics::try_merge_iter(&statistics, file_columns)?;
    let rows = all.num_rows;
    all = all.to_inexact();
    all.num_rows = if files.len() <= PLANNED_FOOTERS { rows } else { extrapolate(rows, files) };
    all.total_byte_size = Precision::Absent;
    all.column_statistics.resize(table_columns.fields().len(), Default::default());
    for (column, field) in all.column_statistics.iter_mut().zip(table_columns.fields()) {
        forget_other_types(column, field.data_type());
    }
    Ok(all)
}

/// The bounds of a column whose files hold another type than the table: the optimizer compares them with values of the table's.
fn forget_other_types(column: &mut ColumnStatistics, table_type: &DataType) {
    for bound in [&mut column.min_value, &mut column.max_value, &mut column.sum_value] {
        if bound.get_value().is_some_and(|value| value.data_type() != *table_type) {
            *bound = Precision::Absent;
        }
    }
}

fn file_statistics(
    footers: &Footers,
    scanned: &BytesScanned,
    columns: &SchemaRef,
    file: &TableFile,
) -> Result<Statistics> {
    let footer = footers.get(file, scanned).map_err(|error| DataFusionError::ParquetError(Box::new(error)))?;
    let metadata = footer.file_metadata();
    let file_schema = parquet_to_arrow_schema(metadata.schema_descr(), metadata.key_value_metadata())?;
    let found = match_columns(columns, &file_schema);
    let mut statistics = DFParquetMetadata::statistics_from_parquet_metadata(&footer, &found)?;
    for (column, field) in statistics.column_statistics.iter_mut().zip(columns.fields()) {
        column.min_value = in_type(&column.min_value, field.data_type());
        column.max_value = in_type(&column.max_value, field.data_type());
    }
    Ok(statistics)
}

/// A bound in the table's type: the optimizer compares it with values of that type.
fn in_type(bound: &Precision<ScalarValue>, data_type: &DataType) -> Precision<ScalarValue> {
    match bound.get_value().map(|value| value.cast_to(data_type)) {
        Some(Ok(value)) => Precision::Inexact(value),
        _ => Precision::Absent,
    }
}

fn extrapolate(rows: Precision<usize>, files: &[PartitionedFile]) -> Precision<usize> {
    let size = |files: &[PartitionedFile]| files.iter().map(|file| u128::from(file.object_meta.size)).sum::<u128>();
    let (read, all) = (size(&files[..PLANNED_FOOTERS.min(files.len())]), size(files));
    match rows.get_value() {
        Some(rows) if read > 0 => Precision::Inexact(usize::try_from(*rows as u128 * all / read).unwrap_or(usize::MAX)),
        _ => Precision::Absent,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sizes(group: &FileGroup) -> Vec<u64> {
        group.iter().map(|file| file.object_meta.size).collect()
    }

    #[test]
    fn groups_have_about_the_same_size_and_keep_the_order() {
        let files = |sizes: &[u64]| sizes.iter().map(|size| PartitionedFile::new("x", *size)).collect::<Vec<_>>();
        let grouped = |of: &[u64], count| group(files(of), count).iter().map(sizes).collect::<Vec<_>>();
        assert_eq!(grouped(&[1, 1, 1, 1], 2), [[1, 1], [1, 1]]);
        assert_eq!(grouped(&[8, 1, 1], 2), [vec![8], vec![1, 1]]);
        assert_eq!(grouped(&[5], 4), [[5]]);
        assert_eq!(grouped(&[], 4), Vec::<Vec<u64>>::new());
        assert_eq!(grouped(&[1, 2, 3], 1), [[1, 2, 3]]);
    }
}
