//! `tests/*.yaml`: given rows in, expected rows out; [`statement`] makes one statement of a test.

use std::ops::Range;

use indexmap::{IndexMap, IndexSet};
use serde::Serialize;

use crate::column_type::{ColumnType, TypedColumns};
use crate::config::LakeConfig;
use crate::diagnostic::{Diagnostic, Diagnostics, Place};
use crate::lake::Lake;
use crate::name;
use crate::names::Names;
use crate::template::THIS;
use crate::value;
use crate::variable;
use crate::yaml::{Node, NodeValue, Reader, Spanned, values};

pub(crate) mod statement;

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
    pub(crate) values: Vec<ValuePlace>,
}

/// Where one given value was written.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct ValuePlace {
    relation: String,
    row: usize,
    column: String,
    key: Place,
    value: Place,
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

pub(crate) fn columns_of(rows: &[Row]) -> Vec<&str> {
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
    let vars = fields.get("vars").map(|node| variable::read_values(reader, node, &config.vars, config.is_unreadable));
    let vars = vars.unwrap_or_default();
    let mut given = IndexMap::new();
    let mut given_places = IndexMap::new();
    let mut value_places = Vec::new();
    let given_node = fields.get("given");
    for (relation, node) in given_node.map(|node| reader.named(node, "`given`")).unwrap_or_default() {
        let mut places = Vec::new();
        let rows = if node.is_null() { Vec::new() } else { read_rows(reader, node, &mut places) };
        value_places.extend(places.into_iter().map(|(row, column, value)| ValuePlace {
            relation: relation.value.clone(),
            row,
            column: column.value,
            key: reader.place(column.span),
            value: reader.place(value),
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
        for (_, column, _) in &places {
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

/// Reads rows; `places` takes the row, the column and the place of every value.
fn read_rows(reader: &mut Reader, node: &Node, places: &mut Vec<(usize, Spanned<String>, Range<usize>)>) -> Vec<Row> {
    let mut rows = Vec::new();
    for (place, item) in reader.items(node, "the rows").iter().enumerate() {
        let mut row = Row::new();
        for (column, node) in reader.named(item, "a row") {
            row.insert(column.value.clone(), row_value(node));
            places.push((place, column, node.span.clone()));
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
            if matches!(text.as_str(), "true" | "false")
                || serde_json::from_str::<serde_json::Number>(text).is_ok() =>
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

/// Columns by contract.
pub(crate) fn known_columns(lake: &Lake, relation: &str) -> Option<TypedColumns> {
    if let Some(seed) = lake.seeds.get(relation) {
        return Some(seed.table.columns.clone());
    }
    lake.source_of(relation)?.table_columns()
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
            if relation == THIS && !model.is_incremental() && !model.has_broken_header {
                diagnostics
                    .push(place.error("bad-this", format!("`{}` is not incremental: it has no `this`", self.model)));
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
        for ValuePlace { relation, row, column, .. } in &self.places.values {
            let Some(columns) = known_columns(lake, relation) else { continue };
            let value = self.given.get(relation).and_then(|rows| rows.get(*row)?.get(column)?.text());
            match columns.iter().find(|(name, _)| name == column) {
                None => diagnostics.push(self.unknown_column(relation, *row, column, &columns)),
                Some((_, column_type)) => {
                    if let Some(text) = value.filter(|text| value::normalised(text, *column_type).is_none()) {
                        diagnostics.push(self.wrong_value(relation, *row, column, *column_type, text));
                    }
                }
            }
        }
        diagnostics
    }

    fn value_place(&self, relation: &str, row: usize, column: &str) -> Option<&ValuePlace> {
        let is_wanted = |place: &&ValuePlace| place.relation == relation && place.row == row && place.column == column;
        self.places.values.iter().find(is_wanted)
    }

    pub(crate) fn wrong_value(
        &self,
        relation: &str,
        row: usize,
        column: &str,
        column_type: ColumnType,
        text: &str,
    ) -> Diagnostic {
        let place = self.value_place(relation, row, column).map_or(&self.places.name, |place| &place.value);
        place
            .error("bad-value", format!("the column `{column}` is {column_type}: `{text}` is no such value"))
            .with_hint(format!("write {}", value::example(column_type)))
    }

    pub(crate) fn unknown_column(
        &self,
        relation: &str,
        row: usize,
        column: &str,
        columns: &[(String, ColumnType)],
    ) -> Diagnostic {
        let names = columns.iter().map(|(name, _)| name.as_str());
        let place = self.value_place(relation, row, column).map_or(&self.places.name, |place| &place.key);
        place
            .error("unknown-column", format!("`{relation}` has no column `{column}`"))
            .with_hint_if(name::suggestion(column, names, "columns"))
    }
}
