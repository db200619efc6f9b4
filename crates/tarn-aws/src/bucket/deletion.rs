//! Deleting many objects: a thousand per call, and the answer of every key read.

use std::io;

use aws_sdk_s3::types::{Delete, ObjectIdentifier};
use tarn_pipeline::names::Key;
use tarn_pipeline::ports::ObjectError;

use crate::aws::Aws;
use crate::error::{is_busy, object_error};
use crate::waiting::back_off;

/// The most keys S3 takes in one call.
const BATCH: usize = 1_000;

/// How often keys that S3 was too busy for are sent again.
const ROUNDS: u32 = 4;

/// A key that S3 did not delete.
struct Refused {
    key: Key,
    code: String,
    message: String,
}

/// Deletes these objects of a bucket; fails with the first key that stays.
pub(super) async fn delete(aws: &Aws, bucket: &str, keys: &[&Key]) -> Result<(), ObjectError> {
    for batch in keys.chunks(BATCH) {
        let mut waiting: Vec<Key> = batch.iter().map(|key| (*key).clone()).collect();
        for round in 1..=ROUNDS {
            let refused = delete_batch(aws, bucket, &waiting).await?;
            let lasting = refused.iter().find(|refused| round == ROUNDS || !is_busy(&refused.code));
            if let Some(first) = lasting {
                let kind = if is_busy(&first.code) { io::ErrorKind::WouldBlock } else { io::ErrorKind::Other };
                let text = format!("{}: {} (one of {} objects)", first.code, first.message, refused.len());
                let source = io::Error::new(kind, text);
                return Err(ObjectError::Io { key: first.key.clone(), action: "deleted", source });
            }
            if refused.is_empty() {
                break;
            }
            waiting = refused.into_iter().map(|refused| refused.key).collect();
            tokio::time::sleep(back_off(round)).await;
        }
    }
    Ok(())
}

async fn delete_batch(aws: &Aws, bucket: &str, keys: &[Key]) -> Result<Vec<Refused>, ObjectError> {
    let Some(first) = keys.first() else { return Ok(Vec::new()) };
    let invalid = |error: aws_sdk_s3::error::BuildError| ObjectError::Io {
        key: first.clone(),
        action: "deleted",
        source: io::Error::new(io::ErrorKind::InvalidInput, error),
    };
    let objects: Vec<ObjectIdentifier> = keys
        .iter()
        .map(|key| ObjectIdentifier::builder().key(key.as_str()).build())
        .collect::<Result<_, _>>()
        .map_err(invalid)?;
    let list = Delete::builder().set_objects(Some(objects)).quiet(true).build().map_err(invalid)?;
    let call = aws.s3().await.delete_objects().bucket(bucket).delete(list);
    let answer = call.send().await.map_err(|error| object_error(first, "deleted", error))?;
    let errors = answer.errors.unwrap_or_default();
    Ok(errors
        .into_iter()
        .filter(|error| error.code() != Some("NoSuchKey"))
        .map(|error| Refused {
            key: error.key.map_or_else(|| first.clone(), Key::new),
            code: error.code.unwrap_or_default(),
            message: error.message.unwrap_or_default(),
        })
        .collect())
}
