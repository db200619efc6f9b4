//! One writer at a time per lake.
//!
//! The lock is the kernel's, on a file of the data folder: it is free as soon as its holder is gone, also after `kill -9`. Who
//! holds it stands in a file beside it, for whoever has to wait.

use std::fs::{self, File, OpenOptions, TryLockError};
use std::io;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};

use crate::disk;

const LOCK: &str = "lock";
const HOLDER: &str = "lock.json";
/// How often a waiting process looks again.
const PAUSE: Duration = Duration::from_millis(100);

/// Who holds a lake.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Holder {
    /// The process.
    pub pid: u32,
    /// What it was started as, e.g. `tarn run`.
    pub command: String,
    /// Since when it holds the lake.
    pub since: DateTime<Utc>,
}

/// Why a lake could not be taken.
#[derive(Debug, thiserror::Error)]
pub enum LockError {
    /// Another process writes to the lake.
    #[error("the lake is in use by {}", describe(.0))]
    Held(Option<Holder>),
    /// The data folder refused.
    #[error("the lake could not be locked: {0}")]
    Io(#[source] io::Error),
}

fn describe(holder: &Option<Holder>) -> String {
    match holder {
        Some(Holder { pid, command, since }) => {
            format!("`{command}` (process {pid}, since {})", since.format("%Y-%m-%d %H:%M:%S UTC"))
        }
        None => "another process".to_owned(),
    }
}

/// A lake held for writing, until dropped.
#[derive(Debug)]
pub struct LakeLock {
    holder: PathBuf,
    _file: File,
}

impl LakeLock {
    /// Takes the lake if nobody holds it. `command` and `since` are what others are told.
    ///
    /// # Errors
    /// [`LockError::Held`] when somebody holds it, [`LockError::Io`] when the folder cannot be written.
    pub fn try_acquire(data_folder: &Path, command: &str, since: DateTime<Utc>) -> Result<Self, LockError> {
        let refused = |error| LockError::Io(disk::explain(error, data_folder));
        let open = || {
            disk::create_folders(data_folder)?;
            OpenOptions::new().create(true).truncate(false).write(true).open(data_folder.join(LOCK))
        };
        let file = open().map_err(refused)?;
        let holder = data_folder.join(HOLDER);
        match file.try_lock() {
            Ok(()) => {}
            Err(TryLockError::WouldBlock) => return Err(LockError::Held(read_holder(&holder))),
            Err(TryLockError::Error(error)) => return Err(refused(error)),
        }
        let who = Holder { pid: std::process::id(), command: command.to_owned(), since };
        let text = serde_json::to_vec(&who).map_err(|error| refused(error.into()))?;
        disk::replace_file(&holder, &text).map_err(refused)?;
        Ok(Self { holder, _file: file })
    }

    /// Takes the lake, waiting for its holder at most this long.
    ///
    /// # Errors
    /// As [`LakeLock::try_acquire`], after the wait.
    pub async fn acquire(
        data_folder: &Path,
        command: &str,
        since: DateTime<Utc>,
        wait: Duration,
    ) -> Result<Self, LockError> {
        let started = Instant::now();
        loop {
            match Self::try_acquire(data_folder, command, since) {
                Err(LockError::Held(_)) if started.elapsed() < wait => tokio::time::sleep(PAUSE).await,
                outcome => return outcome,
            }
        }
    }
}

impl Drop for LakeLock {
    fn drop(&mut self) {
        // While the lock is still held, so that the next holder's file is not removed.
        if let Err(error) = fs::remove_file(&self.holder) {
            tracing::debug!(%error, "the file that names the lake's holder could not be removed");
        }
    }
}

fn read_holder(file: &Path) -> Option<Holder> {
    fs::read(file).ok().and_then(|bytes| serde_json::from_slice(&bytes).ok())
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::panic, reason = "a failed test may panic")]
    use super::*;

    fn time() -> DateTime<Utc> {
        "2026-11-01T03:15:00Z".parse().unwrap()
    }

    #[tokio::test]
    async fn the_second_is_told_who_holds_the_lake_or_waits() {
        let folder = tempfile::tempdir().unwrap();
        let data = folder.path().join(".tarn");
        let held = LakeLock::try_acquire(&data, "tarn run", time()).unwrap();
        let refused = LakeLock::try_acquire(&data, "tarn clean", time()).unwrap_err();
        let expected =
            format!("the lake is in use by `tarn run` (process {}, since 2026-11-01 03:15:00 UTC)", std::process::id());
        assert_eq!(refused.to_string(), expected);

        let waiting = tokio::spawn({
            let data = data.clone();
            async move { LakeLock::acquire(&data, "tarn clean", time(), Duration::from_secs(20)).await }
        });
        tokio::time::sleep(Duration::from_millis(50)).await;
        assert!(!waiting.is_finished());
        drop(held);
        let second = waiting.await.unwrap().unwrap();
        let short = LakeLock::acquire(&data, "x", time(), Duration::from_millis(1)).await;
        let Err(LockError::Held(Some(holder))) = short else { panic!("{short:?}") };
        assert_eq!(holder.command, "tarn clean");
        drop(second);
        assert!(!data.join(HOLDER).exists());
    }

    #[test]
    fn a_lock_of_a_dead_process_is_free() {
        let folder = tempfile::tempdir().unwrap();
        fs::write(folder.path().join(LOCK), "").unwrap();
        fs::write(folder.path().join(HOLDER), r#"{"pid":1,"command":"tarn run","since":"2026-11-01T03:15:00Z"}"#)
            .unwrap();
        LakeLock::try_acquire(folder.path(), "tarn run", time()).unwrap();
    }
}
