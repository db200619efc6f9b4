//! A stored query as Athena keeps it in Glue: JSON in base64 within a comment.
//! <https://docs.aws.amazon.com/athena/latest/ug/views.html>

use base64::Engine;
use base64::prelude::BASE64_STANDARD;
use serde::{Deserialize, Serialize};
use tarn_pipeline::ports::Column;

const BEFORE: &str = "/* Presto View: ";
const AFTER: &str = " */";
/// What Athena writes as the expanded text.
pub(super) const EXPANDED: &str = "/* Presto View */";

#[derive(Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
struct Stored {
    original_sql: String,
    catalog: String,
    schema: String,
    columns: Vec<StoredColumn>,
}

#[derive(Serialize, Deserialize)]
struct StoredColumn {
    name: String,
    r#type: String,
}

/// The text of a view with these columns.
pub(super) fn text(sql: &str, database: &str, columns: &[Column]) -> String {
    let columns = columns
        .iter()
        .map(|column| StoredColumn { name: column.name.clone(), r#type: presto_type(&column.column_type) });
    let stored = Stored {
        original_sql: sql.to_owned(),
        catalog: "awsdatacatalog".to_owned(),
        schema: database.to_owned(),
        columns: columns.collect(),
    };
    // Text and names alone: there is nothing in it that JSON cannot hold.
    let json = serde_json::to_string(&stored).unwrap_or_default();
    format!("{BEFORE}{}{AFTER}", BASE64_STANDARD.encode(json))
}

/// The query of a view's text; the text itself when it was not written by Athena.
pub(super) fn sql(text: &str) -> String {
    let json = text.trim().strip_prefix(BEFORE).and_then(|rest| rest.strip_suffix(AFTER));
    let json = json.and_then(|base64| BASE64_STANDARD.decode(base64.trim()).ok());
    let stored = json.and_then(|json| serde_json::from_slice::<Stored>(&json).ok());
    stored.map_or_else(|| text.to_owned(), |stored| stored.original_sql)
}

/// Athena's name of a Hive type.
fn presto_type(hive: &str) -> String {
    let hive = hive.trim();
    if let Some(inner) = hive.strip_prefix("array<").and_then(|rest| rest.strip_suffix('>')) {
        return format!("array({})", presto_type(inner));
    }
    if let Some(inner) = hive.strip_prefix("map<").and_then(|rest| rest.strip_suffix('>')) {
        let sides: Vec<String> = split(inner).into_iter().map(presto_type).collect();
        return format!("map({})", sides.join(", "));
    }
    if let Some(inner) = hive.strip_prefix("struct<").and_then(|rest| rest.strip_suffix('>')) {
        let fields = split(inner).into_iter().map(|field| match field.split_once(':') {
            Some((name, kind)) => format!("\"{}\" {}", name.trim().replace('"', "\"\""), presto_type(kind)),
            None => presto_type(field),
        });
        return format!("row({})", fields.collect::<Vec<_>>().join(", "));
    }
    match hive {
        "string" => "varchar".to_owned(),
        "int" => "integer".to_owned(),
        "float" => "real".to_owned(),
        "binary" => "varbinary".to_owned(),
        "timestamp" => "timestamp(3)".to_owned(),
        other => other.to_owned(),
    }
}

/// Cuts at the commas that stand outside of brackets.
fn split(text: &str) -> Vec<&str> {
    let (mut depth, mut start, mut pieces) = (0_i32, 0, Vec::new());
    for (position, character) in text.char_indices() {
        match character {
            '<' | '(' => depth += 1,
            '>' | ')' => depth -= 1,
            ',' if depth == 0 => {
                pieces.extend(text.get(start..position));
                start = position + 1;
            }
            _ => {}
        }
    }
    pieces.extend(text.get(start..));
    pieces
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_view_is_read_as_it_was_written() {
        let columns =
            [Column::new("day", "date"), Column::new("名前", "array<struct<a:int,b:map<string,decimal(5,2)>>>")];
        let text = text("select 'ü' as \"名前\"", "shop", &columns);
        assert_eq!(sql(&text), "select 'ü' as \"名前\"");
        assert_eq!(sql("select 1"), "select 1");
    }

    #[test]
    fn types_have_athenas_names() {
        assert_eq!(
            presto_type("array<struct<a:int,b:map<string,decimal(5,2)>>>"),
            "array(row(\"a\" integer, \"b\" map(varchar, decimal(5,2))))"
        );
        assert_eq!(presto_type("timestamp"), "timestamp(3)");
        assert_eq!(presto_type("double"), "double");
    }
}
