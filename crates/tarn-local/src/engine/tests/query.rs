use futures::StreamExt;
use tarn_pipeline::ports::Attribution;

use super::*;

#[tokio::test]
async fn rows_come_as_text_with_their_columns() {
    let lake = Lake::new();
    let outcome = lake.run("SELECT 1 AS a, CAST(NULL AS varchar) AS b, 1.5e0 AS c").await.unwrap();
    assert_eq!(outcome.rows, [[Some("1".to_owned()), None, Some("1.5".to_owned())]]);
    let columns: Vec<_> =
        outcome.columns.iter().map(|column| (column.name.as_str(), column.column_type.as_str())).collect();
    assert_eq!(columns, [("a", "int"), ("b", "string"), ("c", "double")]);
}

#[tokio::test]
async fn columns_are_told_without_reading() {
    let lake = Lake::new();
    lake.publish("t", &[("a", "decimal(10,2)")], &[("day", "date")], &[(&[Some("2026-10-01")], "nowhere/")]).await;
    let columns = lake
        .local
        .engine
        .columns("SELECT day, sum(a) AS total FROM t GROUP BY day", &Attribution::default())
        .await
        .unwrap();
    assert_eq!(columns[0], Column::new("day", "date"));
    assert_eq!(columns[1], Column::new("total", "decimal(38,2)"));
    assert!(
        lake.local
            .engine
            .columns("SELECT NULL AS x", &Attribution::default())
            .await
            .unwrap_err()
            .message
            .contains("`x`")
    );
    assert!(lake.local.engine.columns("DROP TABLE t", &Attribution::default()).await.is_err());
    let error = lake.local.engine.columns("SELECT\n  wrong FROM t", &Attribution::default()).await.unwrap_err();
    assert_eq!((error.line, error.column), (Some(2), Some(3)));
}

#[tokio::test]
async fn a_result_is_streamed_and_its_reading_counted() {
    let lake = Lake::new();
    lake.numbers(200_000).await;
    let mut result = lake.local.engine.stream("SELECT n, text FROM numbers").await.unwrap();
    assert_eq!(result.columns()[1], Column::new("text", "string"));
    let mut rows = 0;
    while let Some(batch) = result.next().await {
        rows += batch.unwrap().num_rows();
    }
    assert_eq!(rows, 200_000);
    let both = result.bytes_scanned();
    let one = lake.run("SELECT sum(n) FROM numbers").await.unwrap().bytes_scanned;
    assert!(one > 100_000 && both > one, "{one} of {both}");
    assert!(lake.run("SELECT count(*) FROM numbers").await.unwrap().bytes_scanned < 1_000);
}

#[tokio::test]
async fn a_result_too_large_to_hold_is_refused() {
    let lake = Lake::new();
    lake.numbers(100_001).await;
    let error = lake.error("SELECT n FROM numbers").await;
    assert!(error.starts_with("the result has more than 100000 rows"), "{error}");
    assert_eq!(lake.run("SELECT n FROM numbers LIMIT 100000").await.unwrap().rows.len(), 100_000);
}

#[tokio::test]
async fn sorting_more_than_memory_holds_spills_beside_the_data() {
    let lake = Lake::with(LocalSettings { partitions: Some(2), memory_limit: Some(24 << 20), ..settings() });
    lake.numbers(1_500_000).await;
    let outcome = lake.create("sorted", "", "SELECT text, n FROM numbers ORDER BY text").await.unwrap();
    assert_eq!(outcome.rows_written, 1_500_000);
    let left = std::fs::read_dir(lake.folder.path().join("tmp")).unwrap().count();
    assert_eq!(left, 1, "the engine's own working folder");
}

#[tokio::test]
async fn the_catalogue_describes_itself() {
    let lake = Lake::new();
    lake.create("t", ", partitioned_by = ARRAY['day']", "SELECT 1 AS a, DATE '2026-10-01' AS day").await.unwrap();
    lake.run("CREATE VIEW v AS\nSELECT a FROM t").await.unwrap();
    assert_eq!(lake.rows("SHOW TABLES").await, ["t", "v"]);
    assert_eq!(lake.rows("DESCRIBE t").await, ["a|int||-", "day|date|partition key|-"]);
    assert_eq!(lake.rows("SHOW CREATE VIEW v").await, ["CREATE VIEW v AS", "SELECT a FROM t"]);
    assert!(lake.rows("SHOW CREATE TABLE t").await.join("\n").contains("PARTITIONED BY (\n  `day` date)"));
    assert!(lake.rows("EXPLAIN SELECT a FROM t").await.join("\n").contains("TableScan"));
}
