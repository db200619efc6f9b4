//! A folder of the disk as the lake's bucket.
//!
//! An object's key is its path below the folder, letter for letter: Hive's `day=2026-10-01%3A00` stays as it is, so that a file
//! can be found by looking. Unfinished objects lie in [`UNFINISHED`], which no listing shows.

mod direct;
mod keeping;
mod listing;
mod reader;
mod writer;

use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::{Arc, OnceLock};

use async_trait::async_trait;
use bytes::Bytes;
use tarn_pipeline::names::Key;
use tarn_pipeline::ports::{ContentName, KeepError, Object, ObjectError, ObjectReader, ObjectStore, ObjectWriter};

use crate::disk;
use crate::scratch::Scratch;
use keeping::CopyError;
pub(crate) use listing::list_files;
use reader::LocalReader;
pub(crate) use reader::read_at;
pub(crate) use writer::{ClosedObject, LocalWriter};

/// The folder of unfinished objects, at the root of the bucket and so in the same file system.
pub(crate) const UNFINISHED: &str = ".tarn-tmp";

/// The bucket on disk.
#[derive(Debug, Clone)]
pub struct LocalObjects {
    root: Arc<Path>,
    unfinished: Arc<OnceLock<Scratch>>,
}

impl LocalObjects {
    /// The bucket in this folder. Nothing is created before the first object is written, so a lake that is read-only can be read.
    pub fn new(root: impl Into<PathBuf>) -> Self {
        Self { root: root.into().into(), unfinished: Arc::new(OnceLock::new()) }
    }

    /// The folder of the bucket.
    pub fn root(&self) -> &Path {
        &self.root
    }

    /// The file or folder of a key.
    ///
    /// # Errors
    /// [`io::ErrorKind::InvalidInput`] when the key would lead out of the bucket, or into the unfinished objects.
    pub fn path(&self, key: &Key) -> io::Result<PathBuf> {
        let mut path = self.root.to_path_buf();
        let text = key.as_str();
        for (position, part) in text.strip_suffix('/').unwrap_or(text).split('/').enumerate() {
            let escapes =
                part == "." || part == ".." || part.contains(['\0', '\\']) || (part.is_empty() && !text.is_empty());
            if escapes || (position == 0 && part == UNFINISHED) {
                return Err(io::Error::new(io::ErrorKind::InvalidInput, format!("`{text}` is no key of the bucket")));
            }
            path.push(part);
        }
        Ok(path)
    }

    fn unfinished(&self) -> io::Result<&Path> {
        if let Some(scratch) = self.unfinished.get() {
            return Ok(scratch.path());
        }
        let scratch = Scratch::open(&self.root.join(UNFINISHED))?;
        // Two threads may come here at once; the folder of the one that is late is dropped again.
        Ok(self.unfinished.get_or_init(|| scratch).path())
    }

    pub(crate) fn start(&self, key: &Key) -> io::Result<LocalWriter> {
        let target = self.path(key)?;
        if key.as_str().is_empty() || key.as_str().ends_with('/') {
            return Err(io::Error::new(io::ErrorKind::InvalidInput, format!("`{key}` is a folder, not an object")));
        }
        LocalWriter::start(self.clone(), key.clone(), target)
    }

    fn failed(&self, key: &Key, action: &'static str, error: io::Error) -> ObjectError {
        if error.kind() == io::ErrorKind::NotFound && action == "read" {
            return ObjectError::NotFound(key.clone());
        }
        let source = if matches!(action, "written" | "deleted") { disk::explain(error, &self.root) } else { error };
        ObjectError::Io { key: key.clone(), action, source }
    }

    /// Removes an object that was placed a moment ago, as well as that goes.
    pub(crate) fn take_back(&self, key: &Key) {
        if let Err(error) = self.delete_one(key) {
            tracing::warn!(%key, %error, "an object of a statement that failed could not be removed");
        }
    }

    fn delete_one(&self, key: &Key) -> io::Result<()> {
        let path = self.path(key)?;
        match fs::remove_file(&path) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
            _ => {}
        }
        // Folders are no objects: an emptied one goes with its last file. The first that is not empty ends the walk.
        let mut folder = path.parent();
        while let Some(emptied) = folder.filter(|folder| *folder != &*self.root && folder.starts_with(&*self.root)) {
            if fs::remove_dir(emptied).is_err() {
                break;
            }
            folder = emptied.parent();
        }
        Ok(())
    }

    async fn blocking<T: Send + 'static>(
        &self,
        key: &Key,
        action: &'static str,
        work: impl FnOnce(&Self, &Key) -> io::Result<T> + Send + 'static,
    ) -> Result<T, ObjectError> {
        let (objects, owned) = (self.clone(), key.clone());
        let done = tokio::task::spawn_blocking(move || work(&objects, &owned)).await;
        done.unwrap_or_else(|stopped| Err(io::Error::other(stopped))).map_err(|error| self.failed(key, action, error))
    }
}

#[async_trait]
impl ObjectStore for LocalObjects {
    async fn put(&self, key: &Key, bytes: Bytes) -> Result<(), ObjectError> {
        self.blocking(key, "written", move |objects, key| {
            let mut writer = objects.start(key)?;
            io::Write::write_all(&mut writer, &bytes)?;
            writer.finish_in_place()
        })
        .await
    }

    async fn get(&self, key: &Key) -> Result<Bytes, ObjectError> {
        self.blocking(key, "read", |objects, key| Ok(Bytes::from(fs::read(objects.path(key)?)?))).await
    }

    async fn list(&self, prefix: &Key) -> Result<Vec<Object>, ObjectError> {
        self.blocking(prefix, "listed", listing::list_objects).await
    }

    async fn delete(&self, keys: &[Key]) -> Result<(), ObjectError> {
        for key in keys {
            self.blocking(key, "deleted", Self::delete_one).await?;
        }
        Ok(())
    }

    fn create(&self, key: &Key) -> Result<Box<dyn ObjectWriter>, ObjectError> {
        let writer = self.start(key).map_err(|error| self.failed(key, "written", error))?;
        Ok(Box::new(writer))
    }

    fn keep_file(&self, folder: &Key, path: &Path, name: &mut dyn ContentName) -> Result<Key, KeepError> {
        let unwritten = |key: &Key, error| KeepError::Object(self.failed(key, "written", error));
        // Under the folder's name until its own is known.
        let mut writer = self.start(&folder.join("new")).map_err(|error| unwritten(folder, error))?;
        writer.copy_file(path, name).map_err(|error| match error {
            CopyError::Reading(error) => KeepError::Source(error),
            CopyError::Writing(error) => unwritten(folder, error),
        })?;
        let key = folder.join(&name.name());
        let target = self.path(&key).map_err(|error| unwritten(&key, error))?;
        writer.finish_at(&target).map_err(|error| unwritten(&key, error))?;
        Ok(key)
    }

    fn open(&self, key: &Key) -> Result<Box<dyn ObjectReader>, ObjectError> {
        let reader = self
            .path(key)
            .and_then(|path| LocalReader::open(&path, key.clone()))
            .map_err(|error| self.failed(key, "read", error))?;
        Ok(Box::new(reader))
    }

    /// The path, as people find it: `/home/…/.tarn/lake/model/…`.
    fn uri(&self, key: &Key) -> String {
        format!("{}/{key}", self.root.display())
    }

    fn key_of(&self, uri: &str) -> Option<Key> {
        let path = uri.strip_prefix("file://").unwrap_or(uri);
        let key = Key::new(path.strip_prefix(&*self.root.to_string_lossy())?.strip_prefix('/')?);
        self.path(&key).is_ok().then_some(key)
    }
}

#[cfg(test)]
mod tests;
