//! What a run leaves behind: one record with a result per model.

use std::collections::{BTreeSet, HashSet};

use chrono::{DateTime, Utc};
use futures::stream::{self, StreamExt, TryStreamExt};
use serde::{Deserialize, Serialize};

use crate::error::StepError;
use crate::layout;
use crate::names::RunId;
use crate::ports::{Attribution, Column, Object, ObjectStore};
use crate::stored;

/// What the key of a model's record ends with, behind the model's name.
const RECORD: &str = "/record.json";

/// How a model ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Status {
    /// Its version is published and loaded.
    Done,
    /// A step failed; readers see the version from before, unless only the load failed.
    Failed,
    /// A model it needs failed.
    Skipped,
    /// The run was stopped before it was done.
    Cancelled,
}

/// One statement that was run.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct QueryRecord {
    /// The statement.
    pub statement: String,
    /// Who asked.
    pub attribution: Attribution,
    /// How the engine names it, where it gives names.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub id: Option<String>,
    /// Whether it ended well.
    pub succeeded: bool,
    /// Whether it was stopped before it was done.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub cancelled: bool,
    /// Bytes read.
    pub bytes_scanned: u64,
    /// Wall time.
    pub milliseconds: u64,
}

/// What an audit found.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct AuditRecord {
    /// Its name, e.g. `not_null(day, device)`.
    pub name: String,
    /// The query that returns the failing rows.
    pub query: String,
    /// Failing rows; 0 is passed.
    pub failures: u64,
    /// The columns of the sample.
    #[serde(default)]
    pub columns: Vec<Column>,
    /// The first few failing rows.
    #[serde(default)]
    pub sample: Vec<Vec<Option<String>>>,
}

/// Why a model failed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Failure {
    /// The step that failed: `prepare`, `convert`, `audit`, `publish`, `load`.
    pub step: String,
    /// What is wrong, for people; may have several lines.
    pub message: String,
    /// What to do about it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub hint: Option<String>,
    /// Whether a second try may succeed.
    pub retryable: bool,
}

/// What a run did with one model.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ModelRecord {
    /// The model.
    pub model: String,
    /// How it ended.
    pub status: Status,
    /// `table`, `view`, `append`, `insert_overwrite`, `merge`.
    pub materialized: String,
    /// Whether all of it was computed anew.
    pub full_refresh: bool,
    /// Rows of the version.
    pub rows: u64,
    /// Files of the version, or that it added to an Iceberg table.
    pub files: u64,
    /// Bytes of those files.
    pub bytes: u64,
    /// Partitions of the version; 0 for an unpartitioned one.
    pub partitions: u64,
    /// Wall time.
    pub milliseconds: u64,
    /// The run whose version readers see since; none when nothing was published.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub published: Option<RunId>,
    /// The mart's table and the rows loaded, when there is a mart.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub loaded: Option<LoadedRecord>,
    /// All audits that were run.
    #[serde(default)]
    pub audits: Vec<AuditRecord>,
    /// All statements that were run.
    #[serde(default)]
    pub queries: Vec<QueryRecord>,
    /// Where the version lies when it was not published.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub inspect: Option<String>,
    /// What went wrong beside it, without harm to readers.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub warning: Option<String>,
    /// Why it failed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub failure: Option<Failure>,
}

impl ModelRecord {
    /// Writes the record of a model whose run goes on.
    pub async fn write(&self, run: &RunId, objects: &dyn ObjectStore) -> Result<(), StepError> {
        let json = serde_json::to_vec(self).map_err(|error| {
            StepError::permanent(format!("the record of model `{}` cannot be written as json: {error}", self.model))
        })?;
        objects.put(&layout::model_record(run, &self.model), json.into()).await?;
        Ok(())
    }

    /// What models of a run have left so far: a run that goes on finds what it left before.
    pub async fn left(run: &RunId, objects: &dyn ObjectStore) -> Result<HashSet<Object>, StepError> {
        let left = objects.list(&layout::work(run)).await?;
        Ok(left.into_iter().filter(|object| object.key.as_str().ends_with(RECORD)).collect())
    }

    /// The records of the models of a run that have ended, without those that are known and those that lie as they did `before`. What each left
    /// before it was published, is left aside. One listing tells which there are.
    pub async fn ended(
        run: &RunId,
        is_known: impl Fn(&str) -> bool,
        before: &HashSet<Object>,
        objects: &dyn ObjectStore,
    ) -> Result<Vec<Self>, StepError> {
        let work = layout::work(run);
        let left = Self::left(run, objects).await?;
        let model = |object: &Object| {
            let below = object.key.as_str().strip_prefix(work.as_str())?;
            below.strip_suffix(RECORD).map(str::to_owned)
        };
        let new: BTreeSet<String> =
            left.difference(before).filter_map(model).filter(|model| !is_known(model)).collect();
        let read = async |model: String| Self::read(run, &model, objects).await;
        let records: Vec<Option<Self>> = stream::iter(new).map(read).buffered(stored::AT_A_TIME).try_collect().await?;
        Ok(records.into_iter().flatten().filter(Self::has_ended).collect())
    }

    /// Whether readers have got the model's version. What a model leaves just before its publish says that it is done, and of no version.
    pub fn is_published(&self) -> bool {
        self.status == Status::Done && self.published.is_some()
    }

    /// Whether nothing more happens to the model in its run, but for the load of its mart.
    fn has_ended(&self) -> bool {
        self.status != Status::Done || self.is_published()
    }

    /// The record of a model whose run goes on; `None` while there is none.
    pub async fn read(run: &RunId, model: &str, objects: &dyn ObjectStore) -> Result<Option<Self>, StepError> {
        stored::find(&layout::model_record(run, model), "the record", objects).await
    }
}

/// What went into a mart.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct LoadedRecord {
    /// `mart.table`.
    pub table: String,
    /// `replace`, `merge`, `append`, `partition`.
    pub mode: String,
    /// Rows read from the version.
    pub rows: u64,
    /// Wall time.
    pub milliseconds: u64,
}

/// One run.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct RunRecord {
    /// Its id.
    pub run: RunId,
    /// When it began.
    pub started: DateTime<Utc>,
    /// When it ended; none while it goes on, or when it was killed.
    pub finished: Option<DateTime<Utc>>,
    /// The selection as it was typed.
    pub select: Vec<String>,
    /// The exclusions as they were typed.
    pub exclude: Vec<String>,
    /// Variables given for this run.
    pub vars: indexmap::IndexMap<String, String>,
    /// Whether all was computed anew.
    pub full_refresh: bool,
    /// How it ended; none while it goes on.
    pub status: Option<Status>,
    /// One result per model, in the order they ended.
    pub models: Vec<ModelRecord>,
}

impl RunRecord {
    /// How many models ended in this way.
    pub fn count(&self, status: Status) -> usize {
        self.models.iter().filter(|model| model.status == status).count()
    }
}
