//! Records that are refused, where and why; and the odd ones that are taken.
#![allow(missing_docs, clippy::unwrap_used, reason = "a failed test may panic")]

mod support;

use std::io::Write as _;

use flate2::{Compression, write::GzEncoder};
use support::{Kept, rows_with};
use tarn_flatten::{Arrays, Flattener, Input, PaddedBuffer, RecordError, RecordErrorKind, Settings};

fn refused(record: impl AsRef<[u8]>) -> RecordError {
    rows_with(Settings::default(), &[], record.as_ref()).unwrap_err()
}

fn count(record: impl AsRef<[u8]>) -> usize {
    rows_with(Settings::default(), &[], record.as_ref()).unwrap().len()
}

fn gzip(bytes: &[u8]) -> Vec<u8> {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::fast());
    encoder.write_all(bytes).unwrap();
    encoder.finish().unwrap()
}

#[test]
fn mistakes_are_told_with_their_place() {
    use RecordErrorKind as Kind;
    for (record, offset, kind) in [
        (r#"{"a":1,}"#, 7, Kind::Expected("a key in quotes")),
        (r#"{"a" 1}"#, 5, Kind::Expected("`:`")),
        (r#"{"a":}"#, 5, Kind::Expected("a value")),
        (r#"{"a":1 "b":2}"#, 7, Kind::Expected("`,` or `}`")),
        (r#"{"a":[1,2}}"#, 9, Kind::Expected("`,` or `]`")),
        (r#"{"a":nul}"#, 5, Kind::Expected("`true`, `false` or `null`")),
        (r#"{"a":True}"#, 5, Kind::Expected("a value")),
        (r#"{"a":NaN}"#, 5, Kind::Expected("a value")),
        (r#"{'a':1}"#, 1, Kind::Expected("a key in quotes")),
        (r#"{"a":01}"#, 5, Kind::InvalidNumber),
        (r#"{"a":1.}"#, 5, Kind::InvalidNumber),
        (r#"{"a":-}"#, 5, Kind::InvalidNumber),
        (r#"{"a":1e}"#, 5, Kind::InvalidNumber),
        (r#"{"a":.5}"#, 5, Kind::Expected("a value")),
        (r#"{"a":+1}"#, 5, Kind::Expected("a value")),
        (r#"{"a":"\x"}"#, 6, Kind::InvalidEscape),
        (r#"{"a":"\u12g4"}"#, 6, Kind::InvalidEscape),
        (r#"{"a":"\ud800"}"#, 6, Kind::LoneSurrogate),
        (r#"{"a":"\ud800\u0041"}"#, 6, Kind::LoneSurrogate),
        (r#"{"a":"\udc00"}"#, 6, Kind::LoneSurrogate),
        (r#"{"\ud800":1}"#, 2, Kind::LoneSurrogate),
        (r#"{"a":["\ud800"]}"#, 7, Kind::LoneSurrogate),
        ("{\"a\":\"x\ny\"}", 7, Kind::ControlCharacter),
        ("{\"a\":\"x\0y\"}", 7, Kind::ControlCharacter),
        ("{\"a\":\0}", 5, Kind::Expected("a value")),
        ("{\"a\":1}\0", 7, Kind::Expected("`{`")),
        ("[1]", 0, Kind::NotAnObject),
        ("\"a\"", 0, Kind::NotAnObject),
        ("12", 0, Kind::NotAnObject),
        ("null", 0, Kind::NotAnObject),
        ("x", 0, Kind::Expected("`{`")),
        (r#"{"a":1} {"a":2"#, 14, Kind::Truncated),
        (r#"{"a":1} 7"#, 8, Kind::NotAnObject),
        (r#"{"a":1}{"b":1},{"c":1}"#, 14, Kind::Expected("`{`")),
    ] {
        let error = refused(record);
        assert_eq!((error.offset, &error.kind), (offset, &kind), "{record}: {error}");
    }
}

#[test]
fn every_truncation_is_told_as_one() {
    let record =
        r#"{"a":"x\n\u00e9\ud83d\ude00y","b":[1,-2.5e+3,{"c":null},[]],"d":{"e":true,"f":{}},"g":false,"h":"名"}"#;
    for input in [Input::Json, Input::DynamoDb] {
        for length in 1..record.len() {
            let cut = &record.as_bytes()[..length];
            let error = rows_with(Settings { input, ..Settings::default() }, &[], cut).unwrap_err();
            if input == Input::Json && std::str::from_utf8(cut).is_ok() {
                assert_eq!(error.kind, RecordErrorKind::Truncated, "{}", &record[..length]);
                assert_eq!(error.offset, length);
            }
        }
    }
}

#[test]
fn invalid_utf8_is_found_where_it_stands() {
    let error = refused(b"{\"a\":\"x\xff\"}");
    assert_eq!((error.offset, error.kind), (7, RecordErrorKind::InvalidUtf8));
    // The UTF-8 form of a surrogate.
    let error = refused(b"{\"a\":\"\xed\xa0\x80\"}");
    assert_eq!((error.offset, error.kind), (6, RecordErrorKind::InvalidUtf8));
}

#[test]
fn several_documents_are_several_rows_or_none() {
    assert_eq!(count(r#"{"a":1}{"a":2}"#), 2);
    assert_eq!(count("{\"a\":1}\n{\"a\":2}\r\n\n {\"a\":3}\n"), 3);
    assert_eq!(count("{}"), 1);
    assert_eq!(count(""), 0);
    assert_eq!(count(" \n"), 0);
    let rows = rows_with(Settings::default(), &["a int"], br#"{"a":1}{"a":1}"#).unwrap();
    assert_eq!(rows[0].values, rows[1].values);
    assert_ne!(rows[0].id, rows[1].id, "removing doubles by id must keep both");
    let error = rows_with(Settings::default(), &["a int"], br#"{"a":1}{"a":"x"}{"a":3}"#).unwrap_err();
    assert_eq!(error.offset, 12);
}

#[test]
fn a_byte_order_mark_is_skipped() {
    assert_eq!(count("\u{feff}{\"a\":1}"), 1);
    assert_eq!(refused("\u{feff}{\"a\":x}").offset, 8);
    assert!(rows_with(Settings::default(), &[], "{\"a\":1}\u{feff}".as_bytes()).is_err());
}

#[test]
fn gzip_is_unpacked() {
    assert_eq!(count(gzip(br#"{"a":1}{"a":2}"#)), 2);
    let mut members = gzip(br#"{"a":1,"#);
    members.extend(gzip(br#""b":2}"#));
    assert_eq!(count(&members), 1);
    assert_eq!(refused(gzip(b"{\"a\":x}")).offset, 5);
    assert!(matches!(refused(&members[..members.len() - 3]).kind, RecordErrorKind::Gzip(_)));
    assert!(matches!(refused([0x1f, 0x8b, 1, 2, 3]).kind, RecordErrorKind::Gzip(_)));
    assert_eq!(count(gzip(b"")), 0);
}

#[test]
fn a_bomb_is_an_error() {
    let bomb = gzip(&vec![b' '; 10 << 20]);
    let settings = Settings { max_record_bytes: 1 << 20, ..Settings::default() };
    let error = rows_with(settings.clone(), &[], &bomb).unwrap_err();
    assert_eq!(error.kind, RecordErrorKind::TooLarge { limit: 1 << 20 });
    let plain = vec![b' '; (1 << 20) + 1];
    assert_eq!(rows_with(settings, &[], &plain).unwrap_err().kind, RecordErrorKind::TooLarge { limit: 1 << 20 });
}

#[test]
fn a_bomb_of_keys_is_an_error() {
    const MANY: usize = 400_000;
    let repeated = format!("{{{}}}", vec!["\"a\":1"; MANY].join(","));
    let different = format!("{{{}}}", (0..MANY).map(|key| format!("\"{key}\":1")).collect::<Vec<_>>().join(","));
    let escaped = different.replace("\":1", "\\u006b\":1");
    let elements = format!("{{\"a\":[{}]}}", vec!["1"; MANY].join(","));
    let indexed = Settings { arrays: Arrays::Index, ..Settings::default() };
    for (bomb, settings) in [
        (&repeated, Settings::default()),
        (&different, Settings::default()),
        (&escaped, Settings::default()),
        (&elements, indexed),
    ] {
        let mut flattener = Flattener::new(settings);
        let mut kept = Kept::default();
        let mut buffer = PaddedBuffer::default();
        let error = flattener.flat(&gzip(bomb.as_bytes()), &mut kept).unwrap_err();
        assert!(matches!(error.kind, RecordErrorKind::TooManyNames { .. }), "{error}");
        let error = flattener.lines(buffer.copy(bomb.as_bytes())).unwrap_err();
        assert!(matches!(error.kind, RecordErrorKind::TooManyNames { .. }), "{error}");
        // And it leaves nothing behind.
        flattener.flat(br#"{"a":{"b":1},"a_b":2}"#, &mut kept).unwrap();
        assert_eq!(kept.flat.pop().unwrap()[0], ("a_b".to_owned(), "1".to_owned()));
    }
}

#[test]
fn a_refused_record_leaves_the_others_alone() {
    let mut flattener = Flattener::new(Settings::default());
    let mut kept = Kept::default();
    let mut buffer = PaddedBuffer::default();
    for bad in [r#"{"a":{"b":[1,"#, r#"{"a":1} x"#, "{\"a\":\"\\ud800\"}"] {
        assert!(flattener.flat(bad.as_bytes(), &mut kept).is_err());
        assert!(flattener.lines(buffer.copy(bad.as_bytes())).is_err());
        assert!(kept.flat.is_empty());
        flattener.flat(br#"{"a":1}"#, &mut kept).unwrap();
        assert_eq!(kept.flat.pop().unwrap(), [("a".to_owned(), "1".to_owned())]);
    }
}
