//! Loading in parts: a version that is too large for one process, or for the time that one has.
//!
//! [`begin`] says how many parts there are, each is loaded by a [`part`] of its own, at the same time if one likes, and [`commit`]
//! makes all of them visible. Every step finds out for itself what is to be loaded, from the manifest of the run and from what the
//! mart says: what passes between them is a model, a run and a number.

use std::sync::Arc;

use serde::Serialize;
use tarn_model::Model;

use crate::error::StepError;
use crate::load::{LoadRequest, loads, mode_name};
use crate::manifest::{Manifest, State};
use crate::names::RunId;
use crate::ports::{Load, LoadOutcome, ObjectStore, PartOutcome, StagedMart};
use crate::record::LoadedRecord;

/// What is loaded where.
#[derive(Clone, Copy)]
pub struct PartsRequest<'a> {
    /// The model, with its mart.
    pub model: &'a Model,
    /// The run whose version is loaded.
    pub run: &'a RunId,
    /// Whether all of it is loaded over whatever is there: a rollback.
    pub anew: bool,
}

/// What is to be done.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Begun {
    /// The numbers of the parts, from 0; none when there is nothing to load.
    pub parts: Vec<usize>,
    /// How many there are.
    pub of: usize,
}

/// What was made visible.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub struct Committed {
    /// Rows loaded.
    pub rows: u64,
    /// Whether they had been loaded before.
    pub repeated: bool,
    /// Whether older runs of the model were missing in the mart, so that the steps are to be gone through again for the next one.
    pub more: bool,
}

impl PartsRequest<'_> {
    /// The next load, and whether others follow.
    async fn next(&self, mart: &dyn StagedMart, objects: &dyn ObjectStore) -> Result<(Load, bool), StepError> {
        let name = &self.model.name;
        let target =
            self.model.mart.as_ref().ok_or_else(|| StepError::permanent(format!("model `{name}` has no mart")))?;
        let manifests = Manifest::all(name, objects).await?;
        let entry = manifests
            .into_iter()
            .find(|manifest| manifest.run == *self.run && manifest.state == State::Published)
            .and_then(|manifest| manifest.entry)
            .ok_or_else(|| StepError::permanent(format!("model `{name}` was not published by run `{}`", self.run)))?;
        let loaded = if self.anew { None } else { mart.loaded(&target.table).await? };
        let request = LoadRequest { entry: &entry, target, run: self.run, anew: self.anew };
        let mut loads = loads(request, loaded.as_ref(), objects).await?.into_iter();
        let next = loads.next().ok_or_else(|| StepError::permanent(format!("model `{name}` has nothing to load")))?;
        Ok((next, loads.next().is_some()))
    }
}

/// Makes room for the rows; `most` is how many parts there may be.
///
/// # Errors
/// A model without a mart or that was not published by the run, an older run than the mart has, a mart that refuses.
pub async fn begin(
    request: PartsRequest<'_>,
    most: usize,
    mart: &dyn StagedMart,
    objects: Arc<dyn ObjectStore>,
) -> Result<Begun, StepError> {
    let (load, _) = request.next(mart, objects.as_ref()).await?;
    let of = mart.begin(&load, objects).await?.map_or(0, |slices| slices.clamp(1, most.max(1)));
    Ok(Begun { parts: (0..of).collect(), of })
}

/// Loads one part, until `until` says that the time is over.
///
/// # Errors
/// As for [`begin`].
pub async fn part(
    request: PartsRequest<'_>,
    part: (usize, usize),
    mart: &dyn StagedMart,
    objects: Arc<dyn ObjectStore>,
    until: &(dyn Fn() -> bool + Send + Sync),
) -> Result<PartOutcome, StepError> {
    let (load, _) = request.next(mart, objects.as_ref()).await?;
    Ok(mart.part(&load, part, objects, until).await?)
}

/// What goes into the model's record about a load.
///
/// # Errors
/// A model without a mart.
pub fn record(model: &Model, rows: u64, milliseconds: u64) -> Result<LoadedRecord, StepError> {
    let missing = || StepError::permanent(format!("model `{}` has no mart", model.name));
    let target = model.mart.as_ref().ok_or_else(missing)?;
    Ok(LoadedRecord {
        table: format!("{}.{}", target.to, target.table),
        mode: mode_name(target.mode).to_owned(),
        rows,
        milliseconds,
    })
}

/// Makes the rows visible.
///
/// # Errors
/// As for [`begin`], and rows that are missing.
pub async fn commit(
    request: PartsRequest<'_>,
    mart: &dyn StagedMart,
    objects: Arc<dyn ObjectStore>,
) -> Result<Committed, StepError> {
    let (load, more) = request.next(mart, objects.as_ref()).await?;
    let LoadOutcome { rows, repeated, .. } = mart.commit(&load, objects).await?;
    Ok(Committed { rows, repeated, more })
}
