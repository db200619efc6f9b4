//! `tests/*.yaml`: given rows in, expected rows out, as one statement that any engine can run.


use chrono::{DateTime, Utc};
use indexmap::{IndexMap, IndexSet};
use serde::Serialize;

use crate::column_type::ColumnType;
use crate::compile::{CompileContext, Relation, RelationKind, RelationNames};
use crate::config::LakeConfig;
use crate::diagnostic::{Diagnostics, Place};
use crate::lake::Lake;
use crate::name;
use crate::names::Names;
use crate::sql_text::{identifier, typed};
use crate::template::THIS;
use crate::value;
use crate::variable;
use crate::yaml::{Node, NodeValue, Reader, Spanned, values};

/// A unit test of a model.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[non_exhaustive]
pub struct UnitTest {
    /// The test's name, unique in the lake.
    pub name: String,
    /// The model it tests.
    pub model: String,
    /// Variables of the test.
    pub vars: IndexMap<String, String>,
    /// Rows by relation, as the model names it; `this` makes the test run as an incremental run on those rows.
    pub given: IndexMap<String, Vec<Row>>,
    /// What the model must yield.
    pub expect: Expectation,
    /// Path of the file, relative to the lake's folder.
    pub file: String,
    #[serde(skip)]
    pub(crate) places: UnitTestPlaces,
}

/// Where the parts of a test were written.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct UnitTestPlaces {
    pub(crate) name: Place,
    pub(crate) model: Place,
    /// The name of each given relation.
    pub(crate) given: IndexMap<String, Place>,
    /// The key of each given value: relation, row, column.
    pub(crate) values: Vec<(String, usize, String, Place)>,
}

/// Values by column, in the order written.
pub type Row = IndexMap<String, RowValue>;

/// A value as it was written.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum RowValue {
    /// Nothing, `~` or `null`.
    Null,
    /// A plain value: a number, `true`, a date, or text that needs no quotes.
    Plain(String),
    /// Text in quotes: never anything but text, unless the column's type says so.
    Text(String),
    /// A list or mapping, as JSON text.
    Json(String),
}

impl RowValue {
    /// The text, if it is not null.
    #[must_use]
    pub fn text(&self) -> Option<&str> {
        match self {
            RowValue::Null => None,
            RowValue::Plain(text) | RowValue::Text(text) | RowValue::Json(text) => Some(text),
        }
    }

    /// The type that it has where no contract tells.
    #[must_use]
    pub fn inferred_type(&self) -> Option<ColumnType> {
        match self {
            RowValue::Null => None,
            RowValue::Plain(text) => Some(value::inferred(text)),
            RowValue::Text(_) => Some(ColumnType::String),
            RowValue::Json(_) => Some(ColumnType::Json),
        }
    }
}

/// What a model must yield.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize)]
#[non_exhaustive]
pub struct Expectation {
    /// Columns that are compared; `None`: all that the model yields.
    pub columns: Option<Vec<String>>,
    /// The rows; a column that a row does not name is null.
    pub rows: Vec<Row>,
    /// Whether the order of the rows matters.
    pub ordered: bool,
}

impl Expectation {
    /// The columns to compare when they are not all: those written, in the order written or first named by a row.
    #[must_use]
    pub fn named_columns(&self) -> Vec<&str> {
        match &self.columns {
            Some(columns) => columns.iter().map(String::as_str).collect(),
            None => columns_of(&self.rows),
        }
    }
}

fn columns_of(rows: &[Row]) -> Vec<&str> {
    let names: IndexSet<&str> = rows.iter().flat_map(|row| row.keys().map(String::as_str)).collect();
    names.into_iter().collect()
}

pub(crate) const UNIT_TEST_KEYS: &[&str] = &["name", "model", "vars", "given", "expect"];
pub(crate) const EXPECT_KEYS: &[&str] = &["columns", "rows", "ordered"];

/// Reads a file of unit tests: a list.
pub(crate) fn read(reader: &mut Reader, config: &LakeConfig) -> Vec<UnitTest> {
    let Some(root) = reader.parse() else { return Vec::new() };
    let items = reader.items(&root, "a file of unit tests");
    items.iter().filter_map(|item| read_test(reader, item, config)).collect()
}

fn read_test(reader: &mut Reader, node: &Node, config: &LakeConfig) -> Option<UnitTest> {
    let fields = reader.fields(node, "a unit test", UNIT_TEST_KEYS)?;
    let name = reader.required(&fields, "name", "a unit test").and_then(|node| reader.spanned_text(node, "`name`"));
    let model = reader.required(&fields, "model", "a unit test").and_then(|node| reader.spanned_text(node, "`model`"));
    let vars = fields.get("vars").map(|node| variable::read_values(reader, node, &config.vars)).unwrap_or_default();
    let mut given = IndexMap::new();
    let mut given_places = IndexMap::new();
    let mut value_places = Vec::new();
    let given_node = fields.get("given");
    for (relation, node) in given_node.map(|node| reader.named(node, "`given`")).unwrap_or_default() {
        let mut places = Vec::new();
        let rows = if node.is_null() { Vec::new() } else { read_rows(reader, node, &mut places) };
        value_places.extend(places.into_iter().map(|(row, column)| {
            (relation.value.clone(), row, column.value, reader.place(column.span))
        }));
        given_places.insert(relation.value.clone(), reader.place(relation.span));
        given.insert(relation.value, rows);
    }
    let expect = reader.required(&fields, "expect", "a unit test").and_then(|node| read_expectation(reader, node));
    let (name, model) = (name?, model?);
    Some(UnitTest {
        name: name.value,
        model: model.value,
        vars,
        given,
        expect: expect?,
        file: reader.source.path.to_string(),
        places: UnitTestPlaces {
            name: reader.place(name.span),
            model: reader.place(model.span),
            given: given_places,
            values: value_places,
        },
    })
}

fn read_expectation(reader: &mut Reader, node: &Node) -> Option<Expectation> {
    let fields = reader.fields(node, "`expect`", EXPECT_KEYS)?;
    let columns = fields.get("columns").map(|node| reader.texts(node, "`columns`"));
    let mut places = Vec::new();
    let rows = reader.required(&fields, "rows", "`expect`").map(|node| read_rows(reader, node, &mut places));
    let ordered = fields.get("ordered").and_then(|node| reader.boolean(node, "`ordered`")).unwrap_or(false);
    if let Some(columns) = &columns {
        for (_, column) in &places {
            if !columns.iter().any(|known| known.value == column.value) {
                let names = columns.iter().map(|column| column.value.as_str());
                let message = format!("`{}` is not among the `columns` that are compared", column.value);
                let hint = name::suggestion(&column.value, names, "columns");
                let mistake = reader.source.error("unknown-column", column.span.clone(), message).with_hint_if(hint);
                reader.report(mistake);
            }
        }
    }
    Some(Expectation { columns: columns.map(values), rows: rows?, ordered })
}

fn read_rows(reader: &mut Reader, node: &Node, places: &mut Vec<(usize, Spanned<String>)>) -> Vec<Row> {
    let mut rows = Vec::new();
    for (place, item) in reader.items(node, "the rows").iter().enumerate() {
        let mut row = Row::new();
        for (column, node) in reader.named(item, "a row") {
            row.insert(column.value.clone(), row_value(node));
            places.push((place, column));
        }
        rows.push(row);
    }
    rows
}

fn row_value(node: &Node) -> RowValue {
    match &node.value {
        _ if node.is_null() => RowValue::Null,
        NodeValue::Scalar { text, plain: true } => RowValue::Plain(text.clone()),
        NodeValue::Scalar { text, plain: false } => RowValue::Text(text.clone()),
        NodeValue::Sequence(_) | NodeValue::Mapping(_) => RowValue::Json(json(node)),
    }
}

/// JSON text of a node: plain numbers, booleans and null are what they look like, all else is text.
fn json(node: &Node) -> String {
    let quoted = |text: &str| serde_json::Value::from(text).to_string();
    match &node.value {
        _ if node.is_null() => "null".to_owned(),
        NodeValue::Scalar { text, plain: true }
            if matches!(text.as_str(), "true" | "false") || serde_json::from_str::<serde_json::Number>(text).is_ok() =>
        {
            text.clone()
        }
        NodeValue::Scalar { text, .. } => quoted(text),
        NodeValue::Sequence(items) => format!("[{}]", items.iter().map(json).collect::<Vec<_>>().join(",")),
        NodeValue::Mapping(entries) => {
            let entries = entries.iter().map(|(key, value)| {
                let key = key.scalar().map_or_else(|| "null".to_owned(), str::to_owned);
                format!("{}:{}", quoted(&key), json(value))
            });
            format!("{{{}}}", entries.collect::<Vec<_>>().join(","))
        }
    }
}

/// The statement of a unit test: the model's SQL with every given relation replaced by typed values.
///
/// `column_types` tells the columns of models (by name) where the caller knows them; sources and seeds have their
/// contracts, and what is left is inferred from the rows. `logical_time` is what `today` means. A given value of the
/// wrong type is an error at its place.
pub fn unit_test_sql(
    lake: &Lake,
    test: &UnitTest,
    logical_time: DateTime<Utc>,
    column_types: &dyn Fn(&str) -> Option<Vec<(String, ColumnType)>>,
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

/// Columns by contract.
pub(crate) fn known_columns(lake: &Lake, relation: &str) -> Option<Vec<(String, ColumnType)>> {
    if let Some(seed) = lake.seeds.get(relation) {
        return Some(seed.table.columns.clone());
    }
    lake.source_of(relation)?.table_columns()
}

fn given_table(
    lake: &Lake,
    test: &UnitTest,
    relation: &str,
    columns: Option<Vec<(String, ColumnType)>>,
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

impl UnitTest {
    /// What is wrong with the test, given the lake.
    pub(crate) fn mistakes(&self, lake: &Lake, names: &Names) -> Diagnostics {
        let mut diagnostics = Diagnostics::new();
        let Some(model) = lake.models.get(&self.model) else {
            // A model that could not be read was reported; the test is not to blame.
            if !names.models.contains(&self.model) {
                let hint = name::suggestion(&self.model, names.models.iter().map(String::as_str), "models");
                let mistake = self.places.model.error("unknown-model", format!("there is no model `{}`", self.model));
                diagnostics.push(mistake.with_hint_if(hint));
            }
            return diagnostics;
        };
        let read: IndexSet<String> = model
            .depends_on
            .iter()
            .filter(|dependency| !dependency.audits_only)
            .map(|dependency| lake.relation_name(dependency))
            .collect();
        for (relation, place) in &self.places.given {
            if relation == THIS && !model.is_incremental() {
                diagnostics.push(place.error("bad-this", format!("`{}` is not incremental: it has no `this`", self.model)));
            } else if relation != THIS && !read.contains(relation) {
                let message = format!("the model `{}` does not read `{relation}`", self.model);
                let hint = name::suggestion(relation, read.iter().map(String::as_str), "relations it reads");
                diagnostics.push(place.error("unknown-relation", message).with_hint_if(hint));
            }
        }
        for relation in read.iter().filter(|relation| !self.given.contains_key(*relation)) {
            if lake.seeds.contains_key(relation) {
                continue;
            }
            let message = format!("the test gives no rows of `{relation}`, which the model reads");
            let hint = format!("write `{relation}: []` under `given` if there shall be none");
            diagnostics.push(self.places.name.error("missing-given", message).with_hint(hint));
        }
        for (relation, number, column, _) in &self.places.values {
            let Some(columns) = known_columns(lake, relation) else { continue };
            let value = self.given.get(relation).and_then(|rows| rows.get(*number)?.get(column)?.text());
            match columns.iter().find(|(name, _)| name == column) {
                None => diagnostics.push(self.unknown_column(relation, *number, column, &columns)),
                Some((_, column_type)) => {
                    if let Some(text) = value.filter(|text| value::normalised(text, *column_type).is_none()) {
                        diagnostics.push(self.wrong_value(relation, *number, column, *column_type, text));
                    }
                }
            }
        }
        diagnostics
    }

    fn value_place(&self, relation: &str, row: usize, column: &str) -> &Place {
        self.places
            .values
            .iter()
            .find(|(of, at, name, _)| of == relation && *at == row && name == column)
            .map_or(&self.places.name, |(.., place)| place)
    }

    pub(crate) fn wrong_value(
        &self,
        relation: &str,
        row: usize,
        column: &str,
        column_type: ColumnType,
        text: &str,
    ) -> crate::diagnostic::Diagnostic {
        self.value_place(relation, row, column)
            .error("bad-value", format!("the column `{column}` is {column_type}: `{text}` is no such value"))
            .with_hint(format!("write {}", value::example(column_type)))
    }

    pub(crate) fn unknown_column(
        &self,
        relation: &str,
        row: usize,
        column: &str,
        columns: &[(String, ColumnType)],
    ) -> crate::diagnostic::Diagnostic {
        let names = columns.iter().map(|(name, _)| name.as_str());
        self.value_place(relation, row, column)
            .error("unknown-column", format!("`{relation}` has no column `{column}`"))
            .with_hint_if(name::suggestion(column, names, "columns"))
    }
}

/// Columns and types from the rows alone.
fn inferred_columns(rows: &[Row]) -> Vec<(String, ColumnType)> {
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
    format!(
        "select *\nfrom (\n    values\n        {}\n) as given ({})",
        rows.join(",\n        "),
        names.join(", ")
    )
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
    "where", "join", "inner", "left", "right", "full", "cross", "natural", "on", "using", "group", "order", "having",
    "limit", "offset", "fetch", "union", "intersect", "except", "window", "tablesample", "for", "match_recognize",
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
