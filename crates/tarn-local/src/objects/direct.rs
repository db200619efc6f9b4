//! Files read and written past the page cache.
//!
//! Large files go through ingest once. The kernel's copies of them cost more processor time than their interpretation does, and
//! drive out of memory what queries will want. Where the file system cannot do without (or this is no Linux), bytes take the
//! usual way; what is read and written is the same.

use std::fs::File;
use std::io;

/// What memory, place and length of such reads and writes are multiples of: no disk in use has larger blocks.
const ALIGNMENT: usize = 4096;
/// Less than this goes the usual way: there the kernel is quicker, and what it keeps is little.
const LEAST: usize = 128 << 10;

/// A file by position, past the page cache where that can be.
#[derive(Debug)]
pub(super) struct DirectFile {
    file: File,
    direct: Option<File>,
}

impl DirectFile {
    /// To be read.
    pub(super) fn reading(file: File) -> Self {
        let direct = reopen(&file, false);
        Self { file, direct }
    }

    /// To be written.
    pub(super) fn writing(file: File) -> Self {
        let direct = reopen(&file, true);
        Self { file, direct }
    }

    /// Fills `target` from `offset` on, as far as the file reaches; gives how far.
    pub(super) fn read_at(&self, target: &mut [u8], offset: u64) -> io::Result<usize> {
        let mut done = 0;
        while let Some(rest) = target.get_mut(done..).filter(|rest| !rest.is_empty()) {
            let place = offset + done as u64;
            let (aligned, _) = rest.split_at_mut(aligned_length(rest, place));
            let read = match self.direct.as_ref().filter(|_| !aligned.is_empty()) {
                Some(direct) => positioned::read_at(direct, aligned, place).or_else(|error| match is_refusal(&error) {
                    true => positioned::read_at(&self.file, aligned, place),
                    false => Err(error),
                }),
                None => positioned::read_at(&self.file, rest, place),
            };
            match read {
                Ok(0) => break,
                Ok(read) => done += read,
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => return Err(error),
            }
        }
        Ok(done)
    }

    /// Writes all of `source` from `offset` on.
    pub(super) fn write_all_at(&self, mut source: &[u8], mut offset: u64) -> io::Result<()> {
        while !source.is_empty() {
            let (aligned, _) = source.split_at(aligned_length(source, offset));
            let written = match self.direct.as_ref().filter(|_| !aligned.is_empty()) {
                Some(direct) => {
                    positioned::write_at(direct, aligned, offset).or_else(|error| match is_refusal(&error) {
                        true => positioned::write_at(&self.file, aligned, offset),
                        false => Err(error),
                    })
                }
                None => positioned::write_at(&self.file, source, offset),
            };
            match written {
                Ok(0) => return Err(io::Error::from(io::ErrorKind::WriteZero)),
                Ok(written) => {
                    source = source.get(written..).unwrap_or_default();
                    offset += written as u64;
                }
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => return Err(error),
            }
        }
        Ok(())
    }
}

/// How much of the memory can go past the page cache at this place of the file.
pub(super) fn aligned_length(memory: &[u8], offset: u64) -> usize {
    let fits = memory.len() >= LEAST
        && memory.as_ptr().addr().is_multiple_of(ALIGNMENT)
        && offset.is_multiple_of(ALIGNMENT as u64);
    if fits { memory.len() / ALIGNMENT * ALIGNMENT } else { 0 }
}

/// Whether the file system wants it done another way.
fn is_refusal(error: &io::Error) -> bool {
    matches!(error.kind(), io::ErrorKind::InvalidInput | io::ErrorKind::Unsupported)
}

/// The same file, opened a second time by what is open, not by its name: another file may have the name by now.
#[cfg(target_os = "linux")]
fn reopen(file: &File, write: bool) -> Option<File> {
    use std::os::fd::AsRawFd;
    use std::os::unix::fs::OpenOptionsExt;

    let flags = i32::try_from(rustix::fs::OFlags::DIRECT.bits()).ok()?;
    let path = format!("/proc/self/fd/{}", file.as_raw_fd());
    std::fs::OpenOptions::new().read(!write).write(write).custom_flags(flags).open(path).ok()
}

#[cfg(not(target_os = "linux"))]
fn reopen(_file: &File, _write: bool) -> Option<File> {
    None
}

#[cfg(unix)]
mod positioned {
    use std::os::unix::fs::FileExt;

    use super::{File, io};

    pub(super) fn read_at(file: &File, target: &mut [u8], offset: u64) -> io::Result<usize> {
        FileExt::read_at(file, target, offset)
    }

    pub(super) fn write_at(file: &File, source: &[u8], offset: u64) -> io::Result<usize> {
        FileExt::write_at(file, source, offset)
    }
}

#[cfg(windows)]
mod positioned {
    use std::os::windows::fs::FileExt;

    use super::{File, io};

    pub(super) fn read_at(file: &File, target: &mut [u8], offset: u64) -> io::Result<usize> {
        FileExt::seek_read(file, target, offset)
    }

    pub(super) fn write_at(file: &File, source: &[u8], offset: u64) -> io::Result<usize> {
        FileExt::seek_write(file, source, offset)
    }
}

/// Memory that can go past the page cache.
#[derive(Debug)]
pub(super) struct AlignedBlock {
    memory: Vec<u8>,
    start: usize,
    length: usize,
}

impl AlignedBlock {
    /// A block of so many bytes.
    pub(super) fn new(length: usize) -> Self {
        let memory = vec![0; length + ALIGNMENT];
        let start = memory.as_ptr().align_offset(ALIGNMENT).min(ALIGNMENT);
        Self { memory, start, length }
    }

    pub(super) fn bytes(&self, length: usize) -> &[u8] {
        self.memory.get(self.start..self.start + length.min(self.length)).unwrap_or_default()
    }

    pub(super) fn bytes_mut(&mut self) -> &mut [u8] {
        self.memory.get_mut(self.start..self.start + self.length).unwrap_or_default()
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a failed test may panic")]
    use super::*;

    #[test]
    fn bytes_are_the_same_at_every_place_and_length() {
        let file = tempfile::tempfile().unwrap();
        let mut block = AlignedBlock::new(4 * LEAST);
        for (number, byte) in (0u32..).zip(block.bytes_mut()) {
            *byte = (number.wrapping_mul(2_654_435_761) >> 24) as u8;
        }
        let expected = block.bytes(4 * LEAST).to_vec();
        let writer = DirectFile::writing(file.try_clone().unwrap());
        let length = 3 * LEAST + 7;
        writer.write_all_at(block.bytes(length), 0).unwrap();
        let reader = DirectFile::reading(file);
        for (start, wanted) in [(0, 4 * LEAST), (0, 5), (1, 4 * LEAST), (ALIGNMENT, 2 * LEAST), (length, 9)] {
            let mut target = AlignedBlock::new(wanted);
            let read = reader.read_at(target.bytes_mut(), start as u64).unwrap();
            assert_eq!(read, wanted.min(length - start), "{start} {wanted}");
            assert_eq!(target.bytes(read), expected.get(start..start + read).unwrap());
        }
        // Memory that lies anywhere takes the usual way.
        let mut anywhere = vec![0; length + 1];
        assert_eq!(reader.read_at(&mut anywhere[1..], 0).unwrap(), length);
        assert_eq!(anywhere[1..], expected[..length]);
    }
}
