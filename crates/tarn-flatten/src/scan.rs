//! The tokens of JSON over the bytes of a record: where each ends, and whether it is well formed.
//!
//! Positions go in and come out; nothing is copied. Past the end every byte reads as 0, which no token continues with.

use crate::error::{RecordError, RecordErrorKind};
use crate::simd::{BLOCK, Portable, Scan};

type Result<T> = std::result::Result<T, RecordError>;

/// The byte at a position, 0 past the end.
#[inline(always)]
pub(crate) fn byte(bytes: &[u8], at: usize) -> u8 {
    bytes.get(at).copied().unwrap_or(0)
}

/// The first position from `at` on that is no white space.
#[inline(always)]
pub(crate) fn skip_space(bytes: &[u8], mut at: usize) -> usize {
    // Compact JSON has none: one compare tells.
    if byte(bytes, at) <= b' ' {
        while matches!(byte(bytes, at), b' ' | b'\n' | b'\r' | b'\t') {
            at += 1;
        }
    }
    at
}

/// What is wrong when `wanted` does not stand at `at`.
#[cold]
#[inline(never)]
pub(crate) fn expected(bytes: &[u8], at: usize, wanted: &'static str) -> RecordError {
    let kind = if at >= bytes.len() { RecordErrorKind::Truncated } else { RecordErrorKind::Expected(wanted) };
    RecordError::new(at.min(bytes.len()), kind)
}

/// The 32 bytes at `at`, if there are as many.
///
/// The questions are asked in plain functions: a closure around one is a function of its own without the instructions
/// that the question needs.
#[inline(always)]
fn block(bytes: &[u8], at: usize) -> Option<&[u8; BLOCK]> {
    bytes.get(at..)?.first_chunk::<BLOCK>()
}

/// [`Scan::string_stops`] of the bytes at `at`; what lies past the end reads as 0.
#[inline(always)]
pub(crate) fn string_stops<S: Scan>(bytes: &[u8], at: usize) -> u32 {
    match block(bytes, at) {
        Some(block) => S::string_stops(block),
        None => S::string_stops(&padded(bytes, at)),
    }
}

/// [`Scan::digits`] of the bytes at `at`; what lies past the end reads as 0.
#[inline(always)]
fn digits<S: Scan>(bytes: &[u8], at: usize) -> u32 {
    match block(bytes, at) {
        Some(block) => S::digits(block),
        None => S::digits(&padded(bytes, at)),
    }
}

/// [`Scan::equal`] of the bytes at `at` and a block; what lies past the end reads as 0.
#[inline(always)]
pub(crate) fn equal<S: Scan>(bytes: &[u8], at: usize, other: &[u8; BLOCK]) -> u32 {
    match block(bytes, at) {
        Some(block) => S::equal(block, other),
        None => S::equal(&padded(bytes, at), other),
    }
}

#[cold]
#[inline(never)]
fn padded(bytes: &[u8], at: usize) -> [u8; BLOCK] {
    let mut block = [0; BLOCK];
    for (target, source) in block.iter_mut().zip(bytes.get(at..).unwrap_or_default()) {
        *target = *source;
    }
    block
}

/// The position of the first byte from `at` on that cannot stand in a JSON string as it is; the length if there is none.
pub(crate) fn plain_end(bytes: &[u8], mut at: usize) -> usize {
    loop {
        let stops = string_stops::<Portable>(bytes, at);
        if stops != 0 {
            return (at + stops.trailing_zeros() as usize).min(bytes.len());
        }
        at += BLOCK;
    }
}

/// A string token: the position after its closing quote, and whether it has escapes.
#[derive(Debug, Clone, Copy)]
pub(crate) struct StringToken {
    pub(crate) end: usize,
    pub(crate) escaped: bool,
}

/// Reads the string whose opening quote stands at `at`.
#[inline(always)]
pub(crate) fn string<S: Scan>(bytes: &[u8], at: usize) -> Result<StringToken> {
    let mut position = at + 1;
    let mut escaped = false;
    loop {
        let stops = string_stops::<S>(bytes, position);
        if stops == 0 {
            position += BLOCK;
            continue;
        }
        position += stops.trailing_zeros() as usize;
        match byte(bytes, position) {
            b'"' => return Ok(StringToken { end: position + 1, escaped }),
            b'\\' => {
                escaped = true;
                position += escape_length(bytes, position)?;
            }
            _ => return Err(bad_string(bytes, position)),
        }
    }
}

#[cold]
#[inline(never)]
fn bad_string(bytes: &[u8], at: usize) -> RecordError {
    let kind = if at >= bytes.len() { RecordErrorKind::Truncated } else { RecordErrorKind::ControlCharacter };
    RecordError::new(at.min(bytes.len()), kind)
}

/// The length of the escape whose backslash stands at `at`; both halves of a surrogate pair are one escape.
#[inline(never)]
pub(crate) fn escape_length(bytes: &[u8], at: usize) -> Result<usize> {
    match byte(bytes, at + 1) {
        b'"' | b'\\' | b'/' | b'b' | b'f' | b'n' | b'r' | b't' => Ok(2),
        b'u' => match code_unit(bytes, at)? {
            0xd800..=0xdbff => {
                let paired = byte(bytes, at + 6) == b'\\'
                    && byte(bytes, at + 7) == b'u'
                    && matches!(code_unit(bytes, at + 6), Ok(0xdc00..=0xdfff));
                if paired { Ok(12) } else { Err(lone_surrogate(bytes, at)) }
            }
            0xdc00..=0xdfff => Err(RecordError::new(at, RecordErrorKind::LoneSurrogate)),
            _ => Ok(6),
        },
        _ if at + 1 >= bytes.len() => Err(RecordError::new(bytes.len(), RecordErrorKind::Truncated)),
        _ => Err(RecordError::new(at, RecordErrorKind::InvalidEscape)),
    }
}

/// A high surrogate at the very end of the bytes may have lost its other half with the rest.
fn lone_surrogate(bytes: &[u8], at: usize) -> RecordError {
    let rest = bytes.get(at + 6..).unwrap_or_default();
    let cut = rest.len() < 6 && b"\\uDC00".iter().zip(rest).take(2).all(|(one, other)| one == other);
    if cut && rest.iter().skip(2).all(u8::is_ascii_hexdigit) {
        RecordError::new(bytes.len(), RecordErrorKind::Truncated)
    } else {
        RecordError::new(at, RecordErrorKind::LoneSurrogate)
    }
}

/// The four hex digits of the `\u` escape at `at`.
pub(crate) fn code_unit(bytes: &[u8], at: usize) -> Result<u32> {
    let mut value = 0;
    for position in at + 2..at + 6 {
        match char::from(byte(bytes, position)).to_digit(16) {
            Some(digit) => value = value << 4 | digit,
            None if position >= bytes.len() => {
                return Err(RecordError::new(bytes.len(), RecordErrorKind::Truncated));
            }
            None => return Err(RecordError::new(at, RecordErrorKind::InvalidEscape)),
        }
    }
    Ok(value)
}

/// The end of the number at `at`.
#[inline(always)]
pub(crate) fn number<S: Scan>(bytes: &[u8], at: usize) -> Result<usize> {
    let digits = digits::<S>(bytes, at);
    let negative = usize::from(byte(bytes, at) == b'-');
    let whole = (digits >> negative).trailing_ones() as usize;
    let end = at + negative + whole;
    // The common number: a few digits, and then something that continues no number.
    let leading_zero = whole > 1 && byte(bytes, at + negative) == b'0';
    if whole > 0 && !leading_zero && negative + whole < BLOCK && !matches!(byte(bytes, end), b'.' | b'e' | b'E') {
        return Ok(end);
    }
    long_number(bytes, at)
}

/// The same for any number: fraction, exponent, any length.
#[inline(never)]
pub(crate) fn long_number(bytes: &[u8], at: usize) -> Result<usize> {
    let run = |mut position: usize| {
        while byte(bytes, position).is_ascii_digit() {
            position += 1;
        }
        position
    };
    let invalid = |position: usize| {
        let kind = if position >= bytes.len() { RecordErrorKind::Truncated } else { RecordErrorKind::InvalidNumber };
        RecordError::new(if position >= bytes.len() { bytes.len() } else { at }, kind)
    };
    let start = at + usize::from(byte(bytes, at) == b'-');
    let mut end = run(start);
    if end == start || (byte(bytes, start) == b'0' && end > start + 1) {
        return Err(invalid(if end == start { end } else { start }));
    }
    if byte(bytes, end) == b'.' {
        let fraction = end + 1;
        end = run(fraction);
        if end == fraction {
            return Err(invalid(end));
        }
    }
    if matches!(byte(bytes, end), b'e' | b'E') {
        let exponent = end + 1 + usize::from(matches!(byte(bytes, end + 1), b'+' | b'-'));
        end = run(exponent);
        if end == exponent {
            return Err(invalid(end));
        }
    }
    Ok(end)
}

/// The end of the literal at `at`: `true`, `false` or `null`.
#[inline(always)]
pub(crate) fn literal(bytes: &[u8], at: usize) -> Result<usize> {
    let word: &[u8] = match byte(bytes, at) {
        b't' => b"true",
        b'f' => b"false",
        b'n' => b"null",
        _ => return Err(expected(bytes, at, "a value")),
    };
    let rest = bytes.get(at..).unwrap_or_default();
    if rest.starts_with(word) { Ok(at + word.len()) } else { Err(bad_literal(bytes, at, word)) }
}

#[cold]
#[inline(never)]
fn bad_literal(bytes: &[u8], at: usize, word: &[u8]) -> RecordError {
    let rest = bytes.get(at..).unwrap_or_default();
    if word.starts_with(rest) {
        RecordError::new(bytes.len(), RecordErrorKind::Truncated)
    } else {
        RecordError::new(at, RecordErrorKind::Expected("`true`, `false` or `null`"))
    }
}
