//! What passes between a load's thread and whoever waits for it: progress one way, cancellation the other.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use rusqlite::InterruptHandle;
use tokio::sync::watch;

use super::fault::SqliteFault;

/// The two ends of one load.
pub(super) struct Control {
    cancelled: AtomicBool,
    interrupt: Mutex<Option<InterruptHandle>>,
    rows: watch::Sender<u64>,
}

impl Control {
    pub(super) fn new(rows: watch::Sender<u64>) -> Self {
        Self { cancelled: AtomicBool::new(false), interrupt: Mutex::new(None), rows }
    }

    /// From now on a cancelled load also interrupts the statement that runs.
    pub(super) fn interrupts(&self, handle: InterruptHandle) {
        *self.interrupt.lock().unwrap_or_else(PoisonError::into_inner) = Some(handle);
    }

    /// Tells how many rows were read so far.
    pub(super) fn advance(&self, rows: u64) -> Result<(), SqliteFault> {
        self.rows.send_replace(rows);
        self.check()
    }

    /// An error when nobody waits for the load any more.
    pub(super) fn check(&self) -> Result<(), SqliteFault> {
        if self.cancelled.load(Ordering::Acquire) { Err(SqliteFault::Cancelled) } else { Ok(()) }
    }

    fn cancel(&self) {
        self.cancelled.store(true, Ordering::Release);
        if let Some(handle) = self.interrupt.lock().unwrap_or_else(PoisonError::into_inner).as_ref() {
            handle.interrupt();
        }
    }
}

/// A blocking thread outlives the future that waits for it; this ends its work.
pub(super) struct CancelOnDrop(pub(super) Arc<Control>);

impl Drop for CancelOnDrop {
    fn drop(&mut self) {
        self.0.cancel();
    }
}
