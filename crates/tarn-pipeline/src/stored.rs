//! Records that lie in the bucket as JSON.

use bytes::Bytes;
use serde::de::DeserializeOwned;

use crate::error::StepError;
use crate::names::Key;
use crate::ports::{ObjectError, ObjectStore};

/// How many objects are looked at at a time: one after another, a thousand take half a minute.
pub(crate) const AT_A_TIME: usize = 32;

/// The record under a key; `None` when there is none. `what` is how it is called when it is damaged: `the plan`.
pub(crate) async fn find<T: DeserializeOwned>(
    key: &Key,
    what: &str,
    objects: &dyn ObjectStore,
) -> Result<Option<T>, StepError> {
    get(key, objects).await?.map(|bytes| parse(key, what, &bytes)).transpose()
}

/// The record under a key that is there.
pub(crate) async fn read<T: DeserializeOwned>(
    key: &Key,
    what: &str,
    objects: &dyn ObjectStore,
) -> Result<T, StepError> {
    parse(key, what, &objects.get(key).await?)
}

/// The bytes under a key; `None` when there are none.
pub(crate) async fn get(key: &Key, objects: &dyn ObjectStore) -> Result<Option<Bytes>, StepError> {
    match objects.get(key).await {
        Err(ObjectError::NotFound(_)) => Ok(None),
        bytes => Ok(Some(bytes?)),
    }
}

/// A record from its bytes.
pub(crate) fn parse<T: DeserializeOwned>(key: &Key, what: &str, bytes: &[u8]) -> Result<T, StepError> {
    serde_json::from_slice(bytes).map_err(|error| StepError::permanent(format!("{what} `{key}` is damaged: {error}")))
}
