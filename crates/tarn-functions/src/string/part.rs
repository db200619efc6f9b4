//! Parts and positions of text: `length`, `substr`, `strpos`, `starts_with`, `codepoint`.

use datafusion::common::Result;

use crate::call::map_rows;
use crate::failure::invalid_argument;
use crate::function::Function;

pub(crate) fn functions() -> Vec<Function> {
    vec![
        Function::new("length")
            .alias("char_length")
            .alias("character_length")
            .on("(varchar) -> bigint", |call| map_rows::<(&str,), i64>(call, |(text,)| Ok(Some(length(text)))))
            .on("(varbinary) -> bigint", |call| {
                map_rows::<(&[u8],), i64>(call, |(bytes,)| Ok(Some(bytes.len() as i64)))
            }),
        Function::new("substr")
            .alias("substring")
            .on("(varchar, bigint) -> varchar", |call| {
                map_rows::<(&str, i64), &str>(call, |(text, start)| Ok(Some(substr(text, start, i64::MAX))))
            })
            .on("(varchar, bigint, bigint) -> varchar", |call| {
                map_rows::<(&str, i64, i64), &str>(call, |(text, start, length)| Ok(Some(substr(text, start, length))))
            })
            .on("(varbinary, bigint) -> varbinary", |call| {
                map_rows::<(&[u8], i64), &[u8]>(call, |(bytes, start)| Ok(Some(byte_range(bytes, start, i64::MAX))))
            })
            .on("(varbinary, bigint, bigint) -> varbinary", |call| {
                map_rows::<(&[u8], i64, i64), &[u8]>(call, |(bytes, start, length)| {
                    Ok(Some(byte_range(bytes, start, length)))
                })
            }),
        Function::new("strpos")
            .alias("position")
            .on("(varchar, varchar) -> bigint", |call| {
                map_rows::<(&str, &str), i64>(call, |(text, wanted)| Ok(Some(position(text, wanted, 1))))
            })
            .on("(varchar, varchar, bigint) -> bigint", |call| {
                map_rows::<(&str, &str, i64), i64>(call, |(text, wanted, instance)| {
                    if instance == 0 {
                        return Err(invalid_argument("'instance' must not be a positive or negative number."));
                    }
                    Ok(Some(position(text, wanted, instance)))
                })
            }),
        Function::new("starts_with").on("(varchar, varchar) -> boolean", |call| {
            map_rows::<(&str, &str), bool>(call, |(text, prefix)| Ok(Some(text.starts_with(prefix))))
        }),
        Function::new("ends_with").on("(varchar, varchar) -> boolean", |call| {
            map_rows::<(&str, &str), bool>(call, |(text, suffix)| Ok(Some(text.ends_with(suffix))))
        }),
        Function::new("codepoint")
            .on("(varchar) -> integer", |call| map_rows::<(&str,), i32>(call, |(text,)| codepoint(text).map(Some))),
        Function::new("chr").on("(bigint) -> varchar", |call| {
            map_rows::<(i64,), String>(call, |(number,)| {
                u32::try_from(number)
                    .ok()
                    .and_then(char::from_u32)
                    .map(|character| Some(character.to_string()))
                    .ok_or_else(|| invalid_argument(format!("Not a valid Unicode code point: {number}")))
            })
        }),
    ]
}

/// Code points of a text.
pub(crate) fn length(text: &str) -> i64 {
    if text.is_ascii() {
        return text.len() as i64;
    }
    text.chars().count() as i64
}

/// The byte where the code point at `index` begins; `None` past the end.
fn byte_of(text: &str, index: i64) -> Option<usize> {
    let index = usize::try_from(index).ok()?;
    if text.is_ascii() {
        return (index < text.len()).then_some(index);
    }
    text.char_indices().nth(index).map(|(byte, _)| byte)
}

/// Code points from `start` (1 is the first, -1 the last, 0 gives nothing).
fn substr(text: &str, start: i64, count: i64) -> &str {
    if start == 0 || count <= 0 || text.is_empty() {
        return "";
    }
    let first = if start > 0 { start - 1 } else { start.saturating_add(length(text)) };
    let Some(begin) = byte_of(text, first) else {
        return "";
    };
    let rest = &text[begin..];
    match byte_of(rest, count) {
        Some(end) => &rest[..end],
        None => rest,
    }
}

fn byte_range(bytes: &[u8], start: i64, count: i64) -> &[u8] {
    let size = bytes.len() as i64;
    let first = if start > 0 { start - 1 } else { start.saturating_add(size) };
    if start == 0 || count <= 0 || first < 0 || first >= size {
        return &[];
    }
    let end = first.saturating_add(count).min(size);
    &bytes[first as usize..end as usize]
}

/// Position from 1 of an occurrence, counted from the end if `instance` is negative; 0 if there is none.
fn position(text: &str, wanted: &str, instance: i64) -> i64 {
    if wanted.is_empty() {
        return 1;
    }
    let mut left = instance.unsigned_abs();
    let mut place = |byte: usize| {
        left -= 1;
        (left == 0).then(|| length(&text[..byte]) + 1)
    };
    // Occurrences may overlap: the search goes on one code point after each.
    if instance > 0 {
        let mut from = 0;
        while let Some(found) = text[from..].find(wanted) {
            let byte = from + found;
            if let Some(position) = place(byte) {
                return position;
            }
            from = byte + text[byte..].chars().next().map_or(1, char::len_utf8);
        }
    } else {
        let mut until = text.len();
        while let Some(byte) = text[..until].rfind(wanted) {
            if let Some(position) = place(byte) {
                return position;
            }
            let last = byte + wanted.len();
            until = last - text[..last].chars().next_back().map_or(1, char::len_utf8);
        }
    }
    0
}

fn codepoint(text: &str) -> Result<i32> {
    let mut characters = text.chars();
    match (characters.next(), characters.next()) {
        (Some(character), None) => Ok(u32::from(character) as i32),
        _ => Err(invalid_argument("Input string must be a single character string")),
    }
}
