//! How a refusal is written: what is wrong, and what to do about it.

use tarn_pipeline::ports::MartError;

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
