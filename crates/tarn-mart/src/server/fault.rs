//! Why a step of a load ended, and whether the next try may go better.

use tarn_pipeline::ports::MartError;

use crate::fault::refused;

/// Why a step did not end well.
#[derive(Debug)]
pub(crate) enum Fault {
    /// It will fail in the same way again.
    Refused(MartError),
    /// The connection, the server or another load was in the way: the load is taken up where it is safe.
    Passing(MartError),
    /// The user or the password is not accepted.
    Denied(MartError),
    /// The server takes no rows by its bulk loader.
    BulkForbidden,
}

impl From<MartError> for Fault {
    fn from(error: MartError) -> Self {
        if error.retryable { Self::Passing(error) } else { Self::Refused(error) }
    }
}

impl Fault {
    /// Something that passes.
    pub(crate) fn passing(message: impl Into<String>) -> Self {
        Self::Passing(MartError { message: message.into(), hint: None, retryable: true })
    }

    /// A server that takes no rows: it may be gone without a word.
    pub(crate) fn stalled(name: &str, seconds: u64) -> Self {
        Self::passing(format!("mart `{name}` took no rows for {seconds} s"))
    }

    /// The error as the caller gets it.
    pub(crate) fn into_error(self) -> MartError {
        match self {
            Self::Refused(error) | Self::Passing(error) | Self::Denied(error) => error,
            Self::BulkForbidden => refused("the mart's server takes no rows by its bulk loader"),
        }
    }
}
