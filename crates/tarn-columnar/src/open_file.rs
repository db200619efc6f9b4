//! One file in the making, and where files go.

use std::io::{self, BufWriter, Write};
use std::sync::Arc;

use arrow::datatypes::SchemaRef;
use parquet::arrow::ArrowSchemaConverter;
use parquet::errors::ParquetError;
use parquet::file::properties::WriterProperties;
use parquet::file::writer::SerializedFileWriter;

use crate::encode::{ColumnEncoder, Press};
use crate::error::ColumnarError;
use crate::partition::Partition;

/// Bytes that are gathered before they are written: the Parquet writer hands over 8 KiB at a time, and a file system takes many
/// pages at once for little more than one.
const WRITE_BYTES: usize = 256 << 10;

/// A file that is about to be written.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NewFile {
    /// The partition it belongs to.
    pub partition: Partition,
    /// Its position among the files of that partition, from 0.
    pub part: u32,
    /// `<stem>-<part>.parquet`, unique within the partition.
    pub name: String,
}

/// A file that was written whole.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FinishedFile {
    /// The partition it belongs to.
    pub partition: Partition,
    /// Its name within the partition.
    pub name: String,
    /// Its rows.
    pub rows: u64,
    /// Its size.
    pub bytes: u64,
    /// Its columns.
    pub schema: SchemaRef,
}

/// Gives the caller's files to write into.
pub trait FileFactory {
    /// What bytes are written into.
    type File: Write + Send;

    /// Begins a file.
    ///
    /// # Errors
    ///
    /// When the file cannot be created.
    fn create(&mut self, new: &NewFile) -> io::Result<Self::File>;

    /// Takes back a file whose last byte was written: the moment to sync, rename or upload it.
    ///
    /// # Errors
    ///
    /// When the file cannot be made durable.
    fn finish(&mut self, file: Self::File, finished: &FinishedFile) -> io::Result<()>;
}

/// Keeps files in memory.
#[derive(Debug, Default)]
pub struct MemoryFiles {
    /// The finished files and their bytes.
    pub files: Vec<(FinishedFile, Vec<u8>)>,
}

impl FileFactory for MemoryFiles {
    type File = Vec<u8>;

    fn create(&mut self, _: &NewFile) -> io::Result<Vec<u8>> {
        Ok(Vec::new())
    }

    fn finish(&mut self, file: Vec<u8>, finished: &FinishedFile) -> io::Result<()> {
        self.files.push((finished.clone(), file));
        Ok(())
    }
}

/// A file in the making.
pub(crate) struct OpenFile<W: Write + Send> {
    new: NewFile,
    schema: SchemaRef,
    writer: SerializedFileWriter<Counted<BufWriter<W>>>,
    rows: u64,
}

/// A file that knows how much was written: the writer tells it before the footer only.
struct Counted<W> {
    file: W,
    bytes: u64,
}

impl<W: Write> Write for Counted<W> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let written = self.file.write(bytes)?;
        self.bytes += written as u64;
        Ok(written)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.file.flush()
    }
}

/// The name of a part of a file.
pub(crate) fn part_name(stem: &str, part: u32) -> String {
    format!("{stem}-{part:04}.parquet")
}

impl<W: Write + Send> OpenFile<W> {
    /// Begins a file of these columns.
    pub(crate) fn create<F: FileFactory<File = W>>(
        factory: &mut F,
        new: NewFile,
        schema: SchemaRef,
    ) -> Result<Self, ColumnarError> {
        let failure = |source| ColumnarError::Parquet { name: new.name.clone(), source };
        // The Arrow schema in the footer would tell other readers nothing that the Parquet schema does not.
        let columns = ArrowSchemaConverter::new().convert(&schema).map_err(failure)?;
        let properties = WriterProperties::builder().set_created_by("tarn".to_owned()).build();
        let file = factory.create(&new).map_err(|source| ColumnarError::Io { name: new.name.clone(), source })?;
        let file = Counted { file: BufWriter::with_capacity(WRITE_BYTES, file), bytes: 0 };
        let writer =
            SerializedFileWriter::new(file, columns.root_schema_ptr(), Arc::new(properties)).map_err(failure)?;
        Ok(Self { new, schema, writer, rows: 0 })
    }

    pub(crate) fn failure(&self, source: ParquetError) -> ColumnarError {
        ColumnarError::Parquet { name: self.new.name.clone(), source }
    }

    /// Rows of the row groups so far.
    pub(crate) fn rows(&self) -> u64 {
        self.rows
    }

    /// Writes what the columns took as a row group.
    pub(crate) fn write_row_group<'a>(
        &mut self,
        rows: usize,
        columns: impl Iterator<Item = &'a mut ColumnEncoder>,
        press: &mut Press,
    ) -> Result<(), ColumnarError> {
        self.rows += rows as u64;
        let Self { new, writer, .. } = self;
        let descriptors = writer.schema_descr().columns().to_vec();
        let write = || -> Result<(), ParquetError> {
            let mut group = writer.next_row_group()?;
            for (column, descriptor) in columns.zip(descriptors) {
                column.finish_chunk(descriptor, press, |chunk, close| group.append_column(chunk, close))?;
            }
            group.close().map(drop)
        };
        write().map_err(|source| ColumnarError::Parquet { name: new.name.clone(), source })
    }

    /// Writes the footer and hands the file back.
    pub(crate) fn finish<F: FileFactory<File = W>>(self, factory: &mut F) -> Result<FinishedFile, ColumnarError> {
        let Self { new, schema, writer, rows } = self;
        let name = new.name;
        let Counted { file, bytes } = match writer.into_inner() {
            Ok(counted) => counted,
            Err(source) => return Err(ColumnarError::Parquet { name, source }),
        };
        let file = match file.into_inner() {
            Ok(file) => file,
            Err(unwritten) => return Err(ColumnarError::Io { name, source: unwritten.into_error() }),
        };
        let finished = FinishedFile { partition: new.partition, name, rows, bytes, schema };
        match factory.finish(file, &finished) {
            Ok(()) => Ok(finished),
            Err(source) => Err(ColumnarError::Io { name: finished.name, source }),
        }
    }
}
