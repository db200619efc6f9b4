//! Text changed as a whole: case, padding, trimming, replacement, reversal, normal forms, UTF-8.

use std::borrow::Cow;

use datafusion::common::Result;
use unicode_normalization::UnicodeNormalization;

use super::part::length;
use crate::call::map_rows;
use crate::failure::invalid_argument;
use crate::function::Function;

/// Declares a trimming function: of white space, or of the characters of a second argument.
macro_rules! trimming {
    ($name:literal, $trim:ident) => {
        Function::new($name)
            .on("(varchar) -> varchar", |call| {
                map_rows::<(&str,), &str>(call, |(text,)| Ok(Some(text.$trim(is_blank))))
            })
            .on("(varchar, varchar) -> varchar", |call| {
                map_rows::<(&str, &str), &str>(call, |(text, unwanted)| {
                    Ok(Some(text.$trim(|c: char| unwanted.contains(c))))
                })
            })
    };
}

/// Declares a padding function; text that is too long is cut.
macro_rules! padding {
    ($name:literal, $join:expr) => {
        Function::new($name).on("(varchar, bigint, varchar) -> varchar", |call| {
            map_rows::<(&str, i64, &str), String>(call, |(text, size, pad)| {
                let join: fn(&str, &str) -> String = $join;
                pad_with(text, size, pad, join).map(Some)
            })
        })
    };
}

pub(crate) fn functions() -> Vec<Function> {
    vec![
        Function::new("upper")
            .on("(varchar) -> varchar", |call| map_rows::<(&str,), String>(call, |(text,)| Ok(Some(upper(text))))),
        Function::new("lower")
            .on("(varchar) -> varchar", |call| map_rows::<(&str,), String>(call, |(text,)| Ok(Some(lower(text))))),
        // The engine's parser calls `trim(both … from …)` by the second name.
        trimming!("trim", trim_matches).alias("btrim"),
        trimming!("ltrim", trim_start_matches),
        trimming!("rtrim", trim_end_matches),
        padding!("lpad", |text, padding| format!("{padding}{text}")),
        padding!("rpad", |text, padding| format!("{text}{padding}")),
        Function::new("replace")
            .on("(varchar, varchar) -> varchar", |call| {
                map_rows::<(&str, &str), String>(call, |(text, wanted)| Ok(Some(text.replace(wanted, ""))))
            })
            .on("(varchar, varchar, varchar) -> varchar", |call| {
                map_rows::<(&str, &str, &str), String>(call, |(text, wanted, replacement)| {
                    Ok(Some(text.replace(wanted, replacement)))
                })
            }),
        Function::new("translate").on("(varchar, varchar, varchar) -> varchar", |call| {
            map_rows::<(&str, &str, &str), String>(call, |(text, from, to)| Ok(Some(translate(text, from, to))))
        }),
        Function::new("normalize")
            .on("(varchar) -> varchar", |call| {
                map_rows::<(&str,), String>(call, |(text,)| normalize(text, "NFC").map(Some))
            })
            .on("(varchar, varchar) -> varchar", |call| {
                map_rows::<(&str, &str), String>(call, |(text, form)| normalize(text, form).map(Some))
            }),
        Function::new("to_utf8")
            .on("(varchar) -> varbinary", |call| map_rows::<(&str,), &[u8]>(call, |(text,)| Ok(Some(text.as_bytes())))),
        Function::new("from_utf8")
            .on("(varbinary) -> varchar", |call| {
                map_rows::<(&[u8],), Cow<'_, str>>(call, |(bytes,)| Ok(Some(String::from_utf8_lossy(bytes))))
            })
            .on("(varbinary, varchar) -> varchar", |call| {
                map_rows::<(&[u8], &str), String>(call, |(bytes, replacement)| {
                    if length(replacement) > 1 {
                        return Err(invalid_argument("Replacement character string must empty or a single character"));
                    }
                    Ok(Some(decode(bytes, replacement)))
                })
            })
            .on("(varbinary, bigint) -> varchar", |call| {
                map_rows::<(&[u8], i64), String>(call, |(bytes, replacement)| {
                    let character = u32::try_from(replacement)
                        .ok()
                        .and_then(char::from_u32)
                        .ok_or_else(|| invalid_argument("Invalid replacement character"))?;
                    Ok(Some(decode(bytes, character.encode_utf8(&mut [0; 4]))))
                })
            }),
    ]
}

/// Upper case by code point: what has no single upper-case letter (`ß`) stays.
pub(crate) fn upper(text: &str) -> String {
    if text.is_ascii() {
        return text.to_ascii_uppercase();
    }
    text.chars()
        .map(|character| {
            let mut mapped = character.to_uppercase();
            match (mapped.next(), mapped.next()) {
                (Some(single), None) => single,
                _ => character,
            }
        })
        .collect()
}

/// Lower case by code point.
pub(crate) fn lower(text: &str) -> String {
    if text.is_ascii() {
        return text.to_ascii_lowercase();
    }
    text.chars()
        // One letter only grows, a capital I with dot; its first part is the lower-case letter.
        .map(|character| character.to_lowercase().next().unwrap_or(character))
        .collect()
}

fn pad_with(text: &str, size: i64, pad: &str, join: fn(&str, &str) -> String) -> Result<String> {
    let size = i32::try_from(size)
        .ok()
        .filter(|size| *size >= 0)
        .ok_or_else(|| invalid_argument("Target length must be in the range [0..2147483647]"))?;
    if pad.is_empty() {
        return Err(invalid_argument("Padding string must not be empty"));
    }
    let missing = i64::from(size) - length(text);
    if missing <= 0 {
        return Ok(text.chars().take(size as usize).collect());
    }
    let padding: String = pad.chars().cycle().take(missing as usize).collect();
    Ok(join(text, &padding))
}

/// White space as Java counts it: no-break spaces are not.
fn is_blank(character: char) -> bool {
    match character {
        '\u{a0}' | '\u{2007}' | '\u{202f}' | '\u{85}' => false,
        '\u{1c}'..='\u{1f}' => true,
        other => other.is_whitespace(),
    }
}

fn decode(bytes: &[u8], replacement: &str) -> String {
    let mut out = String::with_capacity(bytes.len());
    for chunk in bytes.utf8_chunks() {
        out.push_str(chunk.valid());
        if !chunk.invalid().is_empty() {
            out.push_str(replacement);
        }
    }
    out
}

fn translate(text: &str, from: &str, to: &str) -> String {
    let to: Vec<char> = to.chars().collect();
    let from: Vec<char> = from.chars().collect();
    text.chars()
        .filter_map(|character| match from.iter().position(|wanted| *wanted == character) {
            Some(index) => to.get(index).copied(),
            None => Some(character),
        })
        .collect()
}

fn normalize(text: &str, form: &str) -> Result<String> {
    Ok(match form.to_ascii_uppercase().as_str() {
        "NFC" => text.nfc().collect(),
        "NFD" => text.nfd().collect(),
        "NFKC" => text.nfkc().collect(),
        "NFKD" => text.nfkd().collect(),
        _ => {
            return Err(invalid_argument("Normalization form must be one of [NFD, NFC, NFKD, NFKC]"));
        }
    })
}
