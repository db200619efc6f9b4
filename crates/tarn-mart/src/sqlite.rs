//! SQLite: the mart on a laptop.
//!
//! A load is one transaction of one connection, on a thread that may block. The database is in WAL mode, so that readers see
//! the old rows until the commit and are never kept waiting. A load that is dropped half-way is rolled back.

mod connection;
mod control;
mod fault;
mod insert;
mod modes;
mod query;
mod schema;
mod session;
mod storage;

use std::path::PathBuf;
use std::sync::Arc;
use std::time::{Duration, Instant};

use async_trait::async_trait;
use tarn_pipeline::names::RunId;
use tarn_pipeline::ports::{Load, LoadOutcome, Mart, MartError, ObjectStore};
use tokio::sync::watch;
use tokio::task::spawn_blocking;

use self::control::{CancelOnDrop, Control};
use crate::fault::broken_off;

pub(crate) use self::query::query;

/// How long another program that writes to the database is waited for.
const WAIT_FOR_WRITERS: Duration = Duration::from_secs(10);

/// A SQLite database file.
#[derive(Debug, Clone)]
pub(crate) struct SqliteMart {
    path: PathBuf,
    wait: Duration,
}

impl SqliteMart {
    pub(crate) fn new(path: PathBuf) -> Self {
        Self { path, wait: WAIT_FOR_WRITERS }
    }
}

#[async_trait]
impl Mart for SqliteMart {
    async fn loaded(&self, table: &str) -> Result<Option<RunId>, MartError> {
        let (mart, table) = (self.clone(), table.to_owned());
        spawn_blocking(move || session::loaded(&mart.path, mart.wait, &table))
            .await
            .unwrap_or_else(|error| Err(broken_off(error)))
    }

    async fn load(
        &self,
        load: &Load,
        objects: Arc<dyn ObjectStore>,
        progress: &(dyn Fn(u64) + Send + Sync),
    ) -> Result<LoadOutcome, MartError> {
        let started = Instant::now();
        let (rows_loaded, mut rows_seen) = watch::channel(0);
        let control = Arc::new(Control::new(rows_loaded));
        let _guard = CancelOnDrop(Arc::clone(&control));
        let (mart, load) = (self.clone(), load.clone());
        let mut task = spawn_blocking(move || session::load(&mart.path, mart.wait, &load, objects.as_ref(), &control));
        let result = loop {
            tokio::select! {
                biased;
                result = &mut task => break result,
                Ok(()) = rows_seen.changed() => progress(*rows_seen.borrow_and_update()),
            }
        };
        let mut outcome = result.unwrap_or_else(|error| Err(broken_off(error)))?;
        progress(outcome.rows);
        outcome.milliseconds = u64::try_from(started.elapsed().as_millis()).unwrap_or(u64::MAX);
        Ok(outcome)
    }
}

#[cfg(test)]
mod tests;
