//! Why an invocation failed, as Lambda and Step Functions are told.

use std::any::Any;
use std::fmt;

use serde::Serialize;
use tarn_pipeline::error::StepError;
use tarn_pipeline::ports::ObjectError;

use crate::settings::SettingsError;

/// What a retry would do about a failure; the `errorType` that a state machine matches.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub enum FailureKind {
    /// The same event may succeed later: AWS was busy, a connection broke.
    #[serde(rename = "Tarn.Retryable")]
    Retryable,
    /// The same event fails again until somebody changes something.
    #[serde(rename = "Tarn.Permanent")]
    Permanent,
    /// A fault of ours.
    #[serde(rename = "Tarn.Panic")]
    Panic,
}

impl FailureKind {
    /// The `errorType` of Lambda's answer.
    pub fn name(self) -> &'static str {
        match self {
            Self::Retryable => "Tarn.Retryable",
            Self::Permanent => "Tarn.Permanent",
            Self::Panic => "Tarn.Panic",
        }
    }
}

/// An invocation that failed.
///
/// Serialised it is the body that the Runtime API wants: `{"errorType": …, "errorMessage": …}`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, thiserror::Error)]
#[error("{message}")]
pub struct Failure {
    /// Whether a retry may help.
    #[serde(rename = "errorType")]
    pub kind: FailureKind,
    /// What is wrong and, where that is known, what to do.
    #[serde(rename = "errorMessage")]
    pub message: String,
}

impl Failure {
    /// A failure that the same event may survive later.
    pub fn retryable(message: impl fmt::Display) -> Self {
        Self { kind: FailureKind::Retryable, message: message.to_string() }
    }

    /// A failure that stays until somebody changes something.
    pub fn permanent(message: impl fmt::Display) -> Self {
        Self { kind: FailureKind::Permanent, message: message.to_string() }
    }

    /// What a panic left behind.
    pub(crate) fn panic(payload: &(dyn Any + Send)) -> Self {
        let text = payload
            .downcast_ref::<&str>()
            .copied()
            .or_else(|| payload.downcast_ref::<String>().map(String::as_str))
            .unwrap_or("no message");
        Self { kind: FailureKind::Panic, message: format!("the function panicked: {text}") }
    }
}

impl From<StepError> for Failure {
    fn from(error: StepError) -> Self {
        let kind = if error.retryable { FailureKind::Retryable } else { FailureKind::Permanent };
        let message = match error.hint {
            Some(hint) => format!("{}; {hint}", error.message),
            None => error.message,
        };
        Self { kind, message }
    }
}

impl From<ObjectError> for Failure {
    fn from(error: ObjectError) -> Self {
        StepError::from(error).into()
    }
}

impl From<SettingsError> for Failure {
    fn from(error: SettingsError) -> Self {
        Self::permanent(error)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lambda_reads_type_and_message() {
        let retryable = StepError::transient("busy").with_hint("wait");
        let body = serde_json::to_value(Failure::from(retryable)).unwrap();
        assert_eq!(body, serde_json::json!({"errorType": "Tarn.Retryable", "errorMessage": "busy; wait"}));
        for kind in [FailureKind::Retryable, FailureKind::Permanent, FailureKind::Panic] {
            assert_eq!(serde_json::to_value(kind).unwrap(), kind.name());
        }
    }

    #[test]
    fn a_panic_says_what_it_said() {
        let payload = std::panic::catch_unwind(|| panic!("row {}", 7)).unwrap_err();
        assert_eq!(Failure::panic(payload.as_ref()).message, "the function panicked: row 7");
    }
}
