//! A unit test as one statement: the model's SQL over typed values in place of the relations it reads.
//!
//! Every given relation becomes a common table expression under a name of its own (`_given_…`), so that it never meets
//! a `with` of the model's; an alias gives it its usual name back where the model relies on it.

use chrono::{DateTime, Utc};
use indexmap::IndexSet;

use super::{Row, RowValue, UnitTest, columns_of, known_columns};
use crate::column_type::{ColumnType, TypedColumns};
use crate::compile::{CompileContext, Relation, RelationKind, RelationNames};
use crate::diagnostic::Diagnostics;
use crate::lake::Lake;
use crate::sql_text::{identifier, skip_blank, typed};
use crate::template::THIS;
use crate::value;

/// The statement of a unit test: the model's SQL with every given relation replaced by typed values.
///
/// `column_types` tells the columns of models (by name) where the caller knows them; sources and seeds have their
/// contracts, and what is left is inferred from the rows. `logical_time` is what `today` means. A given value of the
/// wrong type is an error at its place.
pub fn unit_test_sql(
    lake: &Lake,
    test: &UnitTest,
    logical_time: DateTime<Utc>,
    column_types: &dyn Fn(&str) -> Option<TypedColumns>,
) -> Result<String, Diagnostics> {
    let context = CompileContext {
        vars: test.vars.clone(),
        incremental: test.given.contains_key(THIS),
        relations: &GivenNames,
        logical_time,
    };
    let compiled = lake.compile(&test.model, &context)?;
    let mut diagnostics = Diagnostics::new();
    let mut body = compiled.sql;
    let mut tables = Vec::new();
    for relation in given_relations(lake, test) {
        let marker = given_name(&relation);
        if !body.contains(&marker) {
            continue;
        }
        body = with_aliases(&body, &marker, &relation);
        let columns = known_columns(lake, &relation).or_else(|| {
            let of = if relation == THIS { &test.model } else { &relation };
            column_types(of)
        });
        match given_table(lake, test, &relation, columns) {
            Ok(table) => tables.push(format!("{marker} as (\n{}\n)", indented(&table))),
            Err(mistakes) => diagnostics.extend(mistakes),
        }
    }
    if diagnostics.has_errors() {
        return Err(diagnostics.sorted());
    }
    Ok(with_tables(&tables, &body))
}

/// Given relations under names of their own, so that they never meet a `with` of the model's.
struct GivenNames;

impl RelationNames for GivenNames {
    fn relation(&self, relation: Relation<'_>) -> String {
        given_name(if relation.kind == RelationKind::This { THIS } else { relation.name })
    }
}

fn given_name(relation: &str) -> String {
    identifier(&format!("_given_{relation}"))
}

/// What the statement needs: what is given, and seeds, which bring their own rows.
fn given_relations(lake: &Lake, test: &UnitTest) -> Vec<String> {
    let mut relations: IndexSet<String> = test.given.keys().cloned().collect();
    if let Some(model) = lake.models.get(&test.model) {
        relations.extend(model.depends_on.iter().map(|dependency| lake.relation_name(dependency)));
    }
    relations.into_iter().collect()
}

fn given_table(
    lake: &Lake,
    test: &UnitTest,
    relation: &str,
    columns: Option<TypedColumns>,
) -> Result<String, Diagnostics> {
    if let (None, Some(seed)) = (test.given.get(relation), lake.seeds.get(relation)) {
        return Ok(values_sql(&seed.table.columns, &seed.table.rows));
    }
    let rows = test.given.get(relation).map_or(&[][..], Vec::as_slice);
    let columns = columns.unwrap_or_else(|| inferred_columns(rows));
    if columns.is_empty() {
        let place = test.places.given.get(relation).unwrap_or(&test.places.name);
        return Err(place
            .error("unknown-columns", format!("the columns of `{relation}` are not known"))
            .with_hint("give it at least one row with all columns that the model reads")
            .into());
    }
    let mut diagnostics = Diagnostics::new();
    let mut table = Vec::with_capacity(rows.len());
    for (number, row) in rows.iter().enumerate() {
        let mut values = Vec::with_capacity(columns.len());
        for (name, column_type) in &columns {
            let text = row.get(name).and_then(RowValue::text);
            let value = text.map(|text| value::normalised(text, *column_type));
            if let (Some(text), Some(None)) = (text, &value) {
                diagnostics.push(test.wrong_value(relation, number, name, *column_type, text));
            }
            values.push(value.flatten());
        }
        for name in row.keys().filter(|name| !columns.iter().any(|(known, _)| known == *name)) {
            diagnostics.push(test.unknown_column(relation, number, name, &columns));
        }
        table.push(values);
    }
    if diagnostics.has_errors() { Err(diagnostics) } else { Ok(values_sql(&columns, &table)) }
}

/// Columns and types from the rows alone.
fn inferred_columns(rows: &[Row]) -> TypedColumns {
    columns_of(rows)
        .into_iter()
        .map(|name| {
            let column_type = rows
                .iter()
                .filter_map(|row| row.get(name)?.inferred_type())
                .reduce(value::united)
                .unwrap_or(ColumnType::String);
            (name.to_owned(), column_type)
        })
        .collect()
}

/// A query that yields these rows with these types.
fn values_sql(columns: &[(String, ColumnType)], rows: &[Vec<Option<String>>]) -> String {
    if rows.is_empty() {
        let nulls: Vec<String> = columns
            .iter()
            .map(|(name, column_type)| format!("{} as {}", typed(None, *column_type), identifier(name)))
            .collect();
        return format!("select\n    {}\nwhere false", nulls.join(",\n    "));
    }
    let rows: Vec<String> = rows
        .iter()
        .map(|row| {
            let values: Vec<String> = row
                .iter()
                .zip(columns)
                .map(|(value, (_, column_type))| typed(value.as_deref(), *column_type))
                .collect();
            format!("({})", values.join(", "))
        })
        .collect();
    let names: Vec<String> = columns.iter().map(|(name, _)| identifier(name)).collect();
    format!("select *\nfrom (\n    values\n        {}\n) as given ({})", rows.join(",\n        "), names.join(", "))
}

fn indented(text: &str) -> String {
    // A line break inside a value must stay what it is, so text that holds one is left where it stands.
    if text.lines().any(|line| line.matches('\'').count() % 2 == 1) {
        return text.to_owned();
    }
    text.lines().map(|line| format!("    {line}")).collect::<Vec<_>>().join("\n")
}

/// Words that may follow a relation in `from` and are no alias.
const AFTER_RELATION: &[&str] = &[
    "where",
    "join",
    "inner",
    "left",
    "right",
    "full",
    "cross",
    "natural",
    "on",
    "using",
    "group",
    "order",
    "having",
    "limit",
    "offset",
    "fetch",
    "union",
    "intersect",
    "except",
    "window",
    "tablesample",
    "for",
    "match_recognize",
];

/// Gives the relation its own name as an alias wherever the model gives none, so that `sessions.user_id` still works.
fn with_aliases(sql: &str, marker: &str, relation: &str) -> String {
    let alias = if relation == THIS { None } else { Some(identifier(relation)) };
    let Some(alias) = alias else { return sql.to_owned() };
    let mut text = String::with_capacity(sql.len());
    let mut pieces = sql.split(marker);
    text.push_str(pieces.next().unwrap_or_default());
    for piece in pieces {
        if piece.starts_with('.') {
            text.push_str(&alias);
        } else {
            text.push_str(marker);
            if !begins_with_alias(piece) {
                text.push_str(" as ");
                text.push_str(&alias);
            }
        }
        text.push_str(piece);
    }
    text
}

fn begins_with_alias(after: &str) -> bool {
    let after = skip_blank(after);
    if after.starts_with('"') {
        return true;
    }
    let length = after.find(|character: char| !character.is_alphanumeric() && character != '_').unwrap_or(after.len());
    let word = after[..length].to_lowercase();
    !word.is_empty() && !AFTER_RELATION.contains(&word.as_str())
}

/// Puts the given tables before the model's SQL, into its own `with` if it begins with one.
fn with_tables(tables: &[String], body: &str) -> String {
    if tables.is_empty() {
        return body.to_owned();
    }
    let tables = tables.join(",\n");
    let start = skip_blank(body);
    let keyword = |text: &str, word: &str| {
        text.get(..word.len()).is_some_and(|begin| begin.eq_ignore_ascii_case(word))
            && text[word.len()..].starts_with(|next: char| next.is_whitespace() || matches!(next, '"' | '-' | '/'))
    };
    if !keyword(start, "with") {
        return format!("with {tables}\n{body}");
    }
    let rest = skip_blank(&start["with".len()..]);
    if keyword(rest, "recursive") {
        return format!("with recursive {tables},\n{}", skip_blank(&rest["recursive".len()..]));
    }
    format!("with {tables},\n{rest}")
}
