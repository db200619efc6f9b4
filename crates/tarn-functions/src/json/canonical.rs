//! `json_parse`: the canonical text of a document, with keys in order and the last of equal keys kept.

use datafusion::common::Result;

use super::scan::{Kind, Scanner, write_string};
use crate::failure::invalid_argument;

/// Nesting past this is refused, as Trino's parser refuses it.
const MAX_DEPTH: usize = 1_000;

/// Text as Athena's `json_parse` keeps it; refuses what is not one JSON document.
pub fn json_parse(text: &str) -> Result<String> {
    let mut scanner = Scanner::new(text);
    let mut out = String::with_capacity(text.len());
    parse(&mut scanner, MAX_DEPTH, &mut out)
        .filter(|()| scanner.at_end())
        .ok_or_else(|| invalid_argument(format!("Cannot convert value to JSON: '{text}'")))?;
    Ok(out)
}

fn parse(scanner: &mut Scanner<'_>, depth: usize, out: &mut String) -> Option<()> {
    let kind = scanner.kind()?;
    match kind {
        Kind::Object => {
            let depth = depth.checked_sub(1)?;
            scanner.enter(kind)?;
            let mut members: Vec<(String, String)> = Vec::new();
            let mut first = true;
            while let Some(key) = scanner.next_key(first)? {
                let mut value = String::new();
                parse(scanner, depth, &mut value)?;
                members.push((key.into_owned(), value));
                first = false;
            }
            write_members(members, out);
        }
        Kind::Array => {
            let depth = depth.checked_sub(1)?;
            scanner.enter(kind)?;
            out.push('[');
            let mut first = true;
            while scanner.next_element(first)? {
                if !first {
                    out.push(',');
                }
                parse(scanner, depth, out)?;
                first = false;
            }
            out.push(']');
        }
        _ => scanner.copy(out)?,
    }
    Some(())
}

fn write_members(mut members: Vec<(String, String)>, out: &mut String) {
    // Java orders text by UTF-16 units. The sort is stable: the last of equal keys stays last.
    members.sort_by(|(a, _), (b, _)| a.encode_utf16().cmp(b.encode_utf16()));
    out.push('{');
    let mut written = false;
    for (position, (key, value)) in members.iter().enumerate() {
        if members.get(position + 1).is_some_and(|(next, _)| next == key) {
            continue;
        }
        if written {
            out.push(',');
        }
        written = true;
        write_string(key, out);
        out.push(':');
        out.push_str(value);
    }
    out.push('}');
}
