//! The bucket: whole objects under keys, visible at once or not at all.

use std::fs::File;
use std::io::{self, Read, Write};
use std::path::Path;

use async_trait::async_trait;
use bytes::Bytes;
use chrono::{DateTime, Utc};

use crate::names::Key;

/// One object of a listing.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Object {
    /// Its key in the bucket.
    pub key: Key,
    /// Its length in bytes.
    pub size: u64,
    /// When it was last written.
    pub modified: DateTime<Utc>,
}

/// Why an object could not be read or written.
#[derive(Debug, thiserror::Error)]
pub enum ObjectError {
    /// There is no object under this key.
    #[error("there is no object `{0}`")]
    NotFound(Key),
    /// The store refused or failed.
    #[error("object `{key}` could not be {action}: {source}")]
    Io {
        /// The object.
        key: Key,
        /// What was tried: `read`, `written`, `listed`, `deleted`.
        action: &'static str,
        /// What the store said.
        #[source]
        source: io::Error,
    },
}

impl ObjectError {
    /// Whether the same call may succeed later.
    pub fn is_retryable(&self) -> bool {
        match self {
            Self::NotFound(_) => false,
            Self::Io { source, .. } => may_pass(source.kind()),
        }
    }
}

/// Whether what failed so may succeed later.
pub(crate) fn may_pass(kind: io::ErrorKind) -> bool {
    matches!(
        kind,
        io::ErrorKind::Interrupted
            | io::ErrorKind::TimedOut
            | io::ErrorKind::ConnectionReset
            | io::ErrorKind::WouldBlock
    )
}

/// An object being written; nobody sees it before [`ObjectWriter::finish`], and nobody ever does if it is dropped instead.
pub trait ObjectWriter: Write + Send {
    /// Makes the object visible, whole, in place of any older one; durable when it returns.
    fn finish(self: Box<Self>) -> Result<(), ObjectError>;
}

/// Reads an object at any place: a Parquet reader asks for the footer first.
pub trait ObjectReader: Send + Sync {
    /// Length in bytes.
    fn size(&self) -> u64;

    /// What is another text when the object was written anew with other bytes, where the bucket tells it (the ETag of S3).
    fn version(&self) -> Option<&str> {
        None
    }

    /// Exactly `length` bytes from `offset`; an error if the object ends before.
    fn read(&self, offset: u64, length: usize) -> Result<Bytes, ObjectError>;

    /// Fills `target` with the bytes from `offset` on, as [`ObjectReader::read`] but into memory that the caller keeps.
    fn read_into(&self, offset: u64, target: &mut [u8]) -> Result<(), ObjectError> {
        let bytes = self.read(offset, target.len())?;
        target.iter_mut().zip(bytes).for_each(|(target, byte)| *target = byte);
        Ok(())
    }
}

/// Finds the name of an object in its bytes.
pub trait ContentName: Send {
    /// Sees the next bytes.
    fn look(&mut self, bytes: &[u8]);

    /// The name of what was seen, without a folder.
    fn name(&self) -> String;
}

/// Why a file could not be kept.
#[derive(Debug, thiserror::Error)]
pub enum KeepError {
    /// The file cannot be read.
    #[error("the file cannot be read: {0}")]
    Source(#[source] io::Error),
    /// The object cannot be written.
    #[error(transparent)]
    Object(#[from] ObjectError),
}

/// Shows all bytes of a file of the local disk.
pub(crate) fn look_at(path: &Path, name: &mut dyn ContentName) -> io::Result<()> {
    const BLOCK: usize = 1 << 20;
    let mut file = File::open(path)?;
    let mut block = vec![0; BLOCK];
    loop {
        match file.read(&mut block)? {
            0 => return Ok(()),
            length => name.look(block.get(..length).unwrap_or_default()),
        }
    }
}

/// The lake's bucket.
#[async_trait]
pub trait ObjectStore: Send + Sync {
    /// Writes a small object whole; atomic: readers see the old bytes or the new ones.
    async fn put(&self, key: &Key, bytes: Bytes) -> Result<(), ObjectError>;

    /// Writes a small object whole where there is none; `false` when there is one. Of many at once, one gets `true`, if the store
    /// can tell them apart: others look first.
    ///
    /// The bytes are to be different each time: by them a call whose answer was lost on the way knows its own object.
    async fn put_new(&self, key: &Key, bytes: Bytes) -> Result<bool, ObjectError> {
        match self.get(key).await {
            Ok(_) => Ok(false),
            Err(ObjectError::NotFound(_)) => self.put(key, bytes).await.map(|()| true),
            Err(error) => Err(error),
        }
    }

    /// Reads a small object whole.
    async fn get(&self, key: &Key) -> Result<Bytes, ObjectError>;

    /// All objects whose key starts with `prefix`, by key.
    async fn list(&self, prefix: &Key) -> Result<Vec<Object>, ObjectError>;

    /// The objects whose key starts with `prefix` and has no `/` behind it, by key: those of a folder, without folders below.
    async fn list_beside(&self, prefix: &Key) -> Result<Vec<Object>, ObjectError> {
        let is_beside =
            |object: &Object| object.key.as_str().strip_prefix(prefix.as_str()).is_some_and(|rest| !rest.contains('/'));
        Ok(self.list(prefix).await?.into_iter().filter(is_beside).collect())
    }

    /// Deletes these objects; those already gone are no error.
    async fn delete(&self, keys: &[Key]) -> Result<(), ObjectError>;

    /// Starts an object that is written in pieces, from a thread that may block.
    fn create(&self, key: &Key) -> Result<Box<dyn ObjectWriter>, ObjectError>;

    /// Keeps a file of the local disk as an object of a folder, under the name that its bytes give; from a thread that may block.
    fn keep_file(&self, folder: &Key, path: &Path, name: &mut dyn ContentName) -> Result<Key, KeepError> {
        look_at(path, name).map_err(KeepError::Source)?;
        let key = folder.join(&name.name());
        let failed = |source| ObjectError::Io { key: key.clone(), action: "written", source };
        let mut writer = self.create(&key)?;
        File::open(path).and_then(|mut file| io::copy(&mut file, &mut writer)).map_err(failed)?;
        writer.finish()?;
        Ok(key)
    }

    /// Opens an object for reading in pieces, from a thread that may block.
    fn open(&self, key: &Key) -> Result<Box<dyn ObjectReader>, ObjectError>;

    /// How the engine and people name this place, e.g. `s3://bucket/model/…`.
    fn uri(&self, key: &Key) -> String;

    /// The key behind such a name; `None` when it lies outside of the bucket.
    fn key_of(&self, uri: &str) -> Option<Key>;
}
