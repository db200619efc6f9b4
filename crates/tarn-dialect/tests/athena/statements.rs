//! Statements other than queries.

use tarn_dialect::{PropertyValue, SqlErrorKind, Statement};

use crate::support::session;

fn parse(sql: &str) -> Statement {
    session().parse(sql).unwrap()
}

#[test]
fn create_table_as_keeps_its_properties() {
    let statement = parse(
        "CREATE TABLE shop.daily WITH (format = 'PARQUET', write_compression = 'ZSTD',
           external_location = 's3://lake/daily/', partitioned_by = ARRAY['day', 'device'], bucketed_by = ARRAY['id'],
           bucket_count = 4, is_external = true) AS SELECT 1 AS id, current_date AS day, 'x' AS device",
    );
    let Statement::CreateTableAs(create) = statement else {
        panic!("not a CTAS: {statement:?}");
    };
    assert_eq!(create.name, "shop.daily");
    assert!(create.with_data && !create.if_not_exists);
    let text = |value: &str| PropertyValue::Text(value.to_owned());
    let expected = [
        ("bucket_count", PropertyValue::Number("4".to_owned())),
        ("bucketed_by", PropertyValue::Array(vec!["id".to_owned()])),
        ("external_location", text("s3://lake/daily/")),
        ("format", text("PARQUET")),
        ("is_external", PropertyValue::Boolean(true)),
        ("partitioned_by", PropertyValue::Array(vec!["day".to_owned(), "device".to_owned()])),
        ("write_compression", text("ZSTD")),
    ];
    let properties: Vec<(&str, PropertyValue)> =
        create.properties.iter().map(|(name, value)| (name.as_str(), value.clone())).collect();
    assert_eq!(properties, expected);
}

#[test]
fn create_table_as_without_data() {
    let statement = parse("create table if not exists t as select * from orders with no data;");
    assert!(matches!(
        statement,
        Statement::CreateTableAs(create) if !create.with_data && create.if_not_exists && create.properties.is_empty()
    ));
}

#[test]
fn insert_names_its_columns() {
    let statement = parse("INSERT INTO T (Id, \"Day\") SELECT id, day FROM orders");
    assert!(matches!(
        statement,
        Statement::InsertInto { table, columns, .. } if table == "t" && columns == ["id", "day"]
    ));
    let statement = parse("insert into t values 1, 2");
    assert!(matches!(statement, Statement::InsertInto { columns, .. } if columns.is_empty()));
}

#[test]
fn a_view_keeps_its_text() {
    let statement = parse("CREATE OR REPLACE VIEW v AS\n  SELECT id, -- the key\n    'Ä;' AS x\n  FROM Orders;\n");
    let Statement::CreateView { name, or_replace, query_text, query } = statement else {
        panic!("not a view: {statement:?}");
    };
    assert_eq!(name, "v");
    assert!(or_replace);
    assert_eq!(query_text, "SELECT id, -- the key\n    'Ä;' AS x\n  FROM Orders");
    assert_eq!(query.relations(), ["orders"]);
}

#[test]
fn catalogue_statements() {
    assert!(
        matches!(parse("DROP TABLE IF EXISTS a.b"), Statement::DropTable { name, if_exists: true } if name == "a.b")
    );
    assert!(matches!(parse("drop view v"), Statement::DropView { name, if_exists: false } if name == "v"));
    assert!(matches!(parse("SHOW TABLES"), Statement::ShowTables));
    assert!(matches!(parse("describe orders"), Statement::Describe(name) if name == "orders"));
    assert!(matches!(parse("show columns from orders"), Statement::Describe(name) if name == "orders"));
    assert!(matches!(parse("show create table t"), Statement::ShowCreateTable(name) if name == "t"));
    assert!(matches!(parse("show create view v"), Statement::ShowCreateView(name) if name == "v"));
    assert!(matches!(parse("explain select 1"), Statement::Explain(_)));
}

#[test]
fn refusals_have_a_place_in_the_text() {
    let error = session().parse("select 1,\n  2 x y\nfrom t").unwrap_err();
    assert_eq!((error.kind, error.line, error.column), (SqlErrorKind::Syntax, Some(2), Some(7)));
    let error = session().parse("  ;").unwrap_err();
    assert_eq!((error.kind, error.line), (SqlErrorKind::Syntax, Some(1)));
    let error = session().parse("create table t with (format) as select 1").unwrap_err();
    assert_eq!(error.kind, SqlErrorKind::Syntax);
}

#[tokio::test]
async fn a_plan_is_typed_and_named() {
    let session = session();
    let Statement::Query(query) = parse("select id, id * 2, price as p, count(*) over () from orders") else {
        panic!("not a query");
    };
    let plan = session.plan(&query).await.unwrap();
    let columns: Vec<String> = plan
        .schema()
        .fields()
        .iter()
        .map(|field| format!("{} {}", field.name(), tarn_dialect::athena_field_type(field)))
        .collect();
    assert_eq!(columns, ["id bigint", "_col1 bigint", "p decimal(10,2)", "_col3 bigint"]);
}
