//! A mistake the engine found, shown where the user wrote it: in the model's file, not in the statement made from it.

use tarn_model::{CompiledModel, Diagnostics, Model};

use crate::error::StepError;
use crate::ports::EngineError;

/// The engine's error about a statement in which the model's SQL begins after `lines_before` lines.
pub(crate) fn in_model(model: &Model, compiled: &CompiledModel, error: EngineError, lines_before: usize) -> StepError {
    if error.pending.is_some() {
        return error.into();
    }
    let retryable = error.retryable;
    let Some(line) = error.line.filter(|line| *line > lines_before) else {
        let message = format!("{}: {}", model.file, error.message);
        return StepError { hint: error.hint, retryable, ..StepError::permanent(message) };
    };
    let diagnostic = compiled
        .diagnostic("sql", line - lines_before, error.column.unwrap_or(1), &error.message)
        .with_hint_if(error.hint);
    StepError { retryable, ..StepError::from(Diagnostics::from(diagnostic)) }
}
