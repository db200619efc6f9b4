//! Pieces of SQL as text: identifiers, literals, typed values, in the words that Athena reads.

use crate::column_type::ColumnType;

/// `"name"`, with quotes inside doubled.
pub(crate) fn identifier(name: &str) -> String {
    format!("\"{}\"", name.replace('"', "\"\""))
}

/// `'text'`, with quotes inside doubled.
pub(crate) fn text(value: &str) -> String {
    format!("'{}'", value.replace('\'', "''"))
}

/// The name of a type in a query (Athena's queries are Trino: `varchar`, not the `string` of its DDL).
pub(crate) fn type_name(column_type: ColumnType) -> String {
    match column_type {
        ColumnType::Boolean => "boolean".to_owned(),
        ColumnType::TinyInt => "tinyint".to_owned(),
        ColumnType::SmallInt => "smallint".to_owned(),
        ColumnType::Integer => "integer".to_owned(),
        ColumnType::BigInt => "bigint".to_owned(),
        ColumnType::Real => "real".to_owned(),
        ColumnType::Double => "double".to_owned(),
        ColumnType::Decimal { precision, scale } => format!("decimal({precision}, {scale})"),
        ColumnType::String | ColumnType::Json => "varchar".to_owned(),
        ColumnType::Date => "date".to_owned(),
        ColumnType::Timestamp => "timestamp".to_owned(),
        ColumnType::Binary => "varbinary".to_owned(),
    }
}

/// A value of a type, written so that no engine has to guess: `cast('1.50' as decimal(10, 2))`.
pub(crate) fn typed(value: Option<&str>, column_type: ColumnType) -> String {
    let name = type_name(column_type);
    match (value, column_type) {
        (None, _) => format!("cast(null as {name})"),
        (Some(value), ColumnType::String | ColumnType::Json) => text(value),
        (Some(value), ColumnType::Boolean) => value.to_owned(),
        (Some(value), ColumnType::Date) => format!("date {}", text(value)),
        (Some(value), ColumnType::Timestamp) => format!("timestamp {}", text(value)),
        (Some(value), ColumnType::Binary) => format!("from_base64({})", text(value)),
        (Some(value), _) => format!("cast({} as {name})", text(value)),
    }
}

/// The text after white space and comments.
pub(crate) fn skip_blank(mut text: &str) -> &str {
    loop {
        text = text.trim_start();
        let end = if text.starts_with("--") {
            text.find('\n')
        } else if text.starts_with("/*") {
            text.find("*/").map(|end| end + 1)
        } else {
            return text;
        };
        match end {
            Some(end) => text = &text[end + 1..],
            None => return "",
        }
    }
}
