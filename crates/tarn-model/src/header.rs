//! The header of a model: the block comment at the top of the file, which is YAML, and where the SQL begins.

use std::ops::Range;

use crate::audit::{self, Audit};
use crate::config::{LakeConfig, read_bytes};
use crate::model::{
    Compression, Format, GoneRows, MartMode, MartTarget, Materialization, MergeOrder, OnEmpty, SchemaChange, Strategy,
    TableType,
};
use crate::name;
use crate::storage::{self, Storage};
use crate::yaml::{Fields, Node, NodeValue, Reader, values};

/// What a header says; all defaults where there is none.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Header {
    pub(crate) description: Option<String>,
    pub(crate) materialization: Materialization,
    pub(crate) partitioned_by: Vec<String>,
    pub(crate) compression: Compression,
    pub(crate) storage: Storage,
    pub(crate) on_schema_change: SchemaChange,
    pub(crate) scan_limit_bytes: Option<u64>,
    pub(crate) tags: Vec<String>,
    pub(crate) on_empty: OnEmpty,
    pub(crate) audits: Vec<Audit>,
    pub(crate) mart: Option<MartTarget>,
}

impl Default for Header {
    fn default() -> Header {
        Header {
            description: None,
            materialization: Materialization::Table,
            partitioned_by: Vec::new(),
            compression: Compression::default(),
            storage: Storage::default(),
            on_schema_change: SchemaChange::default(),
            scan_limit_bytes: None,
            tags: Vec::new(),
            on_empty: OnEmpty::default(),
            audits: Vec::new(),
            mart: None,
        }
    }
}

pub(crate) const HEADER_KEYS: &[&str] = &[
    "description",
    "materialized",
    "strategy",
    "unique_key",
    "merge_order",
    "partitioned_by",
    "compression",
    "format",
    "table_type",
    "bucketed_by",
    "on_schema_change",
    "scan_limit",
    "tags",
    "on_empty",
    "audits",
    "mart",
];
pub(crate) const MART_KEYS: &[&str] = &["to", "table", "mode", "key", "indexes", "gone"];

/// Where the parts of a model's file lie.
pub(crate) struct Parts {
    /// The YAML between `/*` and `*/`.
    pub(crate) header: Option<Range<usize>>,
    pub(crate) sql_offset: usize,
}

/// Finds header and SQL; a header without an end is reported.
pub(crate) fn split(reader: &mut Reader) -> Option<Parts> {
    let text = reader.source.text.clone();
    let start = text.len()
        - text.trim_start_matches(|character: char| character.is_whitespace() || character == '\u{FEFF}').len();
    if !text[start..].starts_with("/*") {
        return Some(Parts { header: None, sql_offset: start });
    }
    let yaml = start + 2;
    match text[yaml..].find("*/") {
        Some(length) => Some(Parts { header: Some(yaml..yaml + length), sql_offset: yaml + length + 2 }),
        None => {
            reader.error("bad-header", start..start + 2, "the header has no end: `*/` is missing");
            None
        }
    }
}

/// Reads the YAML of a header.
pub(crate) fn read(reader: &mut Reader, yaml: Range<usize>, config: &LakeConfig, model: &str) -> Header {
    let mut header = Header::default();
    let text = reader.source.text.clone();
    let Some(root) = reader.parse_part(&text[yaml.clone()], yaml.start) else { return header };
    if !matches!(root.value, NodeValue::Mapping(_)) {
        let mistake = reader
            .source
            .error("bad-header", root.span.clone(), "the header of a model is YAML with keys")
            .with_hint("write `description: …`; a comment for readers of the SQL stands further down, after `--`");
        reader.report(mistake);
        return header;
    }
    let Some(fields) = reader.fields(&root, "a model", HEADER_KEYS) else { return header };
    header.description = reader.optional_text(&fields, "description");
    header.materialization = read_materialization(reader, &fields);
    header.partitioned_by = read_names(reader, &fields, "partitioned_by");
    header.tags = read_names(reader, &fields, "tags");
    if let Some(node) = fields.get("compression") {
        let choices = [("zstd", Compression::Zstd), ("snappy", Compression::Snappy)];
        header.compression = reader.one_of(node, "`compression`", &choices).unwrap_or_default();
    }
    header.storage = storage::read(reader, &fields, &header.partitioned_by, &header.materialization);
    if let Some(node) = fields.get("on_schema_change") {
        header.on_schema_change = read_schema_change(reader, &fields, node, &header.materialization);
    }
    header.scan_limit_bytes = fields.get("scan_limit").and_then(|node| read_bytes(reader, node));
    if let Some(node) = fields.get("on_empty") {
        let choices = [("publish", OnEmpty::Publish), ("fail", OnEmpty::Fail)];
        header.on_empty = reader.one_of(node, "`on_empty`", &choices).unwrap_or_default();
    }
    if let Some(node) = fields.get("audits") {
        header.audits = audit::read(reader, node);
    }
    check_partitions(reader, &fields, &header);
    if let Some(node) = fields.get("mart") {
        header.mart = read_mart(reader, node, config, model, !header.partitioned_by.is_empty());
        if header.materialization == Materialization::View {
            let span = fields.key_span("mart").unwrap_or_else(|| fields.span());
            let mistake = reader
                .source
                .error("bad-mart", span, "a view has no files that could be loaded into a mart")
                .with_hint("write `materialized: table`");
            reader.report(mistake);
        }
        refuse_unloadable(reader, &fields, &header.storage);
    }
    header
}

/// A mart is loaded from the version's files, which must be Parquet and hold its rows and no others.
fn refuse_unloadable(reader: &mut Reader, fields: &Fields<'_>, storage: &Storage) {
    let (why, key) = if storage.format == Format::Orc {
        ("a mart is loaded from Parquet files, not from ORC", "format")
    } else if storage.table_type == TableType::Iceberg {
        ("a mart is loaded from the table's files, and those of an Iceberg table hold deleted rows too", "table_type")
    } else {
        return;
    };
    let span = fields.key_span("mart").unwrap_or_else(|| fields.span());
    let mistake = reader
        .source
        .error("bad-mart", span, why)
        .with_hint(format!("take away `{key}`, or load the mart from a second model that reads this one"));
    reader.report(mistake);
}

fn read_schema_change(
    reader: &mut Reader,
    fields: &Fields<'_>,
    node: &Node,
    materialization: &Materialization,
) -> SchemaChange {
    let choices = [
        ("fail", SchemaChange::Fail),
        ("append_new_columns", SchemaChange::AppendNewColumns),
        ("sync", SchemaChange::Sync),
    ];
    if !matches!(materialization, Materialization::Incremental(_)) {
        let span = fields.key_span("on_schema_change").unwrap_or_else(|| node.span.clone());
        let mistake = reader
            .source
            .error("bad-strategy", span, "`on_schema_change` is for incremental models only")
            .with_hint("take this key away: other models have the columns of their `select` after every run");
        reader.report(mistake);
    }
    reader.one_of(node, "`on_schema_change`", &choices).unwrap_or_default()
}

fn read_names(reader: &mut Reader, fields: &Fields<'_>, key: &str) -> Vec<String> {
    fields.get(key).map(|node| values(reader.texts(node, &format!("`{key}`")))).unwrap_or_default()
}

fn read_materialization(reader: &mut Reader, fields: &Fields<'_>) -> Materialization {
    #[derive(Clone, Copy, PartialEq)]
    enum Word {
        Table,
        View,
        Incremental,
    }
    let choices = [("table", Word::Table), ("view", Word::View), ("incremental", Word::Incremental)];
    let written = fields.get("materialized");
    let word = match written {
        Some(node) => match reader.one_of(node, "`materialized`", &choices) {
            Some(word) => word,
            // Reported; what depends on it cannot be judged.
            None => return Materialization::Table,
        },
        None => Word::Table,
    };
    if word == Word::Incremental {
        return read_strategy(reader, fields).map_or(Materialization::Table, Materialization::Incremental);
    }
    for key in ["strategy", "unique_key", "merge_order"] {
        if let Some(span) = fields.key_span(key) {
            let mistake = reader
                .source
                .error("bad-strategy", span, format!("`{key}` is for incremental models only"))
                .with_hint("write `materialized: incremental`, or take this key away");
            reader.report(mistake);
        }
    }
    if word == Word::View { Materialization::View } else { Materialization::Table }
}

fn read_strategy(reader: &mut Reader, fields: &Fields<'_>) -> Option<Strategy> {
    let Some(node) = fields.get("strategy") else {
        let span = fields.get("materialized").map_or_else(|| fields.span(), |node| node.span.clone());
        let mistake = reader
            .source
            .error("bad-strategy", span, "an incremental model needs a `strategy`")
            .with_hint("possible values: `append`, `insert_overwrite`, `merge`");
        reader.report(mistake);
        return None;
    };
    let choices = [("append", "append"), ("insert_overwrite", "insert_overwrite"), ("merge", "merge")];
    let word = reader.one_of(node, "`strategy`", &choices)?;
    let unique_key = read_names(reader, fields, "unique_key");
    let order = reader.optional_text(fields, "merge_order").map(|column| MergeOrder { column });
    if word == "merge" {
        if unique_key.is_empty() {
            let mistake = reader
                .source
                .error("bad-strategy", node.span.clone(), "`merge` needs a `unique_key`")
                .with_hint("name the columns that identify a row: `unique_key: [day, device]`");
            reader.report(mistake);
        }
        return Some(Strategy::Merge { unique_key, order });
    }
    for key in ["unique_key", "merge_order"] {
        if let Some(span) = fields.key_span(key) {
            reader.error("bad-strategy", span, format!("`{key}` is for `strategy: merge` only"));
        }
    }
    Some(if word == "append" { Strategy::Append } else { Strategy::InsertOverwrite })
}

fn check_partitions(reader: &mut Reader, fields: &Fields<'_>, header: &Header) {
    match &header.materialization {
        Materialization::Incremental(Strategy::InsertOverwrite) if fields.get("partitioned_by").is_none() => {
            let span = fields.get("strategy").map_or_else(|| fields.span(), |node| node.span.clone());
            let mistake =
                reader.source.error("bad-strategy", span, "`insert_overwrite` needs `partitioned_by`").with_hint(
                    "without partitions there is nothing to overwrite; `materialized: table` replaces the whole table",
                );
            reader.report(mistake);
        }
        Materialization::View => {
            for key in
                ["partitioned_by", "compression", "on_empty", "format", "table_type", "bucketed_by", "scan_limit"]
            {
                if let Some(span) = fields.key_span(key) {
                    reader.error("bad-strategy", span, format!("a view has no files, so `{key}` means nothing"));
                }
            }
        }
        _ => {}
    }
}

fn read_mart(
    reader: &mut Reader,
    node: &Node,
    config: &LakeConfig,
    model: &str,
    is_partitioned: bool,
) -> Option<MartTarget> {
    let fields = reader.fields(node, "`mart`", MART_KEYS)?;
    let to = reader.required(&fields, "to", "`mart`");
    let to_name = to.and_then(|node| reader.text(node, "`to`"));
    if let (Some(node), Some(name)) = (to, &to_name)
        && !config.may_have_mart(name)
    {
        let mistake = reader
            .source
            .error("unknown-mart", node.span.clone(), format!("`tarn.yaml` has no mart `{name}`"))
            .with_hint_if(name::suggestion(name, config.marts.keys().map(String::as_str), "marts"));
        reader.report(mistake);
    }
    let table = reader.optional_text(&fields, "table").unwrap_or_else(|| model.to_owned());
    let key = read_names(reader, &fields, "key");
    let choices = [
        ("replace", MartMode::Replace),
        ("merge", MartMode::Merge),
        ("append", MartMode::Append),
        ("partition", MartMode::Partition),
    ];
    let mode_node = fields.get("mode");
    let mode = match mode_node {
        Some(node) => reader.one_of(node, "`mode`", &choices)?,
        None => MartMode::Replace,
    };
    let mode_span = mode_node.map_or_else(|| fields.span(), |node| node.span.clone());
    if mode == MartMode::Merge && key.is_empty() {
        let mistake = reader
            .source
            .error("bad-mart", mode_span.clone(), "`mode: merge` needs a `key`")
            .with_hint("without a key every load would add all rows again; name the columns that identify a row");
        reader.report(mistake);
    }
    if mode == MartMode::Partition && !is_partitioned {
        reader.error("bad-mart", mode_span, "`mode: partition` needs a model with `partitioned_by`");
    }
    let indexes = fields.get("indexes").map(|node| read_indexes(reader, node)).unwrap_or_default();
    let gone = read_gone(reader, &fields, mode, is_partitioned);
    let to = to_name?;
    let drift = config.marts.get(&to).map(|mart| mart.drift).unwrap_or_default();
    Some(MartTarget { to, table, mode, key, indexes, gone, drift })
}

fn read_indexes(reader: &mut Reader, node: &Node) -> Vec<Vec<String>> {
    let indexes = reader.items(node, "`indexes`").iter();
    indexes.map(|node| values(reader.texts(node, "an index"))).filter(|columns| !columns.is_empty()).collect()
}

fn read_gone(reader: &mut Reader, fields: &Fields<'_>, mode: MartMode, is_partitioned: bool) -> GoneRows {
    let Some(node) = fields.get("gone") else { return GoneRows::Keep };
    let choices = [("keep", GoneRows::Keep), ("delete", GoneRows::Delete)];
    let gone = reader.one_of(node, "`gone`", &choices).unwrap_or_default();
    if gone == GoneRows::Delete && (mode != MartMode::Merge || !is_partitioned) {
        let message = "`gone: delete` needs `mode: merge` and a model with `partitioned_by`";
        let mistake = reader
            .source
            .error("bad-mart", node.span.clone(), message)
            .with_hint("rows are deleted in the partitions that are loaded; the other modes leave none behind");
        reader.report(mistake);
    }
    gone
}
