//! The columns of a query, and which of them a table can have.

use arrow::datatypes::{DataType, Field, TimeUnit};
use datafusion::logical_expr::LogicalPlan;
use tarn_dialect::{athena_field_type, hive_type};
use tarn_pipeline::ports::{Column, EngineError};

use super::errors::with_hint;

/// The columns of a result, under Hive's names where there is one and Athena's where not.
pub(super) fn of_result(plan: &LogicalPlan) -> Vec<Column> {
    let column = |field: &Field| Column::new(field.name().to_lowercase(), column_type(field));
    plan.schema().fields().iter().map(|field| column(field)).collect()
}

fn column_type(field: &Field) -> String {
    if reason_against(field).is_some() || *field.data_type() == DataType::Null {
        return athena_field_type(field);
    }
    hive_type(field.data_type())
}

/// The columns of a table or view made of this query.
///
/// # Errors
/// As Athena: a column without a name, two of one name, or a type that a table cannot have.
pub(super) fn of_table(plan: &LogicalPlan, view: bool) -> Result<Vec<Column>, EngineError> {
    refuse_unknown_types(plan)?;
    let fields = plan.schema().fields();
    if fields.is_empty() {
        return Err(EngineError::permanent("the query yields no columns"));
    }
    for (position, field) in fields.iter().enumerate() {
        let name = field.name().to_lowercase();
        if name == format!("_col{position}") {
            let message = format!("column name not specified at position {}", position + 1);
            return Err(with_hint(message, "give the expression a name with `AS`"));
        }
        if fields[..position].iter().any(|before| before.name().to_lowercase() == name) {
            return Err(with_hint(
                format!("column name `{name}` specified more than once"),
                "give one of the columns another name with `AS`",
            ));
        }
        if let (false, Some(hint)) = (view, reason_against(field)) {
            let message =
                format!("column `{name}` has the type `{}`, which a table cannot hold", athena_field_type(field));
            return Err(with_hint(message, hint));
        }
    }
    Ok(of_result(plan))
}

/// Refuses columns that are only ever null: they have no type.
///
/// # Errors
/// Athena's `Column type is unknown`.
pub(super) fn refuse_unknown_types(plan: &LogicalPlan) -> Result<(), EngineError> {
    match plan.schema().fields().iter().find(|field| holds_unknown(field.data_type())) {
        None => Ok(()),
        Some(field) => {
            let name = field.name().to_lowercase();
            Err(with_hint(
                format!("column type is unknown: `{name}`"),
                format!("say what null is meant to be: `CAST(NULL AS varchar) AS {name}`"),
            ))
        }
    }
}

fn holds_unknown(data_type: &DataType) -> bool {
    match data_type {
        DataType::Null => true,
        DataType::List(element) => holds_unknown(element.data_type()),
        DataType::Map(entries, _) => holds_unknown(entries.data_type()),
        DataType::Struct(fields) => fields.iter().any(|field| holds_unknown(field.data_type())),
        _ => false,
    }
}

/// What to do about a type that Hive tables do not have; none when they have it.
fn reason_against(field: &Field) -> Option<&'static str> {
    if athena_field_type(field) == "json" {
        return Some("write its text with `json_format(…)`, or a value of it with `CAST(… AS …)`");
    }
    match field.data_type() {
        DataType::Timestamp(_, Some(_)) => Some("`CAST(… AS timestamp(3))` gives its wall clock without the zone"),
        DataType::Timestamp(TimeUnit::Microsecond | TimeUnit::Nanosecond, None) => {
            Some("tables hold timestamps to the millisecond: `CAST(… AS timestamp(3))`")
        }
        DataType::Time32(_) | DataType::Time64(_) => Some("`CAST(… AS varchar)` gives its text"),
        DataType::Interval(_) | DataType::Duration(_) => {
            Some("`to_milliseconds(…)` or `CAST(… AS varchar)` gives a value of it")
        }
        DataType::List(element) => reason_against(element),
        DataType::Map(entries, _) => reason_against(entries),
        DataType::Struct(fields) => fields.iter().find_map(|field| reason_against(field)),
        _ => None,
    }
}
