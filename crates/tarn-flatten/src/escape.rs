//! The inside of JSON strings: to text and back.

use crate::output::Output;
use crate::scan::{byte, code_unit, plain_end, string_stops};
use crate::simd::{BLOCK, Scan};

/// Appends the text of a well-formed string body (without its quotes).
pub(crate) fn push_unescaped(body: &str, target: &mut String) {
    let bytes = body.as_bytes();
    let mut kept = 0;
    while let Some(found) = memchr::memchr(b'\\', bytes.get(kept..).unwrap_or_default()) {
        let at = kept + found;
        target.push_str(body.get(kept..at).unwrap_or_default());
        let (character, length) = unescape(bytes, at);
        target.push(character);
        kept = at + length;
    }
    target.push_str(body.get(kept..).unwrap_or_default());
}

/// The character of the escape at `at`, and the escape's length. The string was checked when it was read.
fn unescape(bytes: &[u8], at: usize) -> (char, usize) {
    match byte(bytes, at + 1) {
        b'b' => ('\u{8}', 2),
        b'f' => ('\u{c}', 2),
        b'n' => ('\n', 2),
        b'r' => ('\r', 2),
        b't' => ('\t', 2),
        b'u' => {
            let first = code_unit(bytes, at).unwrap_or(0);
            if (0xd800..0xdc00).contains(&first) {
                let second = code_unit(bytes, at + 6).unwrap_or(0xdc00);
                let scalar = 0x1_0000 + ((first & 0x3ff) << 10 | second & 0x3ff);
                (char::from_u32(scalar).unwrap_or(char::REPLACEMENT_CHARACTER), 12)
            } else {
                (char::from_u32(first).unwrap_or(char::REPLACEMENT_CHARACTER), 6)
            }
        }
        other => (char::from(other), 2),
    }
}

/// Appends text as the body of a JSON string: quotes, backslashes and control characters escaped, the rest as it is.
pub(crate) fn push_escaped(text: &str, target: &mut String) {
    let bytes = text.as_bytes();
    let mut kept = 0;
    loop {
        let at = plain_end(bytes, kept);
        target.push_str(text.get(kept..at).unwrap_or_default());
        let Some(special) = bytes.get(at) else { return };
        kept = at + 1;
        match special {
            b'"' => target.push_str("\\\""),
            b'\\' => target.push_str("\\\\"),
            b'\n' => target.push_str("\\n"),
            b'\r' => target.push_str("\\r"),
            b'\t' => target.push_str("\\t"),
            control => {
                target.push_str("\\u00");
                for digit in [control >> 4, control & 15] {
                    target.push(char::from_digit(u32::from(digit), 16).unwrap_or('0'));
                }
            }
        }
    }
}

/// Writes the bytes from `start` to `end` of a text as the body of a JSON string, as [`push_escaped`] does.
#[inline(always)]
pub(crate) fn write_escaped<S: Scan>(text: &[u8], start: usize, end: usize, output: &mut Output) {
    let mut at = start;
    while at < end {
        let mut stops = string_stops::<S>(text, at);
        let last = (end - at).min(BLOCK);
        if last < BLOCK {
            stops &= (1 << last) - 1;
        }
        // The plain bytes up to each stop, then its escape.
        let mut from = at;
        while stops != 0 {
            let stop = at + stops.trailing_zeros() as usize;
            stops &= stops - 1;
            output.part(text, from, stop);
            match byte(text, stop) {
                special @ (b'"' | b'\\') => output.array(&[b'\\', special]),
                control => write_control(control, output),
            }
            from = stop + 1;
        }
        at += last;
        output.part(text, from, at);
    }
}

#[cold]
fn write_control(control: u8, output: &mut Output) {
    let mut escaped = String::new();
    push_escaped(char::from(control).encode_utf8(&mut [0; 4]), &mut escaped);
    output.push(escaped.as_bytes());
}

/// The text that a JSON value stands for in a text column: the text of a string, nothing for null, and the JSON text
/// itself of anything else. `json` is a [`Field::json`](crate::Field::json); `scratch` is overwritten if it is needed.
#[must_use]
pub fn plain_text<'a>(json: &'a str, scratch: &'a mut String) -> Option<&'a str> {
    if json == "null" {
        return None;
    }
    let Some(body) = json.strip_prefix('"').and_then(|rest| rest.strip_suffix('"')) else {
        return Some(json);
    };
    if memchr::memchr(b'\\', body.as_bytes()).is_none() {
        return Some(body);
    }
    scratch.clear();
    push_unescaped(body, scratch);
    Some(scratch)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a failed test may panic")]
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn what_is_escaped_is_read_back(text: String) {
            let (mut body, mut back) = (String::new(), String::new());
            push_escaped(&text, &mut body);
            push_unescaped(&body, &mut back);
            prop_assert_eq!(&back, &text);
            let mut output = Output::new(1 << 20);
            write_escaped::<crate::simd::Portable>(text.as_bytes(), 0, text.len(), &mut output);
            prop_assert_eq!(output.bytes(), body.as_bytes());
            let read: String = serde_json::from_str(&format!("\"{body}\"")).unwrap();
            prop_assert_eq!(&read, &text);
        }
    }

    #[test]
    fn every_escape_is_understood() {
        let mut text = String::new();
        push_unescaped(r#"\"\\\/\b\f\n\r\t\u0041\u00e9\ud83d\ude00"#, &mut text);
        assert_eq!(text, "\"\\/\u{8}\u{c}\n\r\tAé😀");
    }

    #[test]
    fn plain_text_of_each_kind_of_value() {
        let mut scratch = String::new();
        for (json, expected) in [
            ("null", None),
            ("\"\"", Some("")),
            ("\"a\\nb\"", Some("a\nb")),
            ("1.10", Some("1.10")),
            ("[1]", Some("[1]")),
        ] {
            assert_eq!(plain_text(json, &mut scratch), expected);
        }
    }
}
