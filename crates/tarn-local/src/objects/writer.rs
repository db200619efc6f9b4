//! An object being written.

use std::io::{self, Write};
use std::path::{Path, PathBuf};

use tarn_pipeline::names::Key;
use tarn_pipeline::ports::{ContentName, ObjectError, ObjectWriter};
use tempfile::{NamedTempFile, TempPath};

use super::LocalObjects;
use super::keeping::{self, CopyError};
use crate::disk;

/// Writes to a temporary file, which dropping removes and finishing renames.
pub(crate) struct LocalWriter {
    objects: LocalObjects,
    key: Key,
    target: PathBuf,
    file: NamedTempFile,
}

impl LocalWriter {
    pub(super) fn start(objects: LocalObjects, key: Key, target: PathBuf) -> io::Result<Self> {
        let file = NamedTempFile::new_in(objects.unfinished()?)?;
        make_readable(&file)?;
        Ok(Self { objects, key, target, file })
    }

    pub(super) fn finish_in_place(self) -> io::Result<()> {
        disk::put_in_place(self.file, &self.target)
    }

    /// Fills the empty object with a file, which is shown to `name`.
    pub(super) fn copy_file(&mut self, path: &Path, name: &mut dyn ContentName) -> Result<(), CopyError> {
        keeping::copy(path, self.file.as_file(), name)
    }

    /// Finishes under a name that was not known at the start.
    pub(super) fn finish_at(self, target: &Path) -> io::Result<()> {
        disk::put_in_place(self.file, target)
    }

    /// Bytes written so far.
    pub(crate) fn size(&self) -> io::Result<u64> {
        Ok(self.file.as_file().metadata()?.len())
    }

    /// Ends the writing without making the object visible; thousands of objects can wait so, as none of them is open.
    pub(crate) fn close(self) -> ClosedObject {
        ClosedObject { objects: self.objects, key: self.key, target: self.target, file: self.file.into_temp_path() }
    }
}

/// A whole object that nobody sees yet; dropping it removes it.
pub(crate) struct ClosedObject {
    objects: LocalObjects,
    key: Key,
    target: PathBuf,
    file: TempPath,
}

impl ClosedObject {
    /// The key it will have.
    pub(crate) fn key(&self) -> &Key {
        &self.key
    }

    /// Makes it visible, durably.
    pub(crate) fn finish(self) -> Result<(), ObjectError> {
        let Self { objects, key, target, file } = self;
        let place = || {
            let opened = std::fs::OpenOptions::new().write(true).open(&file)?;
            disk::put_in_place(NamedTempFile::from_parts(opened, file), &target)
        };
        place().map_err(|error| objects.failed(&key, "written", error))
    }
}

/// Temporary files are private by default; objects are as readable as any other file a user makes.
#[cfg(unix)]
fn make_readable(file: &NamedTempFile) -> io::Result<()> {
    use std::os::unix::fs::PermissionsExt;
    file.as_file().set_permissions(std::fs::Permissions::from_mode(0o644))
}

#[cfg(not(unix))]
fn make_readable(_file: &NamedTempFile) -> io::Result<()> {
    Ok(())
}

impl Write for LocalWriter {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.file.as_file_mut().write(bytes).map_err(|error| disk::explain(error, self.objects.root()))
    }

    fn flush(&mut self) -> io::Result<()> {
        self.file.as_file_mut().flush()
    }
}

impl ObjectWriter for LocalWriter {
    fn finish(self: Box<Self>) -> Result<(), ObjectError> {
        let (objects, key) = (self.objects.clone(), self.key.clone());
        self.finish_in_place().map_err(|error| objects.failed(&key, "written", error))
    }
}
