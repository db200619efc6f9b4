//! Columns whose values may repeat: keys of a dictionary where that pays, the values themselves where it does not.
//!
//! A dictionary makes columns of few different values small and fast, and is wasted work on columns of ids. Which one a
//! column is, is told by its first values in the file. A dictionary that grows too large ends with its page; the rest of
//! the chunk is values.

use std::fmt::Debug;

use parquet::basic::Encoding;
use parquet::file::statistics::Statistics;

use super::hybrid::write_keys;
use super::packing::width_of;

/// Values that are looked at to decide.
const SAMPLE_VALUES: usize = 2_048;

/// Values of one type, kept as they are encoded.
pub(super) trait Domain: Debug {
    type Value<'a>: Copy;

    /// The key of a value, new or known; `None` if the dictionary is full.
    fn key(&mut self, value: Self::Value<'_>) -> Option<u16>;

    /// Values in the dictionary.
    fn distinct(&self) -> usize;

    /// Looks at the first values of a file, to know how to encode such values without a dictionary.
    fn judge(&mut self, keys: &[u16]);

    fn push_plain(&mut self, value: Self::Value<'_>);

    /// Pushes the values of keys; `false` and nothing if they are too long for a page.
    fn push_keyed(&mut self, keys: &[u16]) -> bool;

    /// Bytes of the dictionary in memory.
    fn dictionary_bytes(&self) -> usize;

    /// Bytes pushed since the last page.
    fn plain_bytes(&self) -> usize;

    /// Writes what was pushed, which is gone afterwards.
    fn write_plain(&mut self, out: &mut Vec<u8>) -> Encoding;

    /// Writes the dictionary.
    fn write_dictionary(&self, out: &mut Vec<u8>);

    /// The smallest and the largest value of the chunk. `keyed`: whether the values of the dictionary are among them.
    fn statistics(&self, keyed: bool, nulls: u64) -> Statistics;

    /// Begins a chunk.
    fn clear(&mut self);
}

/// A page and the state of a column of repeating values.
#[derive(Debug)]
pub(super) struct Repeating<D> {
    pub(super) domain: D,
    /// The keys of the page.
    keys: Vec<u16>,
    /// Whether values are keyed now.
    keyed: bool,
    /// Whether a dictionary pays, once that is known of the file.
    pays: Option<bool>,
}

impl<D: Domain> Repeating<D> {
    pub(super) fn new(domain: D) -> Self {
        let mut column = Self { domain, keys: Vec::new(), keyed: true, pays: None };
        column.begin(true);
        column
    }

    /// Takes a value; `false` if it did not, and [`Self::goes_on`] is to be asked.
    #[inline]
    pub(super) fn push(&mut self, value: D::Value<'_>) -> bool {
        if !self.keyed {
            self.domain.push_plain(value);
            return true;
        }
        if self.pays.is_none() && self.keys.len() >= SAMPLE_VALUES {
            return false;
        }
        let key = self.domain.key(value);
        self.keys.extend(key);
        key.is_some()
    }

    /// Whether the dictionary is gone on with, as far as its use is concerned.
    pub(super) fn goes_on(&mut self) -> bool {
        if self.pays.is_none() && !self.keys.is_empty() {
            self.pays = Some(self.domain.distinct() * 2 <= self.keys.len());
            self.domain.judge(&self.keys);
        }
        self.pays != Some(false)
    }

    /// Keys no more values of this chunk. The page is to be ended before.
    pub(super) fn give_up(&mut self) {
        self.keyed = false;
    }

    pub(super) fn bytes(&self) -> usize {
        self.keys.len() * 2 + self.domain.plain_bytes() + self.domain.dictionary_bytes()
    }

    #[inline]
    pub(super) fn is_full(&self, page_bytes: usize) -> bool {
        !self.keyed && self.domain.plain_bytes() >= page_bytes
    }

    /// Writes the values of the page. `first`: no page of the chunk is keyed so far.
    pub(super) fn write_page(&mut self, first: bool, out: &mut Vec<u8>) -> Encoding {
        if self.keys.is_empty() {
            return self.domain.write_plain(out);
        }
        if !self.goes_on() {
            self.keyed = false;
            if first && self.domain.push_keyed(&self.keys) {
                self.keys.clear();
                return self.domain.write_plain(out);
            }
        }
        let width = width_of(self.domain.distinct().saturating_sub(1) as u64).max(1);
        out.push(u8::try_from(width).unwrap_or(u8::MAX));
        write_keys(&self.keys, width, out);
        self.keys.clear();
        Encoding::RLE_DICTIONARY
    }

    /// Writes the dictionary; gives its values.
    pub(super) fn write_dictionary(&self, out: &mut Vec<u8>) -> usize {
        self.domain.write_dictionary(out);
        self.domain.distinct()
    }

    /// Begins a chunk of the same file, or of another `file`.
    pub(super) fn begin(&mut self, file: bool) {
        if file {
            self.pays = None;
            self.domain.judge(&[]);
        }
        self.keys.clear();
        self.domain.clear();
        self.keyed = self.pays != Some(false);
    }
}
