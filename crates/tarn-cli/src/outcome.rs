//! How a command ended, as scripts see it.

use std::process::ExitCode;

use tarn_model::Diagnostics;
use tarn_pipeline::error::StepError;

/// The exit code by its meaning.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Outcome {
    /// 0: everything was done.
    Done,
    /// 1: something failed on the way: a model, an audit, a record, a query.
    Failed,
    /// 2: nothing was begun: a mistake in the lake's files, a lake that somebody else holds, no such model.
    CouldNotStart,
}

impl From<Outcome> for ExitCode {
    fn from(outcome: Outcome) -> Self {
        match outcome {
            Outcome::Done => Self::from(0),
            Outcome::Failed => Self::from(1),
            Outcome::CouldNotStart => Self::from(2),
        }
    }
}

/// Mistakes in the lake's files, to be shown as they are.
#[derive(Debug)]
pub(crate) struct Mistakes(pub(crate) Diagnostics);

impl std::fmt::Display for Mistakes {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.write_str(&self.0.render(false))
    }
}

impl std::error::Error for Mistakes {}

/// Something that keeps a command from starting, with what to do about it.
#[derive(Debug, thiserror::Error)]
#[error("{message}")]
pub(crate) struct Refusal {
    /// What is wrong.
    pub(crate) message: String,
    /// What to do about it.
    pub(crate) hint: Option<String>,
}

impl Refusal {
    pub(crate) fn new(message: impl Into<String>) -> Self {
        Self { message: message.into(), hint: None }
    }

    pub(crate) fn with_hint(mut self, hint: impl Into<String>) -> Self {
        self.hint = Some(hint.into());
        self
    }
}

impl Outcome {
    /// The exit code of an error: a step that failed while under way is 1, all else kept the command from starting.
    pub(crate) fn of(error: &anyhow::Error) -> Self {
        if error.downcast_ref::<StepError>().is_some() { Self::Failed } else { Self::CouldNotStart }
    }
}
