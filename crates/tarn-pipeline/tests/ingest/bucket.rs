//! A bucket in memory. Like S3 it shows an object whole or not at all; unlike S3 it can be told to stop at any step.

use std::collections::BTreeMap;
use std::io::{self, Write};
use std::sync::{Arc, Mutex};

use async_trait::async_trait;
use bytes::Bytes;
use chrono::DateTime;
use tarn_pipeline::names::Key;
use tarn_pipeline::ports::{Object, ObjectError, ObjectReader, ObjectStore, ObjectWriter};

#[derive(Default)]
pub(crate) struct Bucket {
    state: Arc<Mutex<State>>,
}

#[derive(Default)]
struct State {
    objects: BTreeMap<Key, Bytes>,
    /// Steps that are taken before everything fails; `None`: nothing does.
    steps: Option<usize>,
    /// Keys with this in them cannot be written.
    refused: Option<&'static str>,
}

impl State {
    /// One visible change: an object appears, changes or goes.
    fn step(&mut self, key: &Key) -> Result<(), ObjectError> {
        let failed = |kind, why: &str| {
            Err(ObjectError::Io { key: key.clone(), action: "written", source: io::Error::new(kind, why) })
        };
        if self.refused.is_some_and(|refused| key.as_str().contains(refused)) {
            return failed(io::ErrorKind::TimedOut, "slow down");
        }
        match &mut self.steps {
            Some(0) => failed(io::ErrorKind::ConnectionReset, "killed"),
            Some(steps) => {
                *steps -= 1;
                Ok(())
            }
            None => Ok(()),
        }
    }
}

impl Bucket {
    pub(crate) fn new() -> Arc<Self> {
        Arc::new(Self::default())
    }

    /// From now on, everything fails after so many steps.
    pub(crate) fn kill_after(&self, steps: Option<usize>) {
        self.state.lock().unwrap().steps = steps;
    }

    /// Keys with this in them cannot be written.
    pub(crate) fn refuse(&self, part: Option<&'static str>) {
        self.state.lock().unwrap().refused = part;
    }

    /// Every object.
    pub(crate) fn objects(&self) -> BTreeMap<Key, Bytes> {
        self.state.lock().unwrap().objects.clone()
    }

    /// The keys below a folder.
    pub(crate) fn keys(&self, folder: &str) -> Vec<Key> {
        self.objects().into_keys().filter(|key| key.as_str().starts_with(folder)).collect()
    }

    /// Puts an object in place, whatever is to fail.
    pub(crate) fn place(&self, key: &str, bytes: &[u8]) -> Key {
        let key = Key::new(key);
        self.state.lock().unwrap().objects.insert(key.clone(), Bytes::copy_from_slice(bytes));
        key
    }

    pub(crate) fn remove(&self, key: &Key) {
        self.state.lock().unwrap().objects.remove(key);
    }
}

struct Writer {
    state: Arc<Mutex<State>>,
    key: Key,
    bytes: Vec<u8>,
}

impl Write for Writer {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.bytes.write(bytes)
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl ObjectWriter for Writer {
    fn finish(self: Box<Self>) -> Result<(), ObjectError> {
        let mut state = self.state.lock().unwrap();
        state.step(&self.key)?;
        state.objects.insert(self.key, self.bytes.into());
        Ok(())
    }
}

struct Reader(Bytes);

impl ObjectReader for Reader {
    fn size(&self) -> u64 {
        self.0.len() as u64
    }

    fn read(&self, offset: u64, length: usize) -> Result<Bytes, ObjectError> {
        let offset = usize::try_from(offset).unwrap();
        Ok(self.0.slice(offset..offset + length))
    }
}

#[async_trait]
impl ObjectStore for Bucket {
    async fn put(&self, key: &Key, bytes: Bytes) -> Result<(), ObjectError> {
        let mut state = self.state.lock().unwrap();
        state.step(key)?;
        state.objects.insert(key.clone(), bytes);
        Ok(())
    }

    async fn get(&self, key: &Key) -> Result<Bytes, ObjectError> {
        self.state.lock().unwrap().objects.get(key).cloned().ok_or_else(|| ObjectError::NotFound(key.clone()))
    }

    async fn list(&self, prefix: &Key) -> Result<Vec<Object>, ObjectError> {
        let object =
            |(key, bytes): (Key, Bytes)| Object { key, size: bytes.len() as u64, modified: DateTime::UNIX_EPOCH };
        Ok(self
            .objects()
            .into_iter()
            .filter(|(key, _)| key.as_str().starts_with(prefix.as_str()))
            .map(object)
            .collect())
    }

    async fn delete(&self, keys: &[Key]) -> Result<(), ObjectError> {
        for key in keys {
            let mut state = self.state.lock().unwrap();
            state.step(key)?;
            state.objects.remove(key);
        }
        Ok(())
    }

    fn create(&self, key: &Key) -> Result<Box<dyn ObjectWriter>, ObjectError> {
        Ok(Box::new(Writer { state: Arc::clone(&self.state), key: key.clone(), bytes: Vec::new() }))
    }

    fn open(&self, key: &Key) -> Result<Box<dyn ObjectReader>, ObjectError> {
        let bytes = self.state.lock().unwrap().objects.get(key).cloned();
        Ok(Box::new(Reader(bytes.ok_or_else(|| ObjectError::NotFound(key.clone()))?)))
    }

    fn uri(&self, key: &Key) -> String {
        format!("memory://{key}")
    }

    fn key_of(&self, uri: &str) -> Option<Key> {
        uri.strip_prefix("memory://").map(Key::new)
    }
}
