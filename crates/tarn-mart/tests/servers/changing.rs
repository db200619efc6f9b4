//! A bucket in which somebody else writes.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use async_trait::async_trait;
use bytes::Bytes;
use tarn_pipeline::names::Key;
use tarn_pipeline::ports::{Object, ObjectError, ObjectReader, ObjectStore, ObjectWriter};

/// Objects of which one is another one from the second time on that it is opened.
pub(crate) struct Changing {
    objects: Arc<dyn ObjectStore>,
    key: Key,
    later: Key,
    was_opened: AtomicBool,
}

impl Changing {
    pub(crate) fn new(objects: Arc<dyn ObjectStore>, key: &str, later: &str) -> Self {
        Self { objects, key: Key::new(key), later: Key::new(later), was_opened: AtomicBool::new(false) }
    }
}

#[async_trait]
impl ObjectStore for Changing {
    async fn put(&self, key: &Key, bytes: Bytes) -> Result<(), ObjectError> {
        self.objects.put(key, bytes).await
    }

    async fn get(&self, key: &Key) -> Result<Bytes, ObjectError> {
        self.objects.get(key).await
    }

    async fn list(&self, prefix: &Key) -> Result<Vec<Object>, ObjectError> {
        self.objects.list(prefix).await
    }

    async fn delete(&self, keys: &[Key]) -> Result<(), ObjectError> {
        self.objects.delete(keys).await
    }

    fn create(&self, key: &Key) -> Result<Box<dyn ObjectWriter>, ObjectError> {
        self.objects.create(key)
    }

    fn open(&self, key: &Key) -> Result<Box<dyn ObjectReader>, ObjectError> {
        let is_later = *key == self.key && self.was_opened.swap(true, Ordering::AcqRel);
        self.objects.open(if is_later { &self.later } else { key })
    }

    fn uri(&self, key: &Key) -> String {
        self.objects.uri(key)
    }

    fn key_of(&self, uri: &str) -> Option<Key> {
        self.objects.key_of(uri)
    }
}
