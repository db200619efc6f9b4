//! JSON paths as `json_extract` takes them: `$`, `.name`, `[0]`, `["any name"]`.
//!
//! Trino's own reader knows no wildcards, filters, single quotes or hyphens in bare names, and refuses them; so
//! does this one, for a path that works here must work there.

use datafusion::common::{DataFusionError, Result};

use crate::failure::invalid_argument;

/// One step into an object or array.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Step {
    /// The key in an object.
    pub(crate) key: String,
    /// The position in an array, if the key reads as one.
    pub(crate) index: Option<usize>,
}

/// A compiled path.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct JsonPath {
    pub(crate) steps: Vec<Step>,
}

impl JsonPath {
    pub(crate) fn parse(text: &str) -> Result<Self> {
        let refuse = || -> DataFusionError { invalid_argument(format!("Invalid JSON path: '{text}'")) };
        let mut rest = text.strip_prefix('$').ok_or_else(refuse)?;
        let mut steps = Vec::new();
        while !rest.is_empty() {
            let (key, after) = if let Some(name) = rest.strip_prefix('.') {
                take_name(name, true)
            } else if let Some(quoted) = rest.strip_prefix("[\"") {
                take_quoted(quoted).and_then(|(key, after)| Some((key, after.strip_prefix(']')?)))
            } else if let Some(subscript) = rest.strip_prefix('[') {
                take_name(subscript, false).and_then(|(key, after)| Some((key, after.strip_prefix(']')?)))
            } else {
                None
            }
            .ok_or_else(refuse)?;
            steps.push(Step { index: key.parse().ok(), key });
            rest = after;
        }
        Ok(Self { steps })
    }
}

fn take_name(text: &str, colon: bool) -> Option<(String, &str)> {
    let end = text.find(|c: char| !(c.is_alphanumeric() || c == '_' || (colon && c == ':'))).unwrap_or(text.len());
    (end > 0).then(|| (text[..end].to_owned(), &text[end..]))
}

fn take_quoted(text: &str) -> Option<(String, &str)> {
    let mut key = String::new();
    let mut characters = text.char_indices();
    while let Some((position, character)) = characters.next() {
        match character {
            '"' => return Some((key, &text[position + 1..])),
            '\\' => match characters.next()? {
                (_, escaped @ ('"' | '\\')) => key.push(escaped),
                _ => return None,
            },
            other => key.push(other),
        }
    }
    None
}
