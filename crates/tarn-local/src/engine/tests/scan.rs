use arrow::array::{ArrayRef, Int32Array, StringArray, TimestampMicrosecondArray};

use super::*;

fn batch(columns: Vec<(&str, ArrayRef)>) -> RecordBatch {
    RecordBatch::try_from_iter(columns).unwrap()
}

fn numbers(values: &[i32]) -> ArrayRef {
    Arc::new(Int32Array::from(values.to_vec()))
}

#[tokio::test]
async fn only_the_parts_that_a_filter_leaves_are_read() {
    let lake = Lake::new();
    lake.write_file("s/day=2026-10-01/1.parquet", &batch(vec![("a", numbers(&[1, 2]))]));
    lake.write_file("s/day=2026-10-02/1.parquet", &batch(vec![("a", numbers(&[3]))]));
    std::fs::create_dir_all(lake.local.objects.root().join("s/day=2026-10-03")).unwrap();
    std::fs::write(lake.local.objects.root().join("s/day=2026-10-03/bad.parquet"), "no parquet").unwrap();
    let days = ["2026-10-01", "2026-10-02", "2026-10-03"];
    let values: Vec<[Option<&str>; 1]> = days.iter().map(|day| [Some(*day)]).collect();
    let folders: Vec<String> = days.iter().map(|day| format!("s/day={day}/")).collect();
    let parts: Vec<(&[Option<&str>], &str)> =
        values.iter().zip(&folders).map(|(value, folder)| (&value[..], &folder[..])).collect();
    lake.publish("s", &[("a", "int")], &[("day", "date")], &parts).await;
    for (filter, expected) in [
        ("day = DATE '2026-10-02'", vec!["3|2026-10-02"]),
        ("day BETWEEN DATE '2026-10-01' AND DATE '2026-10-02' AND a > 1", vec!["2|2026-10-01", "3|2026-10-02"]),
        ("day IN (DATE '2026-10-01')", vec!["1|2026-10-01", "2|2026-10-01"]),
        ("day < DATE '2026-10-02' OR day = DATE '2026-10-02'", vec!["1|2026-10-01", "2|2026-10-01", "3|2026-10-02"]),
        ("day <> DATE '2026-10-03' AND a = 3", vec!["3|2026-10-02"]),
        ("CAST(day AS varchar) LIKE '%-02'", vec!["3|2026-10-02"]),
        ("day > DATE '2030-01-01'", vec![]),
    ] {
        assert_eq!(lake.rows(&format!("SELECT a, day FROM s WHERE {filter} ORDER BY a")).await, expected, "{filter}");
    }
    let error = lake.error("SELECT count(a) FROM s").await;
    assert!(error.starts_with("file `") && error.contains("day=2026-10-03/bad.parquet` of table `s`"), "{error}");
    assert!(error.ends_with("; remove it or ingest it again"), "{error}");
}

#[tokio::test]
async fn a_file_cut_in_half_is_named() {
    let lake = Lake::new();
    lake.numbers(50_000).await;
    let path = lake.local.objects.root().join("source/numbers/1.parquet");
    let bytes = std::fs::read(&path).unwrap();
    std::fs::write(&path, &bytes[..bytes.len() / 2]).unwrap();
    for query in ["SELECT sum(n) FROM numbers", "SELECT count(*) FROM numbers"] {
        let error = lake.error(query).await;
        assert!(error.contains("numbers/1.parquet` of table `numbers` is not a readable Parquet file"), "{error}");
    }
}

#[tokio::test]
async fn hidden_files_are_no_rows_and_nested_ones_are() {
    let lake = Lake::new();
    let row = batch(vec![("a", numbers(&[1]))]);
    for key in ["s/1.parquet", "s/deep/er/2.parquet", "s/_tmp.parquet", "s/.x.parquet", "s/_delta_log/3.parquet"] {
        lake.write_file(key, &row);
    }
    std::fs::write(lake.local.objects.root().join("s/empty"), "").unwrap();
    lake.publish("s", &[("a", "int")], &[], &[(&[], "s/"), (&[], "gone/")]).await;
    assert_eq!(lake.rows("SELECT sum(a), count(*) FROM s").await, ["2|2"]);
}

#[tokio::test]
async fn files_of_other_shapes_are_read_as_the_table_says() {
    let lake = Lake::new();
    let text: ArrayRef = Arc::new(StringArray::from(vec!["x"]));
    lake.write_file(
        "s/1.parquet",
        &batch(vec![("Text", Arc::clone(&text)), ("a", numbers(&[1])), ("more", numbers(&[9]))]),
    );
    lake.write_file("s/2.parquet", &batch(vec![("a", numbers(&[2]))]));
    lake.publish("s", &[("a", "bigint"), ("text", "string")], &[], &[(&[], "s/")]).await;
    assert_eq!(lake.rows("SELECT * FROM s ORDER BY a").await, ["1|x", "2|-"]);
    assert_eq!(lake.rows("SELECT a FROM s WHERE text = 'x'").await, ["1"]);
    assert_eq!(lake.rows("SELECT a FROM s WHERE text IS NULL").await, ["2"]);
}

#[tokio::test]
async fn timestamps_are_rounded_to_milliseconds_in_rows_and_filters() {
    let lake = Lake::new();
    let times: ArrayRef = Arc::new(TimestampMicrosecondArray::from(vec![1_000_499, 1_000_500, 1_001_000, -1_500]));
    lake.write_file("s/1.parquet", &batch(vec![("t", times), ("a", numbers(&[1, 2, 3, 4]))]));
    lake.publish("s", &[("t", "timestamp"), ("a", "int")], &[], &[(&[], "s/")]).await;
    assert_eq!(
        lake.rows("SELECT t FROM s ORDER BY a").await,
        ["1970-01-01 00:00:01.000", "1970-01-01 00:00:01.001", "1970-01-01 00:00:01.001", "1969-12-31 23:59:59.999"]
    );
    for (filter, expected) in [
        ("t = TIMESTAMP '1970-01-01 00:00:01.001'", vec!["2", "3"]),
        ("t <= TIMESTAMP '1970-01-01 00:00:01.000'", vec!["1", "4"]),
        ("TIMESTAMP '1970-01-01 00:00:01.000' < t", vec!["2", "3"]),
        ("t BETWEEN TIMESTAMP '1970-01-01 00:00:00.000' AND TIMESTAMP '1970-01-01 00:00:01.000'", vec!["1"]),
    ] {
        assert_eq!(lake.rows(&format!("SELECT a FROM s WHERE {filter} ORDER BY a")).await, expected, "{filter}");
    }
}

#[tokio::test]
async fn partition_values_are_typed_and_null_is_one() {
    let lake = Lake::new();
    for (folder, value) in [("s/1/", 1), ("s/2/", 2), ("s/3/", 3)] {
        lake.write_file(&format!("{folder}x.parquet"), &batch(vec![("a", numbers(&[value]))]));
    }
    let parts: [(&[Option<&str>], &str); 3] =
        [(&[Some("7"), Some("true")], "s/1/"), (&[None, Some("false")], "s/2/"), (&[Some("-1"), None], "s/3/")];
    lake.publish("s", &[("a", "int")], &[("n", "bigint"), ("b", "boolean")], &parts).await;
    assert_eq!(lake.rows("SELECT * FROM s ORDER BY a").await, ["1|7|true", "2|-|false", "3|-1|-"]);
    assert_eq!(lake.rows("SELECT a FROM s WHERE n + 1 = 8 AND b").await, ["1"]);
    assert_eq!(lake.rows("SELECT count(n), count(b), count(*), min(n), max(n) FROM s").await, ["2|2|3|-1|7"]);
    lake.publish("wrong", &[("a", "int")], &[("n", "bigint")], &[(&[Some("soon")], "s/1/")]).await;
    assert_eq!(lake.error("SELECT * FROM wrong").await, "partition `n=soon` of table `wrong` is no `bigint`");
}

#[tokio::test]
async fn a_damaged_entry_is_named() {
    let lake = Lake::new();
    lake.numbers(1).await;
    std::fs::write(lake.folder.path().join("catalogue/numbers.json"), "{").unwrap();
    let error = lake.error("SELECT * FROM numbers").await;
    assert!(error.contains("the catalogue entry of `numbers` is damaged: file `"), "{error}");
}
