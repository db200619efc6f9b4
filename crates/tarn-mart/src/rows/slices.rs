//! A version, cut into what is loaded at once.

use std::fmt::Write as _;
use std::ops::Range;
use std::sync::atomic::{AtomicUsize, Ordering};

use tarn_pipeline::ports::{MartError, VersionFile};

use super::objects::ParquetObject;
use super::{FileSource, RowBatch, VersionRows, damaged, metadata, unreadable_object};
use crate::fault::{WithHint, refused};

/// Files whose footers are read at the same time: each is two requests that mostly wait.
const FOOTERS_AT_ONCE: usize = 8;

/// When a slice is large enough.
#[derive(Debug, Clone, Copy)]
pub(crate) struct SliceSize {
    pub(crate) rows: u64,
    /// Of values before compression, as the footers tell them.
    pub(crate) bytes: u64,
}

/// Some row groups of some files: what is loaded at once, and what is loaded again when a connection is lost.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(crate) struct Slice {
    pub(crate) pieces: Vec<Piece>,
    /// Rows that the files say they have.
    pub(crate) rows: u64,
}

/// Neighbouring row groups of one file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Piece {
    /// The place of the file among the version's.
    pub(crate) file: usize,
    pub(crate) groups: Range<usize>,
    /// Rows of the file before these groups.
    pub(crate) first_row: u64,
    /// The file as it was when it was cut.
    pub(crate) fingerprint: u128,
}

impl Slice {
    /// A name that other rows do not have: it depends on the files as they are, their groups and how many rows they hold.
    pub(crate) fn name(&self, files: &[VersionFile]) -> String {
        let mut text = self.rows.to_string();
        for piece in &self.pieces {
            let key = files.get(piece.file).map_or("", |file| file.key.as_str());
            // Writing to a String cannot fail.
            let Piece { file, groups, fingerprint, .. } = piece;
            let _ = write!(text, "|{file}|{key}|{fingerprint:032x}|{}..{}", groups.start, groups.end);
        }
        format!("{:032x}", xxhash_rust::xxh3::xxh3_128(text.as_bytes()))
    }
}

/// What is kept of a file's footer, of all files at once: a footer itself can be a megabyte and more.
struct Footer {
    fingerprint: u128,
    groups: Vec<Group>,
}

/// What a footer tells of a row group.
struct Group {
    rows: u64,
    /// Before compression.
    bytes: u64,
}

impl VersionRows<'_> {
    /// Cuts the version into slices of at least this size, but for the last; a row group is never cut. Blocks.
    ///
    /// # Errors
    /// A file that cannot be read.
    pub(crate) fn slices(&self, size: SliceSize) -> Result<Vec<Slice>, MartError> {
        let (mut slices, mut slice, mut bytes) = (Vec::new(), Slice::default(), 0);
        for (file, footer) in self.footers()?.into_iter().enumerate() {
            let fingerprint = footer.fingerprint;
            let (mut piece, mut first_row) = (Piece { file, groups: 0..0, first_row: 0, fingerprint }, 0);
            for group in footer.groups {
                piece.groups.end += 1;
                first_row += group.rows;
                slice.rows += group.rows;
                bytes += group.bytes;
                if slice.rows >= size.rows || bytes >= size.bytes {
                    let next = Piece { groups: piece.groups.end..piece.groups.end, first_row, ..piece };
                    slice.pieces.push(std::mem::replace(&mut piece, next));
                    slices.push(std::mem::take(&mut slice));
                    bytes = 0;
                }
            }
            if !piece.groups.is_empty() {
                slice.pieces.push(piece);
            }
        }
        if !slice.pieces.is_empty() {
            slices.push(slice);
        }
        Ok(slices)
    }

    /// The footers of all files, in their order.
    fn footers(&self) -> Result<Vec<Footer>, MartError> {
        let next = AtomicUsize::new(0);
        let take = || {
            let place = next.fetch_add(1, Ordering::Relaxed);
            Some((place, self.footer(self.files.get(place)?)))
        };
        let read = || std::iter::from_fn(take).collect::<Vec<_>>();
        let mut footers = std::thread::scope(|scope| {
            let threads: Vec<_> = (0..FOOTERS_AT_ONCE.min(self.files.len())).map(|_| scope.spawn(read)).collect();
            let broken = || vec![(0, Err(refused("a file of the version could not be looked at")))];
            threads.into_iter().flat_map(|thread| thread.join().unwrap_or_else(|_| broken())).collect::<Vec<_>>()
        });
        footers.sort_by_key(|(place, _)| *place);
        footers.into_iter().map(|(_, footer)| footer).collect()
    }

    fn footer(&self, file: &VersionFile) -> Result<Footer, MartError> {
        let object = self.objects.open(&file.key).map_err(|error| unreadable_object(&error))?;
        let object = ParquetObject::open(object).map_err(|error| unreadable_object(&error))?;
        let metadata = metadata(&object).map_err(|error| damaged(&file.key, &object, &error))?;
        let groups = metadata.metadata().row_groups().iter().map(|group| Group {
            rows: u64::try_from(group.num_rows()).unwrap_or(0),
            bytes: u64::try_from(group.total_byte_size()).unwrap_or(0),
        });
        Ok(Footer { fingerprint: object.fingerprint(), groups: groups.collect() })
    }

    /// Reads the rows of a slice. Blocks.
    ///
    /// # Errors
    /// As for [`VersionRows::visit`], and a file that is not the one that was cut.
    pub(crate) fn visit_slice(
        &self,
        slice: &Slice,
        mut visit: impl FnMut(&RowBatch<'_>) -> Result<(), MartError>,
    ) -> Result<(), MartError> {
        let mut rows = 0;
        for piece in &slice.pieces {
            let Some(file) = self.files.get(piece.file) else { continue };
            let mut source = FileSource::open(self, file, Some(piece))?;
            while let Some(batch) = source.next()? {
                rows += batch.rows as u64;
                visit(&batch)?;
            }
        }
        if rows == slice.rows {
            return Ok(());
        }
        Err(changed(&format!("the files of the version hold {rows} rows where they held {} before", slice.rows)))
    }
}

/// Something else wrote to the bucket.
pub(super) fn changed(what: &str) -> MartError {
    refused(what).hint("something other than tarn writes to the lake's bucket; run the model again")
}
