//! One bit per row: which rows have a value, and what booleans are.

use super::hybrid::{literal_header, run_header};

/// A growing list of bits.
#[derive(Debug, Default)]
pub(super) struct Bits {
    /// Full words, lowest bit first.
    words: Vec<u64>,
    /// The word that is being filled.
    last: u64,
    length: usize,
}

impl Bits {
    #[inline]
    pub(super) fn push(&mut self, bit: bool) {
        let position = self.length % 64;
        self.last |= u64::from(bit) << position;
        self.length += 1;
        if position == 63 {
            self.words.push(self.last);
            self.last = 0;
        }
    }

    #[inline]
    pub(super) fn len(&self) -> usize {
        self.length
    }

    pub(super) fn ones(&self) -> usize {
        self.all_words().map(|word| word.count_ones() as usize).sum()
    }

    pub(super) fn clear(&mut self) {
        self.words.clear();
        self.last = 0;
        self.length = 0;
    }

    /// The bits as bytes, lowest bit first, the last byte filled up with zeros.
    pub(super) fn write_packed(&self, out: &mut Vec<u8>) {
        let start = out.len();
        for word in self.all_words() {
            out.extend_from_slice(&word.to_le_bytes());
        }
        out.truncate(start + self.length.div_ceil(8));
    }

    /// The bits as runs of equal ones and stretches of packed ones (encoding `RLE`, a bit a value).
    pub(super) fn write_runs(&self, out: &mut Vec<u8>) {
        let mut stretch = Stretch::default();
        for (position, word) in self.all_words().enumerate() {
            let rows = (self.length - position * 64).min(64);
            let uniform = match word.count_ones() as usize {
                0 => Some(0),
                ones if ones == rows => Some(1),
                _ => None,
            };
            if stretch.uniform != uniform {
                stretch.write(out);
                stretch.uniform = uniform;
            }
            stretch.rows += rows;
            if uniform.is_none() {
                stretch.packed.extend(word.to_le_bytes().iter().take(rows.div_ceil(8)));
            }
        }
        stretch.write(out);
    }

    fn all_words(&self) -> impl Iterator<Item = u64> {
        let last = (!self.length.is_multiple_of(64)).then_some(self.last);
        self.words.iter().copied().chain(last)
    }
}

/// Neighbouring words that are written as one.
#[derive(Default)]
struct Stretch {
    /// The bit that all rows have, if they do.
    uniform: Option<u8>,
    rows: usize,
    packed: Vec<u8>,
}

impl Stretch {
    fn write(&mut self, out: &mut Vec<u8>) {
        if let (Some(bit), 1..) = (self.uniform, self.rows) {
            run_header(self.rows, out);
            out.push(bit);
        } else if self.rows > 0 {
            literal_header(self.packed.len(), out);
            out.append(&mut self.packed);
        }
        self.rows = 0;
    }
}
