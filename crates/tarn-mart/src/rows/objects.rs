//! An object of the bucket as the Parquet reader wants it: any range, on demand.

use std::io::{self, BufReader, Read};
use std::sync::Arc;

use bytes::Bytes;
use parquet::errors::ParquetError;
use parquet::file::reader::{ChunkReader, Length};
use tarn_pipeline::ports::{ObjectError, ObjectReader};

/// Page headers are read through this; the pages themselves come as ranges.
const HEADER_BUFFER: usize = 2 * 1024;

/// A Parquet file in the bucket.
#[derive(Clone)]
pub(super) struct ParquetObject(Arc<dyn ObjectReader>);

impl ParquetObject {
    pub(super) fn new(reader: Box<dyn ObjectReader>) -> Self {
        Self(Arc::from(reader))
    }
}

impl Length for ParquetObject {
    fn len(&self) -> u64 {
        self.0.size()
    }
}

impl ChunkReader for ParquetObject {
    type T = BufReader<Section>;

    fn get_read(&self, start: u64) -> Result<Self::T, ParquetError> {
        let section = Section { object: Arc::clone(&self.0), offset: start };
        Ok(BufReader::with_capacity(HEADER_BUFFER, section))
    }

    fn get_bytes(&self, start: u64, length: usize) -> Result<Bytes, ParquetError> {
        // A damaged footer may point anywhere.
        let end = start.checked_add(length as u64);
        if end.is_none_or(|end| end > self.0.size()) {
            return Err(ParquetError::EOF(format!("{length} bytes at {start} lie behind the end of the file")));
        }
        self.0.read(start, length).map_err(|error: ObjectError| ParquetError::External(Box::new(error)))
    }
}

/// The rest of an object from an offset on.
pub(super) struct Section {
    object: Arc<dyn ObjectReader>,
    offset: u64,
}

impl Read for Section {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let rest = self.object.size().saturating_sub(self.offset);
        let length = buffer.len().min(usize::try_from(rest).unwrap_or(usize::MAX));
        if length == 0 {
            return Ok(0);
        }
        let bytes = self.object.read(self.offset, length).map_err(io::Error::other)?;
        buffer[..length].copy_from_slice(&bytes[..length]);
        self.offset += length as u64;
        Ok(length)
    }
}
