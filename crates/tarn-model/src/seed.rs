//! `seeds/*.csv`: small tables that live in the project.

use serde::Serialize;

use crate::column_type::{ColumnType, TypedColumns};
use crate::csv::{self, Record};
use crate::name;
use crate::source;
use crate::value;
use crate::yaml::{Reader, Spanned};

/// A seed: a CSV file, its optional contract, and its rows.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[non_exhaustive]
pub struct Seed {
    /// The seed's name; its table's name too.
    pub name: String,
    /// Path of the CSV file, relative to the lake's folder.
    pub file: String,
    /// For people.
    pub description: Option<String>,
    /// Columns described in `seeds/<name>.yaml`.
    pub columns: Option<Vec<SeedColumn>>,
    /// What the file holds.
    #[serde(skip)]
    pub table: SeedTable,
}

/// A described column of a seed.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[non_exhaustive]
pub struct SeedColumn {
    /// Name in the file's header.
    pub name: String,
    /// Type of the values; `None`: inferred.
    #[serde(skip)]
    pub column_type: Option<ColumnType>,
    /// For people.
    pub description: Option<String>,
}

/// Typed columns and rows of text, as parsed from CSV.
#[derive(Debug, Clone, PartialEq, Default)]
#[non_exhaustive]
pub struct SeedTable {
    /// Name and type of each column, in the file's order.
    pub columns: TypedColumns,
    /// One value per column, as written and known to be of the column's type; `None` for an empty field without
    /// quotes (null), `""` for an empty field in quotes.
    pub rows: Vec<Vec<Option<String>>>,
}

pub(crate) const SEED_KEYS: &[&str] = &["description", "columns"];
pub(crate) const SEED_COLUMN_KEYS: &[&str] = &["name", "type", "description"];

/// Values of the wrong type that are told one by one; a column of the wrong type has as many as rows.
const MOST_VALUE_MISTAKES: usize = 20;

/// What `seeds/<name>.yaml` says.
#[derive(Debug, Default)]
pub(crate) struct SeedContract {
    description: Option<String>,
    columns: Option<Vec<Spanned<SeedColumn>>>,
}

/// Reads `seeds/<name>.yaml`.
pub(crate) fn read_contract(reader: &mut Reader) -> SeedContract {
    let Some(root) = reader.parse() else { return SeedContract::default() };
    let Some(fields) = reader.fields(&root, "a seed", SEED_KEYS) else { return SeedContract::default() };
    let description = reader.optional_text(&fields, "description");
    let columns = fields.get("columns").map(|node| {
        let mut columns = Vec::new();
        for item in reader.items(node, "`columns`") {
            let Some(fields) = reader.fields(item, "a column", SEED_COLUMN_KEYS) else { continue };
            let name =
                reader.required(&fields, "name", "a column").and_then(|node| reader.spanned_text(node, "`name`"));
            let column_type = fields.get("type").and_then(|node| source::read_type(reader, node));
            let description = reader.optional_text(&fields, "description");
            let Some(name) = name else { continue };
            columns.push(Spanned { value: SeedColumn { name: name.value, column_type, description }, span: name.span });
        }
        columns
    });
    SeedContract { description, columns }
}

/// Reads `seeds/<name>.csv` by its contract; mistakes of the contract's columns are reported in the contract's file.
pub(crate) fn read(reader: &mut Reader, name: &str, contract: Option<(SeedContract, &mut Reader)>) -> Seed {
    let text = reader.source.text.clone();
    let (mut records, mistakes) = csv::read(&text);
    for mistake in mistakes {
        let diagnostic = reader.source.error("bad-quote", mistake.span, mistake.message).with_hint(mistake.hint);
        reader.report(diagnostic);
    }
    let mut seed = Seed {
        name: name.to_owned(),
        file: reader.source.path.to_string(),
        description: None,
        columns: None,
        table: SeedTable::default(),
    };
    if records.is_empty() {
        if !reader.diagnostics.has_errors() {
            reader.error("bad-header", 0..0, "a seed needs a first line with the names of its columns");
        }
        return seed;
    }
    let header = records.remove(0);
    check_header(reader, &header);
    let rows = even_rows(reader, &header, records);
    let declared = match contract {
        Some((contract, contract_reader)) => {
            check_contract(contract_reader, &contract, &header);
            seed.description = contract.description;
            seed.columns = contract.columns.map(|columns| columns.into_iter().map(|column| column.value).collect());
            seed.columns.clone().unwrap_or_default()
        }
        None => Vec::new(),
    };
    seed.table = typed_table(reader, &header, &rows, &declared);
    seed
}

fn check_header(reader: &mut Reader, header: &Record) {
    for (place, field) in header.fields.iter().enumerate() {
        let name = field.text.as_str();
        if name.is_empty() {
            reader.error("bad-name", field.span.clone(), "a column has no name");
        } else if let Some(problem) = name::problem(name) {
            let mistake = reader
                .source
                .error("bad-name", field.span.clone(), format!("a column cannot be called `{name}`: {problem}"))
                .with_hint_if(name::allowed_form(name).map(|form| format!("`{form}` would be allowed")));
            reader.report(mistake);
        } else if let Some(first) = header.fields[..place].iter().find(|first| first.text == name) {
            let first = reader.place(first.span.clone());
            let mistake = reader
                .source
                .error("duplicate-column", field.span.clone(), format!("the column `{name}` stands twice"))
                .with_related(&first, "first here");
            reader.report(mistake);
        }
    }
}

/// The rows with as many fields as the header; the others are reported.
fn even_rows(reader: &mut Reader, header: &Record, records: Vec<Record>) -> Vec<Record> {
    let wanted = header.fields.len();
    let (even, ragged): (Vec<Record>, Vec<Record>) =
        records.into_iter().partition(|record| record.fields.len() == wanted);
    for record in ragged.iter().take(MOST_VALUE_MISTAKES) {
        let found = record.fields.len();
        let extra = record.fields.get(wanted).map(|field| field.span.start..record.span.end);
        let blank = record.span.is_empty();
        let mistake = reader
            .source
            .error(
                "ragged-row",
                extra.unwrap_or_else(|| record.span.clone()),
                format!("the row has {found} field{}, the header has {wanted}", if found == 1 { "" } else { "s" }),
            )
            .with_hint_if(blank.then(|| "take the empty line away".to_owned()))
            .with_hint_if((found > wanted).then(|| "a field that holds a comma stands in quotes".to_owned()));
        reader.report(mistake);
    }
    even
}

/// Columns of the contract that the file does not have.
fn check_contract(reader: &mut Reader, contract: &SeedContract, header: &Record) {
    let names = || header.fields.iter().map(|field| field.text.as_str());
    let columns = contract.columns.as_deref().unwrap_or_default();
    for (place, column) in columns.iter().enumerate() {
        let name = column.value.name.as_str();
        if !names().any(|existing| existing == name) {
            let mistake = reader
                .source
                .error("unknown-column", column.span.clone(), format!("the seed has no column `{name}`"))
                .with_hint_if(name::suggestion(name, names(), "columns"));
            reader.report(mistake);
        } else if let Some(first) = columns[..place].iter().find(|first| first.value.name == name) {
            let first = reader.place(first.span.clone());
            let mistake = reader
                .source
                .error("duplicate-column", column.span.clone(), format!("the column `{name}` stands twice"))
                .with_related(&first, "first here");
            reader.report(mistake);
        }
    }
}

fn typed_table(reader: &mut Reader, header: &Record, rows: &[Record], declared: &[SeedColumn]) -> SeedTable {
    let mut columns = Vec::with_capacity(header.fields.len());
    for (place, name) in header.fields.iter().enumerate() {
        let declared = declared.iter().find(|column| column.name == name.text).and_then(|column| column.column_type);
        let column_type = declared.unwrap_or_else(|| inferred_type(rows, place));
        columns.push((name.text.clone(), column_type));
    }
    let mut wrong = 0_usize;
    let mut typed = Vec::with_capacity(rows.len());
    for row in rows {
        let mut values = Vec::with_capacity(columns.len());
        for (field, (name, column_type)) in row.fields.iter().zip(&columns) {
            if field.text.is_empty() && !field.quoted {
                values.push(None);
                continue;
            }
            let value = value::normalised(&field.text, *column_type);
            if value.is_none() {
                wrong += 1;
                if wrong <= MOST_VALUE_MISTAKES {
                    let shown =
                        if field.text.is_empty() { "empty text".to_owned() } else { format!("`{}`", field.text) };
                    let message = format!("the column `{name}` is {column_type}: {shown} is no such value");
                    let hint = format!("write {}", value::example(*column_type));
                    let mistake = reader.source.error("bad-value", field.span.clone(), message).with_hint(hint);
                    reader.report(mistake);
                }
            }
            values.push(value);
        }
        typed.push(values);
    }
    if wrong > MOST_VALUE_MISTAKES {
        let more = wrong - MOST_VALUE_MISTAKES;
        reader.error("bad-value", header.span.clone(), format!("{more} more values are of another type than declared"));
    }
    SeedTable { columns, rows: typed }
}

fn inferred_type(rows: &[Record], place: usize) -> ColumnType {
    rows.iter()
        .filter_map(|row| row.fields.get(place))
        .filter(|field| !field.text.is_empty() || field.quoted)
        .map(|field| value::inferred(&field.text))
        .reduce(value::united)
        .unwrap_or(ColumnType::String)
}
