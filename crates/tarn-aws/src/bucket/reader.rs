//! An object read in pieces, by ranges.

use std::io;

use bytes::Bytes;
use tarn_pipeline::names::Key;
use tarn_pipeline::ports::{ObjectError, ObjectReader};

use super::{Bucket, broken};
use crate::error::object_error;

/// An object as it was when it was opened: when it is replaced meanwhile, reading fails rather than mixing two.
///
/// Blocks its thread, which must not be the one that drives the runtime.
pub(super) struct S3Reader {
    bucket: Bucket,
    key: Key,
    size: u64,
    tag: Option<String>,
}

impl S3Reader {
    pub(super) fn open(bucket: &Bucket, key: &Key) -> Result<Self, ObjectError> {
        let aws = std::sync::Arc::clone(&bucket.aws);
        let head = aws.block_on(async {
            let call = bucket.aws.s3().await.head_object().bucket(bucket.names.of(key)).key(key.as_str());
            call.send().await.map_err(|error| object_error(key, "read", error))
        })?;
        let size = head.content_length.and_then(|length| u64::try_from(length).ok()).unwrap_or_default();
        Ok(Self { bucket: bucket.clone(), key: key.clone(), size, tag: head.e_tag })
    }

    async fn range(&self, offset: u64, length: usize) -> Result<Bytes, ObjectError> {
        let last = offset + length as u64 - 1;
        let client = self.bucket.aws.s3().await;
        let call = client.get_object().bucket(self.bucket.names.of(&self.key)).key(self.key.as_str());
        let call = call.range(format!("bytes={offset}-{last}")).set_if_match(self.tag.clone());
        let answer = call.send().await.map_err(|error| object_error(&self.key, "read", error))?;
        let body = answer.body.collect().await.map_err(|error| broken(&self.key, error))?.into_bytes();
        if body.len() == length { Ok(body) } else { Err(self.ended()) }
    }

    fn ended(&self) -> ObjectError {
        let source = io::Error::new(io::ErrorKind::UnexpectedEof, format!("it ends after {} bytes", self.size));
        ObjectError::Io { key: self.key.clone(), action: "read", source }
    }
}

impl ObjectReader for S3Reader {
    fn size(&self) -> u64 {
        self.size
    }

    fn version(&self) -> Option<&str> {
        self.tag.as_deref()
    }

    fn read(&self, offset: u64, length: usize) -> Result<Bytes, ObjectError> {
        if length == 0 {
            return Ok(Bytes::new());
        }
        if offset.checked_add(length as u64).is_none_or(|end| end > self.size) {
            return Err(self.ended());
        }
        let aws = std::sync::Arc::clone(&self.bucket.aws);
        match aws.block_on(self.range(offset, length)) {
            Err(error) if error.is_retryable() => aws.block_on(self.range(offset, length)),
            read => read,
        }
    }
}
