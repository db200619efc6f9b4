//! An object written in pieces: kept in memory while it is small, in parts when it is not.

use std::io;

use aws_sdk_s3::primitives::ByteStream;
use aws_sdk_s3::types::{ChecksumAlgorithm, CompletedMultipartUpload, CompletedPart};
use bytes::Bytes;
use tarn_pipeline::names::Key;
use tarn_pipeline::ports::{ObjectError, ObjectStore, ObjectWriter};

use super::Bucket;
use crate::error::object_error;

/// The length of a part. S3 wants at least 5 MiB for all but the last, and takes 10,000 of them.
const PART: usize = 8 << 20;

/// The checksum of parts, which S3 compares when they arrive and again when they are put together.
const CHECKSUM: ChecksumAlgorithm = ChecksumAlgorithm::Crc32;

/// An object in the making. Blocks its thread, which must not be the one that drives the runtime.
pub(super) struct S3Writer {
    bucket: Bucket,
    key: Key,
    buffer: Vec<u8>,
    upload: Option<Upload>,
}

struct Upload {
    id: String,
    parts: Vec<CompletedPart>,
}

impl S3Writer {
    pub(super) fn new(bucket: &Bucket, key: &Key) -> Self {
        Self { bucket: bucket.clone(), key: key.clone(), buffer: Vec::new(), upload: None }
    }

    fn send_part(&mut self) -> Result<(), ObjectError> {
        let body = Bytes::from(std::mem::take(&mut self.buffer));
        let bucket = self.bucket.clone();
        let aws = std::sync::Arc::clone(&bucket.aws);
        aws.block_on(self.send_part_on(&bucket, body))
    }

    async fn send_part_on(&mut self, bucket: &Bucket, body: Bytes) -> Result<(), ObjectError> {
        let client = bucket.aws.s3().await;
        let name = bucket.names.of(&self.key);
        let upload = match &mut self.upload {
            Some(upload) => upload,
            none => {
                let call = client.create_multipart_upload().bucket(name).key(self.key.as_str());
                let started = call
                    .checksum_algorithm(CHECKSUM)
                    .send()
                    .await
                    .map_err(|error| object_error(&self.key, "written", error))?;
                none.insert(Upload { id: started.upload_id.unwrap_or_default(), parts: Vec::new() })
            }
        };
        let number = i32::try_from(upload.parts.len() + 1).unwrap_or(i32::MAX);
        let call = client.upload_part().bucket(name).key(self.key.as_str()).upload_id(&upload.id).part_number(number);
        let sent = call.checksum_algorithm(CHECKSUM).body(ByteStream::from(body)).send().await;
        let sent = sent.map_err(|error| object_error(&self.key, "written", error))?;
        let part = CompletedPart::builder().part_number(number).set_e_tag(sent.e_tag);
        upload.parts.push(part.set_checksum_crc32(sent.checksum_crc32).build());
        Ok(())
    }

    async fn complete(bucket: &Bucket, key: &Key, upload: &Upload) -> Result<(), ObjectError> {
        let parts = CompletedMultipartUpload::builder().set_parts(Some(upload.parts.clone())).build();
        let client = bucket.aws.s3().await;
        let call = client.complete_multipart_upload().bucket(bucket.names.of(key)).key(key.as_str());
        let call = call.upload_id(&upload.id).multipart_upload(parts);
        call.send().await.map_err(|error| object_error(key, "written", error))?;
        Ok(())
    }
}

impl io::Write for S3Writer {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.buffer.extend_from_slice(bytes);
        if self.buffer.len() >= PART {
            self.send_part().map_err(as_io)?;
        }
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl ObjectWriter for S3Writer {
    fn finish(mut self: Box<Self>) -> Result<(), ObjectError> {
        let aws = std::sync::Arc::clone(&self.bucket.aws);
        if self.upload.is_none() {
            let body = Bytes::from(std::mem::take(&mut self.buffer));
            return aws.block_on(self.bucket.put(&self.key, body));
        }
        if !self.buffer.is_empty() {
            self.send_part()?;
        }
        if let Some(upload) = &self.upload {
            aws.block_on(Self::complete(&self.bucket, &self.key, upload))?;
        }
        // What is complete needs no tidying when this is dropped.
        self.upload = None;
        Ok(())
    }
}

impl Drop for S3Writer {
    /// Takes the parts of an unfinished object away, as well as that goes; the bucket's lifecycle rule takes what stays.
    fn drop(&mut self) {
        let Some(upload) = self.upload.take() else { return };
        let (bucket, key) = (self.bucket.clone(), self.key.clone());
        self.bucket.aws.handle().spawn(async move {
            let client = bucket.aws.s3().await;
            let call = client.abort_multipart_upload().bucket(bucket.names.of(&key)).key(key.as_str());
            if let Err(error) = call.upload_id(upload.id).send().await {
                let error = object_error(&key, "deleted", error);
                tracing::warn!(%key, %error, "the parts of an unfinished object could not be removed");
            }
        });
    }
}

fn as_io(error: ObjectError) -> io::Error {
    match &error {
        ObjectError::Io { source, .. } => io::Error::new(source.kind(), error),
        ObjectError::NotFound(_) => io::Error::new(io::ErrorKind::NotFound, error),
    }
}
