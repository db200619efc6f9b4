//! A disk of a few megabytes, which is soon full.

use std::path::Path;
use std::process::Command;

use anyhow::Result;
use tempfile::TempDir;

use crate::databases::open_up;

/// A disk of its own, in memory; it is gone with its last user.
pub struct SmallDisk(TempDir);

impl SmallDisk {
    /// Mounts one; `None` where that is not allowed, which a test has to say.
    ///
    /// # Errors
    /// When there is no folder for it.
    pub fn mount(megabytes: u32) -> Result<Option<Self>> {
        let folder = TempDir::new()?;
        let size = format!("size={megabytes}m");
        let mounted = Command::new("mount").args(["-t", "tmpfs", "-o", &size, "tmpfs"]).arg(folder.path()).output();
        if !mounted.is_ok_and(|output| output.status.success()) {
            return Ok(None);
        }
        open_up(folder.path())?;
        Ok(Some(Self(folder)))
    }

    /// Where it is.
    pub fn path(&self) -> &Path {
        self.0.path()
    }
}

impl Drop for SmallDisk {
    fn drop(&mut self) {
        // Lazily: whoever still has a file open on it ends soon.
        let _ = Command::new("umount").arg("-l").arg(self.0.path()).output();
    }
}
