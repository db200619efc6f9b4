//! One Parquet file being written.

use arrow::datatypes::SchemaRef;
use arrow::record_batch::RecordBatch;
use parquet::arrow::ArrowWriter;
use parquet::basic::{Compression as Codec, ZstdLevel};
use parquet::errors::ParquetError;
use parquet::file::properties::WriterProperties;
use tarn_pipeline::names::Key;

use super::partitions::Values;
use crate::objects::{ClosedObject, LocalObjects, LocalWriter};

/// Rows of a row group at most: enough to encode well, few enough to share a file between threads.
const ROW_GROUP_ROWS: usize = 1 << 20;

/// How files are compressed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) enum Compression {
    /// ZSTD of this level; 1 is nearly as small as any and the fastest.
    Zstd(i32),
    /// Snappy.
    Snappy,
    /// Not at all.
    #[default]
    None,
}

impl Compression {
    fn codec(self) -> Result<Codec, ParquetError> {
        Ok(match self {
            Self::Zstd(level) => Codec::ZSTD(ZstdLevel::try_new(level)?),
            Self::Snappy => Codec::SNAPPY,
            Self::None => Codec::UNCOMPRESSED,
        })
    }
}

/// A file that is whole, but has no name yet.
pub(super) struct ClosedFile {
    pub(super) object: ClosedObject,
    pub(super) values: Values,
    pub(super) folder: Key,
    pub(super) rows: u64,
    pub(super) bytes: u64,
}

/// A file that takes rows.
pub(super) struct Encoder {
    writer: ArrowWriter<LocalWriter>,
    values: Values,
    folder: Key,
    rows: u64,
    /// When it last took rows, in chunks.
    pub(super) last_used: u64,
}

impl Encoder {
    pub(super) fn start(
        objects: &LocalObjects,
        (folder, name): (Key, String),
        values: Values,
        schema: SchemaRef,
        compression: Compression,
    ) -> Result<Self, ParquetError> {
        let properties = WriterProperties::builder()
            .set_compression(compression.codec()?)
            .set_max_row_group_row_count(Some(ROW_GROUP_ROWS))
            .build();
        let object = objects.start(&folder.join(&name)).map_err(|error| ParquetError::External(error.into()))?;
        let writer = ArrowWriter::try_new(object, schema, Some(properties))?;
        Ok(Self { writer, values, folder, rows: 0, last_used: 0 })
    }

    pub(super) fn write(&mut self, batch: &RecordBatch) -> Result<(), ParquetError> {
        self.rows += batch.num_rows() as u64;
        self.writer.write(batch)
    }

    /// Bytes held in memory until the row group is full.
    pub(super) fn memory(&self) -> usize {
        self.writer.memory_size()
    }

    /// Ends the row group, which frees its memory.
    pub(super) fn flush(&mut self) -> Result<(), ParquetError> {
        self.writer.flush()
    }

    pub(super) fn close(self) -> Result<ClosedFile, ParquetError> {
        // Handing the file back writes its footer.
        let object = self.writer.into_inner()?;
        let bytes = object.size()?;
        let object = object.close();
        Ok(ClosedFile { object, values: self.values, folder: self.folder, rows: self.rows, bytes })
    }
}
