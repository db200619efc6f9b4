//! Rows into the stage, or straight into the table.

use bytes::Bytes;
use futures::stream::{self, StreamExt as _};
use mysql_async::prelude::Queryable as _;
use tarn_pipeline::ports::MartError;
use tokio::sync::{mpsc, watch};
use tokio::task::JoinHandle;

use super::fault::explain;
use super::schema::{literal, quoted, quoted_list};
use super::session::{MysqlSession, PARTS, is_hexadecimal};
use super::work::Work;
use crate::fault::{WithHint, broken_off, refused};
use crate::server::{Chunk, Fault, Feed, Feeder, Form, Notation, Plan, Progress, Way};

/// Warnings that a refusal names.
const WARNINGS: usize = 3;

/// Rows on their way into a table, in a transaction of their own.
pub(super) struct Transfer<'a> {
    pub(super) plan: &'a Plan,
    /// The table they go to, the stage or the mart's own.
    pub(super) table: &'a str,
    /// Whether they take the place of rows with the same key; they must come in the order of their keys then.
    pub(super) replaces: bool,
    /// The statement that notes so many rows.
    pub(super) note: &'a (dyn Fn(u64) -> String + Send + Sync),
    pub(super) feed: Feeder<'a>,
    pub(super) progress: Progress<'a>,
}

impl MysqlSession {
    /// Puts a slice into the stage in a transaction of its own; returns its rows.
    pub(super) async fn bulk_load(
        &mut self,
        plan: &Plan,
        slice: &str,
        feed: Feeder<'_>,
        progress: Progress<'_>,
    ) -> Result<u64, Fault> {
        let note = |rows: u64| {
            let (stage, slice) = (literal(&plan.stage), literal(slice));
            format!("INSERT INTO {PARTS} (stage, part, `rows`) VALUES ({stage}, {slice}, {rows})")
        };
        let transfer = Transfer { plan, table: &plan.stage, replaces: false, note: &note, feed, progress };
        if self.takes_bulk {
            match self.in_transaction(&transfer, Notation::MysqlText).await {
                Err(Fault::BulkForbidden) => {
                    tracing::warn!(mart = %self.name, "the server forbids `local_infile`: rows come as inserts, which is slower");
                    self.takes_bulk = false;
                }
                other => return other,
            }
        }
        self.in_transaction(&transfer, Notation::MysqlLiteral).await
    }

    /// Sends rows and notes them; returns how many.
    pub(super) async fn in_transaction(&mut self, transfer: &Transfer<'_>, notation: Notation) -> Result<u64, Fault> {
        self.run("START TRANSACTION").await?;
        let limit = match notation {
            Notation::MysqlLiteral => self.largest_packet.saturating_sub(insert_head(transfer).len()),
            _ => usize::MAX,
        };
        let Feed { chunks, writer, name, objects } =
            (transfer.feed)(Form { notation, limit, rising: transfer.replaces });
        let sent = match (notation, self.way) {
            (Notation::MysqlLiteral, _) => self.insert(transfer, chunks).await,
            (_, Way::Connection) => self.load_data(transfer, chunks).await,
            (_, Way::S3) => self.load_from_s3(transfer, chunks, &name, &objects).await,
        };
        let loaded = match (finished(writer).await, sent) {
            // What the writer says comes first, unless it only says that nobody took its rows.
            (Err(error), _) if !error.retryable => Err(error.into()),
            (_, Err(fault)) => Err(fault),
            (Err(error), Ok(_)) => Err(error.into()),
            (Ok(written), Ok(taken)) if written == taken => Ok(written),
            (Ok(written), Ok(taken)) => {
                Err(refused(format!("mart `{}` took {taken} of {written} rows", self.name)).into())
            }
        };
        let noted = match loaded {
            Ok(rows) => match self.run((transfer.note)(rows)).await {
                Ok(_) => self.run("COMMIT").await.map(|_| rows),
                Err(Fault::Refused(error)) if error.message.contains("(error 1062)") => {
                    Err(Fault::passing("another process loaded the same rows at the same time"))
                }
                Err(fault) => Err(fault),
            },
            Err(fault) => Err(fault),
        };
        if noted.is_err() {
            self.roll_back().await;
        }
        noted
    }

    /// Sends rows by `LOAD DATA`; returns how many the server took, all of them as they were.
    async fn load_data(&mut self, transfer: &Transfer<'_>, chunks: mpsc::Receiver<Chunk>) -> Result<u64, Fault> {
        let (told, heard) = watch::channel(0);
        let packet = self.largest_packet;
        let rows = stream::unfold((chunks, told, Bytes::new()), move |(mut chunks, told, mut rest)| async move {
            if rest.is_empty() {
                let chunk: Chunk = chunks.recv().await?;
                told.send_replace(chunk.rows);
                rest = chunk.bytes;
            }
            // Where one packet ends and the next begins means nothing to the server.
            let piece = rest.split_to(rest.len().min(packet));
            Some((Ok(piece), (chunks, told, rest)))
        });
        self.connection().set_infile_handler(async move { Ok(rows.boxed()) });
        let loaded = self.load_watched(transfer, "LOCAL INFILE 'tarn'", heard).await;
        // A server that refuses the statement never asks for the rows: they must not stay with the connection, or whoever writes
        // them would wait for it forever.
        self.connection().set_infile_handler(async { Ok(stream::empty().boxed()) });
        loaded
    }

    /// Runs `LOAD DATA` for as long as rows are sent, of which is `heard`, and then for as long as the server is at work on them; returns
    /// how many it took, all of them as they were.
    pub(super) async fn load_watched(
        &mut self,
        transfer: &Transfer<'_>,
        from: &str,
        mut heard: watch::Receiver<u64>,
    ) -> Result<u64, Fault> {
        let (sql, progress) = (load_data(transfer, from), transfer.progress);
        let stall_timeout = self.stall_timeout;
        let work = Work::of(self.connection());
        let result = {
            let loading = self.connection().query_drop(sql);
            tokio::pin!(loading);
            let mut is_sent = false;
            loop {
                tokio::select! {
                    biased;
                    result = &mut loading => break Some(result),
                    changed = heard.changed(), if !is_sent => match changed {
                        Ok(()) => progress(*heard.borrow_and_update()),
                        Err(_) => is_sent = true,
                    },
                    // Sent is not taken: the buffers on the way hold megabytes, on which a slow server is at work for long.
                    () = tokio::time::sleep(stall_timeout) => if !(is_sent && work.goes_on().await) {
                        break None;
                    },
                }
            }
        };
        result.ok_or_else(|| self.stalled())?.map_err(|error| explain(error, &self.name))?;
        let Some(counts) = Counts::parse(&self.connection().info()) else {
            return Err(refused(format!("mart `{}` does not say how many rows it took", self.name)).into());
        };
        if counts.skipped == 0 && counts.warnings == 0 && self.connection().get_warnings() == 0 {
            return Ok(counts.records);
        }
        Err(self.warned(transfer.plan).await?.into())
    }

    /// What the server did to rows, as a refusal.
    async fn warned(&mut self, plan: &Plan) -> Result<MartError, Fault> {
        let warnings: Vec<(String, u16, String)> = self.rows(format!("SHOW WARNINGS LIMIT {WARNINGS}")).await?;
        let texts: Vec<&str> = warnings.iter().map(|(_, _, text)| text.as_str()).collect();
        let texts = texts.join("; ");
        if warnings.iter().any(|(_, code, _)| *code == 1062) {
            let key = plan.names(&plan.key).collect::<Vec<_>>().join(", ");
            return Ok(refused(format!("the load has a key ({key}) more than once: {texts}"))
                .hint("make the model's rows unique by that key, and add an audit `unique` for it"));
        }
        Ok(refused(format!("the mart would have changed values on their way in: {texts}"))
            .hint("widen the column in the mart, or change the value in the model"))
    }

    /// Sends rows by `INSERT`; each chunk is one statement.
    async fn insert(&mut self, transfer: &Transfer<'_>, mut chunks: mpsc::Receiver<Chunk>) -> Result<u64, Fault> {
        let head = insert_head(transfer);
        let mut rows = 0;
        while let Some(chunk) = chunks.recv().await {
            let values = chunk.bytes.strip_suffix(b",").unwrap_or(&chunk.bytes);
            let mut statement = Vec::with_capacity(head.len() + values.len());
            statement.extend_from_slice(head.as_bytes());
            statement.extend_from_slice(values);
            let stall_timeout = self.stall_timeout;
            let done = tokio::time::timeout(stall_timeout, self.connection().query_drop(statement)).await;
            done.map_err(|_| self.stalled())?.map_err(|error| explain(error, &self.name))?;
            rows += self.connection().affected_rows();
            (transfer.progress)(chunk.rows);
        }
        Ok(rows)
    }
}

fn insert_head(transfer: &Transfer<'_>) -> String {
    let names = quoted_list(transfer.plan.columns.iter().map(|column| column.name.as_str()));
    format!("INSERT INTO {} ({names}) VALUES ", quoted(transfer.table))
}

async fn finished(writer: JoinHandle<Result<u64, MartError>>) -> Result<u64, MartError> {
    writer.await.unwrap_or_else(|error| Err(broken_off(error)))
}

fn load_data(transfer: &Transfer<'_>, from: &str) -> String {
    let (mut targets, mut conversions) = (Vec::new(), Vec::new());
    for (place, column) in transfer.plan.columns.iter().enumerate() {
        if is_hexadecimal(column.value_type) {
            targets.push(format!("@tarn_{place}"));
            conversions.push(format!("{} = UNHEX(@tarn_{place})", quoted(&column.name)));
        } else {
            targets.push(quoted(&column.name));
        }
    }
    let set = if conversions.is_empty() { String::new() } else { format!(" SET {}", conversions.join(", ")) };
    let replace = if transfer.replaces { "REPLACE " } else { "" };
    format!(
        "LOAD DATA {from} {replace}INTO TABLE {} CHARACTER SET utf8mb4 \
         FIELDS TERMINATED BY '\\t' ESCAPED BY '\\\\' LINES TERMINATED BY '\\n' ({}){set}",
        quoted(transfer.table),
        targets.join(", ")
    )
}

/// `Records: 3  Deleted: 0  Skipped: 1  Warnings: 1`
#[derive(Debug, PartialEq, Eq)]
struct Counts {
    records: u64,
    skipped: u64,
    warnings: u64,
}

impl Counts {
    fn parse(info: &str) -> Option<Self> {
        let number = |name| count(info, name);
        Some(Self { records: number("Records")?, skipped: number("Skipped")?, warnings: number("Warnings")? })
    }
}

/// A number of what the server says of a statement: `Records: 3  Duplicates: 2  Warnings: 0`.
pub(super) fn count(info: &str, name: &str) -> Option<u64> {
    let rest = info.split_once(name)?.1.strip_prefix(": ")?;
    rest.split(' ').next()?.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_the_server_says_is_counted() {
        let counts = Counts::parse("Records: 1000  Deleted: 0  Skipped: 1  Warnings: 20").unwrap();
        assert_eq!(counts, Counts { records: 1000, skipped: 1, warnings: 20 });
        assert_eq!(Counts::parse(""), None);
        let info = "Records: 3  Duplicates: 2  Warnings: 0";
        assert_eq!(Counts::parse(info), None);
        assert_eq!([count(info, "Records"), count(info, "Warnings"), count(info, "Skipped")], [Some(3), Some(0), None]);
    }
}
