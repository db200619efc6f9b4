//! Messages of a CloudWatch Logs subscription: one row per log event.
//!
//! A message holds many events and says once where they come from. Each event becomes a document of its own that begins with
//! what the message says (`owner`, `logGroup`, `logStream`, …), so that nothing of the message is lost. A control message,
//! with which CloudWatch Logs only tries whether the destination can be reached, is no document.

use crate::change::{members, skip};
use crate::error::{RecordError, RecordErrorKind};
use crate::scan::{byte, skip_space};

/// How every message begins.
const DATA: &str = "{\"messageType\":\"DATA_MESSAGE\"";
const CONTROL: &str = "{\"messageType\":\"CONTROL_MESSAGE\"";

/// Whether the text begins with a message.
#[inline]
pub(crate) fn is_message(text: &str) -> bool {
    text.starts_with(DATA) || text.starts_with(CONTROL)
}

/// Writes the documents of a record that begins with a message: those of its messages, and others as they are.
///
/// # Errors
///
/// Broken JSON, or more than `limit` bytes of documents.
pub(crate) fn documents(text: &str, limit: usize, target: &mut String) -> Result<(), RecordError> {
    target.clear();
    let mut at = skip_space(text.as_bytes(), 0);
    while at < text.len() {
        let rest = text.get(at..).unwrap_or_default();
        let end = skip(text.as_bytes(), at)?;
        if !(is_message(rest) && message(text, at, limit, target)?) {
            target.push_str(text.get(at..end).unwrap_or_default());
        }
        if target.len() > limit {
            return Err(too_large(at, limit));
        }
        target.push('\n');
        at = skip_space(text.as_bytes(), end);
    }
    Ok(())
}

fn too_large(at: usize, limit: usize) -> RecordError {
    RecordError::new(at, RecordErrorKind::TooLarge { limit })
}

/// Writes the documents of the message at `at`; `false` if the object there only begins like one.
fn message(text: &str, at: usize, limit: usize, target: &mut String) -> Result<bool, RecordError> {
    let bytes = text.as_bytes();
    let mut said = String::new();
    let mut events = None;
    let mut group = false;
    members(text, at, |key, value| {
        let end = skip(bytes, value)?;
        group |= key == "logGroup";
        if key == "logEvents" && byte(bytes, value) == b'[' && events.is_none() {
            events = Some(value);
        } else {
            said.push_str(if said.is_empty() { "\"" } else { ",\"" });
            said.push_str(key);
            said.push_str("\":");
            said.push_str(text.get(value..end).unwrap_or_default());
        }
        Ok(end)
    })?;
    let Some(events) = events.filter(|_| group) else { return Ok(false) };
    let mut position = skip_space(bytes, events + 1);
    let control = text.get(at..).is_some_and(|rest| rest.starts_with(CONTROL));
    if !objects_only(bytes, position)? || (byte(bytes, position) == b']' && !control) {
        return Ok(false);
    }
    while !control && byte(bytes, position) == b'{' {
        let end = skip(bytes, position)?;
        if target.len() + said.len() > limit {
            return Err(too_large(position, limit));
        }
        let inside = skip_space(bytes, position + 1);
        target.push('{');
        target.push_str(&said);
        if byte(bytes, inside) != b'}' {
            target.push(',');
        }
        target.push_str(text.get(inside..end).unwrap_or_default());
        target.push('\n');
        position = next(bytes, end);
    }
    Ok(true)
}

/// The place of the element after the one that ends at `end`, or of the closing bracket. The array was checked before.
fn next(bytes: &[u8], end: usize) -> usize {
    let separator = skip_space(bytes, end);
    if byte(bytes, separator) == b',' { skip_space(bytes, separator + 1) } else { separator }
}

/// Whether all elements of an array are objects.
fn objects_only(bytes: &[u8], mut position: usize) -> Result<bool, RecordError> {
    while byte(bytes, position) != b']' {
        if byte(bytes, position) != b'{' {
            return Ok(false);
        }
        position = next(bytes, skip(bytes, position)?);
    }
    Ok(true)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a failed test may panic")]
    use super::*;

    fn documents_of(text: &str) -> String {
        let mut target = String::new();
        documents(text, 1 << 20, &mut target).unwrap();
        target
    }

    #[test]
    fn each_event_is_a_document() {
        let message = concat!(
            r#"{"messageType":"DATA_MESSAGE","owner":"111111111111","logGroup":"app","logStream":"s","#,
            r#""subscriptionFilters":["f"],"logEvents":[{"id":"1","timestamp":1,"message":"a"}, {"id":"2"},{}]}"#
        );
        assert!(is_message(message));
        let said = concat!(
            r#""messageType":"DATA_MESSAGE","owner":"111111111111","logGroup":"app","logStream":"s","#,
            r#""subscriptionFilters":["f"]"#
        );
        let expected = format!(
            "{{{said},\"id\":\"1\",\"timestamp\":1,\"message\":\"a\"}}\n{{{said},\"id\":\"2\"}}\n{{{said}}}\n\n{{\"x\":1}}\n"
        );
        assert_eq!(documents_of(&format!("{message}{{\"x\":1}}")), expected);
    }

    #[test]
    fn a_control_message_is_no_document() {
        let message = r#"{"messageType":"CONTROL_MESSAGE","owner":"CloudwatchLogs","logGroup":"","logStream":"","subscriptionFilters":[],"logEvents":[{"id":"","timestamp":1,"message":"CWL CONTROL MESSAGE: Checking health of destination Firehose."}]}"#;
        assert_eq!(documents_of(message).trim(), "");
    }

    #[test]
    fn what_only_looks_like_a_message_stays_as_it_is() {
        for text in [
            r#"{"messageType":"DATA_MESSAGE"}"#,
            r#"{"messageType":"DATA_MESSAGE","logGroup":"a","logEvents":[]}"#,
            r#"{"messageType":"DATA_MESSAGE","logGroup":"a","logEvents":[1]}"#,
            r#"{"messageType":"DATA_MESSAGE","logEvents":[{}]}"#,
        ] {
            assert_eq!(documents_of(text).trim(), text);
        }
    }

    #[test]
    fn what_would_grow_past_the_limit_is_refused() {
        let events = vec!["{}"; 1_000].join(",");
        let text =
            format!(r#"{{"messageType":"DATA_MESSAGE","logGroup":"{}","logEvents":[{events}]}}"#, "x".repeat(10_000));
        let error = documents(&text, 1 << 20, &mut String::new()).unwrap_err();
        assert_eq!(error.kind, RecordErrorKind::TooLarge { limit: 1 << 20 });
    }
}
