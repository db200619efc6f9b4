//! A session over a few small tables, and the first value of a statement's result.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "a broken fixture must stop the test")]

use std::sync::Arc;

use arrow::array::{
    ArrayRef, BooleanArray, Date32Array, Decimal128Array, Float64Array, Int32Array, Int64Array, RecordBatch,
    StringArray, TimestampMillisecondArray,
};
use chrono::{TimeZone, Utc};
use datafusion::catalog::{MemorySchemaProvider, SchemaProvider};
use datafusion::datasource::MemTable;
use futures::TryStreamExt;
use tarn_dialect::{Session, Settings, SqlError, Statement, display_value};

/// A session at 2026-10-31 12:34:56.789 UTC with the tables `orders` and `customers`.
pub(crate) fn session() -> Session {
    let tables = MemorySchemaProvider::new();
    tables.register_table("orders".to_owned(), Arc::new(orders())).unwrap();
    tables.register_table("customers".to_owned(), Arc::new(customers())).unwrap();
    let settings = Settings {
        database: "shop".to_owned(),
        now: Utc.timestamp_millis_opt(1_793_450_096_789).unwrap(),
        session_zone: chrono_tz::UTC,
        partitions: 2,
        memory_limit: None,
        spill_dir: None,
    };
    Session::new(settings, Arc::new(tables)).unwrap()
}

fn table(columns: Vec<(&str, ArrayRef)>) -> MemTable {
    let batch =
        RecordBatch::try_from_iter_with_nullable(columns.into_iter().map(|(name, column)| (name, column, true)))
            .unwrap();
    MemTable::try_new(batch.schema(), vec![vec![batch]]).unwrap()
}

fn orders() -> MemTable {
    table(vec![
        ("id", Arc::new(Int64Array::from(vec![1, 2, 3, 4]))),
        ("customer_id", Arc::new(Int32Array::from(vec![Some(10), Some(10), Some(20), None]))),
        (
            "price",
            Arc::new(
                Decimal128Array::from(vec![Some(1050), Some(99), Some(20_000), None])
                    .with_precision_and_scale(10, 2)
                    .unwrap(),
            ),
        ),
        ("weight", Arc::new(Float64Array::from(vec![Some(0.5), Some(1.5), None, Some(2.0)]))),
        ("day", Arc::new(Date32Array::from(vec![18_262, 18_263, 18_263, 18_264]))),
        (
            "placed_at",
            Arc::new(TimestampMillisecondArray::from(vec![
                1_577_836_800_000_i64,
                1_577_926_800_123,
                1_577_930_400_000,
                1_578_009_600_000,
            ])),
        ),
        ("note", Arc::new(StringArray::from(vec![Some("first"), Some("10"), None, Some("x%y")]))),
    ])
}

fn customers() -> MemTable {
    table(vec![
        ("id", Arc::new(Int32Array::from(vec![10, 20, 30]))),
        ("name", Arc::new(StringArray::from(vec!["Ann", "太郎", "Zoë"]))),
        ("active", Arc::new(BooleanArray::from(vec![Some(true), Some(false), None]))),
    ])
}

/// All values of a statement's result, row by row, as Athena prints them.
pub(crate) async fn rows(session: &Session, sql: &str) -> Result<Vec<Vec<Option<String>>>, SqlError> {
    let query = match session.parse(sql)? {
        Statement::Query(query) | Statement::Explain(query) => query,
        other => panic!("not a query: {other:?}"),
    };
    let plan = session.plan(&query).await?;
    let stream = session.execute(plan).await?;
    let batches: Vec<RecordBatch> = stream.try_collect().await?;
    Ok(batches
        .iter()
        .flat_map(|batch| {
            (0..batch.num_rows())
                .map(|row| batch.columns().iter().map(|column| display_value(column.as_ref(), row)).collect())
        })
        .collect())
}
