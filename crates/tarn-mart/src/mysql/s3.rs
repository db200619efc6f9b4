//! Rows by way of the bucket: Aurora MySQL reads an object by itself, `LOAD DATA FROM S3`.
//!
//! The rows of a slice become an object of the lake's bucket, the server reads it in the transaction that notes the slice, and the
//! object goes. Without `LOCAL` a row that does not fit is an error and no warning; rows and warnings are counted all the same.
//!
//! The statement, its rights and its form of a URI: Amazon Aurora's user guide, "Loading data into an Amazon Aurora MySQL DB cluster
//! from text files in an Amazon S3 bucket".

use std::io::Write as _;
use std::sync::Arc;

use tarn_pipeline::layout;
use tarn_pipeline::names::Key;
use tarn_pipeline::ports::{MartError, ObjectError, ObjectStore};
use tokio::sync::{mpsc, watch};
use tokio::task::spawn_blocking;

use super::bulk::Transfer;
use super::schema::literal;
use super::session::MysqlSession;
use crate::fault::{WithHint, broken_off, refused};
use crate::server::{Chunk, Fault, Progress};

const SCHEME: &str = "s3://";
const RIGHTS: &str = "the cluster needs a role that reads the lake's bucket (`aws_default_s3_role`), and the user the role \
    `AWS_LOAD_S3_ACCESS`; servers other than Aurora MySQL do without `load=s3` in the mart's url";

impl MysqlSession {
    /// Has the server read the rows from the bucket; returns how many it took, all of them as they were.
    pub(super) async fn load_from_s3(
        &mut self,
        transfer: &Transfer<'_>,
        chunks: mpsc::Receiver<Chunk>,
        name: &str,
        objects: &Arc<dyn ObjectStore>,
    ) -> Result<u64, Fault> {
        // A connection that was given up may still be reading: each has an object of its own.
        let name = format!("{name}-{}", self.connection().id());
        let key = layout::mart_rows(&transfer.plan.load.run, &name);
        let uri = objects.uri(&key);
        if !uri.starts_with(SCHEME) {
            return Err(refused(format!("mart `{}` is to read rows from S3, and the lake is not there", self.name))
                .hint("take `load=s3` out of the mart's url on this machine: name the url by a variable")
                .into());
        }
        let loaded = match keep(&key, chunks, objects, transfer.progress).await {
            // All is sent: from here on the server is at work.
            Ok(()) => self.load_watched(transfer, &format!("FROM S3 {}", literal(&uri)), watch::channel(0).1).await,
            Err(error) => Err(error.into()),
        };
        if let Err(error) = objects.delete(&[key]).await {
            tracing::warn!(mart = %self.name, object = %uri, %error, "rows that were loaded stay in the bucket");
        }
        loaded.map_err(|fault| with_rights(fault, &self.name))
    }
}

/// Writes rows to an object, as they come.
async fn keep(
    key: &Key,
    chunks: mpsc::Receiver<Chunk>,
    objects: &Arc<dyn ObjectStore>,
    progress: Progress<'_>,
) -> Result<(), MartError> {
    let (told, mut heard) = watch::channel(0);
    let (object, store) = (key.clone(), Arc::clone(objects));
    let mut writing = spawn_blocking(move || write(&object, chunks, store.as_ref(), &told));
    let written = loop {
        tokio::select! {
            written = &mut writing => break written,
            Ok(()) = heard.changed() => progress(*heard.borrow_and_update()),
        }
    };
    let written = written.map_err(broken_off)?;
    written.map_err(|error| MartError { retryable: error.is_retryable(), ..refused(error.to_string()) })
}

fn write(
    key: &Key,
    mut chunks: mpsc::Receiver<Chunk>,
    objects: &dyn ObjectStore,
    told: &watch::Sender<u64>,
) -> Result<(), ObjectError> {
    let mut writer = objects.create(key)?;
    while let Some(chunk) = chunks.blocking_recv() {
        let failed = |source| ObjectError::Io { key: key.clone(), action: "written", source };
        writer.write_all(&chunk.bytes).map_err(failed)?;
        told.send_replace(chunk.rows);
    }
    writer.finish()
}

/// The refusal of a server that may not read the bucket, or knows no such statement, with what to do.
fn with_rights(fault: Fault, mart: &str) -> Fault {
    let is_of_rights = |error: &MartError| error.hint.is_none() || error.message.contains("(error 1227)");
    match fault {
        Fault::Refused(error) if is_of_rights(&error) => Fault::Refused(error.hint(RIGHTS)),
        // The user was let in before: it is the statement that is denied.
        Fault::Denied(_) | Fault::BulkForbidden => {
            Fault::Refused(refused(format!("mart `{mart}` does not let the user load from S3")).hint(RIGHTS))
        }
        other => other,
    }
}
