//! What leaves are called, and that each of them is kept.
#![allow(missing_docs, clippy::unwrap_used, reason = "a failed test may panic")]

mod support;

use support::{Kept, fields, fields_with, names, ndjson};
use tarn_flatten::{Arrays, Flattener, Settings};

fn pairs(expected: &[(&str, &str)]) -> Vec<(String, String)> {
    expected.iter().map(|(name, json)| ((*name).to_owned(), (*json).to_owned())).collect()
}

#[test]
fn objects_join_and_values_stay_as_written() {
    assert_eq!(
        fields(
            r#"{"a":{"b":{"c":1.10}},"d":"x\ny","e":null,"f":"","g":18446744073709551617,"h":1e400,"i":-0,"j":true}"#
        ),
        pairs(&[
            ("a_b_c", "1.10"),
            ("d", r#""x\ny""#),
            ("e", "null"),
            ("f", "\"\""),
            ("g", "18446744073709551617"),
            ("h", "1e400"),
            ("i", "-0"),
            ("j", "true"),
        ])
    );
}

#[test]
fn arrays_and_empty_containers_survive_as_text() {
    let record = r#"{"a":[1, {"b" : "c d"}],"o":{},"e":[],"n":{"o":{}}}"#;
    assert_eq!(fields(record), pairs(&[("a", r#"[1,{"b":"c d"}]"#), ("o", "{}"), ("e", "[]"), ("n_o", "{}")]));
    assert_eq!(ndjson(record), "{\"a\":\"[1,{\\\"b\\\":\\\"c d\\\"}]\",\"o\":\"{}\",\"e\":\"[]\",\"n_o\":\"{}\"}\n");
}

#[test]
fn arrays_open_by_index_on_demand() {
    let settings = Settings { arrays: Arrays::Index, ..Settings::default() };
    let record = r#"{"a":[1,[2,3],{"b":4},[],{}],"z":5}"#;
    let expected = pairs(&[
        ("a_0", "1"),
        ("a_1_0", "2"),
        ("a_1_1", "3"),
        ("a_2_b", "4"),
        ("a_3", "[]"),
        ("a_4", "{}"),
        ("z", "5"),
    ]);
    assert_eq!(fields_with(settings, record), expected);
}

#[test]
fn the_separator_is_a_setting_and_stays_within_names() {
    let with = |separator: &str| {
        let settings = Settings { separator: separator.to_owned(), ..Settings::default() };
        fields_with(settings, r#"{"a":{"b":1}}"#).remove(0).0
    };
    assert_eq!(with("__"), "a__b");
    assert_eq!(with("."), "a_b");
    assert_eq!(with(""), "ab");
}

#[test]
fn scripts_and_case_and_refused_characters() {
    assert_eq!(
        names(r#"{"名前":1,"UserName":2,"a-b.c d":3,"":4,"\u00c9t\u00e9":5}"#),
        ["名前", "username", "a_b_c_d", "_", "été"]
    );
}

#[test]
fn a_reserved_name_is_given_to_no_leaf() {
    let settings = || Settings { reserved: Some("Day".to_owned()), ..Settings::default() };
    for record in [r#"{"day":"x","b":1}"#, r#"{"b":1,"DAY":"x"}"#] {
        let fields = fields_with(settings(), record);
        let (name, _) = fields.iter().find(|(_, json)| json == "\"x\"").unwrap();
        assert!(name.starts_with("day__") && name.len() == 13, "{name}");
    }
    // From record to record, and of a key twice in one record, all the same.
    let mut flattener = Flattener::new(settings());
    let mut kept = Kept::default();
    for record in [r#"{"day":1,"day":2}"#, r#"{"day":1}"#] {
        flattener.flat(record.as_bytes(), &mut kept).unwrap();
    }
    assert_eq!(kept.flat[0][0].0, kept.flat[1][0].0);
    assert_ne!(kept.flat[0][0].0, kept.flat[0][1].0);
    assert_eq!(names(r#"{"day":1}"#), ["day"]);
}

#[test]
fn leaves_that_meet_in_one_name_both_survive() {
    for record in [
        r#"{"a":{"b":1},"a_b":2}"#,
        r#"{"a_b":1,"a":{"b":2}}"#,
        r#"{"userName":1,"username":2}"#,
        r#"{"a":1,"a":2}"#,
        r#"{"a":1,"\u0061":2}"#,
        r#"{"a":{"b":1},"a":{"b":2}}"#,
    ] {
        let found = fields(record);
        assert_eq!(found.iter().map(|(_, json)| json.as_str()).collect::<Vec<_>>(), ["1", "2"], "{record}");
        let (first, second) = (&found[0].0, &found[1].0);
        let suffix = second.strip_prefix(&format!("{first}__")).unwrap();
        assert!(suffix.len() == 8 && suffix.bytes().all(|digit| digit.is_ascii_hexdigit()), "{record}: {second}");
    }
}

#[test]
fn colliding_names_depend_on_the_document_only() {
    let record = br#"{"a":1,"a":2,"A":3,"a":4,"a__5a3f":5}"#;
    let mut fresh = Kept::default();
    Flattener::new(Settings::default()).flat(record, &mut fresh).unwrap();
    let unique: std::collections::HashSet<_> = fresh.flat[0].iter().map(|(name, _)| name).collect();
    assert_eq!(unique.len(), 5);

    let mut experienced = Flattener::new(Settings::default());
    for other in [r#"{"A":1,"a":2}"#, r#"{"\u0061":0,"a":0,"A":0}"#, r#"{"x":{"a":1}}"#, r#"{"a__5a3f":1}"#] {
        experienced.flat(other.as_bytes(), &mut Kept::default()).unwrap();
    }
    let mut kept = Kept::default();
    experienced.flat(record, &mut kept).unwrap();
    assert_eq!(kept, fresh);
}

#[test]
fn the_suffix_tells_path_and_occurrence() {
    // Names are stored in tables, so they must stay what they are from one release to the next.
    assert_eq!(names(r#"{"a":1,"a":2,"a":3}"#), ["a", "a__7c9163f0", "a__57c241af"]);
    assert_eq!(names(r#"{"A":1,"a":2}"#), ["a", "a__ee63f5ef"]);
    assert_eq!(names(&format!(r#"{{"{}":1}}"#, "N".repeat(300)))[0].len(), 255);
}

#[test]
fn a_suffixed_name_that_a_key_has_already_is_not_used_twice() {
    let taken = names(r#"{"a":1,"a":2}"#).remove(1);
    let record = format!(r#"{{"{taken}":0,"a":1,"a":2}}"#);
    let found = names(&record);
    assert_eq!(found[0], taken);
    assert_eq!(found[1], "a");
    assert!(found[2] != taken && found[2].starts_with("a__") && found[2].len() == 3 + 16, "{found:?}");
}

#[test]
fn reserved_names_are_taken_before_the_first_leaf() {
    for name in ["_id", "_extra", "_op", "_ttl", "_seq", "_at", "_ID"] {
        let found = names(&format!(r#"{{"{name}":1}}"#)).remove(0);
        assert!(found.starts_with(&format!("{}__", name.to_lowercase())), "{found}");
    }
}

#[test]
fn what_lies_past_the_depth_is_json_text() {
    let settings = Settings { depth: 2, ..Settings::default() };
    assert_eq!(fields_with(settings, r#"{"a":{"b":{"c":1}, "d":2}}"#), pairs(&[("a_b", r#"{"c":1}"#), ("a_d", "2")]));
    let deep = "{\"k\":".repeat(100) + "1" + &"}".repeat(100);
    let found = fields(&deep);
    assert_eq!(found.len(), 1);
    assert_eq!(found[0].0, vec!["k"; 64].join("_"));
    assert_eq!(found[0].1, "{\"k\":".repeat(36) + "1" + &"}".repeat(36));
}

#[test]
fn any_depth_is_safe() {
    for (open, close) in [("[", "]"), ("{\"a\":", "}")] {
        let depth = 100_000;
        let inner = if open == "[" { "" } else { "1" };
        let record = format!("{{\"x\":{}{inner}{}}}", open.repeat(depth), close.repeat(depth));
        for arrays in [Arrays::Json, Arrays::Index] {
            let settings = Settings { arrays, ..Settings::default() };
            assert_eq!(fields_with(settings, &record).len(), 1);
        }
        assert!(Flattener::new(Settings::default()).flat(open.repeat(depth).as_bytes(), &mut Kept::default()).is_err());
    }
}

#[test]
fn large_keys_values_and_counts() {
    let key = "k".repeat(100_000);
    let found = names(&format!(r#"{{"{key}":{{"a":1,"b":2}}}}"#));
    assert!(found.iter().all(|name| name.len() == 255) && found[0] != found[1]);

    let text = "x".repeat(1 << 20);
    assert_eq!(fields(&format!(r#"{{"a":"{text}"}}"#))[0].1.len(), text.len() + 2);

    let many: Vec<_> = (0..10_000).map(|number| format!(r#""key{number}":{number}"#)).collect();
    let found = fields(&format!("{{{}}}", many.join(",")));
    assert!(found.len() == 10_000 && found[9_999] == ("key9999".to_owned(), "9999".to_owned()));

    let same = vec![r#""k":1"#; 2_000].join(",");
    let found: std::collections::HashSet<_> = names(&format!("{{{same}}}")).into_iter().collect();
    assert_eq!(found.len(), 2_000);
}

#[test]
fn keys_that_are_data_do_not_pile_up() {
    let mut flattener = Flattener::new(Settings::default());
    let mut kept = Kept::default();
    for block in 0..200 {
        let keys: Vec<_> = (0..1_000).map(|key| format!(r#""{block}-{key}":1"#)).collect();
        kept.flat.clear();
        flattener.flat(format!("{{{}}}", keys.join(",")).as_bytes(), &mut kept).unwrap();
        assert_eq!(kept.flat[0].len(), 1_000);
    }
}
