//! `models/**/*.sql`: one `SELECT` each, with a YAML header that says how it becomes a table.

use serde::Serialize;

use crate::audit::Audit;
use crate::diagnostic::{Diagnostic, Place, SourceText};

/// A model.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[non_exhaustive]
pub struct Model {
    /// The model's name (the file's stem); its table's name too.
    pub name: String,
    /// Path of the file, relative to the lake's folder.
    pub file: String,
    /// For people.
    pub description: Option<String>,
    /// What it becomes.
    pub materialization: Materialization,
    /// Partition columns: the last columns of the `SELECT`.
    pub partitioned_by: Vec<String>,
    /// Compression of the files.
    pub compression: Compression,
    /// What the files are.
    pub format: Format,
    /// Hive or Iceberg.
    pub table_type: TableType,
    /// The buckets of each partition.
    pub bucketed_by: Option<Bucketing>,
    /// What happens when an incremental model's columns are no longer those of its table.
    pub on_schema_change: SchemaChange,
    /// Bytes that one of the model's statements may scan; the lake's limit when none.
    pub scan_limit_bytes: Option<u64>,
    /// For selection.
    pub tags: Vec<String>,
    /// What an empty result means.
    pub on_empty: OnEmpty,
    /// Checks before readers see a version, in the order written.
    pub audits: Vec<Audit>,
    /// The relational table it is loaded into.
    pub mart: Option<MartTarget>,
    /// The template: the file's text after the header.
    pub sql: String,
    /// Byte of the file where [`Model::sql`] begins.
    pub sql_offset: usize,
    /// What it reads, each once, in the order of first mention; what only its audits read comes last.
    pub depends_on: Vec<Dependency>,
    /// Variables that it reads.
    pub vars: Vec<String>,
    #[serde(skip)]
    pub(crate) source_text: SourceText,
    /// Whether the header has mistakes: what it would have said is not known, and nothing is concluded from it.
    #[serde(skip)]
    pub(crate) has_broken_header: bool,
}

impl Model {
    /// Whether runs add to or change the model's table.
    #[must_use]
    pub fn is_incremental(&self) -> bool {
        matches!(self.materialization, Materialization::Incremental(_))
    }

    /// A mistake in the header: at a word below one of its keys, at the key if the word is written in an unusual way.
    #[must_use]
    pub fn header_mistake(&self, code: &'static str, key: &str, word: &str, message: &str) -> Diagnostic {
        let place = self.header_place(key);
        self.word_after(&place, word).unwrap_or(place).error(code, message)
    }

    /// A mistake in one of the model's audits: at a word of it, at its name if the word is written in an unusual way.
    #[must_use]
    pub fn audit_mistake(&self, code: &'static str, audit: &Audit, word: &str, message: &str) -> Diagnostic {
        let place = self.source_text.at(audit.place.span.clone());
        self.word_after(&place, word).unwrap_or(place).error(code, message)
    }

    /// The first place of a whole word in the header after another place.
    fn word_after(&self, place: &Place, word: &str) -> Option<Place> {
        let from = place.span.end;
        let rest = self.source_text.text.get(from..self.sql_offset)?;
        let is_part = |character: char| character.is_alphanumeric() || character == '_';
        let (start, _) = rest.match_indices(word).find(|(start, word)| {
            let before = rest.get(..*start).and_then(|before| before.chars().next_back());
            let after = rest.get(start + word.len()..).and_then(|after| after.chars().next());
            !before.is_some_and(is_part) && !after.is_some_and(is_part)
        })?;
        Some(self.source_text.at(from + start..from + start + word.len()))
    }

    /// The place of a key of the header; the beginning of the file if it is written in an unusual way.
    pub(crate) fn header_place(&self, key: &str) -> Place {
        let header = self.source_text.text.get(..self.sql_offset).unwrap_or_default();
        let start = header.find(&format!("\n{key}:")).map(|newline| newline + 1);
        self.source_text.at(start.map_or(0..0, |start| start..start + key.len()))
    }
}

/// What a model becomes.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Materialization {
    /// A table, made anew by every run.
    Table,
    /// A view.
    View,
    /// A table that runs add to or change.
    Incremental(Strategy),
}

/// How a run changes an incremental table.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Strategy {
    /// New rows are added.
    Append,
    /// The partitions that the result touches are replaced whole.
    InsertOverwrite,
    /// Rows replace those of the same key.
    Merge {
        /// The columns of the key, at least one.
        unique_key: Vec<String>,
        /// Which of two rows of one key stays; `None`: the new one.
        order: Option<MergeOrder>,
    },
}

/// Which of two rows of one key stays.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct MergeOrder {
    /// The row with the highest value in this column stays: a late row loses.
    pub column: String,
}

/// Compression of a table's files.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Compression {
    /// Zstandard.
    #[default]
    Zstd,
    /// Snappy.
    Snappy,
}

/// What the files of a table are on AWS. A laptop stores Parquet whatever is written here.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Format {
    /// Parquet.
    #[default]
    Parquet,
    /// ORC.
    Orc,
}

/// How a table keeps its files on AWS. A laptop keeps versions of its own in either case, with the same rows.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum TableType {
    /// Folders of files that the catalogue points to.
    #[default]
    Hive,
    /// Apache Iceberg.
    Iceberg,
}

/// The buckets of each partition of a table: rows with the same values lie in the same file.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct Bucketing {
    /// The columns whose values choose the bucket, at least one.
    pub columns: Vec<String>,
    /// How many buckets, 1 to 100.
    pub count: u32,
}

/// What happens when an incremental model's columns are no longer those of its table.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum SchemaChange {
    /// The run fails before the query is paid for.
    #[default]
    Fail,
    /// New columns are added after the others, null in older rows; those that are gone stay, null in newer rows.
    AppendNewColumns,
    /// New columns are added and those that are gone are dropped.
    Sync,
}

/// What an empty result means.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum OnEmpty {
    /// It is published like any other.
    #[default]
    Publish,
    /// The model has failed; readers keep the old version.
    Fail,
}

/// The relational table that a model is loaded into.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct MartTarget {
    /// A mart of `tarn.yaml`.
    pub to: String,
    /// The table's name; the model's unless written.
    pub table: String,
    /// How its rows are changed.
    pub mode: MartMode,
    /// Columns that identify a row; never empty for [`MartMode::Merge`].
    pub key: Vec<String>,
    /// Columns to index, besides the key; each a list of columns.
    pub indexes: Vec<Vec<String>>,
    /// What happens in [`MartMode::Merge`] to rows of the loaded partitions whose key did not come again.
    pub gone: GoneRows,
    /// What happens when the table in the mart has more than the model, as the mart's `drift` says.
    pub drift: Drift,
}

/// What a merge does with rows of the loaded partitions whose key is not among the loaded rows.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Hash, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum GoneRows {
    /// They stay.
    #[default]
    Keep,
    /// They are deleted.
    Delete,
}

/// What a load does when a column of the mart's table is gone from the model, or holds more than the model's column.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Hash, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Drift {
    /// It is refused before a row moves.
    #[default]
    Refuse,
    /// The column stays as it is; one that is gone is null in new rows.
    Ignore,
}

/// How the rows of a mart's table are changed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum MartMode {
    /// All rows are replaced.
    Replace,
    /// Rows replace those of the same key.
    Merge,
    /// Rows are added.
    Append,
    /// The rows of the model's touched partitions are replaced.
    Partition,
}

/// Something that a model reads.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize)]
#[non_exhaustive]
pub struct Dependency {
    /// What kind of thing it is.
    pub kind: DependencyKind,
    /// Its name; of a view of the latest images, the source's name.
    pub name: String,
    /// Whether only the model's audits read it.
    pub audits_only: bool,
}

/// What kind of thing a model reads.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum DependencyKind {
    /// A model.
    Model,
    /// A seed.
    Seed,
    /// A source's table.
    Source,
    /// The view `<source>_current` of a table source.
    CurrentView,
}
