//! Records against contracts: exact, refused, or left over.
#![allow(missing_docs, clippy::unwrap_used, reason = "a failed test may panic")]

mod support;

use support::{row, rows_with};
use tarn_flatten::{Arrays, RecordErrorKind, Settings};

#[test]
fn values_are_cast_exactly_or_refused() {
    for (column_type, json, expected) in [
        ("boolean", "true", Some("true")),
        ("boolean", "\"false\"", Some("false")),
        ("boolean", "1", None),
        ("boolean", "\"yes\"", None),
        ("tinyint", "-128", Some("-128")),
        ("tinyint", "128", None),
        ("smallint", "32768", None),
        ("int", "2147483647", Some("2147483647")),
        ("int", "2147483648", None),
        ("int", "1.0", Some("1")),
        ("int", "1e3", Some("1000")),
        ("int", "1.5", None),
        ("int", "\"42\"", Some("42")),
        ("int", "\"\\u0034\\u0032\"", Some("42")),
        ("int", "\"\"", None),
        ("int", "\" 1\"", None),
        ("int", "true", None),
        ("int", "[1]", None),
        ("bigint", "9223372036854775807", Some("9223372036854775807")),
        ("bigint", "18446744073709551617", None),
        ("real", "0.1", Some("0.1f")),
        ("real", "1e39", None),
        ("double", "0.1", Some("0.1")),
        ("double", "1e400", None),
        ("double", "\"1.5\"", Some("1.5")),
        ("double", "\"inf\"", None),
        ("double", "\"NaN\"", None),
        ("double", "1e-400", Some("0.0")),
        ("double", "-0", Some("-0.0")),
        ("decimal(10,2)", "1.10", Some("110d")),
        ("decimal(10,2)", "\"12345678.90\"", Some("1234567890d")),
        ("decimal(10,2)", "1.105", None),
        ("decimal(10,2)", "123456789", None),
        ("decimal(38,0)", "18446744073709551617", Some("18446744073709551617d")),
        ("date", "\"2026-10-31\"", Some("d20757")),
        ("date", "\"2026-02-29\"", None),
        ("date", "20757", None),
        ("timestamp", "\"1970-01-02T00:00:00.5+09:00\"", Some("t54000500000")),
        ("timestamp", "\"1970-01-01 00:00:00.1234567\"", None),
        ("timestamp", "0", None),
        ("string", "\"a\\nb\"", Some("\"a\\nb\"")),
        ("string", "\"\"", Some("\"\"")),
        ("string", "1.10", Some("\"1.10\"")),
        ("string", "true", Some("\"true\"")),
        ("string", "[1, 2]", Some("\"[1,2]\"")),
        ("string", "{\"a\": 1}", Some("\"{\\\"a\\\":1}\"")),
        ("json", "\"a\\nb\"", Some(r#""\"a\\nb\"""#)),
        ("json", "[ ]", Some("\"[]\"")),
        ("json", "7", Some("\"7\"")),
        ("binary", "\"AAEC/w==\"", Some("[0, 1, 2, 255]")),
        ("binary", "\"AAEC_w\"", None),
        ("binary", "\"AAEC/w\"", Some("[0, 1, 2, 255]")),
        ("binary", "\"A\"", None),
        ("binary", "1", None),
    ] {
        let result = row(&[&format!("x {column_type}")], &format!(r#"{{"x":{json}}}"#));
        match expected {
            Some(expected) => assert_eq!(result.unwrap(), (vec![expected.to_owned()], None), "{column_type} {json}"),
            None => assert!(matches!(result.unwrap_err().kind, RecordErrorKind::Cast(_)), "{column_type} {json}"),
        }
    }
}

#[test]
fn a_refusal_names_column_type_and_value() {
    let error = row(&["a int", "b@x.y decimal(3,1)"], r#"{"a":1,"x":{"y":"12.34"}}"#).unwrap_err();
    assert_eq!(error.to_string(), r#"column `b` cannot hold "12.34" as decimal(3,1) at byte 16"#);
    let long = format!(r#"{{"a":"{}"}}"#, "名".repeat(1_000));
    let message = row(&["a int"], &long).unwrap_err().to_string();
    assert!(message.len() < 300 && message.contains('…'), "{message}");
}

#[test]
fn null_absent_and_empty_are_three_things() {
    let columns = &["a string", "b string", "c string"];
    let (values, extra) = row(columns, r#"{"a":null,"b":""}"#).unwrap();
    assert_eq!((values, extra), (vec!["null".to_owned(), "\"\"".to_owned(), "null".to_owned()], None));
    let error = row(&["a string!"], r#"{"a":null}"#).unwrap_err();
    assert_eq!(error.to_string(), "required column `a` is null at byte 0");
    let error = row(&["a string!"], "{}").unwrap_err();
    assert_eq!(error.to_string(), "required column `a` is absent at byte 0");
    assert!(row(&["a string!"], r#"{"a":""}"#).is_ok());
}

#[test]
fn columns_find_their_values_by_path_or_name() {
    let columns = &["user_id bigint", "device@Device.Type string", "name string", "UserAgent string"];
    let record =
        r#"{"user":{"ID":7},"Device":{"Type":"mobile"},"device":{"type":"other"},"NAME":"x","userAgent":"ua"}"#;
    let (values, extra) = row(columns, record).unwrap();
    assert_eq!(values, ["7", "\"mobile\"", "\"x\"", "\"ua\""]);
    assert_eq!(extra.unwrap(), r#"{"device_type":"other"}"#);
}

#[test]
fn what_no_column_wants_is_left_over_in_order() {
    let record = r#"{"z":[1, 2],"a":1,"m":{"b":"\u00e9\n","c":null},"e":{},"n":1.10}"#;
    let (values, extra) = row(&["a int"], record).unwrap();
    assert_eq!(values, ["1"]);
    assert_eq!(extra.unwrap(), r#"{"z":[1,2],"m_b":"\u00e9\n","m_c":null,"e":{},"n":1.10}"#);
}

#[test]
fn a_repeated_key_fills_its_column_once() {
    for columns in [&["a int"], &["a@a int"]] {
        let (values, extra) = row(columns, r#"{"a":1,"a":2}"#).unwrap();
        assert_eq!(values, ["1"]);
        let extra = extra.unwrap();
        assert!(extra.starts_with(r#"{"a__"#) && extra.ends_with(r#"":2}"#), "{extra}");
    }
}

#[test]
fn an_exact_path_leaves_its_name_to_others() {
    let columns = &["uid@user.id int", "user_id int"];
    for record in [r#"{"user":{"id":1},"user_id":2}"#, r#"{"user_id":2,"user":{"id":1}}"#] {
        assert_eq!(row(columns, record).unwrap(), (vec!["1".to_owned(), "2".to_owned()], None));
    }
}

#[test]
fn an_object_can_be_taken_whole_and_in_parts() {
    let record = r#"{"user":{"id":1, "name":"x"},"b":2}"#;
    let whole = r#""{\"id\":1,\"name\":\"x\"}""#;
    for columns in [&["user json", "user_id int"], &["u@user string", "user_id int"], &["user string", "i@user.id int"]]
    {
        let (values, extra) = row(columns, record).unwrap();
        assert_eq!(values, [whole, "1"]);
        assert_eq!(extra.unwrap(), r#"{"b":2}"#);
    }
    let (values, extra) = row(&["user int"], record).unwrap();
    assert_eq!(values, ["null"]);
    assert_eq!(extra.unwrap(), r#"{"user_id":1,"user_name":"x","b":2}"#);
    let error = row(&["u@user int"], record).unwrap_err();
    assert!(matches!(error.kind, RecordErrorKind::Cast(_)), "{error}");
    // A broken inside is found although the object is taken whole.
    assert!(row(&["user json"], r#"{"user":{"id":01}}"#).is_err());
}

#[test]
fn elements_can_be_columns_when_arrays_are_opened() {
    let settings = Settings { arrays: Arrays::Index, ..Settings::default() };
    let columns = &["first@items.0.sku string", "items_1_sku string"];
    let record = br#"{"items":[{"sku":"a"},{"sku":"b"},{"sku":"c"}]}"#;
    let rows = rows_with(settings, columns, record).unwrap();
    assert_eq!(rows[0].values, ["\"a\"", "\"b\""]);
    assert_eq!(rows[0].extra.as_deref(), Some(r#"{"items_2_sku":"c"}"#));
}

#[test]
fn order_of_keys_and_white_space_change_nothing() {
    let columns = &["a int", "b_c string", "d@d.e timestamp"];
    let expected = row(columns, r#"{"a":1,"b":{"c":"x"},"d":{"e":"2026-01-01T00:00:00Z"}}"#).unwrap();
    for record in [
        r#"{"d":{"e":"2026-01-01T00:00:00Z"},"a":1,"b":{"c":"x"}}"#,
        "{ \"b\" : { \"c\" : \"x\" } ,\n\t\"a\" : 1 , \"d\" : { \"e\" : \"2026-01-01T00:00:00Z\" } }\r\n",
    ] {
        assert_eq!(row(columns, record).unwrap(), expected);
    }
}
