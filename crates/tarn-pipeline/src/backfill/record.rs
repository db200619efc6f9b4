//! How far a backfill came, so that it can go on.

use chrono::{DateTime, NaiveDate, Utc};
use indexmap::IndexMap;
use serde::{Deserialize, Serialize};

use super::plan::SliceVars;
use super::slices::{Cut, Slice};
use crate::error::StepError;
use crate::layout;
use crate::names::RunId;
use crate::ports::ObjectStore;
use crate::record::Status;
use crate::stored;

/// What a backfill was asked to do.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Request {
    /// Which models, as typed.
    pub select: Vec<String>,
    /// Which not, as typed.
    pub exclude: Vec<String>,
    /// The first day.
    pub from: NaiveDate,
    /// The last day.
    pub to: NaiveDate,
    /// How the range is cut.
    pub cut: Cut,
    /// Variables in place of the lake's, for all slices.
    pub vars: IndexMap<String, String>,
    /// The variables that get the days of a slice, where they are named.
    pub slice_vars: SliceVars,
}

/// One run of a backfill: some models for one slice.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Unit {
    /// The days.
    pub slice: Slice,
    /// The models, in graph order.
    pub models: Vec<String>,
    /// The run, once it was started; a second try is the same run.
    pub run: Option<RunId>,
    /// How it ended; none before it did.
    pub status: Option<Status>,
}

/// A backfill.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct BackfillRecord {
    /// Its id.
    pub id: RunId,
    /// What was asked.
    pub request: Request,
    /// The variables that get the days of a slice.
    pub slice_vars: SliceVars,
    /// All runs, stage by stage: a stage begins when the one before is done; its runs may go on side by side.
    pub stages: Vec<Stage>,
    /// When everything was done, marts and retention included.
    pub finished: Option<DateTime<Utc>>,
}

/// Runs that do not wait for each other.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Stage {
    /// The runs, in order of their days.
    pub units: Vec<Unit>,
    /// Whether they may go on side by side.
    pub side_by_side: bool,
}

impl BackfillRecord {
    /// All runs in order.
    pub fn units(&self) -> impl Iterator<Item = &Unit> {
        self.stages.iter().flat_map(|stage| &stage.units)
    }

    /// How many runs are done.
    pub fn done(&self) -> usize {
        self.units().filter(|unit| unit.status == Some(Status::Done)).count()
    }

    /// All models, each once.
    pub fn models(&self) -> Vec<String> {
        let mut models: Vec<String> = self.units().flat_map(|unit| unit.models.iter().cloned()).collect();
        let mut seen = std::collections::BTreeSet::new();
        models.retain(|model| seen.insert(model.clone()));
        models
    }

    /// The record of a backfill.
    pub async fn read(id: &RunId, objects: &dyn ObjectStore) -> Result<Self, StepError> {
        stored::read(&layout::backfill(id.as_str()), "the record", objects).await
    }

    /// Writes the record in place of an older one.
    pub async fn write(&self, objects: &dyn ObjectStore) -> Result<(), StepError> {
        let json = serde_json::to_vec_pretty(self).map_err(|error| {
            StepError::permanent(format!("the record of backfill `{}` cannot be written as json: {error}", self.id))
        })?;
        objects.put(&layout::backfill(self.id.as_str()), json.into()).await?;
        Ok(())
    }

    /// The newest backfill of the same request that was not finished.
    pub async fn unfinished(request: &Request, objects: &dyn ObjectStore) -> Result<Option<Self>, StepError> {
        // Keys begin with the time, so the newest comes last.
        for object in objects.list(&layout::backfills()).await?.into_iter().rev() {
            let record: Self = stored::read(&object.key, "the record", objects).await?;
            if record.finished.is_none() && record.request == *request {
                return Ok(Some(record));
            }
        }
        Ok(None)
    }
}
