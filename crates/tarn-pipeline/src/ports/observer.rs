//! What a person watching wants to know while the steps go on.

use crate::names::RunId;

/// Something happened.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Event {
    /// A run of these models starts.
    RunStarted {
        /// The run.
        run: RunId,
        /// How many models it has.
        models: usize,
    },
    /// A model's step starts: `convert`, `audit`, `publish`, `load`.
    StepStarted {
        /// The model.
        model: String,
        /// The step.
        step: &'static str,
    },
    /// Rows loaded into a mart so far.
    LoadProgress {
        /// The model.
        model: String,
        /// Rows.
        rows: u64,
    },
    /// A model is done, well or not; the details are in its result.
    ModelFinished(Box<crate::record::ModelRecord>),
    /// Bytes of input interpreted so far.
    IngestProgress {
        /// Bytes read.
        bytes: u64,
        /// Bytes in all, when known.
        total: Option<u64>,
    },
}

/// Somebody who watches.
pub trait Observer: Send + Sync {
    /// Called as things happen, from any thread; must return soon.
    fn observe(&self, event: Event);
}

/// Nobody watches.
#[derive(Debug, Clone, Copy, Default)]
pub struct Silent;

impl Observer for Silent {
    fn observe(&self, _event: Event) {}
}
