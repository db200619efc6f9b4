//! The catalogue: what tables there are and where their bytes lie.

use std::collections::BTreeMap;

use async_trait::async_trait;
use serde::{Deserialize, Serialize};

use crate::names::{Key, RunId};
use crate::ports::may_pass;

/// A column as the catalogue types it: Hive names (`string`, `bigint`, `decimal(10,2)`, `array<int>`).
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Column {
    /// Lower case, at most 255 bytes.
    pub name: String,
    /// The Hive type.
    pub column_type: String,
    /// What it holds, for people.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub comment: Option<String>,
}

impl Column {
    /// A column without a comment.
    pub fn new(name: impl Into<String>, column_type: impl Into<String>) -> Self {
        Self { name: name.into(), column_type: column_type.into(), comment: None }
    }
}

/// A folder of files that share their partition values. An unpartitioned table has parts without values.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Part {
    /// One value for each partition key, as text; `None` is SQL null.
    pub values: Vec<Option<String>>,
    /// The folder, ending in `/`. Every file in it belongs to the part, but for names that start with `_` or `.`.
    pub location: Key,
    /// The run that wrote it; none for what ingest writes.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub run: Option<RunId>,
}

/// What a table is made of.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum TableKind {
    /// Parquet files in the folders of its parts.
    Table {
        /// The folders, in any order.
        parts: Vec<Part>,
    },
    /// A stored query.
    View {
        /// The query, in Athena's SQL.
        sql: String,
    },
}

/// One table or view.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct TableEntry {
    /// Lower case.
    pub name: String,
    /// Table or view.
    pub kind: TableKind,
    /// The columns in the files, in order, without the partition keys.
    pub columns: Vec<Column>,
    /// The partition keys; they follow the columns in `select *`.
    #[serde(default)]
    pub partition_keys: Vec<Column>,
    /// What it holds, for people.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub description: Option<String>,
    /// The run whose version readers see; none for sources and seeds.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub run: Option<RunId>,
    /// Free properties, e.g. `tarn.kind`.
    #[serde(default)]
    pub parameters: BTreeMap<String, String>,
    /// Counts the changes of this entry; set by the catalogue.
    #[serde(default)]
    pub version: u64,
}

/// The property of a table of Iceberg: the key of the metadata file that says what its rows are. Whoever publishes an entry with
/// another one changes all of the table at once.
pub const ICEBERG_METADATA: &str = "tarn.metadata";

impl TableEntry {
    /// The parts of a table; none for a view.
    pub fn parts(&self) -> &[Part] {
        match &self.kind {
            TableKind::Table { parts } => parts,
            TableKind::View { .. } => &[],
        }
    }

    /// Columns and partition keys, as `select *` shows them.
    pub fn all_columns(&self) -> impl Iterator<Item = &Column> {
        self.columns.iter().chain(&self.partition_keys)
    }
}

/// Why the catalogue did not do what was asked.
#[derive(Debug, thiserror::Error)]
pub enum CatalogueError {
    /// Somebody else changed the entry since it was read.
    #[error("table `{name}` was changed by somebody else meanwhile (version {found}, expected {expected})")]
    Conflict {
        /// The table.
        name: String,
        /// The version the change was made for; 0 for a table that was not there.
        expected: u64,
        /// The version that is there.
        found: u64,
    },
    /// An entry cannot be read.
    #[error("the catalogue entry of `{name}` is damaged: {reason}")]
    Damaged {
        /// The table.
        name: String,
        /// What is wrong with it.
        reason: String,
    },
    /// The catalogue refused or failed.
    #[error("the catalogue could not be {action}: {source}")]
    Io {
        /// `read` or `written`.
        action: &'static str,
        /// What it said.
        #[source]
        source: std::io::Error,
    },
}

impl CatalogueError {
    /// Whether the same call may succeed later, after reading again.
    pub fn is_retryable(&self) -> bool {
        match self {
            Self::Conflict { .. } => true,
            Self::Damaged { .. } => false,
            Self::Io { source, .. } => may_pass(source.kind()),
        }
    }
}

/// The tables of the lake.
#[async_trait]
pub trait Catalogue: Send + Sync {
    /// The entry of this name.
    async fn get(&self, name: &str) -> Result<Option<TableEntry>, CatalogueError>;

    /// The names of all entries, sorted.
    async fn list(&self) -> Result<Vec<String>, CatalogueError>;

    /// Puts the entry in place of the one whose version is `entry.version` (0: none yet), as one change: a reader sees the
    /// old entry or the new one. Returns the entry with its new version.
    ///
    /// # Errors
    /// [`CatalogueError::Conflict`] when another version is there.
    async fn publish(&self, entry: TableEntry) -> Result<TableEntry, CatalogueError>;

    /// Removes the entry, never the files; one already gone is no error.
    async fn remove(&self, name: &str) -> Result<(), CatalogueError>;
}
