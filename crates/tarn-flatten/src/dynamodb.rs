//! DynamoDB JSON, where every value carries its type (`{"N":"1"}`), to plain JSON.
//!
//! All ten types are exact: `S` is a string, `N` a number with its digits as written, `B` a string of base64, `BOOL` and
//! `NULL` literals, `M` an object, `L` an array, and the sets `SS`, `NS` and `BS` arrays in the order given.

use crate::error::{RecordError, RecordErrorKind};
use crate::scan::{self, byte, expected, literal, skip_space, string};
use crate::simd::{Level, Scan, Work};

/// Decodes an item, a map of attribute names to typed values, to the text of a plain JSON object.
///
/// # Errors
///
/// Broken JSON, or a value whose type and content do not agree, with the byte offset in `item`.
///
/// ```
/// let plain = tarn_flatten::plain_json(r#"{"id":{"N":"7"},"tags":{"SS":["a","b"]}}"#)?;
/// assert_eq!(plain, r#"{"id":7,"tags":["a","b"]}"#);
/// # Ok::<(), tarn_flatten::RecordError>(())
/// ```
pub fn plain_json(item: &str) -> Result<String, RecordError> {
    let mut json = String::with_capacity(item.len());
    let start = skip_space(item.as_bytes(), 0);
    if byte(item.as_bytes(), start) != b'{' {
        return Err(expected(item.as_bytes(), start, "`{`"));
    }
    let end = Level::detect().run(ItemWalk { item, start, json: &mut json })?;
    let rest = skip_space(item.as_bytes(), end);
    if rest < item.len() {
        return Err(expected(item.as_bytes(), rest, "the end"));
    }
    Ok(json)
}

struct ItemWalk<'a> {
    item: &'a str,
    start: usize,
    json: &'a mut String,
}

impl Work for ItemWalk<'_> {
    type Output = Result<usize, RecordError>;

    #[inline(always)]
    fn run<S: Scan>(self) -> Self::Output {
        container::<S>(self.item, self.start, self.json)
    }
}

/// The ten types of DynamoDB.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Tag {
    String,
    Number,
    Binary,
    Boolean,
    Null,
    Map,
    List,
    StringSet,
    NumberSet,
    BinarySet,
}

/// Appends the plain JSON of the content at `at` of a value of this type; gives the position after it.
#[inline(always)]
pub(crate) fn content_end<S: Scan>(text: &str, at: usize, tag: Tag, json: &mut String) -> Result<usize, RecordError> {
    match container_start(text.as_bytes(), at, tag)? {
        Some(_) => container::<S>(text, at, json),
        None => leaf::<S>(text, at, tag, json),
    }
}

/// Whether a value of this type holds others: the bracket that must stand where its content begins.
#[inline(always)]
pub(crate) fn container_start(bytes: &[u8], at: usize, tag: Tag) -> Result<Option<u8>, RecordError> {
    let (bracket, missing) = match tag {
        Tag::Map => (b'{', "`{` of a map"),
        Tag::List => (b'[', "`[` of a list"),
        _ => return Ok(None),
    };
    if byte(bytes, at) == bracket { Ok(Some(bracket)) } else { Err(expected(bytes, at, missing)) }
}

/// Appends the plain JSON of the map or list of typed values whose bracket stands at `at`; gives the position after it.
#[inline(always)]
pub(crate) fn container<S: Scan>(text: &str, at: usize, json: &mut String) -> Result<usize, RecordError> {
    let bytes = text.as_bytes();
    let bracket = byte(bytes, at);
    // Whether each open container is a map.
    let mut in_map = bracket == b'{';
    let mut open: Vec<bool> = vec![in_map];
    json.push(char::from(bracket));
    let mut position = skip_space(bytes, at + 1);
    let mut ended = byte(bytes, position) == bracket + 2;
    loop {
        if !ended {
            // A member of the innermost container stands at `position`.
            if in_map {
                let key = string_token::<S>(bytes, position)?;
                json.push_str(slice(text, position, key));
                let colon = skip_space(bytes, key);
                if byte(bytes, colon) != b':' {
                    return Err(expected(bytes, colon, "`:`"));
                }
                json.push(':');
                position = skip_space(bytes, colon + 1);
            }
            let (tag, content) = tag(bytes, position)?;
            position = content;
            if let Some(bracket) = container_start(bytes, position, tag)? {
                json.push(char::from(bracket));
                in_map = tag == Tag::Map;
                open.push(in_map);
                position = skip_space(bytes, position + 1);
                ended = byte(bytes, position) == bracket + 2;
                continue;
            }
            position = leaf::<S>(text, position, tag, json)?;
            position = type_end(bytes, position)?;
        }
        // A member ended at `position`, or an empty container is about to.
        loop {
            position = skip_space(bytes, position);
            let closing = if in_map { b'}' } else { b']' };
            match byte(bytes, position) {
                b',' if !ended => {
                    json.push(',');
                    position = skip_space(bytes, position + 1);
                    break;
                }
                found if found == closing => {
                    ended = false;
                    json.push(char::from(closing));
                    position += 1;
                    open.pop();
                    match open.last() {
                        None => return Ok(position),
                        Some(map) => in_map = *map,
                    }
                    position = type_end(bytes, position)?;
                }
                _ if in_map => return Err(expected(bytes, position, "`,` or `}`")),
                _ => return Err(expected(bytes, position, "`,` or `]`")),
            }
        }
    }
}

#[inline(always)]
fn slice(text: &str, start: usize, end: usize) -> &str {
    text.get(start..end).unwrap_or_default()
}

/// The end of the string that must stand at `at`.
#[inline(always)]
fn string_token<S: Scan>(bytes: &[u8], at: usize) -> Result<usize, RecordError> {
    if byte(bytes, at) != b'"' {
        return Err(expected(bytes, at, "a string"));
    }
    Ok(string::<S>(bytes, at)?.end)
}

/// Reads `{"T":` at `at`; gives the type and where its content stands.
#[inline(always)]
pub(crate) fn tag(bytes: &[u8], at: usize) -> Result<(Tag, usize), RecordError> {
    if byte(bytes, at) != b'{' {
        return Err(expected(bytes, at, "`{` of a typed value"));
    }
    let quote = skip_space(bytes, at + 1);
    let rest = bytes.get(quote..).unwrap_or_default();
    let (tag, length) = match rest {
        [b'"', b'S', b'"', ..] => (Tag::String, 3),
        [b'"', b'N', b'"', ..] => (Tag::Number, 3),
        [b'"', b'M', b'"', ..] => (Tag::Map, 3),
        [b'"', b'L', b'"', ..] => (Tag::List, 3),
        [b'"', b'B', b'"', ..] => (Tag::Binary, 3),
        [b'"', b'S', b'S', b'"', ..] => (Tag::StringSet, 4),
        [b'"', b'N', b'S', b'"', ..] => (Tag::NumberSet, 4),
        [b'"', b'B', b'S', b'"', ..] => (Tag::BinarySet, 4),
        [b'"', b'B', b'O', b'O', b'L', b'"', ..] => (Tag::Boolean, 6),
        [b'"', b'N', b'U', b'L', b'L', b'"', ..] => (Tag::Null, 6),
        _ if rest.len() < 6 => return Err(RecordError::new(bytes.len(), RecordErrorKind::Truncated)),
        _ => return Err(not_typed(quote, "a type is one of S, N, B, BOOL, NULL, M, L, SS, NS, BS")),
    };
    let colon = skip_space(bytes, quote + length);
    if byte(bytes, colon) != b':' {
        return Err(expected(bytes, colon, "`:`"));
    }
    Ok((tag, skip_space(bytes, colon + 1)))
}

/// Reads the bracket that ends a typed value.
#[inline(always)]
pub(crate) fn type_end(bytes: &[u8], at: usize) -> Result<usize, RecordError> {
    let end = skip_space(bytes, at);
    if byte(bytes, end) != b'}' {
        return Err(expected(bytes, end, "`}` of a typed value"));
    }
    Ok(end + 1)
}

#[cold]
fn not_typed(at: usize, reason: &'static str) -> RecordError {
    RecordError::new(at, RecordErrorKind::NotDynamoDb(reason))
}

/// Reads the content of a value that holds no other values; gives the position after it.
#[inline(always)]
fn leaf<S: Scan>(text: &str, at: usize, tag: Tag, json: &mut String) -> Result<usize, RecordError> {
    let bytes = text.as_bytes();
    match tag {
        Tag::Number => number::<S>(text, at, json),
        Tag::Boolean | Tag::Null => {
            let end = literal_token(bytes, at, tag)?;
            json.push_str(if tag == Tag::Null { "null" } else { slice(text, at, end) });
            Ok(end)
        }
        Tag::StringSet | Tag::NumberSet | Tag::BinarySet => set::<S>(text, at, tag == Tag::NumberSet, json),
        _ => {
            let end = string_token::<S>(bytes, at)?;
            json.push_str(slice(text, at, end));
            Ok(end)
        }
    }
}

/// The end of the literal that a value of this type has.
#[inline(always)]
pub(crate) fn literal_token(bytes: &[u8], at: usize, tag: Tag) -> Result<usize, RecordError> {
    let end = literal(bytes, at)?;
    match (tag, byte(bytes, at)) {
        (Tag::Null, b't') | (Tag::Boolean, b't' | b'f') => Ok(end),
        (Tag::Null, _) => Err(not_typed(at, "NULL is true")),
        _ => Err(not_typed(at, "BOOL is true or false")),
    }
}

/// The end of the number in quotes that must stand at `at`.
#[inline(always)]
pub(crate) fn number_token<S: Scan>(bytes: &[u8], at: usize) -> Result<usize, RecordError> {
    if byte(bytes, at) != b'"' {
        return Err(expected(bytes, at, "a number in quotes"));
    }
    let end = scan::number::<S>(bytes, at + 1)?;
    if byte(bytes, end) != b'"' {
        return Err(expected(bytes, end, "the quote after a number"));
    }
    Ok(end + 1)
}

/// Reads a number in quotes.
#[inline(always)]
fn number<S: Scan>(text: &str, at: usize, json: &mut String) -> Result<usize, RecordError> {
    let end = number_token::<S>(text.as_bytes(), at)?;
    json.push_str(slice(text, at + 1, end - 1));
    Ok(end)
}

/// Reads an array of strings, or of numbers in quotes.
pub(crate) fn set<S: Scan>(text: &str, at: usize, numbers: bool, json: &mut String) -> Result<usize, RecordError> {
    let bytes = text.as_bytes();
    if byte(bytes, at) != b'[' {
        return Err(expected(bytes, at, "`[` of a set"));
    }
    json.push('[');
    let mut position = skip_space(bytes, at + 1);
    if byte(bytes, position) == b']' {
        json.push(']');
        return Ok(position + 1);
    }
    loop {
        if numbers {
            position = number::<S>(text, position, json)?;
        } else {
            let end = string_token::<S>(bytes, position)?;
            json.push_str(slice(text, position, end));
            position = end;
        }
        position = skip_space(bytes, position);
        match byte(bytes, position) {
            b',' => {
                json.push(',');
                position = skip_space(bytes, position + 1);
            }
            b']' => {
                json.push(']');
                return Ok(position + 1);
            }
            _ => return Err(expected(bytes, position, "`,` or `]`")),
        }
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a failed test may panic")]
    use super::*;

    #[test]
    fn all_ten_types_are_exact() {
        let item = r#"{"s":{"S":"名\n\"x\""},"n":{"N":"12345678901234567890123456789012345678"},"e":{"N":"1E+125"},
            "b":{"B":"AAEC/w=="},"t":{"BOOL":true},"f":{"BOOL":false},"z":{"NULL":true},
            "m":{"M":{"S":{"S":"a"},"empty":{"M":{}},"n":{"N":"-0.10"}}},
            "l":{"L":[{"N":"1"},{"L":[]},{"M":{"x":{"NULL":true}}},{"S":""}]},
            "ss":{"SS":["b","a"]},"ns":{"NS":["1.50","2"]},"bs":{"BS":["AA==", "AQ=="]}}"#;
        let expected = concat!(
            r#"{"s":"名\n\"x\"","n":12345678901234567890123456789012345678,"e":1E+125,"#,
            r#""b":"AAEC/w==","t":true,"f":false,"z":null,"#,
            r#""m":{"S":"a","empty":{},"n":-0.10},"l":[1,[],{"x":null},""],"#,
            r#""ss":["b","a"],"ns":[1.50,2],"bs":["AA==","AQ=="]}"#
        );
        assert_eq!(plain_json(item).unwrap(), expected);
        assert_eq!(plain_json("{}").unwrap(), "{}");
        assert_eq!(plain_json(" { } ").unwrap(), "{}");
    }

    #[test]
    fn values_that_contradict_their_type_are_refused() {
        for item in [
            r#"{"a":1}"#,
            r#"{"a":{"X":"1"}}"#,
            r#"{"a":{}}      "#,
            r#"{"a":{"N":1}}"#,
            r#"{"a":{"N":"1x"}}"#,
            r#"{"a":{"N":""}}"#,
            r#"{"a":{"S":1}}"#,
            r#"{"a":{"S":"1","N":"1"}}"#,
            r#"{"a":{"BOOL":null}}"#,
            r#"{"a":{"BOOL":"true"}}"#,
            r#"{"a":{"NULL":false}}"#,
            r#"{"a":{"M":[]}}"#,
            r#"{"a":{"L":{}}}"#,
            r#"{"a":{"L":[1]}}"#,
            r#"{"a":{"L":[{"N":"1"},]}}"#,
            r#"{"a":{"M":{,"x":{"N":"1"}}}}"#,
            r#"{"a":{"SS":"x"}}"#,
            r#"{"a":{"NS":["x"]}}"#,
            r#"{"a":{"SS":["x",]}}"#,
            r#"{,}"#,
            "{} x",
            "[]",
        ] {
            let error = plain_json(item).unwrap_err();
            assert!(!matches!(error.kind, RecordErrorKind::Truncated), "{item}: {error}");
        }
    }

    #[test]
    fn deep_items_need_no_stack() {
        let deep = format!("{{\"a\":{}{}}}", "{\"L\":[".repeat(50_000), "]}".repeat(50_000));
        assert_eq!(plain_json(&deep).unwrap(), format!("{{\"a\":{}{}}}", "[".repeat(50_000), "]".repeat(50_000)));
        assert!(plain_json(&"{\"a\":{\"M\":".repeat(50_000)).is_err());
    }

    #[test]
    fn every_truncation_is_an_error() {
        let item =
            r#"{"s":{"S":"x"},"n":{"N":"-1.5e3"},"l":{"L":[{"BOOL":true},{"NULL":true}]},"ss":{"SS":["a","b"]}}"#;
        for length in 0..item.len() {
            let error = plain_json(&item[..length]).unwrap_err();
            assert_eq!(error.kind, RecordErrorKind::Truncated, "{}", &item[..length]);
        }
    }
}
