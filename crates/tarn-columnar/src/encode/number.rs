//! Integers, and what is stored as integers: dates, timestamps, short decimals.

use parquet::basic::Encoding;
use parquet::file::statistics::Statistics;

use super::delta::write_differences;
use super::range::statistics;
use super::repeating::Domain;

/// Values a dictionary has at most; one key stays free.
const MAXIMUM_KEYS: usize = u16::MAX as usize;

/// Values and slots that a dictionary keeps the room of for the next chunk; a power of two.
const KEPT: usize = 8_192;

/// Slots that are looked at for a value before the dictionary is taken for full.
const PROBES: usize = 64;

/// How numbers are stored.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct NumberFormat {
    /// In 32 bits, not 64.
    pub(super) narrow: bool,
    /// As differences where they are in no dictionary.
    pub(super) differences: bool,
}

/// Numbers of a column.
#[derive(Debug)]
pub(super) struct Numbers {
    format: NumberFormat,
    /// The dictionary.
    entries: Vec<i64>,
    /// One more than the key of an entry, by its hash; 0 where there is none. A power of two of them.
    slots: Vec<u32>,
    /// The page.
    plain: Vec<i64>,
    /// The smallest and largest of the pages before.
    range: Option<(i64, i64)>,
}

impl Numbers {
    pub(super) fn new(format: NumberFormat) -> Self {
        Self { format, entries: Vec::new(), slots: Vec::new(), plain: Vec::new(), range: None }
    }

    fn slot(&self, value: i64, probe: usize) -> usize {
        // Fibonacci hashing: the upper bits depend on all of the value's.
        let hash = value.cast_unsigned().wrapping_mul(0x9e37_79b9_7f4a_7c15) >> 32;
        (hash as usize).wrapping_add(probe) & self.slots.len().wrapping_sub(1)
    }

    fn add(&mut self, value: i64, slot: usize) -> Option<u16> {
        let key = u16::try_from(self.entries.len()).ok().filter(|key| usize::from(*key) < MAXIMUM_KEYS)?;
        self.entries.push(value);
        if self.entries.len() * 2 <= self.slots.len() {
            if let Some(slot) = self.slots.get_mut(slot) {
                *slot = u32::from(key) + 1;
            }
            return Some(key);
        }
        self.slots.clear();
        self.slots.resize((self.entries.len() * 4).next_power_of_two().max(64), 0);
        for (key, entry) in (1..).zip(&self.entries) {
            let free = (0..self.slots.len()).map(|probe| self.slot(*entry, probe));
            let free = free.into_iter().find(|slot| self.slots.get(*slot) == Some(&0));
            if let Some(slot) = free.and_then(|slot| self.slots.get_mut(slot)) {
                *slot = key;
            }
        }
        Some(key)
    }

    fn write(&self, values: &[i64], out: &mut Vec<u8>) {
        out.reserve(values.len() * 8);
        for value in values {
            let bytes = value.to_le_bytes();
            let (low, _) = bytes.split_at(if self.format.narrow { 4 } else { 8 });
            out.extend_from_slice(low);
        }
    }
}

/// The range of values and of another range.
fn widen(range: Option<(i64, i64)>, values: &[i64]) -> Option<(i64, i64)> {
    let first = *values.first()?;
    let (low, high) = range.unwrap_or((first, first));
    Some(values.iter().fold((low, high), |(low, high), value| (low.min(*value), high.max(*value))))
}

impl Domain for Numbers {
    type Value<'a> = i64;

    #[inline]
    fn key(&mut self, value: i64) -> Option<u16> {
        for probe in 0..PROBES {
            let slot = self.slot(value, probe);
            let key = match self.slots.get(slot) {
                Some(key @ 1..) => (*key - 1) as usize,
                _ => return self.add(value, slot),
            };
            if self.entries.get(key) == Some(&value) {
                return u16::try_from(key).ok();
            }
        }
        None
    }

    fn distinct(&self) -> usize {
        self.entries.len()
    }

    /// Numbers are cheap to compare: their range is known always.
    fn judge(&mut self, _: &[u16]) {}

    #[inline]
    fn push_plain(&mut self, value: i64) {
        self.plain.push(value);
    }

    fn push_keyed(&mut self, keys: &[u16]) -> bool {
        let Self { entries, plain, .. } = self;
        plain.extend(keys.iter().filter_map(|key| entries.get(usize::from(*key))));
        true
    }

    fn dictionary_bytes(&self) -> usize {
        // There are up to four slots an entry.
        self.entries.len() * (size_of::<i64>() + 4 * size_of::<u32>())
    }

    fn plain_bytes(&self) -> usize {
        self.plain.len() * 8
    }

    fn write_plain(&mut self, out: &mut Vec<u8>) -> Encoding {
        if self.plain.is_empty() {
            return Encoding::PLAIN;
        }
        self.range = widen(self.range, &self.plain);
        let encoding = if self.format.differences {
            write_differences(&self.plain, self.format.narrow, out);
            Encoding::DELTA_BINARY_PACKED
        } else {
            self.write(&self.plain, out);
            Encoding::PLAIN
        };
        self.plain.clear();
        encoding
    }

    fn write_dictionary(&self, out: &mut Vec<u8>) {
        self.write(&self.entries, out);
    }

    fn statistics(&self, keyed: bool, nulls: u64) -> Statistics {
        let entries = if keyed { self.entries.as_slice() } else { &[] };
        let (low, high) = widen(self.range, entries).or(self.range).unzip();
        if self.format.narrow {
            let narrow = |value: Option<i64>| value.and_then(|value| i32::try_from(value).ok());
            statistics(narrow(low), narrow(high), nulls)
        } else {
            statistics(low, high, nulls)
        }
    }

    fn clear(&mut self) {
        self.entries.clear();
        self.entries.shrink_to(KEPT);
        self.slots.truncate(KEPT);
        self.slots.shrink_to_fit();
        self.slots.fill(0);
        self.plain.clear();
        self.range = None;
    }
}
