use super::*;

#[tokio::test]
async fn a_table_holds_what_its_query_yields() {
    let lake = Lake::new();
    let query = "SELECT 1 AS a, 'x' AS b, DATE '2026-10-01' AS c, CAST(1.50 AS decimal(10,2)) AS d, \
                 CAST(NULL AS double) AS e, TIMESTAMP '2026-10-01 10:00:00.250' AS f, true AS g, ARRAY[1, 2] AS h";
    let outcome = lake.create("t", ", format = 'PARQUET', write_compression = 'ZSTD'", query).await.unwrap();
    assert_eq!((outcome.rows_written, outcome.files_written), (1, 1));
    assert!(outcome.bytes_written > 100);
    assert_eq!(lake.keys("model/").await, ["model/t/part-00000.parquet"]);
    let entry = lake.local.catalogue.get("t").await.unwrap().unwrap();
    let types: Vec<&str> = entry.columns.iter().map(|column| column.column_type.as_str()).collect();
    assert_eq!(types, ["int", "string", "date", "decimal(10,2)", "double", "timestamp", "boolean", "array<int>"]);
    assert_eq!(lake.rows("SELECT * FROM t").await, ["1|x|2026-10-01|1.50|-|2026-10-01 10:00:00.250|true|[1, 2]"]);
    assert_eq!(lake.rows("SELECT count(*) FROM t").await, ["1"]);
}

#[tokio::test]
async fn partitions_are_named_as_hive_names_them() {
    let lake = Lake::new();
    let query = "SELECT * FROM (VALUES (1, 'a/b'), (2, 'a b'), (3, '100%'), (4, '東京'), (5, NULL), (6, ''), (7, 'a b')) AS t(n, p)";
    let outcome = lake.create("t", ", partitioned_by = ARRAY['p']", query).await.unwrap();
    assert_eq!((outcome.rows_written, outcome.files_written), (7, 5));
    let folders = ["100%25", "__HIVE_DEFAULT_PARTITION__", "a b", "a%2Fb", "東京"];
    let expected: Vec<String> = folders.iter().map(|name| format!("model/t/p={name}/part-00000.parquet")).collect();
    assert_eq!(lake.keys("model/").await, expected);
    // An empty text has no folder of its own: it comes back as null, as it does in Hive.
    assert_eq!(
        lake.rows("SELECT * FROM t ORDER BY n").await,
        ["1|a/b", "2|a b", "3|100%", "4|東京", "5|-", "6|-", "7|a b"]
    );
    assert_eq!(lake.rows("SELECT n FROM t WHERE p = '東京'").await, ["4"]);
    assert_eq!(lake.rows("SELECT n FROM t WHERE p IS NULL ORDER BY n").await, ["5", "6"]);
    assert_eq!(
        lake.rows("SELECT p, count(*) FROM t WHERE p IN ('a b', 'a/b') GROUP BY p ORDER BY p").await,
        ["a b|2", "a/b|1"]
    );
}

#[tokio::test]
async fn many_partitions_are_written_with_few_files_open() {
    let lake = Lake::new();
    lake.numbers(20_000).await;
    // Neighbouring rows lie in different partitions, more of them than may be open at once.
    let query = "SELECT n, text, n % 250 AS bucket FROM numbers";
    let outcome = lake.create("t", ", partitioned_by = ARRAY['bucket']", query).await.unwrap();
    assert_eq!(outcome.rows_written, 20_000);
    assert!(outcome.files_written >= 250);
    assert_eq!(lake.local.catalogue.get("t").await.unwrap().unwrap().parts().len(), 250);
    let counted = lake.rows("SELECT count(*), count(DISTINCT bucket), sum(n), sum(n % 250 - bucket) FROM t").await;
    assert_eq!(counted, [format!("20000|250|{}|0", (0..20_000_i64).sum::<i64>())]);
}

#[tokio::test]
async fn a_large_result_is_a_few_files_with_all_rows() {
    let lake = Lake::new();
    lake.numbers(500_000).await;
    let outcome = lake.create("t", "", "SELECT * FROM numbers ORDER BY n").await.unwrap();
    assert_eq!((outcome.rows_written, outcome.files_written), (500_000, 2));
    assert_eq!(
        lake.rows("SELECT count(*), count(DISTINCT n), min(text), max(n) FROM t").await,
        ["500000|500000|text 0|499999"]
    );
}

#[tokio::test]
async fn a_query_without_rows_makes_an_empty_table() {
    let lake = Lake::new();
    let query = "SELECT 1 AS a, DATE '2026-10-01' AS day WHERE false";
    lake.create("t", "", query).await.unwrap();
    lake.create("p", ", partitioned_by = ARRAY['day']", query).await.unwrap();
    for table in ["t", "p"] {
        assert_eq!(lake.rows(&format!("SELECT count(*), max(day) FROM {table}")).await, ["0|-"]);
    }
    let unfilled = lake.create("n", "", "SELECT 1 AS a WITH NO DATA").await.unwrap();
    assert_eq!(unfilled.rows_written, 0);
    assert!(lake.rows("SELECT a FROM n").await.is_empty());
}

#[tokio::test]
async fn what_athena_refuses_is_refused() {
    let lake = Lake::new();
    lake.create("t", "", "SELECT 1 AS a").await.unwrap();
    for (query, expected) in [
        ("SELECT 1", "column name not specified at position 1"),
        ("SELECT 1 AS a, 2 AS b, count(*) FROM t", "column name not specified at position 3"),
        ("SELECT x.a, y.a FROM t AS x CROSS JOIN t AS y", "column name `a` specified more than once"),
        ("SELECT 1 AS a, NULL AS b", "column type is unknown: `b`"),
        ("SELECT JSON '{}' AS a", "column `a` has the type `json`"),
        ("SELECT current_timestamp AS a", "with time zone`, which a table cannot hold"),
        ("SELECT nothing AS a FROM t", "nothing"),
    ] {
        let error = lake.create("u", "", query).await.unwrap_err().message;
        assert!(error.contains(expected), "{query}: {error}");
    }
    let exists = lake.create("t", "", "SELECT 1 AS a").await.unwrap_err().message;
    assert_eq!(exists, "table `t` already exists");
    let location = lake.uri("model/t");
    let taken = lake.error(&format!("CREATE TABLE u WITH (external_location = '{location}') AS SELECT 1 AS a")).await;
    assert!(taken.contains("is not empty: it holds `model/t/part-00000.parquet`"), "{taken}");
    let outside = lake.error("CREATE TABLE u WITH (external_location = 's3://elsewhere/x/') AS SELECT 1 AS a").await;
    assert!(outside.contains("lies outside of the bucket"), "{outside}");
    let nowhere = lake.error("CREATE TABLE u AS SELECT 1 AS a").await;
    assert!(nowhere.contains("external_location"), "{nowhere}");
    let key = lake.create("u", ", partitioned_by = ARRAY['a']", "SELECT 1 AS a, 2 AS b").await.unwrap_err().message;
    assert!(key.contains("must be the last columns"), "{key}");
    assert_eq!(lake.local.catalogue.list().await.unwrap(), ["t"]);
}

#[tokio::test]
async fn a_failing_query_leaves_nothing_to_see() {
    let lake = Lake::new();
    lake.numbers(300_000).await;
    let failed = lake.create("t", "", "SELECT n, 10 / (250000 - n) AS x FROM numbers").await;
    assert!(failed.unwrap_err().message.to_lowercase().contains("zero"));
    assert!(lake.keys("model/").await.is_empty());
    assert_eq!(lake.local.catalogue.list().await.unwrap(), ["numbers"]);
}

#[tokio::test]
async fn a_dropped_statement_leaves_nothing_to_see() {
    let lake = Lake::new();
    lake.numbers(2_000_000).await;
    for milliseconds in [1, 30, 120] {
        let statement = lake.create("t", "", "SELECT n, text, text || text AS longer FROM numbers ORDER BY text DESC");
        let stopped = tokio::time::timeout(std::time::Duration::from_millis(milliseconds), statement).await;
        assert!(stopped.is_err(), "the statement was faster than the test");
        tokio::time::sleep(std::time::Duration::from_millis(300)).await;
        assert!(lake.keys("model/").await.is_empty());
        assert_eq!(lake.local.catalogue.list().await.unwrap(), ["numbers"]);
    }
}

#[tokio::test]
async fn tables_and_views_are_dropped_by_their_own_statements() {
    let lake = Lake::new();
    lake.create("t", "", "SELECT 1 AS a").await.unwrap();
    lake.run("CREATE VIEW v AS SELECT a FROM t").await.unwrap();
    assert!(lake.error("DROP VIEW t").await.contains("is a table, not a view"));
    assert!(lake.error("DROP TABLE v").await.contains("is a view, not a table"));
    assert!(lake.error("DROP TABLE missing").await.contains("does not exist"));
    lake.run("DROP TABLE IF EXISTS missing").await.unwrap();
    lake.run("DROP VIEW v").await.unwrap();
    lake.run("DROP TABLE t").await.unwrap();
    assert!(lake.local.catalogue.list().await.unwrap().is_empty());
    assert_eq!(lake.keys("model/").await.len(), 1, "the files of a dropped table stay");
}
