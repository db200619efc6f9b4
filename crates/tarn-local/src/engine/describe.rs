//! What the catalogue says about itself: `SHOW`, `DESCRIBE`.

use tarn_pipeline::ports::{Column, EngineError, ObjectStore, QueryOutcome, TableEntry, TableKind};

use super::errors;
use crate::objects::LocalObjects;

/// A result of one text column.
pub(super) fn one_column(name: &str, lines: Vec<String>) -> QueryOutcome {
    let rows = lines.into_iter().map(|line| vec![Some(line)]).collect();
    QueryOutcome { columns: vec![Column::new(name, "string")], rows, ..QueryOutcome::default() }
}

/// One row per column: name, type, whether it is a partition key, comment.
pub(super) fn columns(entry: &TableEntry) -> QueryOutcome {
    let row = |column: &Column, key: &str| {
        vec![Some(column.name.clone()), Some(column.column_type.clone()), Some(key.to_owned()), column.comment.clone()]
    };
    let plain = entry.columns.iter().map(|column| row(column, ""));
    let keys = entry.partition_keys.iter().map(|column| row(column, "partition key"));
    let names = ["column", "type", "extra", "comment"];
    QueryOutcome {
        columns: names.map(|name| Column::new(name, "string")).into(),
        rows: plain.chain(keys).collect(),
        ..QueryOutcome::default()
    }
}

/// The statement that would create the table in Athena.
pub(super) fn table_ddl(entry: &TableEntry, objects: &LocalObjects) -> QueryOutcome {
    let list = |columns: &[Column]| {
        let line = |column: &Column| format!("  `{}` {}", column.name, column.column_type);
        columns.iter().map(line).collect::<Vec<_>>().join(",\n")
    };
    let mut text = format!("CREATE EXTERNAL TABLE `{}`(\n{})", entry.name, list(&entry.columns));
    if !entry.partition_keys.is_empty() {
        text.push_str(&format!("\nPARTITIONED BY (\n{})", list(&entry.partition_keys)));
    }
    text.push_str("\nSTORED AS PARQUET");
    if let Some(part) = entry.parts().first() {
        text.push_str(&format!("\nLOCATION\n  '{}'", objects.uri(&part.location)));
    }
    one_column("createtab_stmt", text.lines().map(str::to_owned).collect())
}

/// The statement that creates the view.
pub(super) fn view_ddl(entry: &TableEntry) -> Result<QueryOutcome, EngineError> {
    let TableKind::View { sql } = &entry.kind else {
        return Err(errors::with_hint(format!("`{}` is a table, not a view", entry.name), "use `SHOW CREATE TABLE`"));
    };
    let text = format!("CREATE VIEW {} AS\n{sql}", entry.name);
    Ok(one_column("Create View", text.lines().map(str::to_owned).collect()))
}
