//! From a raw object to its records, in units that are interpreted each on its own.
//!
//! A unit is a stretch of the (unpacked) object; a record belongs to the unit its first byte lies in. Units are the same for
//! every reader and every number of threads, so what is made from them lies under the same keys each time.

use std::io::{self, Read};
use std::sync::Arc;

use flate2::read::MultiGzDecoder;

use crate::error::StepError;
use crate::names::Key;
use crate::ports::{ObjectError, ObjectReader, ObjectStore};

/// Bytes of a unit.
pub(crate) const UNIT: u64 = 128 << 20;
/// How much is read at a time, at most: past the page cache, each reading costs the system some work of its own.
const BLOCK: usize = 4 << 20;
/// How much is read at a time where less is asked for.
const PACKED_BLOCK: usize = 256 << 10;
/// How much is unpacked at a time.
const UNPACKED_BLOCK: usize = 256 << 10;
/// Room before a block for the beginning of a line that ends in it.
const ROOM: usize = 64 << 10;
/// Objects are read from multiples of this, into memory that begins at one: so the disk can write to it by itself.
const PAGE: u64 = 4096;
const PAGE_BYTES: usize = 4096;
/// The largest file that is read as one JSON text.
const LARGEST_JSON: u64 = 256 << 20;
/// The longest line; a gzip file of some megabytes can hold one of gigabytes.
const LONGEST_LINE: usize = 256 << 20;

/// How records stand in an object.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Framing {
    /// One record a line; units can be read at any place.
    Lines,
    /// One record a line, in a gzip file that can only be read from its beginning.
    ZippedLines,
    /// A file that is one JSON text over several lines: its records.
    Records(Vec<Vec<u8>>),
}

impl Framing {
    /// Finds out how the records of an object stand in it, by its name and its first bytes.
    pub(crate) fn of(key: &Key, objects: &dyn ObjectStore) -> Result<Self, StepError> {
        let zipped = is_zipped(key, objects)?;
        let name = key.file_name().trim_end_matches(".gz");
        if name.ends_with(".json")
            && let Some(records) = whole_text(key, zipped, objects)?
        {
            return Ok(Self::Records(records));
        }
        Ok(if zipped { Self::ZippedLines } else { Self::Lines })
    }
}

/// Whether the object begins as gzip does, whatever its name says.
fn is_zipped(key: &Key, objects: &dyn ObjectStore) -> Result<bool, StepError> {
    let reader = objects.open(key)?;
    Ok(reader.size() >= 2 && reader.read(0, 2)?.as_ref() == [0x1f, 0x8b])
}

/// The records of a file that is one JSON text: the elements of an array, or the text itself when it goes over several lines.
/// `None` when every line is a record.
fn whole_text(key: &Key, zipped: bool, objects: &dyn ObjectStore) -> Result<Option<Vec<Vec<u8>>>, StepError> {
    let mut text = Vec::new();
    let mut reader = open(key, zipped, objects)?.take(LARGEST_JSON + 1);
    reader.read_to_end(&mut text).map_err(|error| unreadable(key, &error))?;
    let first_line = text.split(|byte| *byte == b'\n').next().unwrap_or_default();
    let array = text.iter().find(|byte| !byte.is_ascii_whitespace()) == Some(&b'[');
    if !array && serde_json::from_slice::<serde::de::IgnoredAny>(first_line).is_ok() {
        return Ok(None);
    }
    if text.len() as u64 > LARGEST_JSON {
        return Err(StepError::permanent(format!("`{key}` is one JSON text of more than {LARGEST_JSON} bytes"))
            .with_hint("write one record a line (NDJSON); such files may have any size"));
    }
    if array && let Ok(elements) = serde_json::from_slice::<Vec<&serde_json::value::RawValue>>(&text) {
        return Ok(Some(elements.into_iter().map(|element| element.get().as_bytes().to_vec()).collect()));
    }
    Ok(Some(vec![text]))
}

/// The object's bytes from the beginning, unpacked.
fn open(key: &Key, zipped: bool, objects: &dyn ObjectStore) -> Result<Box<dyn Read>, StepError> {
    let bytes = ObjectBytes::new(Arc::from(objects.open(key)?), 0);
    Ok(if zipped { Box::new(MultiGzDecoder::new(bytes)) } else { Box::new(bytes) })
}

fn unreadable(key: &Key, error: &io::Error) -> StepError {
    StepError::permanent(format!("`{key}` cannot be read: {error}"))
        .with_hint("the file may be cut off or damaged; bring in a whole one")
}

/// An object as a stream of bytes from some place on.
struct ObjectBytes {
    object: Arc<dyn ObjectReader>,
    offset: u64,
    block: bytes::Bytes,
}

impl ObjectBytes {
    fn new(object: Arc<dyn ObjectReader>, offset: u64) -> Self {
        Self { object, offset, block: bytes::Bytes::new() }
    }
}

impl Read for ObjectBytes {
    fn read(&mut self, target: &mut [u8]) -> io::Result<usize> {
        if self.block.is_empty() {
            let left = self.object.size().saturating_sub(self.offset);
            let left = usize::try_from(left).unwrap_or(BLOCK);
            if left == 0 {
                return Ok(0);
            }
            if target.len() >= left.min(PACKED_BLOCK) {
                let length = left.min(target.len());
                let target = target.get_mut(..length).unwrap_or_default();
                self.object.read_into(self.offset, target).map_err(as_io)?;
                self.offset += length as u64;
                return Ok(length);
            }
            let length = left.min(PACKED_BLOCK);
            self.block = self.object.read(self.offset, length).map_err(as_io)?;
            self.offset += length as u64;
        }
        let length = self.block.len().min(target.len());
        let taken = self.block.split_to(length);
        target.get_mut(..length).unwrap_or_default().copy_from_slice(&taken);
        Ok(length)
    }
}

fn as_io(error: ObjectError) -> io::Error {
    match error {
        ObjectError::Io { source, .. } => source,
        error @ ObjectError::NotFound(_) => io::Error::new(io::ErrorKind::NotFound, error),
    }
}

/// The lines of an object, or of a stretch of it.
pub(crate) struct Lines {
    key: Key,
    bytes: Box<dyn Read>,
    /// How much is read at a time.
    block: usize,
    buffer: Vec<u8>,
    /// Where blocks are read to: after room for the beginning of a line whose end is in the block.
    base: usize,
    /// Where the next line begins in the buffer.
    start: usize,
    /// Where what was read ends in the buffer.
    end: usize,
    /// The place of the next line in the (unpacked) object.
    offset: u64,
    at_end: bool,
}

impl Lines {
    /// All lines of a gzip object.
    pub(crate) fn zipped(key: &Key, objects: &dyn ObjectStore) -> Result<Self, StepError> {
        Ok(Self::over(key, open(key, true, objects)?, UNPACKED_BLOCK, 0))
    }

    /// The lines of a plain object that begin at `from` or after it.
    pub(crate) fn from(key: &Key, from: u64, objects: &dyn ObjectStore) -> Result<Self, StepError> {
        let object: Arc<dyn ObjectReader> = Arc::from(objects.open(key)?);
        // A line begins at `from` if a line ends just before it. Whole pages are read all the same.
        let page = from.saturating_sub(1) / PAGE * PAGE;
        // A small object needs no memory for large blocks.
        let block = usize::try_from(object.size().saturating_sub(page)).unwrap_or(BLOCK).clamp(PAGE_BYTES, BLOCK);
        let mut lines = Self::over(key, Box::new(ObjectBytes::new(object, page)), block, page);
        if from == 0 {
            return Ok(lines);
        }
        lines.skip(from - 1 - page)?;
        lines.next()?;
        Ok(lines)
    }

    fn over(key: &Key, bytes: Box<dyn Read>, block: usize, offset: u64) -> Self {
        let buffer = vec![0; ROOM + PAGE_BYTES + block];
        let base = ROOM + to_page(&buffer, ROOM);
        Self { key: key.clone(), bytes, block, buffer, base, start: base, end: base, offset, at_end: false }
    }

    /// Passes over so many bytes at the beginning, which one block has.
    fn skip(&mut self, length: u64) -> Result<(), StepError> {
        self.fill()?;
        self.start = self.start.saturating_add(usize::try_from(length).unwrap_or(usize::MAX)).min(self.end);
        self.offset += length;
        Ok(())
    }

    /// The place of the next line in the (unpacked) object.
    pub(crate) fn offset(&self) -> u64 {
        self.offset
    }

    /// Whether there is no further line.
    pub(crate) fn is_at_end(&self) -> bool {
        self.at_end && self.start == self.end
    }

    /// The next line without its end, and its place; `None` at the end of the object.
    pub(crate) fn next(&mut self) -> Result<Option<(u64, &[u8])>, StepError> {
        let mut searched = self.start;
        loop {
            let unsearched = self.buffer.get(searched..self.end).unwrap_or_default();
            if let Some(length) = memchr::memchr(b'\n', unsearched) {
                return Ok(Some(self.take(searched + length, 1)));
            }
            if self.at_end {
                return Ok((self.start < self.end).then(|| self.take(self.end, 0)));
            }
            let unfinished = self.end - self.start;
            if unfinished > LONGEST_LINE {
                let (key, offset) = (&self.key, self.offset);
                let message = format!("the line at byte {offset} of `{key}` is longer than {LONGEST_LINE} bytes");
                return Err(
                    StepError::permanent(message).with_hint("write one record a line (NDJSON); take this one out")
                );
            }
            self.fill()?;
            searched = self.start + unfinished;
        }
    }

    /// Takes the line that ends at `end` in the buffer, followed by `separator` bytes.
    fn take(&mut self, end: usize, separator: usize) -> (u64, &[u8]) {
        let (start, offset) = (self.start, self.offset);
        self.start = end + separator;
        self.offset += (self.start - start) as u64;
        let line = self.buffer.get(start..end).unwrap_or_default();
        (offset, line.strip_suffix(b"\r").unwrap_or(line))
    }

    /// Reads a block behind what is left of the one before.
    fn fill(&mut self) -> Result<(), StepError> {
        self.make_room();
        let free = self.buffer.get_mut(self.end..self.end + self.block).unwrap_or_default();
        let length = self.bytes.read(free).map_err(|error| unreadable(&self.key, &error))?;
        self.end += length;
        self.at_end = length == 0;
        Ok(())
    }

    /// Places what is left so that a block has room behind it, where a page begins.
    fn make_room(&mut self) {
        let left = self.end - self.start;
        if left <= ROOM {
            // The usual case: the beginning of a line goes before the place of the block.
            let start = self.base - left;
            self.buffer.copy_within(self.start..self.end, start);
            (self.start, self.end) = (start, self.base);
        } else if self.buffer.len() - self.end < self.block {
            // A line longer than the buffer makes it grow twofold, so that it is moved a few times only.
            let mut larger = vec![0; (2 * left).max(ROOM) + PAGE_BYTES + 2 * self.block];
            let end = left + to_page(&larger, left);
            let rest = self.buffer.get(self.start..self.end).unwrap_or_default();
            larger.get_mut(end - left..end).unwrap_or_default().copy_from_slice(rest);
            self.base = ROOM + to_page(&larger, ROOM);
            self.buffer = larger;
            (self.start, self.end) = (end - left, end);
        }
    }
}

/// How far it is from a position of the buffer to the next one where a page of memory begins.
fn to_page(buffer: &[u8], position: usize) -> usize {
    let address = buffer.as_ptr().addr() + position;
    address.next_multiple_of(PAGE_BYTES) - address
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a failed test may panic")]
    use proptest::prelude::*;

    use super::*;

    const SMALL: usize = 128 << 10;

    /// Bytes that come in pieces of these lengths, over and over.
    struct Pieces(Vec<u8>, Vec<usize>, usize);

    impl Read for Pieces {
        fn read(&mut self, target: &mut [u8]) -> io::Result<usize> {
            let wanted = self.1[self.2 % self.1.len()].min(target.len()).min(self.0.len());
            self.2 += 1;
            let rest = self.0.split_off(wanted);
            target[..wanted].copy_from_slice(&self.0);
            self.0 = rest;
            Ok(wanted)
        }
    }

    fn lines_of(text: &[u8], pieces: Vec<usize>) -> Vec<(u64, Vec<u8>)> {
        let mut lines = Lines::over(&Key::new("k"), Box::new(Pieces(text.to_vec(), pieces, 0)), SMALL, 0);
        let mut found = Vec::new();
        while let Some((offset, line)) = lines.next().unwrap() {
            found.push((offset, line.to_vec()));
        }
        assert!(lines.is_at_end());
        found
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(48))]

        /// Lines of all lengths, read in pieces of all lengths, are those that the text has, at their places.
        #[test]
        fn lines_are_those_of_the_text(
            lengths in prop::collection::vec(prop_oneof![8 => 0..300usize, 2 => 0..3 * ROOM, 1 => 0..4 * SMALL], 0..12),
            pieces in prop::collection::vec(prop_oneof![1..5_000usize, Just(SMALL)], 1..4),
            ends in any::<bool>(),
        ) {
            let mut text = Vec::new();
            let mut expected = Vec::new();
            for (number, length) in lengths.iter().enumerate() {
                expected.push((text.len() as u64, vec![b'a' + u8::try_from(number).unwrap(); *length]));
                text.extend_from_slice(&expected[number].1);
                text.push(b'\n');
            }
            if !ends && lengths.last().is_some_and(|length| *length > 0) {
                text.pop();
            }
            prop_assert_eq!(lines_of(&text, pieces), expected);
        }
    }
}
