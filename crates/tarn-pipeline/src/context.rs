//! What the steps of one run share: the lake, the ports and the run's settings.

use std::sync::Arc;

use chrono::{DateTime, Utc};
use indexmap::IndexMap;
use tarn_model::Lake;

use crate::names::RunId;
use crate::ports::{Catalogue, Clock, Mart, ObjectStore, Observer, QueryEngine};

/// The world behind the steps.
#[derive(Clone)]
pub struct Ports {
    /// The bucket.
    pub objects: Arc<dyn ObjectStore>,
    /// The catalogue.
    pub catalogue: Arc<dyn Catalogue>,
    /// The engine.
    pub engine: Arc<dyn QueryEngine>,
    /// The marts by their name in `tarn.yaml`.
    pub marts: IndexMap<String, Arc<dyn Mart>>,
    /// The time.
    pub clock: Arc<dyn Clock>,
    /// Who watches.
    pub observer: Arc<dyn Observer>,
}

/// What a run was asked to do.
#[derive(Debug, Clone)]
pub struct RunSettings {
    /// The run's id.
    pub run: RunId,
    /// Which models, as typed; all when empty.
    pub select: Vec<String>,
    /// Which not, as typed.
    pub exclude: Vec<String>,
    /// Variables in place of the lake's.
    pub vars: IndexMap<String, String>,
    /// Computes incremental models anew from all their input.
    pub full_refresh: bool,
    /// The time the run is for; `today` and `yesterday` are counted from it.
    pub logical_time: DateTime<Utc>,
    /// How many models are made at a time, at least 1.
    pub parallel: usize,
    /// Loads the marts of published versions.
    pub load_marts: bool,
    /// Who asked for the run, where that is known.
    pub user: Option<String>,
    /// Keeps how far each model came, so that another process can go on with it.
    pub resumable: bool,
}

/// The lake, the ports and the settings of one run.
#[derive(Clone)]
pub struct RunContext {
    /// The lake's files, read and checked.
    pub lake: Arc<Lake>,
    /// The world.
    pub ports: Ports,
    /// The run.
    pub settings: Arc<RunSettings>,
}
