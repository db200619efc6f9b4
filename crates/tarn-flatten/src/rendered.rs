//! What is written around and instead of values: keys, numbers, dates and ids, in the form that a JSON row wants.

use crate::escape::push_escaped;
use crate::output::Output;
use crate::simd::BLOCK;
use crate::time::{SECONDS_PER_DAY, calendar};

/// `,"name":`, ready to be written a block at a time.
#[derive(Debug, Clone)]
pub(crate) struct RenderedKey {
    head: [u8; BLOCK],
    tail: [u8; BLOCK],
    length: usize,
    text: Box<str>,
}

impl RenderedKey {
    pub(crate) fn new(name: &str) -> Self {
        let mut text = String::from(",\"");
        push_escaped(name, &mut text);
        text.push_str("\":");
        let mut blocks = [[0; BLOCK]; 2];
        for (target, source) in blocks.as_flattened_mut().iter_mut().zip(text.bytes()) {
            *target = source;
        }
        let [head, tail] = blocks;
        Self { head, tail, length: text.len(), text: text.into() }
    }

    /// `"name":`.
    pub(crate) fn text(&self) -> &str {
        self.text.get(1..).unwrap_or_default()
    }

    /// The name, as it stands between the quotes.
    pub(crate) fn name(&self) -> &str {
        self.text.get(2..self.text.len() - 2).unwrap_or_default()
    }

    /// Writes `,"name":`.
    #[inline(always)]
    pub(crate) fn write(&self, output: &mut Output) {
        if self.length <= BLOCK {
            output.block(&self.head, self.length);
        } else if self.length <= 2 * BLOCK {
            output.block(&self.head, BLOCK);
            output.block(&self.tail, self.length - BLOCK);
        } else {
            output.push(self.text.as_bytes());
        }
    }
}

const DIGITS: &[u8; 16] = b"0123456789abcdef";

/// The digit of a value below 10.
#[allow(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "one digit")]
fn digit(value: i64) -> u8 {
    b'0' + (value % 10).unsigned_abs() as u8
}

fn two_digits(value: i64) -> [u8; 2] {
    [digit(value / 10), digit(value)]
}

/// Writes a whole number.
pub(crate) fn write_integer(value: i64, output: &mut Output) {
    if value < 0 {
        output.byte(b'-');
    }
    write_digits(value.unsigned_abs(), 0, output);
}

/// Writes `unscaled` times ten to the power of `-scale`, with `scale` digits after the point.
pub(crate) fn write_decimal(unscaled: i128, scale: u8, output: &mut Output) {
    if unscaled < 0 {
        output.byte(b'-');
    }
    let scale = usize::from(scale);
    let magnitude = unscaled.unsigned_abs();
    match u64::try_from(magnitude) {
        Ok(small) if scale < SHORT_DIGITS => write_digits(small, scale, output),
        _ => {
            let digits = format!("{magnitude:0>width$}", width = scale + 1);
            let (whole, fraction) = digits.split_at(digits.len() - scale);
            output.push(whole.as_bytes());
            if scale > 0 {
                output.byte(b'.');
                output.push(fraction.as_bytes());
            }
        }
    }
}

/// More digits than 64 bits have.
const SHORT_DIGITS: usize = 20;

/// Writes a number with `scale` of its digits, fewer than [`SHORT_DIGITS`], after the point.
fn write_digits(mut rest: u64, scale: usize, output: &mut Output) {
    // Digits are put before the middle, from the last one on, so that a whole block lies behind the first one.
    let mut text = [0; 2 * BLOCK];
    let mut length = 0;
    for place in text.iter_mut().take(BLOCK).rev() {
        if scale > 0 && length == scale {
            *place = b'.';
        } else {
            *place = DIGITS.get((rest % 10) as usize).copied().unwrap_or(b'0');
            rest /= 10;
        }
        length += 1;
        // A number with a fraction has a digit before the point.
        if rest == 0 && (scale == 0 || length > scale + 1) {
            break;
        }
    }
    if let Some(block) = text.get(BLOCK - length..).and_then(|rest| rest.first_chunk::<BLOCK>()) {
        output.block(block, length);
    }
}

/// Writes `yyyy-MM-dd` of days since 1970-01-01.
pub(crate) fn write_date(days: i64, output: &mut Output) {
    let (year, month, day) = calendar(days);
    // Years of a contract's dates have four digits; only the clock of a change record can be further off.
    if let 0..=9_999 = year {
        let ([y1, y2], [y3, y4]) = (two_digits(year / 100), two_digits(year));
        output.array(&[y1, y2, y3, y4]);
    } else {
        write_integer(year, output);
    }
    let ([m1, m2], [d1, d2]) = (two_digits(month), two_digits(day));
    output.array(&[b'-', m1, m2, b'-', d1, d2]);
}

/// Writes `yyyy-MM-dd HH:mm:ss.SSSSSS` in UTC, the text that Hive's and OpenX's JSON readers take for a timestamp.
pub(crate) fn write_timestamp(micros: i64, output: &mut Output) {
    let seconds = micros.div_euclid(1_000_000);
    let fraction = micros.rem_euclid(1_000_000);
    write_date(seconds.div_euclid(SECONDS_PER_DAY), output);
    let clock = seconds.rem_euclid(SECONDS_PER_DAY);
    let [[h1, h2], [m1, m2], [s1, s2]] = [clock / 3_600, clock / 60 % 60, clock % 60].map(two_digits);
    let [[f1, f2], [f3, f4], [f5, f6]] = [fraction / 10_000, fraction / 100, fraction].map(two_digits);
    output.array(&[b' ', h1, h2, b':', m1, m2, b':', s1, s2, b'.', f1, f2, f3, f4, f5, f6]);
}

/// Writes the 32 digits of an id.
pub(crate) fn write_id(id: [u8; 16], output: &mut Output) {
    let mut text = [0; BLOCK];
    let (pairs, _) = text.as_chunks_mut::<2>();
    for (pair, byte) in pairs.iter_mut().zip(id) {
        *pair = [DIGITS[usize::from(byte >> 4)], DIGITS[usize::from(byte & 15)]];
    }
    output.block(&text, BLOCK);
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a failed test may panic")]
    use super::*;
    use crate::decimal::{decimal, integer};
    use crate::time::timestamp;
    use proptest::prelude::*;

    fn written(write: impl FnOnce(&mut Output)) -> String {
        let mut output = Output::new(1_000);
        write(&mut output);
        String::from_utf8(output.bytes().to_vec()).unwrap()
    }

    #[test]
    fn keys_of_any_length_are_written() {
        for length in [1, 27, 28, 29, 60, 61, 255] {
            let key = RenderedKey::new(&"x".repeat(length));
            assert_eq!(written(|output| key.write(output)), format!(",\"{}\":", "x".repeat(length)));
            assert_eq!((key.name().len(), key.text().len()), (length, length + 3));
        }
        assert_eq!(written(|output| RenderedKey::new("a\"b").write(output)), ",\"a\\\"b\":");
    }

    #[test]
    fn values_are_written_as_the_readers_want_them() {
        for (unscaled, scale, expected) in [
            (0, 0, "0"),
            (0, 2, "0.00"),
            (-5, 2, "-0.05"),
            (12345, 2, "123.45"),
            (-12345, 0, "-12345"),
            (5, 19, "0.0000000000000000005"),
            (1, 38, "0.00000000000000000000000000000000000001"),
        ] {
            assert_eq!(written(|output| write_decimal(unscaled, scale, output)), expected);
        }
        assert_eq!(written(|output| write_date(-719_162, output)), "0001-01-01");
        assert_eq!(written(|output| write_timestamp(1_793_491_199_900_001, output)), "2026-10-31 23:59:59.900001");
        assert_eq!(written(|output| write_timestamp(-1, output)), "1969-12-31 23:59:59.999999");
        assert_eq!(written(|output| write_integer(i64::MIN, output)), i64::MIN.to_string());
        assert_eq!(written(|output| write_id([0xa5; 16], output)), "a5".repeat(16));
    }

    proptest! {
        #[test]
        fn what_is_written_is_read_back(
            whole: i64, unscaled: i128, scale in 0u8..=38, micros in -62_135_596_800_000_000i64..=253_402_300_799_999_999,
        ) {
            prop_assert_eq!(integer(&written(|output| write_integer(whole, output))), Some(whole));
            let unscaled = unscaled % 10i128.pow(38);
            let text = written(|output| write_decimal(unscaled, scale, output));
            prop_assert_eq!(decimal(&text, 38, scale), Some(unscaled));
            prop_assert_eq!(timestamp(&written(|output| write_timestamp(micros, output))), Some(micros));
        }
    }
}
