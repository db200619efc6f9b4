//! Text, and bytes that are no text.

use parquet::basic::Encoding;
use parquet::file::statistics::Statistics;

use super::PAGE_BYTES;
use super::delta::write_differences;
use super::range::text_statistics;
use super::repeating::Domain;
use super::vocabulary::Vocabulary;

/// Texts of a column.
#[derive(Debug, Default)]
pub(super) struct Texts {
    dictionary: Vocabulary,
    /// The page: every text, after its length where lengths differ.
    plain: Vec<u8>,
    /// The lengths of the texts in the page, where they are equal.
    lengths: Vec<i64>,
    /// Whether texts without a dictionary have one length, as ids do. Their lengths go before all of them then: between
    /// them they are matches that the compressor finds and stores one by one, at three times the cost of the texts alone.
    even: bool,
    /// Whether texts without a dictionary come in order. The smallest and the largest of unordered ids or texts exclude
    /// nothing, and finding them is dear.
    ordered: bool,
    /// The smallest and the largest without a dictionary.
    range: Option<(Vec<u8>, Vec<u8>)>,
    /// Whether there are texts that `range` does not tell of.
    unknown: bool,
}

impl Texts {
    #[cold]
    fn widen(&mut self, text: &[u8]) {
        match &mut self.range {
            Some((low, _)) if text < low.as_slice() => replace(low, text),
            Some((_, high)) if text > high.as_slice() => replace(high, text),
            Some(_) => {}
            None => self.range = Some((text.to_vec(), text.to_vec())),
        }
    }
}

fn replace(target: &mut Vec<u8>, text: &[u8]) {
    target.clear();
    target.extend_from_slice(text);
}

impl Domain for Texts {
    type Value<'a> = &'a [u8];

    #[inline]
    fn key(&mut self, text: &[u8]) -> Option<u16> {
        self.dictionary.key(text)
    }

    fn distinct(&self) -> usize {
        self.dictionary.len()
    }

    fn judge(&mut self, keys: &[u16]) {
        let texts = || keys.iter().map(|key| self.dictionary.text(*key));
        self.ordered = texts().is_sorted();
        self.even = texts().zip(texts().skip(1)).all(|(before, text)| before.len() == text.len());
    }

    #[inline]
    fn push_plain(&mut self, text: &[u8]) {
        // A text of 4 GiB makes a page that the press refuses.
        let length = u32::try_from(text.len()).unwrap_or(u32::MAX);
        if self.even {
            self.lengths.push(i64::from(length));
        } else {
            self.plain.extend_from_slice(&length.to_le_bytes());
        }
        self.plain.extend_from_slice(text);
        if self.ordered {
            self.widen(text);
        } else {
            self.unknown = true;
        }
    }

    fn push_keyed(&mut self, keys: &[u16]) -> bool {
        let bytes: usize = keys.iter().map(|key| 4 + self.dictionary.text(*key).len()).sum();
        if bytes > 2 * PAGE_BYTES {
            return false;
        }
        let dictionary = std::mem::take(&mut self.dictionary);
        for key in keys {
            self.push_plain(dictionary.text(*key));
        }
        self.dictionary = dictionary;
        true
    }

    fn dictionary_bytes(&self) -> usize {
        self.dictionary.bytes()
    }

    #[inline]
    fn plain_bytes(&self) -> usize {
        self.plain.len() + self.lengths.len() * 8
    }

    fn write_plain(&mut self, out: &mut Vec<u8>) -> Encoding {
        let encoding = if self.lengths.is_empty() { Encoding::PLAIN } else { Encoding::DELTA_LENGTH_BYTE_ARRAY };
        if !self.lengths.is_empty() {
            write_differences(&self.lengths, true, out);
            self.lengths.clear();
        }
        out.extend_from_slice(&self.plain);
        self.plain.clear();
        // A text that was larger than a page leaves no such room behind.
        self.plain.shrink_to(2 * PAGE_BYTES);
        encoding
    }

    fn write_dictionary(&self, out: &mut Vec<u8>) {
        out.extend_from_slice(self.dictionary.page());
    }

    fn statistics(&self, keyed: bool, nulls: u64) -> Statistics {
        let plain = self.range.as_ref().map(|(low, high)| (low.as_slice(), high.as_slice()));
        let keyed = keyed.then(|| self.dictionary.range()).flatten();
        let range = match (plain, keyed) {
            (Some((low, high)), Some((keyed_low, keyed_high))) => Some((low.min(keyed_low), high.max(keyed_high))),
            (plain, keyed) => plain.or(keyed),
        };
        text_statistics(range.filter(|_| !self.unknown), nulls)
    }

    fn clear(&mut self) {
        self.dictionary.clear();
        self.plain.clear();
        self.lengths.clear();
        self.range = None;
        self.unknown = false;
    }
}
