use super::*;

#[tokio::test]
async fn rows_are_added() {
    let lake = Lake::new();
    lake.create("t", "", "SELECT CAST(1 AS bigint) AS a, 'x' AS b").await.unwrap();
    let outcome = lake.run("INSERT INTO t SELECT 2, 'y'").await.unwrap();
    assert_eq!((outcome.rows_written, outcome.files_written), (1, 1));
    lake.run("INSERT INTO t (b) VALUES 'z'").await.unwrap();
    assert_eq!(lake.rows("SELECT * FROM t ORDER BY b").await, ["1|x", "2|y", "-|z"]);
    assert_eq!(lake.keys("model/t/").await.len(), 3);
}

#[tokio::test]
async fn new_partitions_are_added() {
    let lake = Lake::new();
    let query = "SELECT 1 AS a, DATE '2026-10-01' AS day";
    lake.create("t", ", partitioned_by = ARRAY['day']", query).await.unwrap();
    lake.run("INSERT INTO t VALUES (2, DATE '2026-10-01'), (3, DATE '2026-10-02')").await.unwrap();
    assert_eq!(lake.rows("SELECT a, day FROM t ORDER BY a").await, ["1|2026-10-01", "2|2026-10-01", "3|2026-10-02"]);
    let entry = lake.local.catalogue.get("t").await.unwrap().unwrap();
    assert_eq!((entry.parts().len(), entry.version), (2, 2));
    assert_eq!(entry.parts()[1].location.as_str(), "model/t/day=2026-10-02/");
}

#[tokio::test]
async fn what_does_not_fit_is_refused() {
    let lake = Lake::new();
    lake.create("t", "", "SELECT 1 AS a, 'x' AS b").await.unwrap();
    lake.run("CREATE VIEW v AS SELECT a FROM t").await.unwrap();
    for (statement, expected) in [
        ("INSERT INTO t SELECT 1", "the query has 1 columns, but 2 are inserted into"),
        ("INSERT INTO t SELECT 'x', 'y'", "column `a` has the type `int`, but the query gives `string`"),
        ("INSERT INTO t (c) SELECT 1", "has no column `c`"),
        ("INSERT INTO v SELECT 1", "is a view"),
        ("INSERT INTO missing SELECT 1", "does not exist"),
    ] {
        let error = lake.error(statement).await;
        assert!(error.contains(expected), "{statement}: {error}");
    }
    assert_eq!(lake.rows("SELECT count(*) FROM t").await, ["1"]);
}
