//! A disk of a few megabytes, which is soon full.

use std::path::Path;
use std::process::Command;

use anyhow::{Context as _, Result, bail};
use tempfile::TempDir;

use crate::databases::open_up;

/// Where this is set, a disk has to be mounted; elsewhere whoever needs one may be left out, since not everybody may mount.
const REQUIRED: &str = "TARN_REQUIRE_MOUNT";

/// A disk of its own, in memory; it is gone with its last user.
pub struct SmallDisk(TempDir);

impl SmallDisk {
    /// Mounts one; `None` where that is not allowed, which a test has to say.
    ///
    /// # Errors
    /// When it cannot be mounted, and `TARN_REQUIRE_MOUNT` is set.
    pub fn mount(megabytes: u32) -> Result<Option<Self>> {
        let folder = TempDir::new()?;
        let size = format!("size={megabytes}m");
        let mut mount = Command::new("mount");
        let output = mount.args(["-t", "tmpfs", "-o", &size, "tmpfs"]).arg(folder.path()).output().context("mount")?;
        if !output.status.success() {
            if std::env::var_os(REQUIRED).is_some() {
                bail!("no disk can be mounted: {}", String::from_utf8_lossy(&output.stderr).trim());
            }
            return Ok(None);
        }
        let disk = Self(folder);
        open_up(disk.path())?;
        Ok(Some(disk))
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
