//! What SQLite says, in words that tell what to do.

use std::path::Path;

use rusqlite::ErrorCode;
use tarn_pipeline::ports::MartError;

use crate::fault::{WithHint, refused};

/// Why a load stopped.
#[derive(Debug)]
pub(super) enum SqliteFault {
    /// SQLite failed.
    Database(rusqlite::Error),
    /// The load was refused.
    Refused(MartError),
    /// Nobody waits for the load any more.
    Cancelled,
}

impl From<rusqlite::Error> for SqliteFault {
    fn from(error: rusqlite::Error) -> Self {
        Self::Database(error)
    }
}

impl From<MartError> for SqliteFault {
    fn from(error: MartError) -> Self {
        Self::Refused(error)
    }
}

impl SqliteFault {
    /// Whether a row could not be stored because of a unique index.
    pub(super) fn is_duplicate(&self) -> bool {
        use rusqlite::ffi::{SQLITE_CONSTRAINT_PRIMARYKEY, SQLITE_CONSTRAINT_ROWID, SQLITE_CONSTRAINT_UNIQUE};
        let Self::Database(rusqlite::Error::SqliteFailure(failure, _)) = self else {
            return false;
        };
        [SQLITE_CONSTRAINT_PRIMARYKEY, SQLITE_CONSTRAINT_ROWID, SQLITE_CONSTRAINT_UNIQUE]
            .contains(&failure.extended_code)
    }

    /// The error for the mart at this path.
    pub(super) fn explain(self, path: &Path) -> MartError {
        match self {
            Self::Refused(error) => error,
            Self::Cancelled => MartError {
                message: "the load was cancelled and changed nothing".to_owned(),
                hint: None,
                retryable: true,
            },
            Self::Database(error) => explain(&error, path),
        }
    }
}

fn explain(error: &rusqlite::Error, path: &Path) -> MartError {
    let mart = path.display();
    let later = |message: String| MartError { message, hint: None, retryable: true };
    match error.sqlite_error_code() {
        Some(ErrorCode::DatabaseBusy | ErrorCode::DatabaseLocked) => {
            later(format!("mart `{mart}` is locked by another program"))
                .hint("end what the other program writes, then load again")
        }
        Some(ErrorCode::OperationInterrupted) => SqliteFault::Cancelled.explain(path),
        Some(ErrorCode::ReadOnly | ErrorCode::PermissionDenied) => {
            refused(format!("mart `{mart}` is read-only")).hint("allow writing to the file and to its folder")
        }
        Some(ErrorCode::DiskFull) => later(format!("no space is left for mart `{mart}`"))
            .hint("free space on its disk and in the folder for temporary files"),
        Some(ErrorCode::CannotOpen) => refused(format!("mart `{mart}` cannot be opened"))
            .hint("check that its folder exists and can be written to"),
        Some(ErrorCode::NotADatabase) => {
            refused(format!("`{mart}` is not a SQLite database")).hint("move the file away, or choose another path")
        }
        Some(ErrorCode::DatabaseCorrupt) => refused(format!("mart `{mart}` is damaged: {error}"))
            .hint("move the file away; loading again makes a new one"),
        Some(ErrorCode::SystemIoFailure) => later(format!("mart `{mart}` cannot be read or written: {error}")),
        _ => refused(format!("mart `{mart}`: {error}")),
    }
}
