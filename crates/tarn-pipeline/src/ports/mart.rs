//! The mart: a relational table that people's tools read.

use std::sync::Arc;

use async_trait::async_trait;
use serde::{Deserialize, Serialize};
pub use tarn_model::{Drift, GoneRows};

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
    /// How the table is kept.
    pub options: TableOptions,
}

/// How a table of a mart is kept, besides its rows.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct TableOptions {
    /// What the table holds, for people; where the database has comments.
    pub description: Option<String>,
    /// Columns of the primary key, for modes that bring no key of their own.
    pub key: Vec<String>,
    /// Columns that are indexed, besides the key.
    pub indexes: Vec<Vec<String>>,
    /// For [`LoadMode::Merge`]: whether the rows of [`Load::partitions`] go whose key does not come.
    pub gone: GoneRows,
    /// What happens when the table has more than the version.
    pub drift: Drift,
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

/// What became of one part of a load.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct PartOutcome {
    /// Rows of the part that are in the stage.
    pub rows: u64,
    /// Whether all of them are; a part that ran out of time goes on where it stopped when it is asked again.
    pub done: bool,
}

/// A database into which several processes load one version at a time.
///
/// First [`StagedMart::begin`], then each part as often as it takes, in any order and at the same time, then
/// [`StagedMart::commit`]. Nobody sees a row before the last step; each step can be repeated.
#[async_trait]
pub trait StagedMart: Mart {
    /// Makes an empty stage for the load, and says into how many slices its rows are cut: more parts than that are of no use.
    /// `None` when this run has loaded the table already.
    async fn begin(&self, load: &Load, objects: Arc<dyn ObjectStore>) -> Result<Option<usize>, MartError>;

    /// Puts the slices of part `part` of `parts` into the stage, until `until` says that no more are to be begun.
    async fn part(
        &self,
        load: &Load,
        (part, parts): (usize, usize),
        objects: Arc<dyn ObjectStore>,
        until: &(dyn Fn() -> bool + Send + Sync),
    ) -> Result<PartOutcome, MartError>;

    /// Checks that every row is in the stage, and makes them visible.
    async fn commit(&self, load: &Load, objects: Arc<dyn ObjectStore>) -> Result<LoadOutcome, MartError>;
}
