//! An object of the bucket as the Parquet reader wants it: any range, on demand.
//!
//! The reader asks for a page's head and then for the page, page after page, in one column after the other. Each of these would be a
//! request to S3. So its end, where the footer is, is read once and kept, and every column chunk is read ahead in blocks.

use std::io::{self, BufReader, Read};
use std::ops::Range;
use std::sync::{Arc, Mutex, PoisonError};

use bytes::Bytes;
use parquet::errors::ParquetError;
use parquet::file::FOOTER_SIZE;
use parquet::file::reader::{ChunkReader, Length};
use tarn_pipeline::ports::{ObjectError, ObjectReader};
use xxhash_rust::xxh3::Xxh3Default;

/// Page headers are read through this; the pages themselves come as ranges.
const HEADER_BUFFER: usize = 2 * 1024;
/// What is read of an object's end at once: nearly every footer lies in it.
const END: u64 = 64 * 1024;
/// What all columns of a file together are read ahead, and the least and the most of one of them.
const AHEAD: usize = 8 * 1024 * 1024;
const SMALLEST_BLOCK: usize = 16 * 1024;
const LARGEST_BLOCK: usize = 4 * 1024 * 1024;

/// A Parquet file in the bucket.
#[derive(Clone)]
pub(super) struct ParquetObject(Arc<Opened>);

struct Opened {
    reader: Arc<dyn ObjectReader>,
    end: Block,
    fingerprint: u128,
    /// The column chunks that are read ahead, by where they begin.
    chunks: Vec<ColumnChunk>,
    /// How much of a chunk is read ahead.
    block: usize,
    /// The last block of each column.
    blocks: Mutex<Vec<Block>>,
    /// Why the object could not be read, which the Parquet reader turns into mere text.
    failure: Mutex<Option<ObjectError>>,
}

/// Where a column of a row group lies in the file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct ColumnChunk {
    pub(super) bytes: Range<u64>,
    /// Which of the columns that are read it is.
    pub(super) column: usize,
}

/// Some bytes of the object.
#[derive(Debug, Clone, Default)]
struct Block {
    start: u64,
    bytes: Bytes,
}

impl Block {
    /// Up to `length` bytes from an offset on; `None` when the first of them is not here.
    fn part(&self, offset: u64, length: usize) -> Option<Bytes> {
        let before = usize::try_from(offset.checked_sub(self.start)?).ok()?;
        let end = before.saturating_add(length).min(self.bytes.len());
        (before < end).then(|| self.bytes.slice(before..end))
    }
}

impl ParquetObject {
    /// Reads the end of an object.
    pub(super) fn open(reader: Box<dyn ObjectReader>) -> Result<Self, ObjectError> {
        let reader: Arc<dyn ObjectReader> = Arc::from(reader);
        let size = reader.size();
        let mut end = read_end(reader.as_ref(), END)?;
        let footer = footer_length(&end.bytes);
        if footer > end.bytes.len() as u64 && footer <= size {
            end = read_end(reader.as_ref(), footer)?;
        }
        let footer = usize::try_from(footer).unwrap_or(usize::MAX).min(end.bytes.len());
        let mut hash = Xxh3Default::new();
        hash.update(&size.to_le_bytes());
        hash.update(reader.version().unwrap_or_default().as_bytes());
        hash.update(&end.bytes[end.bytes.len() - footer..]);
        let (blocks, failure) = (Mutex::default(), Mutex::default());
        let opened = Opened { reader, end, fingerprint: hash.digest128(), chunks: vec![], block: 0, blocks, failure };
        Ok(Self(Arc::new(opened)))
    }

    /// A number that another object has not: it is made of the size, the footer and, where the bucket tells it, the version.
    pub(super) fn fingerprint(&self) -> u128 {
        self.0.fingerprint
    }

    /// The same object, in which these chunks of `columns` columns are read ahead.
    pub(super) fn ahead(&self, mut chunks: Vec<ColumnChunk>, columns: usize) -> Self {
        chunks.sort_unstable_by_key(|chunk| chunk.bytes.start);
        Self(Arc::new(Opened {
            reader: Arc::clone(&self.0.reader),
            end: self.0.end.clone(),
            fingerprint: self.0.fingerprint,
            chunks,
            block: (AHEAD / columns.max(1)).clamp(SMALLEST_BLOCK, LARGEST_BLOCK),
            blocks: Mutex::new(vec![Block::default(); columns]),
            failure: Mutex::default(),
        }))
    }

    /// Why the object could not be read, if that is why a file could not be.
    pub(super) fn failure(&self) -> Option<ObjectError> {
        self.0.failure.lock().unwrap_or_else(PoisonError::into_inner).take()
    }

    fn read(&self, offset: u64, length: usize) -> Result<Bytes, ParquetError> {
        self.0.reader.read(offset, length).map_err(|error| {
            let text = error.to_string();
            *self.0.failure.lock().unwrap_or_else(PoisonError::into_inner) = Some(error);
            ParquetError::General(text)
        })
    }

    /// At least one byte and at most `length` from an offset on, or exactly so many; `length` is not 0 and lies in the object.
    fn bytes(&self, offset: u64, length: usize, exactly: bool) -> Result<Bytes, ParquetError> {
        let wanted = |bytes: &Bytes| !exactly || bytes.len() == length;
        if let Some(bytes) = self.0.end.part(offset, length).filter(wanted) {
            return Ok(bytes);
        }
        let place = self.0.chunks.partition_point(|chunk| chunk.bytes.start <= offset);
        let chunk = place.checked_sub(1).and_then(|place| self.0.chunks.get(place));
        let Some(chunk) = chunk.filter(|chunk| offset < chunk.bytes.end) else {
            return self.read(offset, length);
        };
        let known = |blocks: &[Block]| blocks.get(chunk.column).and_then(|block| block.part(offset, length));
        if let Some(bytes) = known(&self.0.blocks.lock().unwrap_or_else(PoisonError::into_inner)).filter(wanted) {
            return Ok(bytes);
        }
        let rest = usize::try_from(chunk.bytes.end - offset).unwrap_or(usize::MAX);
        let bytes = self.read(offset, self.0.block.min(rest).max(length))?;
        let block = Block { start: offset, bytes };
        let found = block.part(offset, length).unwrap_or_default();
        if let Some(kept) = self.0.blocks.lock().unwrap_or_else(PoisonError::into_inner).get_mut(chunk.column) {
            *kept = block;
        }
        Ok(found)
    }
}

fn read_end(reader: &dyn ObjectReader, length: u64) -> Result<Block, ObjectError> {
    let length = length.min(reader.size());
    let start = reader.size() - length;
    Ok(Block { start, bytes: reader.read(start, usize::try_from(length).unwrap_or(usize::MAX))? })
}

/// The bytes of the footer with the eight that end every file; what says so is at the end. All that is there of what is no file.
fn footer_length(end: &[u8]) -> u64 {
    let Some((_, [a, b, c, d, b'P', b'A', b'R', b'1'])) = end.split_last_chunk::<FOOTER_SIZE>() else {
        return end.len() as u64;
    };
    u64::from(u32::from_le_bytes([*a, *b, *c, *d])) + FOOTER_SIZE as u64
}

impl Length for ParquetObject {
    fn len(&self) -> u64 {
        self.0.reader.size()
    }
}

impl ChunkReader for ParquetObject {
    type T = BufReader<Section>;

    fn get_read(&self, start: u64) -> Result<Self::T, ParquetError> {
        let section = Section { object: self.clone(), offset: start };
        Ok(BufReader::with_capacity(HEADER_BUFFER, section))
    }

    fn get_bytes(&self, start: u64, length: usize) -> Result<Bytes, ParquetError> {
        // A damaged footer may point anywhere.
        let end = start.checked_add(length as u64);
        if end.is_none_or(|end| end > self.len()) {
            return Err(ParquetError::EOF(format!("{length} bytes at {start} lie behind the end of the file")));
        }
        if length == 0 { Ok(Bytes::new()) } else { self.bytes(start, length, true) }
    }
}

/// The rest of an object from an offset on.
pub(super) struct Section {
    object: ParquetObject,
    offset: u64,
}

impl Read for Section {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let rest = self.object.len().saturating_sub(self.offset);
        let length = buffer.len().min(usize::try_from(rest).unwrap_or(usize::MAX));
        if length == 0 {
            return Ok(0);
        }
        let bytes = self.object.bytes(self.offset, length, false).map_err(io::Error::other)?;
        let target = buffer.get_mut(..bytes.len()).unwrap_or_default();
        target.copy_from_slice(&bytes[..target.len()]);
        self.offset += bytes.len() as u64;
        Ok(bytes.len())
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicUsize, Ordering};

    use super::*;

    struct Counted {
        bytes: Bytes,
        reads: Arc<AtomicUsize>,
    }

    impl ObjectReader for Counted {
        fn size(&self) -> u64 {
            self.bytes.len() as u64
        }

        fn read(&self, offset: u64, length: usize) -> Result<Bytes, ObjectError> {
            self.reads.fetch_add(1, Ordering::Relaxed);
            let start = usize::try_from(offset).unwrap();
            Ok(self.bytes.slice(start..start + length))
        }
    }

    fn object(bytes: Vec<u8>) -> (ParquetObject, Arc<AtomicUsize>) {
        let reads = Arc::new(AtomicUsize::new(0));
        let reader = Counted { bytes: bytes.into(), reads: Arc::clone(&reads) };
        (ParquetObject::open(Box::new(reader)).unwrap(), reads)
    }

    fn file(values: usize, footer: &[u8]) -> Vec<u8> {
        let mut bytes: Vec<u8> = (0..values).map(|index| u8::try_from(index % 251).unwrap()).collect();
        bytes.extend_from_slice(footer);
        bytes.extend_from_slice(&u32::try_from(footer.len()).unwrap().to_le_bytes());
        bytes.extend_from_slice(b"PAR1");
        bytes
    }

    #[test]
    fn chunks_are_read_in_blocks_and_whatever_is_asked_comes() {
        let bytes = file(9_000_000, b"footer");
        let (object, reads) = object(bytes.clone());
        let chunk = |bytes: Range<u64>, column| ColumnChunk { bytes, column };
        let object = object.ahead(vec![chunk(4_500_000..8_900_000, 1), chunk(4..4_500_000, 0)], 2);
        for (start, step) in [(4, 1_000), (4_500_000, 300_000)] {
            for at in (start..start + 4_000_000).step_by(step) {
                assert_eq!(object.get_bytes(at as u64, step).unwrap(), bytes[at..at + step]);
                let mut head = [0; 50];
                object.get_read(at as u64).unwrap().read_exact(&mut head).unwrap();
                assert_eq!(head, bytes[at..at + 50]);
            }
        }
        assert!(reads.load(Ordering::Relaxed) < 8, "{reads:?}");
        let before = reads.load(Ordering::Relaxed);
        assert_eq!(object.get_bytes(8_990_000, 5_000).unwrap(), bytes[8_990_000..8_995_000]);
        assert_eq!(reads.load(Ordering::Relaxed), before);
        assert!(object.get_bytes(9_000_000, 5_000).is_err());
        assert_eq!(object.get_bytes(0, 0).unwrap(), Bytes::new());
    }

    #[test]
    fn another_footer_is_another_file() {
        let print = |bytes: Vec<u8>| object(bytes).0.fingerprint();
        assert_eq!(print(file(10, b"a")), print(file(10, b"a")));
        assert_ne!(print(file(10, b"a")), print(file(10, b"b")));
        assert_ne!(print(file(10, b"a")), print(file(11, b"a")));
        // A footer that is longer than what is read of the end, and files that have none.
        let mut long = vec![7; 100_000];
        let one = print(file(10, &long));
        long[0] = 8;
        assert_ne!(one, print(file(10, &long)));
        assert_ne!(print(vec![]), print(vec![1, 2, 3]));
        print(b"\xff\xff\xff\xffPAR1".to_vec());
    }
}
