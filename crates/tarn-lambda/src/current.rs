//! The invocation that is being answered. A process answers one at a time, and neither a blocking thread nor a panic has anybody to ask for it.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Instant;

use http::HeaderValue;

static CURRENT: Mutex<Option<Arc<Current>>> = Mutex::new(None);

/// An invocation that was not answered yet.
pub(crate) struct Current {
    pub(crate) function: String,
    pub(crate) request_id: String,
    /// Lambda's own name of one try, sent back so that an answer that comes too late is known as such.
    pub(crate) invocation_id: Option<HeaderValue>,
    pub(crate) bytes_in: usize,
    pub(crate) started: Instant,
    /// Whether it is the first of the process.
    pub(crate) is_first: bool,
}

impl Current {
    /// From now on lines and panics belong to this invocation.
    pub(crate) fn begin(self) -> Arc<Self> {
        let current = Arc::new(self);
        set(Some(Arc::clone(&current)));
        current
    }
}

/// From now on lines and panics belong to no invocation.
pub(crate) fn end() {
    set(None);
}

pub(crate) fn get() -> Option<Arc<Current>> {
    CURRENT.lock().unwrap_or_else(PoisonError::into_inner).clone()
}

fn set(current: Option<Arc<Current>>) {
    *CURRENT.lock().unwrap_or_else(PoisonError::into_inner) = current;
}

#[cfg(test)]
impl Current {
    pub(crate) fn of(function: &str, request_id: &str) -> Self {
        Self {
            function: function.to_owned(),
            request_id: request_id.to_owned(),
            invocation_id: None,
            bytes_in: 10,
            started: Instant::now(),
            is_first: false,
        }
    }
}
