//! What a model's columns must be like before its query is paid for.

mod change;
mod named;

use tarn_model::{Materialization, Model};

use crate::error::StepError;
use crate::ports::Column;

pub(crate) use change::sql_type;
pub use change::{Decision, TableChange, decide, onto};

/// What Athena would refuse after the query was paid for is refused before it.
pub fn check(model: &Model, columns: &[Column]) -> Result<(), StepError> {
    if columns.is_empty() {
        return Err(StepError::permanent(format!("model `{}` yields no columns", model.name)));
    }
    check_names(model, columns)?;
    if model.materialization != Materialization::View {
        check_types(model, columns)?;
    }
    let missing = named::missing(model, columns);
    if !missing.is_empty() {
        return Err(missing.into());
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

fn check_names(model: &Model, columns: &[Column]) -> Result<(), StepError> {
    for (position, column) in columns.iter().enumerate() {
        if column.name == format!("_col{position}") {
            let message = format!("column {} of model `{}` has no name", position + 1, model.name);
            return Err(StepError::permanent(message).with_hint("give the expression a name with `as`"));
        }
        if columns[..position].iter().any(|before| before.name == column.name) {
            let message = format!("model `{}` yields the column `{}` twice", model.name, column.name);
            return Err(StepError::permanent(message).with_hint("give one of them another name with `as`"));
        }
    }
    Ok(())
}

/// An engine calls a type that tables cannot have by its name in a query.
fn check_types(model: &Model, columns: &[Column]) -> Result<(), StepError> {
    let reason =
        |column: &Column| Some((column.name.clone(), column.column_type.clone(), instead_of(&column.column_type)?));
    match columns.iter().find_map(reason) {
        None => Ok(()),
        Some((name, column_type, hint)) => Err(StepError::permanent(format!(
            "column `{name}` of model `{}` has the type `{column_type}`, which a table cannot hold",
            model.name
        ))
        .with_hint(hint)),
    }
}

/// What to write in place of a type that no table can have; none where it can.
fn instead_of(column_type: &str) -> Option<&'static str> {
    let nested = ["array(", "map(", "row("].iter().any(|nested| column_type.starts_with(nested));
    Some(match column_type {
        _ if column_type.ends_with("with time zone") => {
            "`cast(… as timestamp(3))` gives its wall clock without the zone"
        }
        _ if column_type.starts_with("interval ") => "`to_milliseconds(…)` or `cast(… as varchar)` gives a value of it",
        _ if column_type.starts_with("time(") => "`cast(… as varchar)` gives its text",
        "timestamp(6)" | "timestamp(9)" => "tables hold timestamps to the millisecond: `cast(… as timestamp(3))`",
        "json" => "write its text with `json_format(…)`, or a value of it with `cast(… as …)`",
        _ if nested => "cast it to an array, map or row of types that tables have",
        _ => return None,
    })
}

#[cfg(test)]
mod tests {
    use super::instead_of;

    #[test]
    fn types_of_queries_are_told_from_types_of_tables() {
        for held in ["timestamp", "decimal(10,2)", "array<string>", "map<string,int>", "struct<json:string>", "date"] {
            assert_eq!(instead_of(held), None, "{held}");
        }
        for refused in [
            "timestamp(3) with time zone",
            "interval day to second",
            "interval year to month",
            "time(3)",
            "timestamp(9)",
            "json",
            "array(json)",
            "row(a interval day to second)",
        ] {
            assert!(instead_of(refused).is_some(), "{refused}");
        }
    }
}
