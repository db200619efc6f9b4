//! Values that are written as they are: booleans, floating point, long decimals.

use parquet::data_type::FixedLenByteArray;
use parquet::file::statistics::Statistics;

use super::bits::Bits;
use super::range::statistics;

/// Booleans of a column.
#[derive(Debug, Default)]
pub(super) struct Booleans {
    /// The page.
    pub(super) page: Bits,
    /// Whether `false` and `true` are among the pages before.
    seen: [bool; 2],
}

impl Booleans {
    pub(super) fn write_page(&mut self, out: &mut Vec<u8>) {
        let ones = self.page.ones();
        self.seen = [self.seen[0] || ones < self.page.len(), self.seen[1] || ones > 0];
        self.page.write_packed(out);
        self.page.clear();
    }

    pub(super) fn statistics(&self, nulls: u64) -> Statistics {
        let (low, high) = match self.seen {
            [true, largest] => (Some(false), Some(largest)),
            [false, true] => (Some(true), Some(true)),
            [false, false] => (None, None),
        };
        Statistics::boolean(low, high, None, Some(nulls), false)
    }

    pub(super) fn clear(&mut self) {
        self.page.clear();
        self.seen = [false; 2];
    }
}

/// Values of one size; `T` is what they are compared by.
#[derive(Debug)]
pub(super) struct Fixed<T> {
    pub(super) page: Vec<u8>,
    range: Option<(T, T)>,
}

impl<T> Default for Fixed<T> {
    fn default() -> Self {
        Self { page: Vec::new(), range: None }
    }
}

impl<T: Copy + PartialOrd> Fixed<T> {
    /// Takes a value and its bytes.
    #[inline]
    pub(super) fn push(&mut self, value: T, bytes: &[u8]) {
        self.page.extend_from_slice(bytes);
        // Not a number is not equal to itself, and is in no order.
        #[expect(clippy::eq_op, reason = "only not a number differs from itself")]
        if value == value {
            let (low, high) = self.range.get_or_insert((value, value));
            if value < *low {
                *low = value;
            }
            if value > *high {
                *high = value;
            }
        }
    }

    pub(super) fn write_page(&mut self, out: &mut Vec<u8>) {
        out.extend_from_slice(&self.page);
        self.page.clear();
    }

    pub(super) fn clear(&mut self) {
        self.page.clear();
        self.range = None;
    }
}

impl Fixed<f32> {
    pub(super) fn statistics(&self, nulls: u64) -> Statistics {
        // Readers may not tell the zeros apart, so the range has both.
        let (low, high) = self.range.unzip();
        let low = low.map(|low| if low == 0.0 { -0.0 } else { low });
        statistics(low, high.map(|high| if high == 0.0 { 0.0 } else { high }), nulls)
    }
}

impl Fixed<f64> {
    pub(super) fn statistics(&self, nulls: u64) -> Statistics {
        let (low, high) = self.range.unzip();
        let low = low.map(|low| if low == 0.0 { -0.0 } else { low });
        statistics(low, high.map(|high| if high == 0.0 { 0.0 } else { high }), nulls)
    }
}

impl Fixed<i128> {
    /// `skip`: the bytes that values of the column do without.
    pub(super) fn statistics(&self, skip: usize, nulls: u64) -> Statistics {
        let bytes = |value: i128| {
            let bytes = value.to_be_bytes();
            FixedLenByteArray::from(bytes.get(skip..).unwrap_or_default().to_vec())
        };
        let (low, high) = self.range.unzip();
        statistics(low.map(bytes), high.map(bytes), nulls)
    }
}
