//! Who asks, written into the statement itself: the cost of a query is told by its text, wherever it was started.
//!
//! It is a line of its own at the end, `-- tarn: {…}`: Athena refuses a statement that begins with a block comment, and what stands
//! at the end moves no line that a mistake points at. It is plain ASCII without a semicolon, which some tools take for the end
//! of a statement even in a comment.

use std::fmt::Write;

use serde_json::Value;

use crate::ports::Attribution;

/// Bytes that are kept free in a statement to name who asks.
pub const ATTRIBUTION_ROOM: usize = 6_144;

/// What the line begins with.
const MARK: &str = "-- tarn: ";
/// Bytes of a name that are told; each is at most six bytes of JSON.
const LONGEST_NAME: usize = 255;

/// The statement with who asks for it as its last line. Names of more than 255 bytes are cut.
pub fn attributed(statement: &str, attribution: &Attribution) -> String {
    let mut who = serde_json::to_value(attribution).unwrap_or_default();
    if let Value::Object(fields) = &mut who {
        fields.retain(|_, value| !value.is_null());
        for value in fields.values_mut() {
            if let Value::String(name) = value {
                shorten(name);
            }
        }
    }
    format!("{}\n{MARK}{}", statement.trim_end(), plain(&who.to_string()))
}

/// Who asked for a statement, as [`attributed`] wrote it; `None` for a statement without.
pub fn attribution_of(statement: &str) -> Option<Attribution> {
    let last = statement.trim_end().rsplit(['\n', '\r']).next()?;
    serde_json::from_str(last.strip_prefix(MARK)?).ok()
}

/// The statement without the line that tells who asked.
pub fn unattributed(statement: &str) -> &str {
    let text = statement.trim_end();
    match text.rfind(['\n', '\r']) {
        Some(end) if attribution_of(text).is_some() => text.get(..end).unwrap_or(text).trim_end(),
        _ => text,
    }
}

fn shorten(name: &mut String) {
    let end = (0..=LONGEST_NAME.min(name.len())).rev().find(|end| name.is_char_boundary(*end)).unwrap_or(0);
    name.truncate(end);
}

/// JSON in ASCII without semicolons.
fn plain(json: &str) -> String {
    let mut plain = String::with_capacity(json.len());
    for character in json.chars() {
        if character.is_ascii() && character != ';' && character != '\u{7f}' {
            plain.push(character);
            continue;
        }
        for unit in character.encode_utf16(&mut [0; 2]) {
            // Writing to a text does not fail.
            let _ = write!(plain, "\\u{unit:04x}");
        }
    }
    plain
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn who_asks_is_the_last_line() {
        let attribution = Attribution {
            run: Some("r1".to_owned().try_into().unwrap()),
            model: Some("売上; drop\n--".to_owned()),
            purpose: "convert".to_owned(),
            user: None,
        };
        let statement = attributed("select 1\n", &attribution);
        assert_eq!(
            statement,
            r#"select 1
-- tarn: {"run":"r1","model":"\u58f2\u4e0a\u003b drop\n--","purpose":"convert"}"#
        );
        assert_eq!(attribution_of(&statement), Some(attribution));
        assert_eq!(unattributed(&statement), "select 1");
        assert_eq!(unattributed("select 1\n-- a note"), "select 1\n-- a note");
        for other in ["select 1", "", "select '\n-- tarn: {}\n'", "-- tarn: {", "select 1 -- tarn: {\"purpose\":\"x\"}"]
        {
            assert_eq!(attribution_of(other), None, "{other}");
        }
    }

    proptest! {
        #[test]
        fn what_is_written_is_read(
            statement in any::<String>(),
            model in proptest::option::of(any::<String>()),
            purpose in any::<String>(),
            user in proptest::option::of(any::<String>()),
            before in any::<bool>(),
        ) {
            let attribution = Attribution { run: None, model, purpose, user };
            // A statement that names somebody already is the one of who asks last.
            let forged = Attribution { purpose: "somebody".to_owned(), ..Attribution::default() };
            let statement = if before { attributed(&statement, &forged) } else { statement };
            let sent = attributed(&statement, &attribution);
            prop_assert_eq!(attribution_of(&sent), Some(attribution));
            let added = sent.strip_prefix(statement.trim_end()).unwrap();
            prop_assert!(added.is_ascii() && !added.contains(';') && added.matches(['\n', '\r']).count() == 1);
        }

        #[test]
        fn there_is_room_for_the_longest_names(model in "\\PC{100,2000}", purpose in "\u{1}{255,600}") {
            let user = Some(purpose.clone());
            let attribution = Attribution { run: None, model: Some(model), purpose, user };
            prop_assert!(attributed("", &attribution).len() + 100 <= ATTRIBUTION_ROOM);
            prop_assert!(attribution_of(&attributed("", &attribution)).is_some());
        }

        #[test]
        fn reading_any_text_does_no_harm(text in any::<String>()) {
            let _ = attribution_of(&text);
            let _ = attribution_of(&format!("{MARK}{text}"));
        }
    }
}
