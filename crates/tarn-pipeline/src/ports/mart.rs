//! The mart: a relational table that people's tools read.

use std::sync::Arc;

use async_trait::async_trait;
use serde::{Deserialize, Serialize};

use crate::names::{Key, RunId};
use crate::ports::{Column, ObjectStore};

/// What a load does with the rows that are in the mart already.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum LoadMode {
    /// The table holds exactly the version's rows afterwards.
    Replace,
    /// Rows with the same key are replaced, others added.
    Merge {
        /// Columns that are never null and unique together.
        key: Vec<String>,
    },
    /// Rows are added.
    Append,
    /// Rows of the loaded partitions are replaced, the others stay.
    Partition {
        /// The partition columns.
        columns: Vec<String>,
    },
}

/// One Parquet file of a version.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct VersionFile {
    /// The file.
    pub key: Key,
    /// The values of the table's partition keys for all of its rows, in their order; they are not in the file.
    pub partition_values: Vec<Option<String>>,
}

/// One load of a version into a table of a mart.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Load {
    /// The run that loads: a load of the same run into the same table changes nothing the second time, a load of an older run
    /// than the one already loaded is refused. Run ids sort by time.
    pub run: RunId,
    /// The table in the mart.
    pub table: String,
    /// What happens to the rows that are there.
    pub mode: LoadMode,
    /// Columns in the files, in order, with their Hive types.
    pub columns: Vec<Column>,
    /// Partition keys with their Hive types; their values come with each file.
    pub partition_keys: Vec<Column>,
    /// The files to load; for [`LoadMode::Partition`] all files of the partitions to replace.
    pub files: Vec<VersionFile>,
    /// Partitions to empty for [`LoadMode::Partition`], also those for which there is no file.
    pub partitions: Vec<Vec<Option<String>>>,
    /// Loads although a newer run was loaded before (a rollback).
    pub force: bool,
}

/// What came of a load.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct LoadOutcome {
    /// Rows read from the version's files.
    pub rows: u64,
    /// Whether this run had loaded this table before, so that nothing was done.
    pub repeated: bool,
    /// Wall time in milliseconds.
    pub milliseconds: u64,
}

/// Why a load changed nothing.
#[derive(Debug, thiserror::Error)]
#[error("{message}")]
pub struct MartError {
    /// What is wrong.
    pub message: String,
    /// What to do about it.
    pub hint: Option<String>,
    /// Whether the same load may succeed later.
    pub retryable: bool,
}

/// A relational database that receives versions.
#[async_trait]
pub trait Mart: Send + Sync {
    /// The run whose load into this table was the last to commit; `None` when there was none, or when the table is gone.
    ///
    /// What is loaded next are the parts of newer runs, so a load that failed is made up for by the one after it.
    async fn loaded(&self, table: &str) -> Result<Option<RunId>, MartError>;

    /// Loads a version in one transaction: readers see the table as before or as after. `progress` gets rows as they go.
    async fn load(
        &self,
        load: &Load,
        objects: Arc<dyn ObjectStore>,
        progress: &(dyn Fn(u64) + Send + Sync),
    ) -> Result<LoadOutcome, MartError>;
}
