//! The smallest and the largest value of a chunk, as the footer tells them.

use parquet::data_type::ByteArray;
use parquet::file::statistics::{Statistics, ValueStatistics};

/// Bytes of text that the footer tells at most.
const TEXT_BYTES: usize = 64;

/// Statistics of a type whose order is that of signed numbers, which old readers know as well.
pub(super) fn statistics<T>(low: Option<T>, high: Option<T>, nulls: u64) -> Statistics
where
    ValueStatistics<T>: Into<Statistics>,
{
    ValueStatistics::new(low, high, None, Some(nulls), false).with_backwards_compatible_min_max(true).into()
}

/// Statistics of text: long ones are cut off, the largest so that it stays above what it stands for.
pub(super) fn text_statistics(range: Option<(&[u8], &[u8])>, nulls: u64) -> Statistics {
    let low = range.and_then(|(low, _)| cut(low));
    let high = range.and_then(|(_, high)| if high.len() <= TEXT_BYTES { cut(high) } else { above(high) });
    let (Some(low), Some(high)) = (low, high) else {
        return Statistics::byte_array(None, None, None, Some(nulls), false);
    };
    let exact = |end: &Vec<u8>, of: Option<&[u8]>| of == Some(end.as_slice());
    let low_exact = exact(&low, range.map(|(low, _)| low));
    let high_exact = exact(&high, range.map(|(_, high)| high));
    ValueStatistics::new(Some(ByteArray::from(low)), Some(ByteArray::from(high)), None, Some(nulls), false)
        .with_min_is_exact(low_exact)
        .with_max_is_exact(high_exact)
        .into()
}

/// As many whole characters as there is room for.
fn cut(text: &[u8]) -> Option<Vec<u8>> {
    let text = std::str::from_utf8(text).ok()?;
    let end = text.floor_char_boundary(TEXT_BYTES);
    Some(text.get(..end)?.as_bytes().to_vec())
}

/// A text of at most that length that is larger than every text that begins like this one.
fn above(text: &[u8]) -> Option<Vec<u8>> {
    let mut begin = String::from_utf8(cut(text)?).ok()?;
    while let Some(last) = begin.pop() {
        let next = char::from_u32(u32::from(last) + 1).filter(|next| next.len_utf8() == last.len_utf8());
        if let Some(next) = next {
            begin.push(next);
            return Some(begin.into_bytes());
        }
    }
    None
}
