//! A question to a server, asked by somebody who may block.

use std::future::Future;
use std::sync::mpsc::{SyncSender, sync_channel};

use tarn_pipeline::ports::MartError;

use super::fault::Fault;
use crate::RowReceiver;
use crate::fault::refused;

/// Rows that wait for whoever asked.
const WAITING: usize = 256;

/// What comes back from a question.
pub(crate) enum Answer {
    /// The names of the columns, first.
    Columns(Vec<String>),
    /// The values of one row as text.
    Row(Vec<Option<String>>),
}

/// Where answers go; when it fails, nobody wants more.
pub(crate) type Answers = SyncSender<Answer>;

/// Asks on a thread and runtime of its own, since the caller may be inside of another one; returns the names of the columns.
pub(crate) fn ask<F>(
    question: impl FnOnce(Answers) -> F + Send + 'static,
    receive: &mut RowReceiver<'_>,
) -> Result<Vec<String>, MartError>
where
    F: Future<Output = Result<(), Fault>>,
{
    let (answers, received) = sync_channel(WAITING);
    let asking = std::thread::spawn(move || {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
        let runtime = runtime.map_err(|error| refused(format!("no runtime can be started: {error}")))?;
        runtime.block_on(question(answers)).map_err(Fault::into_error)
    });
    let mut columns = Vec::new();
    for answer in &received {
        match answer {
            Answer::Columns(names) => columns = names,
            Answer::Row(row) => {
                if receive(&columns, &row).is_break() {
                    break;
                }
            }
        }
    }
    drop(received);
    asking.join().unwrap_or_else(|_| Err(refused("the question broke off")))?;
    Ok(columns)
}
