//! How PostgreSQL holds each type, and the statements that make tables. The types are listed in docs/marts.md.

use tarn_pipeline::ports::MartError;

use crate::fault::{WithHint, refused};
use crate::server::Plan;
use crate::types::{TypedColumn, ValueType};

/// Bytes of a name; longer ones are cut without a word.
const NAME: usize = 63;
/// Columns of a table.
const COLUMNS: usize = 1_600;
/// More digits than any version has, for a `numeric` without a precision.
const ANY_DIGITS: (u8, u8) = (76, 38);

/// A name as SQL writes it.
pub(super) fn quoted(name: &str) -> String {
    format!("\"{}\"", name.replace('"', "\"\""))
}

/// Names, separated by commas.
pub(super) fn quoted_list<'a>(names: impl Iterator<Item = &'a str>) -> String {
    names.map(quoted).collect::<Vec<_>>().join(", ")
}

/// A text as SQL writes it.
pub(super) fn literal(text: &str) -> String {
    format!("'{}'", text.replace('\'', "''"))
}

/// Gives each column the type it is stored in, and refuses what cannot be a table.
pub(super) fn store(plan: &mut Plan) -> Result<(), MartError> {
    let names = plan.columns.iter().map(|column| ("column", column.name.as_str()));
    for (what, name) in names.chain([("table", plan.table())]) {
        if name.len() > NAME {
            return Err(refused(format!(
                "{what} `{name}` has a name of more than {NAME} bytes, the most of PostgreSQL"
            ))
            .hint("give it a shorter name in the model"));
        }
    }
    if plan.columns.len() > COLUMNS {
        return Err(refused(format!(
            "table `{}` has {} columns, PostgreSQL holds {COLUMNS}",
            plan.table(),
            plan.columns.len()
        )));
    }
    for column in &mut plan.columns {
        column.value_type = match column.value_type {
            ValueType::TinyInt => ValueType::SmallInt,
            ValueType::Text { .. } => ValueType::Text { length: None },
            other => other,
        };
    }
    Ok(())
}

/// The type of a column.
pub(super) fn declaration(value_type: ValueType) -> String {
    match value_type {
        ValueType::Boolean => "BOOLEAN".to_owned(),
        ValueType::TinyInt | ValueType::SmallInt => "SMALLINT".to_owned(),
        ValueType::Integer => "INTEGER".to_owned(),
        ValueType::BigInt => "BIGINT".to_owned(),
        ValueType::Real => "REAL".to_owned(),
        ValueType::Double => "DOUBLE PRECISION".to_owned(),
        ValueType::Decimal { precision, scale } => format!("NUMERIC({precision},{scale})"),
        ValueType::Text { .. } => "TEXT".to_owned(),
        ValueType::Date => "DATE".to_owned(),
        ValueType::Timestamp => "TIMESTAMP".to_owned(),
        ValueType::ZonedTimestamp => "TIMESTAMPTZ".to_owned(),
        ValueType::Binary => "BYTEA".to_owned(),
        ValueType::Json => "JSONB".to_owned(),
    }
}

/// The statement that makes the stage. One whose rows go on to another table needs no log: what is lost with the server is loaded
/// again.
pub(super) fn create_stage(plan: &Plan) -> String {
    let line = |(place, column): (usize, &TypedColumn)| {
        let not_null = if plan.key.contains(&place) { " NOT NULL" } else { "" };
        format!("  {} {}{not_null}", quoted(&column.name), declaration(column.value_type))
    };
    let lines: Vec<String> = plan.columns.iter().enumerate().map(line).collect();
    let unlogged = if plan.becomes_table { "" } else { "UNLOGGED " };
    format!("CREATE {unlogged}TABLE IF NOT EXISTS {} (\n{}\n)", quoted(&plan.stage), lines.join(",\n"))
}

/// What a declared type holds; `None` for types that no version has.
pub(super) fn parse(declared: &str) -> Option<ValueType> {
    let (name, arguments) = match declared.split_once('(') {
        Some((name, rest)) => (name.trim(), rest),
        None => (declared, ""),
    };
    let two = || {
        let (first, second) = arguments.strip_suffix(')')?.split_once(',')?;
        Some((first.trim().parse().ok()?, second.trim().parse().ok()?))
    };
    Some(match name {
        "boolean" => ValueType::Boolean,
        "smallint" => ValueType::SmallInt,
        "integer" => ValueType::Integer,
        "bigint" => ValueType::BigInt,
        "real" => ValueType::Real,
        "double precision" => ValueType::Double,
        "numeric" => {
            let (precision, scale) = if arguments.is_empty() { ANY_DIGITS } else { two()? };
            ValueType::Decimal { precision, scale }
        }
        "text" => ValueType::Text { length: None },
        "character varying" => ValueType::Text { length: arguments.trim_end_matches(')').parse().ok() },
        "date" => ValueType::Date,
        // With fewer digits than six, a fraction would be rounded.
        "timestamp without time zone" => ValueType::Timestamp,
        "timestamp with time zone" => ValueType::ZonedTimestamp,
        "timestamp" if arguments == "6) without time zone" => ValueType::Timestamp,
        "timestamp" if arguments == "6) with time zone" => ValueType::ZonedTimestamp,
        "bytea" => ValueType::Binary,
        "json" | "jsonb" => ValueType::Json,
        _ => return None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn declared_types_are_read() {
        for (declared, wanted) in [
            ("numeric(12,2)", Some(ValueType::Decimal { precision: 12, scale: 2 })),
            ("numeric", Some(ValueType::Decimal { precision: 76, scale: 38 })),
            ("character varying(20)", Some(ValueType::Text { length: Some(20) })),
            ("character varying", Some(ValueType::Text { length: None })),
            ("timestamp(3) without time zone", None),
            ("timestamp(6) with time zone", Some(ValueType::ZonedTimestamp)),
            ("citext", None),
            ("integer[]", None),
        ] {
            assert_eq!(parse(declared), wanted, "{declared}");
        }
    }
}
