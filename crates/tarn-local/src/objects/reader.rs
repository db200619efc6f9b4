//! An object being read at any place.

use std::fs::File;
use std::io;
use std::path::Path;
use std::sync::OnceLock;

use bytes::Bytes;
use tarn_pipeline::names::Key;
use tarn_pipeline::ports::{ObjectError, ObjectReader};

use super::direct::{DirectFile, aligned_length};

/// Reads by position, so that several threads may share it.
pub(super) struct LocalReader {
    key: Key,
    file: File,
    size: u64,
    /// Opened with the first read that could go past the page cache.
    direct: OnceLock<Option<DirectFile>>,
}

impl LocalReader {
    pub(super) fn open(path: &Path, key: Key) -> io::Result<Self> {
        let file = File::open(path)?;
        let metadata = file.metadata()?;
        if !metadata.is_file() {
            return Err(io::Error::from(io::ErrorKind::NotFound));
        }
        Ok(Self { key, file, size: metadata.len(), direct: OnceLock::new() })
    }

    /// Fills memory that the caller keeps: past the page cache if it was made for that.
    fn fill(&self, offset: u64, target: &mut [u8]) -> io::Result<()> {
        if aligned_length(target, offset) == 0 {
            return fill_at(&self.file, target, offset);
        }
        let direct = self.direct.get_or_init(|| self.file.try_clone().ok().map(DirectFile::reading));
        let Some(direct) = direct else { return fill_at(&self.file, target, offset) };
        match direct.read_at(target, offset)? == target.len() {
            true => Ok(()),
            false => Err(io::Error::from(io::ErrorKind::UnexpectedEof)),
        }
    }

    fn failure(&self, source: io::Error) -> ObjectError {
        ObjectError::Io { key: self.key.clone(), action: "read", source }
    }
}

impl ObjectReader for LocalReader {
    fn size(&self) -> u64 {
        self.size
    }

    fn read(&self, offset: u64, length: usize) -> Result<Bytes, ObjectError> {
        read_at(&self.file, self.size, offset, length).map_err(|source| self.failure(source))
    }

    fn read_into(&self, offset: u64, target: &mut [u8]) -> Result<(), ObjectError> {
        self.fill(offset, target).map_err(|source| self.failure(source))
    }
}

/// Exactly `length` bytes from `offset` of a file that was `size` bytes long when it was opened.
pub(crate) fn read_at(file: &File, size: u64, offset: u64, length: usize) -> io::Result<Bytes> {
    // Checked before memory is taken: a damaged footer may ask for any length.
    if offset.checked_add(length as u64).is_none_or(|end| end > size) {
        let text = format!("it has {size} bytes, but {length} were wanted from {offset}");
        return Err(io::Error::new(io::ErrorKind::UnexpectedEof, text));
    }
    let mut buffer = vec![0; length];
    fill_at(file, &mut buffer, offset)?;
    Ok(Bytes::from(buffer))
}

#[cfg(unix)]
fn fill_at(file: &File, buffer: &mut [u8], offset: u64) -> io::Result<()> {
    std::os::unix::fs::FileExt::read_exact_at(file, buffer, offset)
}

#[cfg(windows)]
fn fill_at(file: &File, mut buffer: &mut [u8], mut offset: u64) -> io::Result<()> {
    while !buffer.is_empty() {
        let read = std::os::windows::fs::FileExt::seek_read(file, buffer, offset)?;
        if read == 0 {
            return Err(io::Error::from(io::ErrorKind::UnexpectedEof));
        }
        buffer = &mut buffer[read..];
        offset += read as u64;
    }
    Ok(())
}
