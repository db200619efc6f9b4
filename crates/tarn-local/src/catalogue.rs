//! The catalogue: one JSON file per table, beside the bucket.
//!
//! A file of its own per entry keeps a change to one table from touching another, and lets a person read and mend it. Two
//! processes that change the catalogue at once take turns by a lock on [`LOCK`]; readers need none, as files are replaced whole.

mod file_names;

use std::fs::{self, File, OpenOptions};
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use async_trait::async_trait;
use tarn_pipeline::ports::{Catalogue, CatalogueError, TableEntry};

use crate::disk;

const LOCK: &str = ".lock";

/// The catalogue in a folder.
#[derive(Debug, Clone)]
pub struct LocalCatalogue {
    folder: Arc<Path>,
}

impl LocalCatalogue {
    /// The catalogue in this folder; nothing is created before the first entry is published.
    pub fn new(folder: impl Into<PathBuf>) -> Self {
        Self { folder: folder.into().into() }
    }

    /// The entry of this name, read now.
    ///
    /// # Errors
    /// [`CatalogueError::Damaged`] names the file when it holds no entry of this name.
    pub fn read(&self, name: &str) -> Result<Option<TableEntry>, CatalogueError> {
        let path = self.file(name);
        let bytes = match fs::read(&path) {
            Ok(bytes) => bytes,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
            Err(source) => return Err(CatalogueError::Io { action: "read", source }),
        };
        let damaged = |reason: String| CatalogueError::Damaged {
            name: name.to_owned(),
            reason: format!("file `{}`: {reason}", path.display()),
        };
        let entry: TableEntry = serde_json::from_slice(&bytes).map_err(|error| damaged(error.to_string()))?;
        if entry.name != name {
            return Err(damaged(format!("it holds the entry of `{}`", entry.name)));
        }
        Ok(Some(entry))
    }

    /// The names of all entries, sorted, read now.
    ///
    /// # Errors
    /// [`CatalogueError::Io`] when the folder cannot be read.
    pub fn names(&self) -> Result<Vec<String>, CatalogueError> {
        let unreadable = |source| CatalogueError::Io { action: "read", source };
        let entries = match fs::read_dir(&self.folder) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(vec![]),
            entries => entries.map_err(unreadable)?,
        };
        let mut names = Vec::new();
        for entry in entries {
            let file = entry.map_err(unreadable)?.path();
            names.extend(file_names::name_of(&file));
        }
        names.sort_unstable();
        Ok(names)
    }

    fn file(&self, name: &str) -> PathBuf {
        self.folder.join(file_names::file_name(name))
    }

    fn change(&self, entry: TableEntry) -> Result<TableEntry, CatalogueError> {
        let _turn = self.take_turn()?;
        let found = self.read(&entry.name)?.map_or(0, |entry| entry.version);
        if found != entry.version {
            return Err(CatalogueError::Conflict { name: entry.name, expected: entry.version, found });
        }
        let entry = TableEntry { version: found + 1, ..entry };
        let mut text = serde_json::to_vec_pretty(&entry).map_err(|error| self.unwritable(error.into()))?;
        text.push(b'\n');
        disk::replace_file(&self.file(&entry.name), &text).map_err(|error| self.unwritable(error))?;
        Ok(entry)
    }

    fn take_away(&self, name: &str) -> Result<(), CatalogueError> {
        if !self.folder.exists() {
            return Ok(());
        }
        let _turn = self.take_turn()?;
        match fs::remove_file(self.file(name)) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(()),
            done => done.and_then(|()| disk::flush_folder(&self.folder)).map_err(|error| self.unwritable(error)),
        }
    }

    /// Waits for others that change the catalogue; the turn ends when the file is closed.
    fn take_turn(&self) -> Result<File, CatalogueError> {
        let take = || {
            disk::create_folders(&self.folder)?;
            let file = OpenOptions::new().create(true).truncate(false).write(true).open(self.folder.join(LOCK))?;
            file.lock()?;
            Ok(file)
        };
        take().map_err(|error| self.unwritable(error))
    }

    fn unwritable(&self, error: io::Error) -> CatalogueError {
        CatalogueError::Io { action: "written", source: disk::explain(error, &self.folder) }
    }

    async fn blocking<T: Send + 'static>(
        &self,
        action: &'static str,
        work: impl FnOnce(Self) -> Result<T, CatalogueError> + Send + 'static,
    ) -> Result<T, CatalogueError> {
        let catalogue = self.clone();
        let done = tokio::task::spawn_blocking(move || work(catalogue)).await;
        done.unwrap_or_else(|stopped| Err(CatalogueError::Io { action, source: io::Error::other(stopped) }))
    }
}

#[async_trait]
impl Catalogue for LocalCatalogue {
    async fn get(&self, name: &str) -> Result<Option<TableEntry>, CatalogueError> {
        let name = name.to_owned();
        self.blocking("read", move |catalogue| catalogue.read(&name)).await
    }

    async fn list(&self) -> Result<Vec<String>, CatalogueError> {
        self.blocking("read", |catalogue| catalogue.names()).await
    }

    async fn publish(&self, entry: TableEntry) -> Result<TableEntry, CatalogueError> {
        self.blocking("written", move |catalogue| catalogue.change(entry)).await
    }

    async fn remove(&self, name: &str) -> Result<(), CatalogueError> {
        let name = name.to_owned();
        self.blocking("written", move |catalogue| catalogue.take_away(&name)).await
    }
}

#[cfg(test)]
mod tests;
