//! Arrays and objects that are kept whole: checked to the last byte, at any depth, without recursion.

use crate::error::RecordError;
use crate::scan::{byte, expected, literal, number, skip_space, string};
use crate::simd::{Portable, Scan};

/// One bit per level that is open: whether it is an object. A record of nothing but `[` costs an eighth of its size.
#[derive(Debug, Default)]
struct Levels {
    full: Vec<u64>,
    /// The innermost levels, in the low `count` bits.
    bits: u64,
    count: u32,
}

impl Levels {
    #[inline(always)]
    fn open(&mut self, object: bool) {
        if self.count == u64::BITS {
            self.full.push(self.bits);
            self.count = 0;
        }
        self.bits = self.bits << 1 | u64::from(object);
        self.count += 1;
    }

    /// Closes the innermost level; says whether it was the last one.
    #[inline(always)]
    fn close(&mut self) -> bool {
        self.bits >>= 1;
        self.count -= 1;
        if self.count == 0 {
            match self.full.pop() {
                Some(bits) => (self.bits, self.count) = (bits, u64::BITS),
                None => return true,
            }
        }
        false
    }

    #[inline(always)]
    fn in_object(&self) -> bool {
        self.bits & 1 == 1
    }
}

/// A whole array or object.
#[derive(Debug, Clone, Copy)]
pub(crate) struct NestedToken {
    /// The position after its closing bracket.
    pub(crate) end: usize,
    /// Whether white space stands between its tokens.
    pub(crate) spaced: bool,
}

/// Reads the array or object whose opening bracket stands at `at`.
#[inline(always)]
pub(crate) fn nested<S: Scan>(bytes: &[u8], at: usize) -> Result<NestedToken, RecordError> {
    let mut levels = Levels::default();
    let mut spaced = false;
    let mut position = at;
    loop {
        // A value stands at `position`.
        let first = byte(bytes, position);
        position = match first {
            b'"' => string::<S>(bytes, position)?.end,
            b'-' | b'0'..=b'9' => number::<S>(bytes, position)?,
            b'{' | b'[' => {
                let object = first == b'{';
                levels.open(object);
                position = space(bytes, position + 1, &mut spaced);
                if byte(bytes, position) != first + 2 {
                    if object {
                        position = member_key::<S>(bytes, position, &mut spaced)?;
                    }
                    continue;
                }
                position += 1;
                if levels.close() {
                    return Ok(NestedToken { end: position, spaced });
                }
                position
            }
            _ => literal(bytes, position)?,
        };
        // A value ended at `position`: close what closes, then on to the next value.
        loop {
            position = space(bytes, position, &mut spaced);
            let closing = if levels.in_object() { b'}' } else { b']' };
            match byte(bytes, position) {
                b',' => {
                    position = space(bytes, position + 1, &mut spaced);
                    if levels.in_object() {
                        position = member_key::<S>(bytes, position, &mut spaced)?;
                    }
                    break;
                }
                found if found == closing => {
                    position += 1;
                    if levels.close() {
                        return Ok(NestedToken { end: position, spaced });
                    }
                }
                _ if closing == b'}' => return Err(expected(bytes, position, "`,` or `}`")),
                _ => return Err(expected(bytes, position, "`,` or `]`")),
            }
        }
    }
}

/// Skips white space, and tells if there was any.
#[inline(always)]
fn space(bytes: &[u8], at: usize, spaced: &mut bool) -> usize {
    let next = skip_space(bytes, at);
    *spaced |= next != at;
    next
}

/// Reads a key and its colon; gives the position of the value.
#[inline(always)]
fn member_key<S: Scan>(bytes: &[u8], at: usize, spaced: &mut bool) -> Result<usize, RecordError> {
    if byte(bytes, at) != b'"' {
        return Err(expected(bytes, at, "a key in quotes"));
    }
    let end = string::<S>(bytes, at)?.end;
    let colon = space(bytes, end, spaced);
    if byte(bytes, colon) != b':' {
        return Err(expected(bytes, colon, "`:`"));
    }
    Ok(space(bytes, colon + 1, spaced))
}

/// Appends well-formed JSON text without the white space between its tokens.
pub(crate) fn push_compact(json: &str, target: &mut String) {
    let bytes = json.as_bytes();
    let mut kept = 0;
    let mut position = 0;
    while position < bytes.len() {
        match byte(bytes, position) {
            // The text was checked before, so every string ends.
            b'"' => position = string::<Portable>(bytes, position).map_or(bytes.len(), |token| token.end),
            b' ' | b'\n' | b'\r' | b'\t' => {
                target.push_str(json.get(kept..position).unwrap_or_default());
                position = skip_space(bytes, position);
                kept = position;
            }
            _ => position += 1,
        }
    }
    target.push_str(json.get(kept..).unwrap_or_default());
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a failed test may panic")]
    use super::*;
    use crate::error::RecordErrorKind;

    fn read(text: &str) -> Result<NestedToken, RecordError> {
        nested::<Portable>(text.as_bytes(), 0)
    }

    #[test]
    fn well_formed_values_end_where_they_end() {
        for text in ["[]", "{}", "[[],{}]", r#"{"a":[1,-2.5e3,true,null,"x]"],"b":{"c":{}}}"#] {
            let token = read(&format!("{text},tail")).unwrap();
            assert_eq!((token.end, token.spaced), (text.len(), false), "{text}");
        }
        assert!(read("[1, 2]").unwrap().spaced);
        assert!(read("{\"a\" :1}").unwrap().spaced);
        assert!(!read(r#"["a b"]"#).unwrap().spaced);
    }

    #[test]
    fn mistakes_are_found_inside() {
        for (text, offset) in [
            ("[1,]", 3),
            ("[1 2]", 3),
            ("{\"a\"}", 4),
            ("{1:2}", 1),
            ("{\"a\":1,}", 7),
            ("[1}", 2),
            ("{\"a\":1]", 6),
            ("[tru]", 1),
            ("[01]", 1),
            ("[\"\\x\"]", 2),
        ] {
            let error = read(text).unwrap_err();
            assert_eq!(error.offset, offset, "{text}: {error}");
            assert_ne!(error.kind, RecordErrorKind::Truncated, "{text}");
        }
    }

    #[test]
    fn depth_costs_no_stack() {
        let deep = "[".repeat(100_000) + &"]".repeat(100_000);
        assert_eq!(read(&deep).unwrap().end, 200_000);
        let objects = "{\"a\":".repeat(100_000) + "1" + &"}".repeat(100_000);
        assert_eq!(read(&objects).unwrap().end, objects.len());
        assert_eq!(read(&"[".repeat(100_000)).unwrap_err().kind, RecordErrorKind::Truncated);
    }

    #[test]
    fn compact_text_keeps_white_space_in_strings() {
        let mut target = String::new();
        push_compact("{ \"a b\" : [ 1 ,\n\t\"x \\\" y\" ] }", &mut target);
        assert_eq!(target, r#"{"a b":[1,"x \" y"]}"#);
    }
}
