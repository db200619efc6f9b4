//! How a refusal is written: what is wrong, and what to do about it.

use tarn_pipeline::ports::MartError;
use tokio::task::JoinError;

/// A load that will fail in the same way again.
pub(crate) fn refused(message: impl Into<String>) -> MartError {
    MartError { message: message.into(), hint: None, retryable: false }
}

/// Adds what to do about it.
pub(crate) trait WithHint {
    /// The same error with a hint.
    fn hint(self, hint: impl Into<String>) -> Self;
}

impl WithHint for MartError {
    fn hint(mut self, hint: impl Into<String>) -> Self {
        self.hint = Some(hint.into());
        self
    }
}

/// The thread ended without a result: a file damaged in a way that its reader did not foresee, or a runtime that shuts down.
pub(crate) fn broken_off(error: JoinError) -> MartError {
    let reason = match error.try_into_panic() {
        Ok(panic) => match (panic.downcast_ref::<&str>(), panic.downcast_ref::<String>()) {
            (Some(text), _) => (*text).to_owned(),
            (_, Some(text)) => text.clone(),
            _ => "unknown reason".to_owned(),
        },
        Err(error) => error.to_string(),
    };
    refused(format!("the load broke off and changed nothing: {reason}"))
}
