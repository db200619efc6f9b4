//! How a model's table is kept on AWS: `format`, `table_type`, `bucketed_by` of a header.

use crate::model::{Bucketing, Format, Materialization, Strategy, TableType};
use crate::yaml::{Fields, Node, Reader, values};

pub(crate) const BUCKET_KEYS: &[&str] = &["columns", "count"];

/// Athena writes at most so many files at a time, one for each bucket.
const MOST_BUCKETS: u32 = 100;

/// What a header says of it.
#[derive(Debug, Clone, PartialEq, Default)]
pub(crate) struct Storage {
    pub(crate) format: Format,
    pub(crate) table_type: TableType,
    pub(crate) bucketed_by: Option<Bucketing>,
}

pub(crate) fn read(
    reader: &mut Reader,
    fields: &Fields<'_>,
    partitioned_by: &[String],
    materialization: &Materialization,
) -> Storage {
    let mut storage = Storage::default();
    if let Some(node) = fields.get("format") {
        let choices = [("parquet", Format::Parquet), ("orc", Format::Orc)];
        storage.format = reader.one_of(node, "`format`", &choices).unwrap_or_default();
    }
    if let Some(node) = fields.get("table_type") {
        let choices = [("hive", TableType::Hive), ("iceberg", TableType::Iceberg)];
        storage.table_type = reader.one_of(node, "`table_type`", &choices).unwrap_or_default();
    }
    if let Some(node) = fields.get("bucketed_by") {
        storage.bucketed_by = read_buckets(reader, node, partitioned_by);
        refuse_buckets(reader, fields, storage.table_type, materialization);
    }
    storage
}

fn read_buckets(reader: &mut Reader, node: &Node, partitioned_by: &[String]) -> Option<Bucketing> {
    let fields = reader.fields(node, "`bucketed_by`", BUCKET_KEYS)?;
    let columns = reader.required(&fields, "columns", "`bucketed_by`");
    let count = reader.required(&fields, "count", "`bucketed_by`");
    let names = columns.map(|node| reader.texts(node, "`columns`")).unwrap_or_default();
    if let Some(node) = columns.filter(|_| names.is_empty()) {
        reader.error("bad-value", node.span.clone(), "`columns` needs at least one column");
    }
    for name in names.iter().filter(|name| partitioned_by.contains(&name.value)) {
        let message = format!("`{}` is a partition column: all rows of a partition would be in one bucket", name.value);
        reader.error("bad-value", name.span.clone(), message);
    }
    let count = reader.integer(count?, "`count`", 1, MOST_BUCKETS)?;
    Some(Bucketing { columns: values(names), count })
}

/// What cannot have buckets.
fn refuse_buckets(reader: &mut Reader, fields: &Fields<'_>, table_type: TableType, materialization: &Materialization) {
    let (why, hint) = if table_type == TableType::Iceberg {
        ("an Iceberg table has no buckets of this kind", "take away `bucketed_by`, or write `table_type: hive`")
    } else if *materialization == Materialization::Incremental(Strategy::Append) {
        (
            "`append` adds files to partitions, and a partition with buckets has exactly one file for each",
            "take away `bucketed_by`, or write `strategy: insert_overwrite`",
        )
    } else {
        return;
    };
    let span = fields.key_span("bucketed_by").unwrap_or_else(|| fields.span());
    let mistake = reader.source.error("bad-strategy", span, why).with_hint(hint);
    reader.report(mistake);
}
