//! `sources/*.yaml`: where records come from, and the contract of their columns.

use std::collections::HashMap;
use std::ops::Range;

use serde::{Serialize, Serializer};

use crate::column_type::{ColumnType, TypedColumns};
use crate::config::{self, FlattenOverrides};
use crate::deployment::{self, DeployedSource};
use crate::diagnostic::Diagnostic;
use crate::name;
use crate::yaml::{Node, NodeValue, Reader, Spanned, values};

/// What kind of thing sends the records.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum SourceKind {
    /// Events, each told once or more: JSON through Firehose.
    Stream,
    /// Changes of a keyed table: a DynamoDB stream.
    Table,
    /// The whole of a table at one time, as Parquet files: an Aurora export.
    Snapshot,
}

/// A source and its contract.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[non_exhaustive]
pub struct Source {
    /// The source's name; its table's name too.
    pub name: String,
    /// What kind of thing sends the records.
    pub kind: SourceKind,
    /// For people.
    pub description: Option<String>,
    /// Columns that identify an item; never empty for a table.
    pub key: Vec<String>,
    /// How the files are laid out, where it is not by the day of arrival.
    pub partitioned_by: Option<PartitionRule>,
    /// The contract; `None`: every column is discovered and is text.
    pub columns: Option<Vec<SourceColumn>>,
    /// What this source changes in the lake's flatten settings.
    pub flatten: FlattenOverrides,
    /// Where the records come from once deployed.
    pub aws: Option<DeployedSource>,
    /// Path of the file, relative to the lake's folder.
    pub file: String,
}

/// Partition column `name` (a date) is the date of the timestamp column `column`, in the lake's time zone.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct PartitionRule {
    /// The partition column.
    pub name: String,
    /// The column of type timestamp or date that it is taken from.
    pub column: String,
}

/// One column of a contract.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[non_exhaustive]
pub struct SourceColumn {
    /// Name in the table.
    pub name: String,
    /// Keys that lead to the value; `None`: the value whose flat name is `name`.
    pub path: Option<Vec<String>>,
    /// Type in the table.
    #[serde(serialize_with = "as_text")]
    pub column_type: ColumnType,
    /// Whether a record without it is refused.
    pub required: bool,
    /// For people.
    pub description: Option<String>,
}

pub(crate) fn as_text<S: Serializer>(column_type: &ColumnType, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.collect_str(column_type)
}

impl Source {
    /// The partition column of the files: the rule's, else `day` (the day of arrival) for streams and tables.
    #[must_use]
    pub fn partition_name(&self) -> Option<&str> {
        match (&self.partitioned_by, self.kind) {
            (Some(rule), _) => Some(&rule.name),
            (None, SourceKind::Stream | SourceKind::Table) => Some("day"),
            (None, SourceKind::Snapshot) => None,
        }
    }

    /// Columns that are added to the contract's: what identifies a record, and what no column wanted.
    #[must_use]
    pub fn added_columns(&self) -> Vec<(&'static str, ColumnType)> {
        match self.kind {
            SourceKind::Stream => vec![("_id", ColumnType::String), ("_extra", ColumnType::Json)],
            SourceKind::Table => vec![
                ("_op", ColumnType::String),
                ("_ttl", ColumnType::Boolean),
                ("_seq", ColumnType::Decimal { precision: 38, scale: 0 }),
                ("_at", ColumnType::Timestamp),
                ("_extra", ColumnType::Json),
            ],
            SourceKind::Snapshot => Vec::new(),
        }
    }

    /// Every column that a query on the source's table sees, the partition column last; `None` without a contract.
    #[must_use]
    pub fn table_columns(&self) -> Option<TypedColumns> {
        let contract = self.columns.as_ref()?.iter().map(|column| (column.name.clone(), column.column_type));
        let added = self.added_columns().into_iter().map(|(name, column_type)| (name.to_owned(), column_type));
        let partition = self.partition_name().map(|name| (name.to_owned(), ColumnType::Date));
        Some(contract.chain(added).chain(partition).collect())
    }

    /// Name of the view of the latest image per key; tables only.
    #[must_use]
    pub fn current_view(&self) -> Option<String> {
        (self.kind == SourceKind::Table).then(|| format!("{}_current", self.name))
    }
}

pub(crate) const SOURCE_KEYS: &[&str] =
    &["name", "kind", "description", "key", "partitioned_by", "flatten", "columns", "aws"];
pub(crate) const COLUMN_KEYS: &[&str] = &["name", "path", "type", "required", "description"];

/// Reads a source's file; `None` when not even its kind is known.
pub(crate) fn read(reader: &mut Reader, stem: &Spanned<String>) -> (Spanned<String>, Option<Source>) {
    let before = reader.diagnostics.len();
    let Some(root) = reader.parse() else {
        if reader.diagnostics.len() == before {
            reader.error("missing-key", 0..0, "a source needs the key `kind`");
        }
        return (stem.clone(), None);
    };
    let Some(fields) = reader.fields(&root, "a source", SOURCE_KEYS) else { return (stem.clone(), None) };
    let name = fields.get("name").and_then(|node| reader.spanned_text(node, "`name`")).unwrap_or_else(|| stem.clone());
    let description = reader.optional_text(&fields, "description");
    let flatten = fields.get("flatten").map(|node| config::read_flatten(reader, node)).unwrap_or_default();
    let choices = [("stream", SourceKind::Stream), ("table", SourceKind::Table), ("snapshot", SourceKind::Snapshot)];
    let kind_node = reader.required(&fields, "kind", "a source");
    let kind = kind_node.and_then(|node| reader.one_of(node, "`kind`", &choices));
    let contract = fields.get("columns").map(|node| read_columns(reader, node));
    let rule = fields.get("partitioned_by").and_then(|node| read_partition_rule(reader, node));
    let key = fields.get("key").map(|node| reader.texts(node, "`key`")).unwrap_or_default();
    let Some(kind) = kind else { return (name, None) };
    if let (Some(node), SourceKind::Table, true) = (kind_node, kind, key.is_empty()) {
        let mistake = reader
            .source
            .error("missing-key", node.span.clone(), "a table source needs the key `key`")
            .with_hint("name the columns that identify an item: `key: [order_id]`");
        reader.report(mistake);
    }
    let source = Source {
        name: name.value.clone(),
        kind,
        description,
        key: values(key.clone()),
        partitioned_by: rule
            .as_ref()
            .map(|(name, column)| PartitionRule { name: name.value.clone(), column: column.value.clone() }),
        columns: contract.as_ref().map(|columns| columns.iter().map(|column| column.value.clone()).collect()),
        flatten,
        aws: fields.get("aws").and_then(|node| deployment::read_source(reader, node, kind)),
        file: reader.source.path.to_string(),
    };
    if let Some(contract) = &contract {
        check_columns(reader, &source, contract);
        check_mentioned(reader, &source, contract, &key, rule.as_ref());
    }
    (name, Some(source))
}

fn read_columns(reader: &mut Reader, node: &Node) -> Vec<Spanned<SourceColumn>> {
    let mut columns = Vec::new();
    for item in reader.items(node, "`columns`") {
        let Some(fields) = reader.fields(item, "a column", COLUMN_KEYS) else { continue };
        let name = reader.required(&fields, "name", "a column").and_then(|node| reader.spanned_text(node, "`name`"));
        let column_type = reader.required(&fields, "type", "a column").and_then(|node| read_type(reader, node));
        let path = fields.get("path").map(|node| read_path(reader, node));
        let required = fields.get("required").and_then(|node| reader.boolean(node, "`required`")).unwrap_or(false);
        let description = reader.optional_text(&fields, "description");
        let Some(name) = name else { continue };
        let column = SourceColumn {
            name: name.value,
            path,
            // An unknown type is reported; the column stays, or every mention of it would be a second mistake.
            column_type: column_type.unwrap_or(ColumnType::String),
            required,
            description,
        };
        columns.push(Spanned { value: column, span: name.span });
    }
    columns
}

/// Reads a column's type; the message lists the types when none is near.
pub(crate) fn read_type(reader: &mut Reader, node: &Node) -> Option<ColumnType> {
    let text = reader.text(node, "`type`")?;
    match text.parse::<ColumnType>() {
        Ok(column_type) => Some(column_type),
        Err(_) => {
            let word = text.split('(').next().unwrap_or_default().trim().to_lowercase();
            let hint = match word.as_str() {
                "decimal" | "numeric" => Some("write `decimal(p,s)`, p from 1 to 38 and s from 0 to p".to_owned()),
                _ => name::nearest(&word, TYPE_NAMES.iter().copied())
                    .map(|name| format!("did you mean `{name}`?"))
                    .or_else(|| Some(format!("types: {}", name::backticked(TYPE_NAMES)))),
            };
            let mistake = reader
                .source
                .error("unknown-type", node.span.clone(), format!("there is no type `{text}`"))
                .with_hint_if(hint);
            reader.report(mistake);
            None
        }
    }
}

pub(crate) const TYPE_NAMES: &[&str] = &[
    "boolean",
    "tinyint",
    "smallint",
    "int",
    "bigint",
    "float",
    "double",
    "decimal(p,s)",
    "string",
    "json",
    "date",
    "timestamp",
    "binary",
];

fn read_path(reader: &mut Reader, node: &Node) -> Vec<String> {
    match &node.value {
        NodeValue::Sequence(items) => items.iter().filter_map(|item| reader.text(item, "a key of a path")).collect(),
        _ => reader.text(node, "`path`").map(|path| path.split('.').map(str::to_owned).collect()).unwrap_or_default(),
    }
}

fn read_partition_rule(reader: &mut Reader, node: &Node) -> Option<(Spanned<String>, Spanned<String>)> {
    let mut rules = reader.named(node, "`partitioned_by`");
    if rules.len() > 1 {
        reader.error("bad-partition", node.span.clone(), "a source has one partition column");
    }
    if rules.is_empty() {
        return None;
    }
    let (name, column) = rules.swap_remove(0);
    if let Some(problem) = name::problem(&name.value) {
        reader.error("bad-name", name.span, format!("a column cannot be called `{}`: {problem}", name.value));
        return None;
    }
    let column = reader.spanned_text(column, "the column of a partition")?;
    Some((name, column))
}

/// Names of columns: allowed, each once, none that is added.
fn check_columns(reader: &mut Reader, source: &Source, contract: &[Spanned<SourceColumn>]) {
    let added = source.added_columns();
    let mut seen: HashMap<&str, Range<usize>> = HashMap::new();
    for column in contract {
        let name = column.value.name.as_str();
        if let Some(problem) = name::problem(name) {
            let mistake = reader
                .source
                .error("bad-name", column.span.clone(), format!("a column cannot be called `{name}`: {problem}"))
                .with_hint_if(name::allowed_form(name).map(|form| format!("call it `{form}` and give its `path`")));
            reader.report(mistake);
        } else if added.iter().any(|(added, _)| *added == name) {
            let message = format!("`{name}` is a column that every {} has anyway", kind_word(source.kind));
            reader.error("duplicate-column", column.span.clone(), message);
        } else if source.partition_name() == Some(name) {
            reader.error("duplicate-column", column.span.clone(), format!("`{name}` is the partition column"));
        } else if let Some(first) = seen.get(name) {
            let first = reader.place(first.clone());
            let mistake = reader
                .source
                .error("duplicate-column", column.span.clone(), format!("the column `{name}` stands twice"))
                .with_related(&first, "first here");
            reader.report(mistake);
        }
        seen.entry(name).or_insert_with(|| column.span.clone());
        if column.value.path.as_ref().is_some_and(|path| path.is_empty() || path.iter().any(String::is_empty)) {
            reader.error("bad-value", column.span.clone(), format!("the `path` of `{name}` has an empty key"));
        }
    }
}

fn kind_word(kind: SourceKind) -> &'static str {
    match kind {
        SourceKind::Stream => "stream",
        SourceKind::Table => "table",
        SourceKind::Snapshot => "snapshot",
    }
}

/// Columns named by `key` and `partitioned_by` are there, and of a type that serves; a partition may be taken from an
/// added column too.
fn check_mentioned(
    reader: &mut Reader,
    source: &Source,
    contract: &[Spanned<SourceColumn>],
    key: &[Spanned<String>],
    rule: Option<&(Spanned<String>, Spanned<String>)>,
) {
    let contract = || contract.iter().map(|column| (column.value.name.as_str(), column.value.column_type));
    for mentioned in key {
        if !contract().any(|(name, _)| name == mentioned.value) {
            reader.report(unknown_column(reader, mentioned, contract().map(|(name, _)| name)));
        }
    }
    let Some((_, rule)) = rule else { return };
    let added = source.added_columns();
    let all = || contract().chain(added.iter().copied());
    match all().find(|(name, _)| *name == rule.value) {
        None => reader.report(unknown_column(reader, rule, all().map(|(name, _)| name))),
        Some((_, ColumnType::Timestamp | ColumnType::Date)) => {}
        Some((name, column_type)) => {
            let message = format!("a partition is taken from a timestamp or a date, `{name}` is {column_type}");
            reader.error("bad-partition", rule.span.clone(), message);
        }
    }
}

fn unknown_column<'a>(
    reader: &Reader,
    mentioned: &Spanned<String>,
    columns: impl Iterator<Item = &'a str>,
) -> Diagnostic {
    reader
        .source
        .error("unknown-column", mentioned.span.clone(), format!("there is no column `{}`", mentioned.value))
        .with_hint_if(name::suggestion(&mentioned.value, columns, "columns"))
}
