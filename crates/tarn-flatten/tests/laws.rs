//! Laws: nothing is lost, the same record gives the same bytes, every level of instructions agrees, nothing panics.
#![allow(missing_docs, clippy::unwrap_used, clippy::panic, reason = "a failed test may panic")]

mod support;

use std::collections::HashMap;

use proptest::prelude::*;
use serde_json::Value as Json;
use support::{Kept, contract};
use tarn_flatten::{Arrays, Flattener, Input, Settings, plain_json};

/// Keys that meet, that need escapes, and that are long.
fn key() -> impl Strategy<Value = String> {
    prop_oneof![
        4 => "[abAB]{1,2}",
        2 => "[ab]_[ab]",
        1 => "[a-z]{30,60}",
        1 => "\\PC{0,6}",
        1 => any::<String>(),
    ]
}

fn number() -> impl Strategy<Value = String> {
    prop_oneof![
        any::<i64>().prop_map(|number| number.to_string()),
        "-?(0|[1-9][0-9]{0,40})(\\.[0-9]{1,20})?([eE][+-]?[0-9]{1,4})?",
    ]
}

/// JSON text, with white space and escapes as a writer may use them.
fn json() -> impl Strategy<Value = String> {
    let leaf = prop_oneof![
        Just("null".to_owned()),
        Just("true".to_owned()),
        Just("false".to_owned()),
        number(),
        text().boxed(),
    ];
    leaf.prop_recursive(6, 40, 6, |inner| {
        prop_oneof![
            (prop::collection::vec(inner.clone(), 0..5), space())
                .prop_map(|(items, space)| { format!("[{space}{}{space}]", items.join(&format!("{space},{space}"))) }),
            members(inner),
        ]
    })
}

fn members(value: impl Strategy<Value = String>) -> impl Strategy<Value = String> {
    (prop::collection::vec((quoted(key()), value), 0..6), space()).prop_map(|(members, space)| {
        let members: Vec<_> = members.iter().map(|(key, value)| format!("{key}{space}:{space}{value}")).collect();
        format!("{{{space}{}{space}}}", members.join(&format!("{space},{space}")))
    })
}

fn space() -> impl Strategy<Value = String> {
    prop_oneof![3 => Just(String::new()), 1 => "[ \n\r\t]{1,3}"]
}

fn text() -> impl Strategy<Value = String> {
    quoted(prop_oneof!["\\PC{0,40}", any::<String>(), "[a-z \"\\\\]{0,80}"])
}

/// A JSON string; some characters are spelled with `\u`.
fn quoted(text: impl Strategy<Value = String>) -> impl Strategy<Value = String> {
    (text, any::<u8>()).prop_map(|(text, spelled)| {
        let mut target = String::from("\"");
        for (index, character) in text.chars().enumerate() {
            if character < ' ' || character == '"' || character == '\\' || (spelled > 200 && index % 3 == 0) {
                let mut units = [0; 2];
                for unit in character.encode_utf16(&mut units) {
                    target.push_str(&format!("\\u{unit:04x}"));
                }
            } else {
                target.push(character);
            }
        }
        target + "\""
    })
}

/// What stands in a document, found by a reader that is not ours: the JSON text of every leaf, strings unescaped.
///
/// `serde_json` keeps the last of two equal keys, so the reader goes over the tokens itself and lets it read only leaves.
fn leaves(document: &str, index: bool) -> Vec<String> {
    fn normal(json: &str) -> String {
        // Two levels of reading: equal texts stand for equal values, to the digit.
        let compact = compact(json);
        if compact.starts_with('"') { serde_json::from_str::<String>(&compact).unwrap() } else { compact }
    }
    fn compact(json: &str) -> String {
        let (mut inside, mut escaped) = (false, false);
        json.chars()
            .filter(|character| {
                let kept = inside || !character.is_ascii_whitespace();
                if escaped {
                    escaped = false;
                } else if inside && *character == '\\' {
                    escaped = true;
                } else if *character == '"' {
                    inside = !inside;
                }
                kept
            })
            .collect()
    }
    /// Splits the members of a container at its own commas.
    fn split(inner: &str) -> Vec<&str> {
        let (mut parts, mut start, mut depth, mut inside, mut escaped) = (Vec::new(), 0, 0, false, false);
        for (at, character) in inner.char_indices() {
            if escaped {
                escaped = false;
                continue;
            }
            match character {
                '\\' if inside => escaped = true,
                '"' => inside = !inside,
                '[' | '{' if !inside => depth += 1,
                ']' | '}' if !inside => depth -= 1,
                ',' if !inside && depth == 0 => {
                    parts.push(&inner[start..at]);
                    start = at + 1;
                }
                _ => {}
            }
        }
        parts.push(&inner[start..]);
        parts
    }
    fn visit(value: &str, index: bool, found: &mut Vec<String>) {
        let value = value.trim_matches([' ', '\n', '\r', '\t']);
        let inner = value.get(1..value.len() - 1).unwrap_or_default();
        let empty = inner.trim_matches([' ', '\n', '\r', '\t']).is_empty();
        if value.starts_with('{') && !empty {
            for member in split(inner) {
                let (mut end, mut escaped) = (0, false);
                let member = member.trim_matches([' ', '\n', '\r', '\t']);
                for (at, character) in member.char_indices().skip(1) {
                    if escaped {
                        escaped = false;
                    } else if character == '\\' {
                        escaped = true;
                    } else if character == '"' {
                        end = at + 1;
                        break;
                    }
                }
                let rest = member[end..].trim_matches([' ', '\n', '\r', '\t']);
                visit(rest.strip_prefix(':').unwrap(), index, found);
            }
        } else if index && value.starts_with('[') && !empty {
            for element in split(inner) {
                visit(element, index, found);
            }
        } else {
            found.push(normal(value));
        }
    }
    let mut found = Vec::new();
    // An empty document has no leaf; an empty object within one is a leaf.
    if compact(document) != "{}" {
        visit(document, index, &mut found);
    }
    found
}

fn read(json: &str) -> String {
    if json.starts_with('"') { serde_json::from_str::<String>(json).unwrap() } else { json.to_owned() }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 1_000, ..ProptestConfig::default() })]

    #[test]
    fn no_leaf_is_lost(document in members(json()), index: bool) {
        let arrays = if index { Arrays::Index } else { Arrays::Json };
        let mut kept = Kept::default();
        Flattener::new(Settings { arrays, ..Settings::default() }).flat(document.as_bytes(), &mut kept).unwrap();
        let found: Vec<_> = kept.flat[0].iter().map(|(_, json)| read(json)).collect();
        prop_assert_eq!(found, leaves(&document, index));
        let names: std::collections::HashSet<_> = kept.flat[0].iter().map(|(name, _)| name).collect();
        prop_assert_eq!(names.len(), kept.flat[0].len());
        prop_assert!(names.iter().all(|name| name.len() <= 255 && !name.is_empty()));
    }

    #[test]
    fn every_leaf_is_in_a_column_or_left_over(document in members(json())) {
        let mut kept = Kept::default();
        let columns = contract(&["b json", "ab@a.b json", "aa@A.a json", "ba@A.b json"]);
        Flattener::with_contract(Settings::default(), columns).record(document.as_bytes(), &mut kept).unwrap();
        let row = kept.rows.remove(0);
        let mut found = leaves(row.extra.as_deref().unwrap_or("{}"), false);
        for value in row.texts.into_iter().flatten() {
            // A column may hold an object whole, with all its leaves.
            found.extend(if value == "{}" { vec![value] } else { leaves(&value, false) });
        }
        let mut expected = leaves(&document, false);
        // A null in a column is not told from an absent one.
        found.retain(|leaf| leaf != "null");
        expected.retain(|leaf| leaf != "null");
        found.sort();
        expected.sort();
        prop_assert_eq!(found, expected);
    }

    #[test]
    fn flat_ndjson_is_one_json_object_a_line(document in members(json())) {
        let mut kept = Kept::default();
        let mut flattener = Flattener::new(Settings::default());
        let target = support::lines(&mut flattener, document.as_bytes()).unwrap();
        flattener.flat(document.as_bytes(), &mut kept).unwrap();
        prop_assert_eq!(target.matches('\n').count(), 1);
        let object: HashMap<String, Json> = serde_json::from_str(&target).unwrap();
        prop_assert_eq!(object.len(), kept.flat[0].len() + 1);
        for (name, json) in &kept.flat[0] {
            let value = &object[name];
            match json.as_bytes()[0] {
                b'[' | b'{' => prop_assert_eq!(value, &Json::String(json.clone())),
                b'-' | b'0'..=b'9' => {
                    let member = format!("\"{name}\":{json}");
                    prop_assert!(target.contains(&member));
                }
                _ => prop_assert_eq!(value, &serde_json::from_str::<Json>(json).unwrap()),
            }
        }
    }

    #[test]
    fn the_same_record_gives_the_same_whatever_came_before(
        first in members(json()), second in members(json()), broken in "\\PC{0,30}",
    ) {
        let columns = &["a string", "ab@a.b json"];
        let flatten = |flattener: &mut Flattener| {
            let mut kept = Kept::default();
            flattener.record(second.as_bytes(), &mut kept).unwrap();
            flattener.flat(second.as_bytes(), &mut kept).unwrap();
            kept
        };
        let fresh = flatten(&mut Flattener::with_contract(Settings::default(), contract(columns)));
        let mut experienced = Flattener::with_contract(Settings::default(), contract(columns));
        for record in [&first, &broken, &format!("{first}{broken}"), &second] {
            let _ = experienced.record(record.as_bytes(), &mut Kept::default());
        }
        prop_assert_eq!(flatten(&mut experienced), fresh);
    }

    #[test]
    fn all_levels_of_instructions_agree(
        document in members(json()), place: prop::sample::Index, byte: u8, cut: prop::sample::Index, index: bool,
    ) {
        let mut mutated = document.clone().into_bytes();
        let at = place.index(mutated.len());
        mutated[at] = byte;
        let mut shortened = document.clone().into_bytes();
        shortened.truncate(cut.index(shortened.len() + 1));
        for record in [document.as_bytes(), &mutated, &shortened] {
            let results = [true, false].map(|accelerated| {
                let arrays = if index { Arrays::Index } else { Arrays::Json };
                let settings = Settings { accelerated, arrays, ..Settings::default() };
                let mut flattener = Flattener::with_contract(settings, contract(&["a int", "b@b.a json"]));
                let mut kept = Kept::default();
                let rows = flattener.record(record, &mut kept);
                let flat = flattener.flat(record, &mut kept);
                (rows, flat, kept)
            });
            prop_assert_eq!(&results[0], &results[1]);
        }
    }

    #[test]
    fn what_another_reader_refuses_is_refused(document in members(json()), place: prop::sample::Index, byte in 0x20u8..0x7f) {
        let mut mutated = document.into_bytes();
        let at = place.index(mutated.len());
        mutated[at] = byte;
        let Ok(text) = String::from_utf8(mutated) else { return Ok(()) };
        let ours = Flattener::new(Settings::default()).flat(text.as_bytes(), &mut Kept::default());
        // Its own limits do not reach this depth; it takes one document, of any kind.
        let theirs = serde_json::from_str::<Box<serde_json::value::RawValue>>(&text)
            .is_ok_and(|value| value.get().trim_start().starts_with('{'));
        let lone = ours.as_ref().is_err_and(|error| error.kind == tarn_flatten::RecordErrorKind::LoneSurrogate);
        if !lone && ours.as_ref().map_or(true, |outcome| outcome.rows == 1) {
            prop_assert_eq!(ours.is_ok(), theirs, "{} {:?}", text, ours);
        }
    }

    #[test]
    fn nothing_panics(record: Vec<u8>, text in "[\\[\\]{}:,\"\\\\a0-9.eEtrufalsn -]{0,60}", dynamodb: bool) {
        let input = if dynamodb { Input::DynamoDb } else { Input::Json };
        let mut flattener = Flattener::with_contract(Settings { input, ..Settings::default() }, contract(&["a int"]));
        for record in [record.as_slice(), text.as_bytes(), format!("{{{text}").as_bytes()] {
            let _ = flattener.record(record, &mut Kept::default());
            let _ = flattener.flat(record, &mut Kept::default());
        }
        let _ = plain_json(&text);
    }

    #[test]
    fn items_are_decoded_as_another_reader_decodes_them(item in item()) {
        let (typed, plain) = item;
        prop_assert_eq!(plain_json(&typed).unwrap(), plain);
    }

    #[test]
    fn mutated_changes_never_panic(item in item(), place: prop::sample::Index, byte: u8) {
        let record = format!(
            r#"{{"eventName":"MODIFY","dynamodb":{{"Keys":{{}},"OldImage":{0},"NewImage":{0},"SequenceNumber":"1"}}}}"#,
            item.0
        );
        let mut flattener = Flattener::new(Settings { input: Input::DynamoDb, ..Settings::default() });
        flattener.flat(record.as_bytes(), &mut Kept::default()).unwrap();
        let mut mutated = record.into_bytes();
        let at = place.index(mutated.len());
        mutated[at] = byte;
        let _ = flattener.flat(&mutated, &mut Kept::default());
        mutated.truncate(at);
        prop_assert!(at == 0 || flattener.flat(&mutated, &mut Kept::default()).is_err());
    }
}

/// A DynamoDB item and the plain JSON it stands for.
fn item() -> impl Strategy<Value = (String, String)> {
    let same = |tag: &'static str| move |text: String| (format!("{{\"{tag}\":{text}}}"), text);
    let leaf = prop_oneof![
        text().prop_map(same("S")),
        text().prop_map(same("B")),
        any::<bool>().prop_map(|value| (format!("{{\"BOOL\":{value}}}"), value.to_string())),
        Just(("{\"NULL\":true}".to_owned(), "null".to_owned())),
        number().prop_map(|number| (format!("{{\"N\":\"{number}\"}}"), number)),
        prop::collection::vec(text(), 0..3).prop_map(|texts| {
            let set = format!("[{}]", texts.join(","));
            (format!("{{\"SS\":{set}}}"), set)
        }),
        prop::collection::vec(number(), 0..3).prop_map(|numbers| {
            let quoted: Vec<_> = numbers.iter().map(|number| format!("\"{number}\"")).collect();
            (format!("{{\"NS\":[{}]}}", quoted.join(",")), format!("[{}]", numbers.join(",")))
        }),
    ];
    let value = leaf.prop_recursive(4, 30, 5, move |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..5).prop_map(|items| {
                let (typed, plain): (Vec<_>, Vec<_>) = items.into_iter().unzip();
                (format!("{{\"L\":[{}]}}", typed.join(",")), format!("[{}]", plain.join(",")))
            }),
            map(inner).prop_map(|(typed, plain)| (format!("{{\"M\":{typed}}}"), plain)),
        ]
    });
    map(value)
}

fn map(value: impl Strategy<Value = (String, String)>) -> impl Strategy<Value = (String, String)> {
    prop::collection::vec((quoted(key()), value), 0..5).prop_map(|members| {
        let join = |pick: &dyn Fn(&(String, String)) -> String| {
            let members: Vec<_> = members.iter().map(|(key, value)| format!("{key}:{}", pick(value))).collect();
            format!("{{{}}}", members.join(","))
        };
        (join(&|value| value.0.clone()), join(&|value| value.1.clone()))
    })
}
