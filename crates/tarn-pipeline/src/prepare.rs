//! The statements that make a version, written as a person would write them: someone will read them in a console at night.
//!
//! Every version is made by `CREATE TABLE … AS` into a fresh folder, whatever the strategy: what differs is which rows the
//! version holds and which parts of the published table it replaces. Nothing is ever inserted into, or deleted from, what
//! readers see.

use tarn_model::Compression;

use crate::names::Key;
use crate::ports::{Attribution, Column, ObjectStore};

/// The highest number of bytes of a statement that Athena takes.
pub const STATEMENT_LIMIT: usize = 262_144;

/// Words that Athena's SQL reserves; a name among them is quoted.
const RESERVED: [&str; 76] = [
    "alter",
    "and",
    "as",
    "between",
    "by",
    "case",
    "cast",
    "constraint",
    "create",
    "cross",
    "cube",
    "current_catalog",
    "current_date",
    "current_path",
    "current_role",
    "current_schema",
    "current_time",
    "current_timestamp",
    "current_user",
    "deallocate",
    "delete",
    "describe",
    "distinct",
    "drop",
    "else",
    "end",
    "escape",
    "except",
    "execute",
    "exists",
    "extract",
    "false",
    "for",
    "from",
    "full",
    "group",
    "grouping",
    "having",
    "in",
    "inner",
    "insert",
    "intersect",
    "into",
    "is",
    "join",
    "json_array",
    "json_exists",
    "json_object",
    "json_query",
    "json_table",
    "json_value",
    "left",
    "like",
    "listagg",
    "localtime",
    "localtimestamp",
    "natural",
    "normalize",
    "not",
    "null",
    "on",
    "or",
    "order",
    "outer",
    "prepare",
    "recursive",
    "right",
    "rollup",
    "select",
    "skip",
    "table",
    "then",
    "trim",
    "true",
    "uescape",
    "union",
];

/// Whether a word must be quoted because the grammar uses it, beyond [`RESERVED`].
fn is_reserved(word: &str) -> bool {
    RESERVED.contains(&word) || matches!(word, "unnest" | "using" | "values" | "when" | "where" | "with")
}

/// A name as it stands in a statement: bare where that is the same, else in double quotes.
pub fn identifier(name: &str) -> String {
    let bare = name.starts_with(|first: char| first.is_ascii_lowercase())
        && name
            .chars()
            .all(|character| character.is_ascii_lowercase() || character.is_ascii_digit() || character == '_')
        && !is_reserved(name);
    if bare { name.to_owned() } else { format!("\"{}\"", name.replace('"', "\"\"")) }
}

/// A text as a literal.
pub fn literal(text: &str) -> String {
    format!("'{}'", text.replace('\'', "''"))
}

/// A statement and where the user's own SQL stands in it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Statement {
    /// The text.
    pub text: String,
    /// How many lines come before the first line of the user's SQL.
    pub lines_before: usize,
}

/// What a `CREATE TABLE … AS` needs to know besides its query.
#[derive(Debug, Clone, Copy)]
pub struct TableProperties<'a> {
    /// The catalogue's name of the new table.
    pub table: &'a str,
    /// The folder, empty so far.
    pub location: &'a Key,
    /// The partition columns, last in the query.
    pub partitioned_by: &'a [String],
    /// How the Parquet files are compressed.
    pub compression: Compression,
}

/// `CREATE TABLE … AS` for a version.
pub fn create_table_as(properties: TableProperties<'_>, query: &str, objects: &dyn ObjectStore) -> Statement {
    let mut lines = vec![
        "  format = 'PARQUET'".to_owned(),
        format!("  write_compression = '{}'", compression(properties.compression)),
        format!("  external_location = {}", literal(&objects.uri(properties.location))),
    ];
    if !properties.partitioned_by.is_empty() {
        let columns: Vec<String> = properties.partitioned_by.iter().map(|column| literal(column)).collect();
        lines.push(format!("  partitioned_by = array[{}]", columns.join(", ")));
    }
    let head = format!("create table {} with (\n{}\n) as\n", identifier(properties.table), lines.join(",\n"));
    Statement { lines_before: head.lines().count(), text: format!("{head}{}\n", query.trim_end()) }
}

/// `CREATE VIEW` for a version of a view.
pub fn create_view(name: &str, query: &str) -> Statement {
    Statement {
        text: format!("create or replace view {} as\n{}\n", identifier(name), query.trim_end()),
        lines_before: 1,
    }
}

fn compression(compression: Compression) -> &'static str {
    match compression {
        Compression::Zstd => "ZSTD",
        Compression::Snappy => "SNAPPY",
    }
}

/// What begins the line that says who asked.
const ATTRIBUTION: &str = "-- tarn: ";

/// The statement with who asked for it, in a last line that is a comment: Athena refuses a comment before the first word, and its
/// history keeps the text whole, so a cost is told by the query alone.
pub fn attributed(statement: &str, attribution: &Attribution) -> String {
    // A line break would end the comment; in JSON there is none.
    let who = serde_json::to_string(attribution).unwrap_or_default();
    format!("{}\n{ATTRIBUTION}{who}", statement.trim_end())
}

/// Who asked for a statement, as [`attributed`] wrote it.
pub fn attribution_of(statement: &str) -> Option<Attribution> {
    let (_, who) = statement.trim_end().rsplit_once(&format!("\n{ATTRIBUTION}"))?;
    serde_json::from_str(who).ok()
}

/// Lines of [`shape`] before the query.
pub const SHAPE_LINES: usize = 4;

/// A table with the columns of a query and no rows: it costs nothing to make.
pub fn shape(table: &str, uri: &str, query: &str) -> String {
    let query = query.trim_end();
    format!(
        "create table {} with (\n  format = 'PARQUET',\n  external_location = {}\n) as\n{query}\nwith no data\n",
        identifier(table),
        literal(uri)
    )
}

/// What a merge needs to know.
#[derive(Debug, Clone, Copy)]
pub struct Merge<'a> {
    /// The table that holds the rows so far.
    pub published: &'a str,
    /// The table that holds the rows to merge.
    pub delta: &'a str,
    /// All columns, in order.
    pub columns: &'a [Column],
    /// The columns that identify a row.
    pub key: &'a [String],
    /// The column whose highest value wins, if the model names one; else the new row wins.
    pub order: Option<&'a str>,
}

/// The rows of a table after a merge.
///
/// Without an order, every row of the delta replaces the row of its key. With an order, the row with the highest value of
/// that column wins, whichever side it comes from: a late record changes nothing.
pub fn merged_rows(merge: Merge<'_>) -> String {
    let columns = |prefix: &str| -> String {
        let names: Vec<String> =
            merge.columns.iter().map(|column| format!("{prefix}{}", identifier(&column.name))).collect();
        names.join(",\n  ")
    };
    let key = |prefix: &str| -> String {
        let names: Vec<String> = merge.key.iter().map(|column| format!("{prefix}{}", identifier(column))).collect();
        names.join(", ")
    };
    let matches: Vec<String> =
        merge.key.iter().map(|column| format!("delta.{0} = published.{0}", identifier(column))).collect();
    match merge.order {
        None => format!(
            "select\n  {all}\nfrom {delta}\nunion all\nselect\n  {published_columns}\nfrom {published} as published\nwhere not exists (\n  select 1\n  from {delta} as delta\n  where {matches}\n)",
            all = columns(""),
            delta = identifier(merge.delta),
            published_columns = columns("published."),
            published = identifier(merge.published),
            matches = matches.join("\n    and "),
        ),
        Some(order) => format!(
            "select\n  {all}\nfrom (\n  select\n    *,\n    row_number() over (\n      partition by {key}\n      order by {order} desc, \"_tarn_side\" desc\n    ) as \"_tarn_rank\"\n  from (\n    select *, 1 as \"_tarn_side\" from {delta}\n    union all\n    select *, 0 as \"_tarn_side\" from {published}\n  ) as both_sides\n) as ranked\nwhere \"_tarn_rank\" = 1",
            all = columns(""),
            key = key(""),
            order = identifier(order),
            delta = identifier(merge.delta),
            published = identifier(merge.published),
        ),
    }
}

/// The keys of a delta that are null or stand twice: a merge cannot place them. Returns the key and how often it stands there.
pub fn unmergeable_keys(delta: &str, key: &[String], order: Option<&str>) -> String {
    let names: Vec<String> = key.iter().map(|column| identifier(column)).collect();
    let nulls: Vec<String> = names.iter().map(|name| format!("{name} is null")).collect();
    // With an order, the highest of several rows wins, but two rows with the same order value leave it open.
    let group = match order {
        Some(order) => format!("{}, {}", names.join(", "), identifier(order)),
        None => names.join(", "),
    };
    format!(
        "select {keys}, count(*) as rows_of_key\nfrom {delta}\ngroup by {group}\nhaving count(*) > 1 or {nulls}\nlimit 5",
        keys = names.join(", "),
        delta = identifier(delta),
        nulls = nulls.join(" or "),
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn who_asked_is_read_back_from_the_statement() {
        let asked = Attribution {
            run: Some("r1".to_owned().try_into().unwrap()),
            model: Some("a\nb -- */ ';".to_owned()),
            purpose: "convert".to_owned(),
            user: Some("名前\r\n-- tarn: {}".to_owned()),
        };
        let statement = attributed("select 1 -- tarn: {}\n", &asked);
        assert_eq!(statement.lines().count(), 2);
        assert_eq!(attribution_of(&statement), Some(asked));
        assert_eq!(attribution_of("select 1"), None);
    }

    #[test]
    fn names_are_quoted_only_where_they_must_be() {
        assert_eq!(identifier("sessions"), "sessions");
        assert_eq!(identifier("order"), "\"order\"");
        assert_eq!(identifier("_seq"), "\"_seq\"");
        assert_eq!(identifier("売上"), "\"売上\"");
        assert_eq!(identifier("a\"b"), "\"a\"\"b\"");
    }

    #[test]
    fn a_merge_with_an_order_lets_the_highest_win() {
        let columns = [Column::new("id", "bigint"), Column::new("updated_at", "timestamp")];
        let sql = merged_rows(Merge {
            published: "customers",
            delta: "customers__r1__delta",
            columns: &columns,
            key: &["id".to_owned()],
            order: Some("updated_at"),
        });
        assert_eq!(
            sql,
            r#"select
  id,
  updated_at
from (
  select
    *,
    row_number() over (
      partition by id
      order by updated_at desc, "_tarn_side" desc
    ) as "_tarn_rank"
  from (
    select *, 1 as "_tarn_side" from customers__r1__delta
    union all
    select *, 0 as "_tarn_side" from customers
  ) as both_sides
) as ranked
where "_tarn_rank" = 1"#
        );
    }
}
