use super::*;

#[tokio::test]
async fn a_view_is_its_query() {
    let lake = Lake::new();
    lake.create("t", "", "SELECT * FROM (VALUES (1, 'x'), (2, 'y')) AS t(a, b)").await.unwrap();
    lake.run("CREATE VIEW v AS SELECT a * 10 AS c, b FROM t").await.unwrap();
    lake.run("CREATE VIEW w AS SELECT v.c, t.a FROM v JOIN t ON v.b = t.b").await.unwrap();
    assert_eq!(lake.rows("SELECT * FROM w WHERE c > 10").await, ["20|2"]);
    assert_eq!(lake.rows("SELECT count(*) FROM v AS x JOIN w AS y ON x.c = y.c").await, ["2"]);
    let entry = lake.local.catalogue.get("v").await.unwrap().unwrap();
    assert_eq!(entry.columns, [Column::new("c", "int"), Column::new("b", "string")]);
    assert!(lake.error("CREATE VIEW v AS SELECT 1 AS a").await.contains("already exists"));
    lake.run("CREATE OR REPLACE VIEW v AS SELECT 5 AS c, b FROM t").await.unwrap();
    assert_eq!(lake.rows("SELECT DISTINCT c FROM w").await, ["5"]);
    assert!(lake.error("CREATE OR REPLACE VIEW t AS SELECT 1 AS a").await.contains("is a table"));
}

#[tokio::test]
async fn an_error_inside_a_view_names_the_view() {
    let lake = Lake::new();
    lake.create("t", "", "SELECT 1 AS a").await.unwrap();
    lake.run("CREATE VIEW v AS SELECT\n  a FROM t").await.unwrap();
    lake.run("CREATE VIEW w AS SELECT a FROM v").await.unwrap();
    lake.run("DROP TABLE t").await.unwrap();
    lake.create("t2", "", "SELECT 2 AS b").await.unwrap();
    let error = lake.error("SELECT * FROM w").await;
    assert!(error.starts_with("in view `w`: in view `v`, line 2:"), "{error}");
    assert!(error.contains('t'), "{error}");
}

#[tokio::test]
async fn a_view_of_itself_is_refused_but_may_share_a_name_with_its_with() {
    let lake = Lake::new();
    lake.run("CREATE VIEW a AS SELECT 1 AS x").await.unwrap();
    lake.run("CREATE VIEW b AS SELECT x FROM a").await.unwrap();
    lake.run("CREATE OR REPLACE VIEW a AS SELECT x FROM b").await.unwrap();
    let error = lake.error("SELECT * FROM b").await;
    assert!(error.contains("is made of itself"), "{error}");
    lake.run("CREATE VIEW c AS WITH c AS (SELECT 7 AS x) SELECT x FROM c").await.unwrap();
    assert_eq!(lake.rows("SELECT * FROM c").await, ["7"]);
}
