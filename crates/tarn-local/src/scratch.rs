//! Folders for unfinished work, and the removal of what killed processes left in them.
//!
//! Each process has a folder of its own under a shared one and holds a lock on a file in it. The kernel frees the lock when the
//! process ends, however it ends, so whoever comes next can tell the folders of the dead from those of the living.

use std::fs::{self, File, OpenOptions};
use std::io;
use std::path::{Path, PathBuf};

use crate::disk;

const LOCK: &str = "lock";

/// A folder for unfinished work; it is removed when dropped.
#[derive(Debug)]
pub(crate) struct Scratch {
    folder: PathBuf,
    lock: Option<File>,
}

impl Scratch {
    /// A new folder under `parent`, after removing those whose owners are dead.
    pub(crate) fn open(parent: &Path) -> io::Result<Self> {
        disk::create_folders(parent)?;
        remove_orphans(parent);
        let folder = tempfile::Builder::new().prefix("work-").tempdir_in(parent)?.keep();
        // The lock gets its name only once it is held: whoever sees a lock file may trust it.
        let unnamed = folder.join("lock-new");
        let lock = OpenOptions::new().create_new(true).write(true).open(&unnamed)?;
        lock.lock()?;
        fs::rename(&unnamed, folder.join(LOCK))?;
        Ok(Self { folder, lock: Some(lock) })
    }

    /// Where it is.
    pub(crate) fn path(&self) -> &Path {
        &self.folder
    }
}

impl Drop for Scratch {
    fn drop(&mut self) {
        drop(self.lock.take());
        if let Err(error) = fs::remove_dir_all(&self.folder) {
            tracing::debug!(folder = %self.folder.display(), %error, "a working folder could not be removed");
        }
    }
}

/// Removes the folders nobody holds. What cannot be removed now will be tried again by the next process.
fn remove_orphans(parent: &Path) {
    let Ok(entries) = fs::read_dir(parent) else { return };
    for folder in entries.flatten().map(|entry| entry.path()) {
        if is_orphan(&folder) {
            match fs::remove_dir_all(&folder) {
                Ok(()) => tracing::debug!(folder = %folder.display(), "removed what a killed process left behind"),
                Err(error) => {
                    tracing::debug!(folder = %folder.display(), %error, "a working folder could not be removed")
                }
            }
        }
    }
}

fn is_orphan(folder: &Path) -> bool {
    match OpenOptions::new().write(true).open(folder.join(LOCK)) {
        Ok(lock) => lock.try_lock().is_ok(),
        // Its owner may be about to name the lock; nobody takes an hour for that.
        Err(error) if error.kind() == io::ErrorKind::NotFound => fs::metadata(folder)
            .and_then(|metadata| metadata.modified())
            .is_ok_and(|modified| modified.elapsed().is_ok_and(|age| age.as_secs() > 3600)),
        Err(_) => false,
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a failed test may panic")]
    use super::*;

    #[test]
    fn folders_of_the_living_stay_and_those_of_the_dead_go() {
        let parent = tempfile::tempdir().unwrap();
        let living = Scratch::open(parent.path()).unwrap();
        let dead = parent.path().join("work-dead");
        fs::create_dir(&dead).unwrap();
        fs::write(dead.join(LOCK), "").unwrap();
        fs::write(dead.join("half.parquet"), "PAR1").unwrap();

        let newcomer = Scratch::open(parent.path()).unwrap();

        assert!(!dead.exists());
        assert!(living.path().exists());
        let folder = newcomer.path().to_owned();
        drop(newcomer);
        assert!(!folder.exists());
    }
}
