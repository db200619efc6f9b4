//! What a model's columns must be like before its query is paid for.

use tarn_model::Model;

use crate::error::StepError;
use crate::ports::{Column, TableEntry};

/// What Athena would refuse after the query was paid for is refused before it.
pub fn check(model: &Model, columns: &[Column]) -> Result<(), StepError> {
    if columns.is_empty() {
        return Err(StepError::permanent(format!("model `{}` yields no columns", model.name)));
    }
    for (position, column) in columns.iter().enumerate() {
        if columns[..position].iter().any(|before| before.name == column.name) {
            return Err(StepError::permanent(format!(
                "model `{}` yields the column `{}` twice",
                model.name, column.name
            ))
            .with_hint("give one of them another name with `as`"));
        }
    }
    let partitions = &model.partitioned_by;
    let last = columns.len().saturating_sub(partitions.len());
    let last: Vec<&str> = columns[last..].iter().map(|column| column.name.as_str()).collect();
    if last != partitions.iter().map(String::as_str).collect::<Vec<_>>() {
        return Err(StepError::permanent(format!(
            "the last columns of model `{}` are `{}`, but it is partitioned by `{}`",
            model.name,
            last.join("`, `"),
            partitions.join("`, `")
        ))
        .with_hint("put the partition columns last in the `select`, in the same order: Athena takes them from there"));
    }
    if columns.len() == partitions.len() {
        return Err(StepError::permanent(format!(
            "model `{}` has no column besides its partition columns",
            model.name
        )));
    }
    Ok(())
}

/// An incremental version must have the columns of the table it joins.
pub fn check_same(model: &Model, onto: &TableEntry, columns: &[Column]) -> Result<(), StepError> {
    let published: Vec<(&str, &str)> =
        onto.all_columns().map(|column| (column.name.as_str(), column.column_type.as_str())).collect();
    let new: Vec<(&str, &str)> =
        columns.iter().map(|column| (column.name.as_str(), column.column_type.as_str())).collect();
    if published == new {
        return Ok(());
    }
    let missing =
        published.iter().filter(|column| !new.contains(column)).map(|(name, kind)| format!("- {name} {kind}"));
    let added = new.iter().filter(|column| !published.contains(column)).map(|(name, kind)| format!("+ {name} {kind}"));
    let mut changes: Vec<String> = missing.chain(added).collect();
    if changes.is_empty() {
        changes.push("their order".to_owned());
    }
    Err(StepError::permanent(format!(
        "the columns of incremental model `{}` differ from its published table:\n  {}",
        model.name,
        changes.join("\n  ")
    ))
    .with_hint("compute it anew from all its input with `--full-refresh`"))
}
