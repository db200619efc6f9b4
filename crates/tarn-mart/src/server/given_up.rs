//! Connections that took no more rows.

use std::collections::BTreeSet;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

/// The numbers by which a server knows connections that were given up.
///
/// A server that is not told of a connection's end keeps for it what it locked, for minutes or for hours. So the next connection ends
/// the one that still has a lock that it wants.
#[derive(Debug, Clone, Default)]
pub(crate) struct GivenUp(Arc<Mutex<BTreeSet<u32>>>);

impl GivenUp {
    pub(crate) fn add(&self, connection: u32) {
        self.numbers().insert(connection);
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.numbers().is_empty()
    }

    /// Whether a connection was given up; it is no longer known as such afterwards.
    pub(crate) fn take(&self, connection: u32) -> bool {
        self.numbers().remove(&connection)
    }

    fn numbers(&self) -> MutexGuard<'_, BTreeSet<u32>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
