//! Things that are to be done once, however many want to do them.

use async_trait::async_trait;
use bytes::Bytes;

use crate::names::Key;
use crate::ports::ObjectError;

/// Objects that are only ever made, never replaced.
#[async_trait]
pub trait Claims: Send + Sync {
    /// Makes an object where there is none; `false` when there is one. Of many at once, one gets `true`.
    ///
    /// The bytes are to be different each time: by them a call whose answer was lost on the way knows its own object.
    async fn claim(&self, key: &Key, bytes: Bytes) -> Result<bool, ObjectError>;
}
