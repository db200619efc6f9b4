//! One connection to a PostgreSQL server.

use std::collections::BTreeMap;
use std::future::Future;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use async_trait::async_trait;
use bytes::Bytes;
use futures::{SinkExt as _, pin_mut};
use tokio::io::{AsyncRead, AsyncWrite};
use tokio_postgres::{Client, Connection, SimpleQueryMessage};

use super::SETTINGS;
use super::fault::explain;
use super::schema::{self, literal, quoted, quoted_list};
use crate::fault::{WithHint, refused};
use crate::ledger;
use crate::server::{
    Change, ExistingColumn, Fault, Feeder, Form, GivenUp, Notation, Plan, Progress, Session, stage_prefix,
};

/// How long a load waits for another one of the same table, and how often it asks.
const WAIT_FOR_LOADS: Duration = Duration::from_secs(120);
const PAUSE: Duration = Duration::from_millis(500);
/// Slices that are in a stage.
pub(super) const PARTS: &str = "tarn_parts";

/// A connection.
pub(crate) struct PostgresSession {
    client: Client,
    pub(super) name: String,
    /// How long the server may take no rows.
    stall_timeout: Duration,
    /// Whether it took none for so long: nothing more is asked of it.
    is_stalled: AtomicBool,
    /// The number by which the server knows the connection.
    backend: u32,
    given_up: GivenUp,
}

/// Lets a connection work until its client is dropped. What goes wrong is told to the client, too.
pub(super) fn drive<S, T>(connection: Connection<S, T>)
where
    S: AsyncRead + AsyncWrite + Unpin + Send + 'static,
    T: AsyncRead + AsyncWrite + Unpin + Send + 'static,
{
    tokio::spawn(async move {
        if let Err(error) = connection.await {
            tracing::debug!(%error, "the connection ended");
        }
    });
}

impl PostgresSession {
    pub(super) async fn start(
        client: Client,
        name: String,
        stall_timeout: Duration,
        given_up: GivenUp,
    ) -> Result<Self, Fault> {
        let mut session =
            Self { client, name, stall_timeout, is_stalled: AtomicBool::new(false), backend: 0, given_up };
        let backend = session.text(format!("{SETTINGS}; SELECT pg_backend_pid()")).await?;
        session.backend = backend.parse().unwrap_or_default();
        Ok(session)
    }

    /// Waits for the server to take rows, for as long as it may take none.
    async fn unless_stalled<F: Future>(&self, taking: F) -> Result<F::Output, Fault> {
        tokio::time::timeout(self.stall_timeout, taking).await.map_err(|_| {
            self.is_stalled.store(true, Ordering::Release);
            self.given_up.add(self.backend);
            Fault::stalled(&self.name, self.stall_timeout.as_secs())
        })
    }

    pub(super) fn client(&self) -> &Client {
        &self.client
    }

    pub(super) fn explain(&self, error: &tokio_postgres::Error) -> Fault {
        explain(error, &self.name)
    }

    /// Runs statements.
    pub(super) async fn run(&self, sql: impl AsRef<str>) -> Result<(), Fault> {
        self.client.batch_execute(sql.as_ref()).await.map_err(|error| self.explain(&error))
    }

    /// Runs a statement; returns how many rows it changed.
    pub(super) async fn change(&self, sql: impl AsRef<str>) -> Result<u64, Fault> {
        self.client.execute(sql.as_ref(), &[]).await.map_err(|error| self.explain(&error))
    }

    /// Runs a query; its values are texts.
    pub(super) async fn rows(&self, sql: impl AsRef<str>) -> Result<Vec<Vec<Option<String>>>, Fault> {
        let messages = self.client.simple_query(sql.as_ref()).await.map_err(|error| self.explain(&error))?;
        let row = |message| match message {
            SimpleQueryMessage::Row(row) => {
                Some((0..row.len()).map(|place| row.get(place).map(str::to_owned)).collect())
            }
            _ => None,
        };
        Ok(messages.into_iter().filter_map(row).collect())
    }

    /// The first value of a query; empty when there is none.
    pub(super) async fn text(&self, sql: impl AsRef<str>) -> Result<String, Fault> {
        let rows = self.rows(sql).await?;
        Ok(rows.into_iter().next().and_then(|row| row.into_iter().next()).flatten().unwrap_or_default())
    }

    /// Ends the transaction without a trace; an error of its own would only hide the first one.
    pub(super) async fn roll_back(&self) {
        if !self.is_stalled.load(Ordering::Acquire) {
            let _ = self.run("ROLLBACK").await;
        }
    }

    /// The table's number in the catalogue; empty when it is not there.
    pub(super) async fn number(&self, table: &str) -> Result<String, Fault> {
        self.text(format!(
            "SELECT c.oid FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace \
             WHERE n.nspname = current_schema() AND c.relname = {}",
            literal(table)
        ))
        .await
    }

    async fn copy(&self, plan: &Plan, slice: &str, feed: Feeder<'_>, progress: Progress<'_>) -> Result<u64, Fault> {
        let names = quoted_list(plan.columns.iter().map(|column| column.name.as_str()));
        let sql = format!("COPY {} ({names}) FROM STDIN", quoted(&plan.stage));
        let sink = self.client.copy_in::<_, Bytes>(&sql).await.map_err(|error| self.explain(&error))?;
        pin_mut!(sink);
        let form = Form { notation: Notation::PostgresText, limit: usize::MAX, rising: false };
        let mut feed = feed(form);
        let mut sent = Ok(());
        while let Some(chunk) = feed.chunks.recv().await {
            sent = self.unless_stalled(sink.send(chunk.bytes)).await?;
            if sent.is_err() {
                break;
            }
            progress(chunk.rows);
        }
        let written = feed.finish().await;
        // A writer that failed must not look like the end of the rows: the sink is dropped unfinished, which fails the statement.
        let written = match (written, sent) {
            (Err(error), _) if !error.retryable => return Err(error.into()),
            // Why the server took no more is told by the answer to the statement.
            (_, Err(error)) => {
                return Err(sink.finish().await.map_or_else(|end| self.explain(&end), |_| self.explain(&error)));
            }
            (Err(error), Ok(())) => return Err(error.into()),
            (Ok(written), Ok(())) => written,
        };
        let taken = self.unless_stalled(sink.finish()).await?.map_err(|error| self.explain(&error))?;
        if taken != written {
            return Err(refused(format!("mart `{}` took {taken} of {written} rows", self.name)).into());
        }
        let note = format!(
            "INSERT INTO {PARTS} (stage, part, rows) VALUES ({}, {}, {written})",
            literal(&plan.stage),
            literal(slice)
        );
        match self.run(note).await {
            Err(Fault::Refused(error)) if error.message.contains("(23505)") => {
                Err(Fault::passing("another process loaded the same rows at the same time"))
            }
            other => other.map(|()| written),
        }
    }

    /// The number of a lock. The locks of PostgreSQL belong to one database.
    async fn lock_number(&self, what: &str) -> Result<i64, Fault> {
        let schema = self.text("SELECT current_schema()").await?;
        if schema.is_empty() {
            return Err(refused(format!("mart `{}` has no schema in which tables could be made", self.name))
                .hint("name one that is there with `?schema=…` in the url")
                .into());
        }
        Ok(xxhash_rust::xxh3::xxh3_64(format!("tarn.{schema}.{what}").as_bytes()).cast_signed())
    }

    /// Ends a connection that was given up and still has a lock.
    async fn end_holder(&self, lock: i64) -> Result<(), Fault> {
        if self.given_up.is_empty() {
            return Ok(());
        }
        let holder = self
            .text(format!(
                "SELECT pid FROM pg_locks WHERE locktype = 'advisory' AND granted AND objsubid = 1 \
                 AND database = (SELECT oid FROM pg_database WHERE datname = current_database()) \
                 AND (classid::bigint << 32) | objid::bigint = {lock}"
            ))
            .await?;
        if holder.parse().is_ok_and(|holder| self.given_up.take(holder)) {
            tracing::info!(mart = %self.name, connection = holder, "a connection that took no rows is ended");
            // It may have ended by now; and who may not do this waits for the server to find out.
            let _ = self.run(format!("SELECT pg_terminate_backend({holder})")).await;
        }
        Ok(())
    }

    /// Takes a lock, which the connection keeps until its end; waits for others that have it.
    async fn take(&self, what: &str, in_the_way: &str) -> Result<(), Fault> {
        let started = Instant::now();
        let number = self.lock_number(what).await?;
        self.end_holder(number).await?;
        while self.text(format!("SELECT pg_try_advisory_lock({number})")).await? != "t" {
            if started.elapsed() > WAIT_FOR_LOADS {
                return Err(Fault::passing(format!("{in_the_way} has not ended")));
            }
            tokio::time::sleep(PAUSE).await;
        }
        Ok(())
    }
}

#[async_trait]
impl Session for PostgresSession {
    fn stored(&self, plan: &mut Plan) -> Result<(), Fault> {
        Ok(schema::store(plan)?)
    }

    async fn lock(&mut self, table: &str) -> Result<(), Fault> {
        self.take(table, &format!("another load of table `{table}`")).await
    }

    async fn prepare(&mut self) -> Result<(), Fault> {
        if !self.number(PARTS).await?.is_empty() && !self.number(ledger::TABLE).await?.is_empty() {
            return Ok(());
        }
        // First loads of several tables come at once, and `IF NOT EXISTS` does not see what another one is making: each waits for its turn.
        let turn = self.lock_number(ledger::TABLE).await?;
        self.run(format!(
            "SELECT pg_advisory_xact_lock({turn});\n\
             CREATE TABLE IF NOT EXISTS {} (\n  id BIGINT GENERATED ALWAYS AS IDENTITY PRIMARY KEY,\n  \
             table_name TEXT NOT NULL,\n  run TEXT NOT NULL,\n  mode TEXT NOT NULL,\n  rows BIGINT NOT NULL,\n  \
             loaded_at TIMESTAMPTZ NOT NULL DEFAULT now()\n);\n\
             CREATE INDEX IF NOT EXISTS tarn_loads_by_table ON {} (table_name, id);\n\
             CREATE TABLE IF NOT EXISTS {PARTS} (\n  stage TEXT NOT NULL,\n  part TEXT NOT NULL,\n  rows BIGINT NOT NULL,\n  \
             PRIMARY KEY (stage, part)\n);",
            ledger::TABLE,
            ledger::TABLE
        ))
        .await
    }

    async fn existing(&mut self, table: &str) -> Result<Option<Vec<ExistingColumn>>, Fault> {
        let number = self.number(table).await?;
        if number.is_empty() {
            return Ok(None);
        }
        let kind = self.text(format!("SELECT relkind FROM pg_class WHERE oid = {number}")).await?;
        if kind != "r" && kind != "p" {
            return Err(refused(format!("the mart has something named `{table}` that is not a table"))
                .hint("drop it, or load under another name")
                .into());
        }
        let columns = self
            .rows(format!(
                "SELECT a.attname, format_type(a.atttypid, a.atttypmod), a.attgenerated <> '' OR a.attidentity = 'a', \
                 coalesce(l.collisdeterministic, true) FROM pg_attribute a LEFT JOIN pg_collation l ON l.oid = a.attcollation \
                 WHERE a.attrelid = {number} AND a.attnum > 0 AND NOT a.attisdropped ORDER BY a.attnum"
            ))
            .await?;
        let column = |mut row: Vec<Option<String>>| {
            let mut take = |place: usize| row.get_mut(place).and_then(Option::take).unwrap_or_default();
            let (name, declared) = (take(0), take(1));
            ExistingColumn {
                value_type: schema::parse(&declared),
                is_generated: take(2) == "t",
                is_bytewise: take(3) == "t",
                name,
                declared,
            }
        };
        Ok(Some(columns.into_iter().map(column).collect()))
    }

    async fn is_bound(&mut self, table: &str) -> Result<bool, Fault> {
        self.has_dependants(table).await
    }

    async fn last_load(&mut self, table: &str) -> Result<Option<String>, Fault> {
        let sql =
            format!("SELECT run FROM {} WHERE table_name = {} ORDER BY id DESC LIMIT 1", ledger::TABLE, literal(table));
        Ok(Some(self.text(sql).await?).filter(|run| !run.is_empty()))
    }

    async fn drop_stages(&mut self, table: &str, except: Option<&str>) -> Result<(), Fault> {
        let prefix = stage_prefix(table).replace('_', "\\_");
        let found = self
            .rows(format!(
                "SELECT c.relname FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace \
                 WHERE n.nspname = current_schema() AND c.relkind = 'r' AND c.relname LIKE '{prefix}%'"
            ))
            .await?;
        for stage in found.into_iter().flatten().flatten().filter(|stage| Some(stage.as_str()) != except) {
            self.run(format!("DROP TABLE IF EXISTS {}", quoted(&stage))).await?;
        }
        let kept = except.map(|stage| format!(" AND stage <> {}", literal(stage))).unwrap_or_default();
        self.run(format!("DELETE FROM {PARTS} WHERE stage LIKE '{prefix}%'{kept}")).await
    }

    async fn make_stage(&mut self, plan: &Plan) -> Result<(), Fault> {
        self.run(schema::create_stage(plan)).await
    }

    async fn staged(&mut self, stage: &str) -> Result<Option<BTreeMap<String, u64>>, Fault> {
        if self.number(stage).await?.is_empty() {
            return Ok(None);
        }
        let rows = self.rows(format!("SELECT part, rows FROM {PARTS} WHERE stage = {}", literal(stage))).await?;
        let part = |row: Vec<Option<String>>| {
            let mut values = row.into_iter().flatten();
            Some((values.next()?, values.next()?.parse().ok()?))
        };
        Ok(Some(rows.into_iter().filter_map(part).collect()))
    }

    async fn hold_slice(&mut self, stage: &str, slice: &str) -> Result<(), Fault> {
        self.take(&format!("{stage}.{slice}"), "another process that loads the same rows").await
    }

    async fn let_go(&mut self, stage: &str, slice: &str) -> Result<(), Fault> {
        let number = self.lock_number(&format!("{stage}.{slice}")).await?;
        self.run(format!("SELECT pg_advisory_unlock({number})")).await
    }

    async fn load_slice(
        &mut self,
        plan: &Plan,
        slice: &str,
        feed: Feeder<'_>,
        progress: Progress<'_>,
    ) -> Result<u64, Fault> {
        self.run("BEGIN").await?;
        let copied = match self.copy(plan, slice, feed, progress).await {
            Ok(rows) => self.run("COMMIT").await.map(|()| rows),
            Err(fault) => Err(fault),
        };
        if copied.is_err() {
            self.roll_back().await;
        }
        copied
    }

    async fn publish(
        &mut self,
        plan: &Plan,
        existing: Option<&[ExistingColumn]>,
        changes: &[Change],
        rows: u64,
    ) -> Result<(), Fault> {
        self.make_visible(plan, existing, changes, rows).await
    }
}
