//! What a model's columns must be like before its query is paid for.

mod change;

use tarn_model::Model;

use crate::error::StepError;
use crate::ports::Column;

pub(crate) use change::sql_type;
pub use change::{Decision, TableChange, decide, onto};

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
    if let Some(bucketing) = &model.bucketed_by
        && let Some(missing) = bucketing.columns.iter().find(|name| columns.iter().all(|column| column.name != **name))
    {
        return Err(StepError::permanent(format!(
            "model `{}` has buckets by `{missing}`, but yields no such column",
            model.name
        )));
    }
    if columns.len() == partitions.len() {
        return Err(StepError::permanent(format!(
            "model `{}` has no column besides its partition columns",
            model.name
        )));
    }
    Ok(())
}
