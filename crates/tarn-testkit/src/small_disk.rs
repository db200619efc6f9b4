//! A disk of a few megabytes, which is soon full.

use std::path::Path;
use std::process::Command;

use anyhow::{Context as _, Result, bail};
use tempfile::TempDir;

use crate::databases::open_up;

/// Set to `1`, it tells that disks cannot be mounted here: whoever needs one is left out.
const NO_MOUNT: &str = "TARN_TEST_NO_MOUNT";

/// A disk of its own, in memory; it is gone with its last user.
pub struct SmallDisk(TempDir);

impl SmallDisk {
    /// Mounts one; `None` only where the environment says that none can be, which a test has to say.
    ///
    /// # Errors
    /// When it cannot be mounted.
    pub fn mount(megabytes: u32) -> Result<Option<Self>> {
        if std::env::var(NO_MOUNT).is_ok_and(|value| value == "1") {
            return Ok(None);
        }
        let folder = TempDir::new()?;
        let size = format!("size={megabytes}m");
        let mut mount = Command::new("mount");
        let output = mount.args(["-t", "tmpfs", "-o", &size, "tmpfs"]).arg(folder.path()).output().context("mount")?;
        if !output.status.success() {
            let said = String::from_utf8_lossy(&output.stderr);
            bail!("no disk can be mounted: {}; `{NO_MOUNT}=1` leaves out what needs one", said.trim());
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
