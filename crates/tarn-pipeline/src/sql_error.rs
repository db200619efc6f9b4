//! A mistake the engine found, shown where the user wrote it: in the model's file, not in the statement made from it.

use tarn_model::{CompiledModel, Diagnostics, Model};

use crate::error::StepError;
use crate::ports::EngineError;

/// The engine's error about a statement in which the model's SQL begins after `lines_before` lines.
pub(crate) fn in_model(model: &Model, compiled: &CompiledModel, error: EngineError, lines_before: usize) -> StepError {
    let retryable = error.retryable;
    let Some(line) = error.line.filter(|line| *line > lines_before) else {
        let message = format!("{}: {}", model.file, error.message);
        return StepError { message, hint: error.hint, retryable };
    };
    let diagnostic = compiled
        .diagnostic("sql", line - lines_before, error.column.unwrap_or(1), &error.message)
        .with_hint_if(error.hint);
    let mut diagnostics = Diagnostics::new();
    diagnostics.push(diagnostic);
    StepError { message: diagnostics.render(false).trim_end().to_owned(), hint: None, retryable }
}
