#![allow(clippy::unwrap_used, clippy::panic, reason = "a failed test may panic")]

mod create;
mod insert;
mod query;
mod scan;
mod views;

use std::collections::BTreeMap;
use std::sync::Arc;

use arrow::record_batch::RecordBatch;
use parquet::arrow::ArrowWriter;
use tarn_pipeline::names::Key;
use tarn_pipeline::ports::{
    Attribution, Catalogue, Column, EngineError, ObjectStore, Part, QueryEngine, QueryOutcome, QueryRequest,
    TableEntry, TableKind,
};

use crate::{Local, LocalSettings};

/// A lake of its own for each test.
struct Lake {
    folder: tempfile::TempDir,
    local: Local,
}

impl Lake {
    fn new() -> Self {
        Self::with(LocalSettings { partitions: Some(2), ..settings() })
    }

    fn with(settings: LocalSettings) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let local = Local::open(folder.path(), settings).unwrap();
        Self { folder, local }
    }

    async fn run(&self, statement: &str) -> Result<QueryOutcome, EngineError> {
        let request = QueryRequest::new(statement, Attribution::default());
        self.local.engine.execute(&request).await
    }

    /// The rows of a query, `-` for null, values joined by `|`.
    async fn rows(&self, query: &str) -> Vec<String> {
        let outcome = self.run(query).await.unwrap_or_else(|error| panic!("{query}: {error:?}"));
        let text = |row: &Vec<Option<String>>| {
            row.iter().map(|value| value.as_deref().unwrap_or("-")).collect::<Vec<_>>().join("|")
        };
        outcome.rows.iter().map(text).collect()
    }

    async fn error(&self, statement: &str) -> String {
        let error = self.run(statement).await.unwrap_err();
        match error.hint {
            Some(hint) => format!("{} -> {hint}", error.message),
            None => error.message,
        }
    }

    fn uri(&self, folder: &str) -> String {
        self.local.objects.uri(&Key::new(folder))
    }

    async fn keys(&self, prefix: &str) -> Vec<String> {
        let objects = self.local.objects.list(&Key::new(prefix)).await.unwrap();
        objects.into_iter().map(|object| object.key.as_str().to_owned()).collect()
    }

    async fn create(&self, name: &str, properties: &str, query: &str) -> Result<QueryOutcome, EngineError> {
        let location = self.uri(&format!("model/{name}/"));
        self.run(&format!("CREATE TABLE {name} WITH (external_location = '{location}'{properties}) AS {query}")).await
    }

    fn write_file(&self, key: &str, batch: &RecordBatch) {
        let path = self.local.objects.path(&Key::new(key)).unwrap();
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        let mut writer = ArrowWriter::try_new(std::fs::File::create(path).unwrap(), batch.schema(), None).unwrap();
        writer.write(batch).unwrap();
        writer.close().unwrap();
    }

    /// A table of these parts: values and folder.
    async fn publish(
        &self,
        name: &str,
        columns: &[(&str, &str)],
        keys: &[(&str, &str)],
        parts: &[(&[Option<&str>], &str)],
    ) {
        let typed = |columns: &[(&str, &str)]| columns.iter().map(|(name, of)| Column::new(*name, *of)).collect();
        let part = |(values, folder): &(&[Option<&str>], &str)| Part {
            values: values.iter().map(|value| value.map(str::to_owned)).collect(),
            location: Key::new(*folder),
            run: None,
        };
        let entry = TableEntry {
            name: name.to_owned(),
            kind: TableKind::Table { parts: parts.iter().map(part).collect() },
            columns: typed(columns),
            partition_keys: typed(keys),
            description: None,
            run: None,
            parameters: BTreeMap::new(),
            version: 0,
        };
        self.local.catalogue.publish(entry).await.unwrap();
    }

    /// A table `numbers(n bigint, text varchar)` of so many rows from 0.
    async fn numbers(&self, count: i64) {
        let numbers = arrow::array::Int64Array::from_iter_values(0..count);
        let texts = arrow::array::StringArray::from_iter_values((0..count).map(|n| format!("text {n}")));
        let batch =
            RecordBatch::try_from_iter([("n", Arc::new(numbers) as _), ("text", Arc::new(texts) as _)]).unwrap();
        self.write_file("source/numbers/1.parquet", &batch);
        self.publish("numbers", &[("n", "bigint"), ("text", "string")], &[], &[(&[], "source/numbers/")]).await;
    }
}

fn settings() -> LocalSettings {
    LocalSettings::at("2026-11-01T03:15:00Z".parse().unwrap())
}
