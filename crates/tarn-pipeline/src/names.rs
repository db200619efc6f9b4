//! Names that mean something: a run, a table, an object.
//!
//! They are checked once, where they enter, so that the steps can pass them on without asking again.

use std::fmt;

use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};

/// The name of one run: sortable by time, safe in an object key, a table name and an Athena client token.
///
/// Lower-case letters, digits and `_`, at most 64 characters.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct RunId(String);

/// The most characters of a run id.
const LONGEST: usize = 64;

/// Why a text is not a run id.
#[derive(Debug, thiserror::Error)]
#[error("`{0}` is not a run id: lower-case letters, digits and `_`, at most 64 characters")]
pub struct NotARunId(String);

impl RunId {
    /// A run id from the time it starts at, to the millisecond, and something that tells two runs of one millisecond apart.
    pub fn at(time: DateTime<Utc>, distinction: u16) -> Self {
        Self(format!("{}_{distinction:04x}", time.format("%Y%m%dt%H%M%S%3f")))
    }

    /// As long a run id as there can be, for what has to be told before there is one.
    pub fn longest() -> Self {
        Self("r".repeat(LONGEST))
    }

    /// The run id as text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl TryFrom<String> for RunId {
    type Error = NotARunId;

    fn try_from(text: String) -> Result<Self, NotARunId> {
        let fits = !text.is_empty()
            && text.len() <= LONGEST
            && text.bytes().all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'_');
        if fits { Ok(Self(text)) } else { Err(NotARunId(text)) }
    }
}

impl From<RunId> for String {
    fn from(run: RunId) -> Self {
        run.0
    }
}

impl fmt::Display for RunId {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(&self.0)
    }
}

/// The key of an object in the lake's bucket, or of a folder of it: `/`-separated, no leading slash.
///
/// A folder's key ends in `/`.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Key(String);

impl Key {
    /// A key from its text; leading slashes are dropped.
    pub fn new(text: impl Into<String>) -> Self {
        let text: String = text.into();
        Self(text.trim_start_matches('/').to_owned())
    }

    /// The key as text.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// The key of `name` in this folder.
    pub fn join(&self, name: &str) -> Self {
        let slash = if self.0.is_empty() || self.0.ends_with('/') { "" } else { "/" };
        Self(format!("{}{slash}{name}", self.0))
    }

    /// Whether this object lies in `folder`.
    pub fn is_in(&self, folder: &Key) -> bool {
        self.0.starts_with(&folder.0) && self.0.len() > folder.0.len()
    }

    /// The part after the last `/`.
    pub fn file_name(&self) -> &str {
        self.0.rsplit('/').next().unwrap_or_default()
    }
}

impl fmt::Display for Key {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(&self.0)
    }
}
