//! Pages compressed, and kept until their row group is written out.
//!
//! One press serves all columns of all open files: its buffers and the memory of written row groups are used again, because
//! the first touch of fresh memory costs more than encoding into it.

use std::io::{self, Read};

use bytes::Bytes;
use parquet::errors::{ParquetError, Result};
use parquet::file::reader::{ChunkReader, Length};

use super::page_header::{PageHeader, PageKind};
use crate::settings::Compression;

/// Bytes that kept pages take from the press at a time.
const BLOCK_BYTES: usize = 16 << 10;

/// Compresses pages.
pub(crate) struct Press {
    compression: Compression,
    /// Made when the first page comes.
    zstd: Option<zstd::bulk::Compressor<'static>>,
    snappy: snap::raw::Encoder,
    /// The page before compression.
    pub(super) page: Vec<u8>,
    /// Its header, and the page after compression.
    header: Vec<u8>,
    pressed: Vec<u8>,
    /// Blocks of row groups that were written out.
    free: Vec<Vec<u8>>,
}

impl Press {
    pub(crate) fn new(compression: Compression) -> Self {
        Self {
            compression,
            zstd: None,
            snappy: snap::raw::Encoder::new(),
            page: Vec::new(),
            header: Vec::new(),
            pressed: Vec::new(),
            free: Vec::new(),
        }
    }

    /// How pages are compressed, in the words of the footer.
    pub(super) fn compression(&self) -> parquet::basic::Compression {
        self.compression.parquet()
    }

    /// Compresses the page with its header before it; gives the bytes it would have without compression.
    pub(super) fn press(&mut self, kind: PageKind, values: usize) -> Result<usize> {
        if i32::try_from(self.page.len()).is_err() {
            return Err(ParquetError::General(format!("a page of {} bytes is too large", self.page.len())));
        }
        match self.compression {
            Compression::Zstd { level } => {
                self.pressed.clear();
                self.pressed.reserve(zstd::zstd_safe::compress_bound(self.page.len()));
                let zstd = match &mut self.zstd {
                    Some(zstd) => zstd,
                    None => self.zstd.insert(zstd::bulk::Compressor::new(level.clamp(1, 22))?),
                };
                zstd.compress_to_buffer(&self.page, &mut self.pressed)?;
            }
            Compression::Snappy => {
                self.pressed.resize(snap::raw::max_compress_len(self.page.len()), 0);
                let length = self.snappy.compress(&self.page, &mut self.pressed).map_err(io::Error::from)?;
                self.pressed.truncate(length);
            }
        }
        self.header.clear();
        let header = PageHeader { kind, values, bytes: self.page.len(), pressed: self.pressed.len() };
        header.write(&mut self.header);
        Ok(self.header.len() + self.page.len())
    }

    /// The parts of the page that was compressed last.
    pub(super) fn parts(&self) -> [&[u8]; 2] {
        [&self.header, &self.pressed]
    }

    /// Keeps the page that was compressed last; gives the bytes it takes.
    pub(super) fn keep(&mut self, kept: &mut KeptPages) -> usize {
        let Self { header, pressed, free, .. } = self;
        kept.push(header, free);
        kept.push(pressed, free);
        header.len() + pressed.len()
    }

    /// Takes back the memory of kept pages.
    pub(super) fn release(&mut self, kept: &mut KeptPages) {
        self.free.append(&mut kept.blocks);
        kept.bytes = 0;
    }
}

/// Compressed pages that wait for the end of their row group.
#[derive(Debug, Default)]
pub(super) struct KeptPages {
    /// All but the last one are full.
    blocks: Vec<Vec<u8>>,
    bytes: usize,
}

impl KeptPages {
    pub(super) fn bytes(&self) -> usize {
        self.bytes
    }

    fn push(&mut self, mut bytes: &[u8], free: &mut Vec<Vec<u8>>) {
        self.bytes += bytes.len();
        while !bytes.is_empty() {
            let block = match self.blocks.last_mut() {
                Some(block) if block.len() < BLOCK_BYTES => block,
                _ => {
                    let mut block = free.pop().unwrap_or_else(|| Vec::with_capacity(BLOCK_BYTES));
                    block.clear();
                    self.blocks.push(block);
                    continue;
                }
            };
            let (taken, rest) = bytes.split_at(bytes.len().min(BLOCK_BYTES - block.len()));
            block.extend_from_slice(taken);
            bytes = rest;
        }
    }

    /// The pages as one, with these bytes before them.
    pub(super) fn after<'a>(&'a self, before: &[&'a [u8]]) -> Spliced<'a> {
        Spliced(before.iter().copied().chain(self.blocks.iter().map(Vec::as_slice)).collect())
    }
}

/// Bytes that are kept in pieces, as the file writer asks for them.
#[derive(Debug, Clone)]
pub(crate) struct Spliced<'a>(Vec<&'a [u8]>);

impl Length for Spliced<'_> {
    fn len(&self) -> u64 {
        self.0.iter().map(|piece| piece.len() as u64).sum()
    }
}

impl<'a> ChunkReader for Spliced<'a> {
    type T = SplicedReader<'a>;

    fn get_read(&self, start: u64) -> Result<SplicedReader<'a>> {
        let mut skip = usize::try_from(start).unwrap_or(usize::MAX);
        let mut pieces = Vec::new();
        for piece in self.0.iter().rev() {
            pieces.push(*piece);
        }
        while let Some(piece) = pieces.pop() {
            if let Some(rest) = piece.get(skip..) {
                pieces.push(rest);
                break;
            }
            skip -= piece.len();
        }
        Ok(SplicedReader(pieces))
    }

    fn get_bytes(&self, start: u64, length: usize) -> Result<Bytes> {
        let mut bytes = Vec::new();
        self.get_read(start)?.take(length as u64).read_to_end(&mut bytes)?;
        Ok(bytes.into())
    }
}

/// The pieces that were not read yet, the next one last.
#[derive(Debug)]
pub(crate) struct SplicedReader<'a>(Vec<&'a [u8]>);

impl Read for SplicedReader<'_> {
    fn read(&mut self, target: &mut [u8]) -> io::Result<usize> {
        while let Some(piece) = self.0.last_mut() {
            let read = piece.read(target)?;
            if read > 0 || target.is_empty() {
                return Ok(read);
            }
            self.0.pop();
        }
        Ok(0)
    }
}
