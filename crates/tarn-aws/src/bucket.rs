//! The object store on S3: a lake bucket, and a raw bucket for what came in.
//!
//! To the steps they are one bucket: keys that begin with `raw/` lie in the raw bucket, which has rules of its own (it is kept
//! longer, and objects that land in it start functions). Both may be one.

mod deletion;
mod reader;
mod writer;

use std::sync::Arc;

use async_trait::async_trait;
use aws_sdk_s3::primitives::ByteStream;
use aws_sdk_s3::types::Object as ListedObject;
use bytes::Bytes;
use chrono::{DateTime, Utc};
use tarn_pipeline::names::Key;
use tarn_pipeline::ports::{Object, ObjectError, ObjectReader, ObjectStore, ObjectWriter};

use crate::aws::Aws;
use crate::error::object_error;

/// What keys of the raw bucket begin with.
const RAW: &str = "raw/";

/// How often an object is read anew when its connection breaks between its first byte and its last.
const READS: u32 = 3;
/// How often a put that wants to be the first is made when S3 answers with a conflict: another one of the same key is under way.
const FIRSTS: u32 = 5;

/// The names of a lake's buckets.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BucketNames {
    /// The bucket of everything Tarn makes.
    pub lake: String,
    /// The bucket of everything that came in.
    pub raw: String,
}

impl BucketNames {
    /// The bucket in which a key lies.
    fn of(&self, key: &Key) -> &str {
        if key.as_str().starts_with(RAW) { &self.raw } else { &self.lake }
    }

    /// The buckets in which keys with this prefix may lie.
    fn with_prefix(&self, prefix: &Key) -> Vec<&str> {
        let spans_both = RAW.starts_with(prefix.as_str()) && prefix.as_str() != RAW && self.lake != self.raw;
        if spans_both { vec![self.lake.as_str(), self.raw.as_str()] } else { vec![self.of(prefix)] }
    }
}

/// A lake's buckets.
#[derive(Debug, Clone)]
pub struct Bucket {
    aws: Arc<Aws>,
    names: Arc<BucketNames>,
}

impl Bucket {
    /// The buckets of these names.
    pub fn new(aws: Arc<Aws>, names: BucketNames) -> Self {
        Self { aws, names: Arc::new(names) }
    }

    async fn get_once(&self, key: &Key) -> Result<Bytes, ObjectError> {
        let call = self.aws.s3().await.get_object().bucket(self.names.of(key)).key(key.as_str());
        let answer = call.send().await.map_err(|error| object_error(key, "read", error))?;
        let body = answer.body.collect().await.map_err(|error| broken(key, error))?;
        Ok(body.into_bytes())
    }

    /// The objects under a prefix, of all buckets, by their keys; with a delimiter only those without it behind the prefix.
    async fn listed(&self, prefix: &Key, delimiter: Option<&str>) -> Result<Vec<Object>, ObjectError> {
        let mut objects = Vec::new();
        for bucket in self.names.with_prefix(prefix) {
            let found = self.list_in(bucket, prefix, delimiter).await?;
            objects.extend(found.into_iter().filter(|object| self.names.of(&object.key) == bucket));
        }
        objects.sort_by(|left, right| left.key.cmp(&right.key));
        Ok(objects)
    }

    async fn list_in(&self, bucket: &str, prefix: &Key, delimiter: Option<&str>) -> Result<Vec<Object>, ObjectError> {
        let call = self.aws.s3().await.list_objects_v2().bucket(bucket).prefix(prefix.as_str());
        let call = call.set_delimiter(delimiter.map(str::to_owned));
        let mut pages = call.into_paginator().send();
        let mut objects = Vec::new();
        while let Some(page) = pages.next().await {
            let page = page.map_err(|error| object_error(prefix, "listed", error))?;
            objects.extend(page.contents.unwrap_or_default().into_iter().filter_map(described));
        }
        Ok(objects)
    }
}

/// A body that ended before its end.
fn broken(key: &Key, error: aws_sdk_s3::primitives::ByteStreamError) -> ObjectError {
    let source = std::io::Error::new(std::io::ErrorKind::ConnectionReset, error.to_string());
    ObjectError::Io { key: key.clone(), action: "read", source }
}

fn described(object: ListedObject) -> Option<Object> {
    let modified = object.last_modified.and_then(|time| DateTime::from_timestamp(time.secs(), time.subsec_nanos()));
    Some(Object {
        key: Key::new(object.key?),
        size: object.size.and_then(|size| u64::try_from(size).ok()).unwrap_or_default(),
        modified: modified.unwrap_or(DateTime::<Utc>::UNIX_EPOCH),
    })
}

#[async_trait]
impl ObjectStore for Bucket {
    async fn put(&self, key: &Key, bytes: Bytes) -> Result<(), ObjectError> {
        let call = self.aws.s3().await.put_object().bucket(self.names.of(key)).key(key.as_str());
        call.body(ByteStream::from(bytes)).send().await.map_err(|error| object_error(key, "written", error))?;
        Ok(())
    }

    /// By a conditional put: <https://docs.aws.amazon.com/AmazonS3/latest/userguide/conditional-writes.html>
    async fn put_new(&self, key: &Key, bytes: Bytes) -> Result<bool, ObjectError> {
        let mut tries = 1;
        loop {
            let call = self.aws.s3().await.put_object().bucket(self.names.of(key)).key(key.as_str());
            let sent = call.if_none_match("*").body(ByteStream::from(bytes.clone())).send().await;
            let Err(error) = sent else { return Ok(true) };
            let status = error.raw_response().map(|response| response.status().as_u16());
            match status {
                // The answer to an earlier try of this very call may have been lost: then the object is ours.
                Some(412) => return Ok(self.get(key).await? == bytes),
                Some(409) if tries < FIRSTS => tokio::time::sleep(std::time::Duration::from_millis(50)).await,
                _ => return Err(object_error(key, "written", error)),
            }
            tries += 1;
        }
    }

    async fn get(&self, key: &Key) -> Result<Bytes, ObjectError> {
        let mut read = self.get_once(key).await;
        for _ in 1..READS {
            match &read {
                // The call has been tried again already; a body that broke off has not.
                Err(error) if error.is_retryable() => read = self.get_once(key).await,
                _ => break,
            }
        }
        read
    }

    async fn list(&self, prefix: &Key) -> Result<Vec<Object>, ObjectError> {
        self.listed(prefix, None).await
    }

    /// What lies in folders below is not sent at all.
    async fn list_beside(&self, prefix: &Key) -> Result<Vec<Object>, ObjectError> {
        self.listed(prefix, Some("/")).await
    }

    async fn delete(&self, keys: &[Key]) -> Result<(), ObjectError> {
        let mut buckets = vec![self.names.lake.as_str(), self.names.raw.as_str()];
        buckets.dedup();
        for bucket in buckets {
            let inside: Vec<&Key> = keys.iter().filter(|key| self.names.of(key) == bucket).collect();
            deletion::delete(&self.aws, bucket, &inside).await?;
        }
        Ok(())
    }

    fn create(&self, key: &Key) -> Result<Box<dyn ObjectWriter>, ObjectError> {
        Ok(Box::new(writer::S3Writer::new(self, key)))
    }

    fn open(&self, key: &Key) -> Result<Box<dyn ObjectReader>, ObjectError> {
        Ok(Box::new(reader::S3Reader::open(self, key)?))
    }

    fn uri(&self, key: &Key) -> String {
        format!("s3://{}/{key}", self.names.of(key))
    }

    fn key_of(&self, uri: &str) -> Option<Key> {
        let (bucket, key) = uri.strip_prefix("s3://")?.split_once('/')?;
        let key = Key::new(key);
        (self.names.of(&key) == bucket).then_some(key)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn names() -> BucketNames {
        BucketNames { lake: "the-lake".into(), raw: "the-raw".into() }
    }

    #[test]
    fn what_came_in_lies_in_the_raw_bucket() {
        let names = names();
        assert_eq!(names.of(&Key::new("raw/clicks/day=2026-10-01/a.ndjson")), "the-raw");
        assert_eq!(names.of(&Key::new("rawish/a")), "the-lake");
        assert_eq!(names.with_prefix(&Key::new("raw/clicks/")), ["the-raw"]);
        assert_eq!(names.with_prefix(&Key::new("source/")), ["the-lake"]);
        assert_eq!(names.with_prefix(&Key::new("ra")), ["the-lake", "the-raw"]);
        assert_eq!(names.with_prefix(&Key::new("")), ["the-lake", "the-raw"]);
    }

    #[tokio::test]
    async fn a_uri_leads_back_to_its_key() {
        let bucket = Bucket::new(Arc::new(Aws::new(tokio::runtime::Handle::current())), names());
        for key in [Key::new("raw/clicks/a"), Key::new("source/clicks/day=2026-10-01/b.parquet")] {
            assert_eq!(bucket.key_of(&bucket.uri(&key)), Some(key));
        }
        assert_eq!(bucket.key_of("s3://the-lake/raw/clicks/a"), None);
        assert_eq!(bucket.key_of("s3://elsewhere/a"), None);
        assert_eq!(bucket.key_of("file:///a"), None);
    }
}
