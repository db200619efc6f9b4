//! Objects in a folder: what a loader needs of a bucket.

use std::fs::{self, File};
use std::io;
use std::os::unix::fs::FileExt as _;
use std::path::PathBuf;

use async_trait::async_trait;
use bytes::Bytes;
use tarn_pipeline::names::Key;
use tarn_pipeline::ports::{Object, ObjectError, ObjectReader, ObjectStore, ObjectWriter};

/// Objects in a folder; it can only be read.
pub(crate) struct Folder(pub(crate) PathBuf);

struct Open {
    key: Key,
    file: File,
    size: u64,
}

fn failed(key: &Key, action: &'static str, source: io::Error) -> ObjectError {
    if source.kind() == io::ErrorKind::NotFound {
        return ObjectError::NotFound(key.clone());
    }
    ObjectError::Io { key: key.clone(), action, source }
}

fn unsupported(key: &Key, action: &'static str) -> ObjectError {
    failed(key, action, io::ErrorKind::Unsupported.into())
}

impl ObjectReader for Open {
    fn size(&self) -> u64 {
        self.size
    }

    fn read(&self, offset: u64, length: usize) -> Result<Bytes, ObjectError> {
        let mut bytes = vec![0; length];
        self.file.read_exact_at(&mut bytes, offset).map_err(|error| failed(&self.key, "read", error))?;
        Ok(bytes.into())
    }
}

#[async_trait]
impl ObjectStore for Folder {
    async fn put(&self, key: &Key, _bytes: Bytes) -> Result<(), ObjectError> {
        Err(unsupported(key, "written"))
    }

    async fn get(&self, key: &Key) -> Result<Bytes, ObjectError> {
        fs::read(self.0.join(key.as_str())).map(Bytes::from).map_err(|error| failed(key, "read", error))
    }

    async fn list(&self, prefix: &Key) -> Result<Vec<Object>, ObjectError> {
        Err(unsupported(prefix, "listed"))
    }

    async fn delete(&self, keys: &[Key]) -> Result<(), ObjectError> {
        keys.iter().try_for_each(|key| Err(unsupported(key, "deleted")))
    }

    fn create(&self, key: &Key) -> Result<Box<dyn ObjectWriter>, ObjectError> {
        Err(unsupported(key, "written"))
    }

    fn open(&self, key: &Key) -> Result<Box<dyn ObjectReader>, ObjectError> {
        let opened = || {
            let file = File::open(self.0.join(key.as_str()))?;
            let size = file.metadata()?.len();
            Ok(Open { key: key.clone(), file, size })
        };
        opened().map(|open| Box::new(open) as Box<dyn ObjectReader>).map_err(|error| failed(key, "read", error))
    }

    fn uri(&self, key: &Key) -> String {
        self.0.join(key.as_str()).display().to_string()
    }

    fn key_of(&self, _uri: &str) -> Option<Key> {
        None
    }
}
