//! Why a step failed: what is wrong, what to do, and whether a retry may help.

use tarn_model::Diagnostics;

use crate::names::NotARunId;
use crate::ports::{CatalogueError, EngineError, MartError, ObjectError, PendingQuery};
use crate::record::Failure;

/// A step that failed.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{message}")]
pub struct StepError {
    /// What is wrong; may have several lines.
    pub message: String,
    /// What to do about it.
    pub hint: Option<String>,
    /// Whether the same step may succeed later.
    pub retryable: bool,
    /// The same as mistakes in the lake's files, each with its place, where it is about them.
    pub mistakes: Option<Box<Diagnostics>>,
    /// The step did not fail: it waits for this query, and is to be taken again when that has ended.
    pub pending: Option<Box<PendingQuery>>,
}

impl StepError {
    /// An error that a retry does not mend.
    pub fn permanent(message: impl Into<String>) -> Self {
        Self { message: message.into(), hint: None, retryable: false, mistakes: None, pending: None }
    }

    /// An error that the same step may not meet later.
    pub fn transient(message: impl Into<String>) -> Self {
        Self { retryable: true, ..Self::permanent(message) }
    }

    /// The same error with what to do about it.
    pub fn with_hint(mut self, hint: impl Into<String>) -> Self {
        self.hint = Some(hint.into());
        self
    }

    /// The error as a run's record keeps it.
    pub fn at(self, step: &str) -> Failure {
        Failure { step: step.to_owned(), message: self.message, hint: self.hint, retryable: self.retryable }
    }
}

impl From<ObjectError> for StepError {
    fn from(error: ObjectError) -> Self {
        let retryable = error.is_retryable();
        Self { retryable, ..Self::permanent(error.to_string()) }
    }
}

impl From<CatalogueError> for StepError {
    fn from(error: CatalogueError) -> Self {
        let retryable = error.is_retryable();
        Self { retryable, ..Self::permanent(error.to_string()) }
    }
}

impl From<EngineError> for StepError {
    fn from(error: EngineError) -> Self {
        let place = match (error.line, error.column) {
            (Some(line), Some(column)) => format!("line {line}:{column}: "),
            (Some(line), None) => format!("line {line}: "),
            _ => String::new(),
        };
        Self {
            message: format!("{place}{}", error.message),
            hint: error.hint,
            retryable: error.retryable,
            mistakes: None,
            pending: error.pending,
        }
    }
}

impl From<MartError> for StepError {
    fn from(error: MartError) -> Self {
        Self { hint: error.hint, retryable: error.retryable, ..Self::permanent(error.message) }
    }
}

/// Mistakes in the lake's files, rendered whole.
impl From<Diagnostics> for StepError {
    fn from(diagnostics: Diagnostics) -> Self {
        let message = diagnostics.render(false).trim_end().to_owned();
        Self { mistakes: Some(Box::new(diagnostics)), ..Self::permanent(message) }
    }
}

impl From<NotARunId> for StepError {
    fn from(error: NotARunId) -> Self {
        Self::permanent(error.to_string())
    }
}
