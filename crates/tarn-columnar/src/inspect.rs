//! What a Parquet file holds, by its footer.

use std::collections::BTreeMap;
use std::io;

use arrow::datatypes::{DataType, TimeUnit};
use bytes::Bytes;
use parquet::arrow::parquet_to_arrow_schema;
use parquet::errors::{ParquetError, Result as ParquetResult};
use parquet::file::metadata::ParquetMetaDataReader;
use parquet::file::reader::{ChunkReader, Length};

/// A column of a Parquet file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ParquetColumn {
    /// Its name, folded to lower case as Hive does.
    pub name: String,
    /// Its type as Hive names it: `string`, `decimal(10,2)`, `array<int>`.
    pub hive_type: String,
}

/// Reads `length` bytes from `offset` of a file.
pub type ReadAt<'a> = dyn Fn(u64, usize) -> io::Result<Bytes> + Send + Sync + 'a;

/// The columns of a Parquet file of `size` bytes, and its number of rows; only the footer is read.
///
/// # Errors
///
/// When the file is no Parquet file, is cut off, or has a type that Hive has no name for.
pub fn parquet_columns(size: u64, read: &ReadAt<'_>) -> ParquetResult<(Vec<ParquetColumn>, u64)> {
    let file = RandomAccess { size, read };
    let metadata = ParquetMetaDataReader::new().parse_and_finish(&file)?;
    let rows = u64::try_from(metadata.file_metadata().num_rows()).unwrap_or_default();
    let schema = parquet_to_arrow_schema(metadata.file_metadata().schema_descr(), None)?;
    let columns = schema.fields().iter().map(|field| {
        let hive_type = hive_type(field.data_type()).ok_or_else(|| {
            ParquetError::General(format!("column `{}` has the type {}", field.name(), field.data_type()))
        })?;
        Ok(ParquetColumn { name: field.name().to_lowercase(), hive_type })
    });
    Ok((columns.collect::<ParquetResult<_>>()?, rows))
}

/// The stored bytes of each column of a Parquet file of `size` bytes, under the names of the table's columns; only the footer is
/// read. A nested column has the bytes of all its leaves.
///
/// # Errors
///
/// When the file is no Parquet file or is cut off.
pub fn parquet_column_bytes(size: u64, read: &ReadAt<'_>) -> ParquetResult<BTreeMap<String, u64>> {
    let file = RandomAccess { size, read };
    let metadata = ParquetMetaDataReader::new().parse_and_finish(&file)?;
    let mut columns = BTreeMap::new();
    for chunk in metadata.row_groups().iter().flat_map(|group| group.columns()) {
        let name = chunk.column_path().parts().first().map(|name| name.to_lowercase()).unwrap_or_default();
        *columns.entry(name).or_default() += u64::try_from(chunk.compressed_size()).unwrap_or_default();
    }
    Ok(columns)
}

/// Hive's name of an Arrow type; `None` where Hive has none.
fn hive_type(data_type: &DataType) -> Option<String> {
    Some(match data_type {
        DataType::Boolean => "boolean".to_owned(),
        DataType::Int8 => "tinyint".to_owned(),
        DataType::Int16 | DataType::UInt8 => "smallint".to_owned(),
        DataType::Int32 | DataType::UInt16 => "int".to_owned(),
        DataType::Int64 | DataType::UInt32 => "bigint".to_owned(),
        DataType::UInt64 => "decimal(20,0)".to_owned(),
        DataType::Float16 | DataType::Float32 => "float".to_owned(),
        DataType::Float64 => "double".to_owned(),
        DataType::Decimal32(precision, scale)
        | DataType::Decimal64(precision, scale)
        | DataType::Decimal128(precision, scale) => format!("decimal({precision},{scale})"),
        DataType::Utf8 | DataType::LargeUtf8 | DataType::Utf8View => "string".to_owned(),
        DataType::Binary | DataType::LargeBinary | DataType::BinaryView | DataType::FixedSizeBinary(_) => {
            "binary".to_owned()
        }
        DataType::Date32 | DataType::Date64 => "date".to_owned(),
        DataType::Timestamp(
            TimeUnit::Second | TimeUnit::Millisecond | TimeUnit::Microsecond | TimeUnit::Nanosecond,
            _,
        ) => "timestamp".to_owned(),
        DataType::List(item) | DataType::LargeList(item) => format!("array<{}>", hive_type(item.data_type())?),
        DataType::Struct(fields) => {
            let fields: Option<Vec<String>> = fields
                .iter()
                .map(|field| Some(format!("{}:{}", field.name().to_lowercase(), hive_type(field.data_type())?)))
                .collect();
            format!("struct<{}>", fields?.join(","))
        }
        DataType::Map(entries, _) => match entries.data_type() {
            DataType::Struct(fields) => match fields.as_ref() {
                [key, value] => format!("map<{},{}>", hive_type(key.data_type())?, hive_type(value.data_type())?),
                _ => return None,
            },
            _ => return None,
        },
        _ => return None,
    })
}

/// The caller's file, as the Parquet reader asks for it.
struct RandomAccess<'a> {
    size: u64,
    read: &'a ReadAt<'a>,
}

impl Length for RandomAccess<'_> {
    fn len(&self) -> u64 {
        self.size
    }
}

impl ChunkReader for RandomAccess<'_> {
    type T = io::Cursor<Bytes>;

    fn get_read(&self, start: u64) -> ParquetResult<Self::T> {
        let length = usize::try_from(self.size.saturating_sub(start)).unwrap_or(usize::MAX);
        Ok(io::Cursor::new(self.get_bytes(start, length)?))
    }

    fn get_bytes(&self, start: u64, length: usize) -> ParquetResult<Bytes> {
        (self.read)(start, length).map_err(|error| ParquetError::External(Box::new(error)))
    }
}
