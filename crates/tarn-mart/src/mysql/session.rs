//! One connection to a MySQL or MariaDB server.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use async_trait::async_trait;
use mysql_async::Conn;
use mysql_async::prelude::{FromRow, Queryable as _};

use super::SETTINGS;
use super::fault::explain;
use super::schema::{self, Flavour, literal, quoted};
use crate::fault::{WithHint, refused};
use crate::ledger;
use crate::server::{
    Change, Direct, ExistingColumn, Fault, Feeder, GivenUp, Plan, Progress, Session, Way, stage_prefix,
};
use crate::types::ValueType;

/// How long a load waits for another one of the same table.
const WAIT_FOR_LOADS: Duration = Duration::from_secs(120);
/// What the server adds to what it is sent, and more.
const PACKET_HEAD: u64 = 1_024;
/// Slices that are in a stage.
pub(super) const PARTS: &str = "tarn_parts";

/// A connection.
pub(crate) struct MysqlSession {
    connection: Conn,
    pub(super) name: String,
    pub(super) flavour: Flavour,
    /// Whether the server takes rows by its bulk loader, as far as one knows.
    pub(super) takes_bulk: bool,
    /// The most bytes that the server takes at once.
    pub(super) largest_packet: usize,
    /// How long the server may take no rows.
    pub(super) stall_timeout: Duration,
    /// Which way rows take.
    pub(super) way: Way,
    /// Whether it took none for so long: nothing more is asked of it.
    is_stalled: bool,
    given_up: GivenUp,
}

impl MysqlSession {
    pub(super) async fn start(
        connection: Conn,
        name: String,
        stall_timeout: Duration,
        way: Way,
        given_up: GivenUp,
    ) -> Result<Self, Fault> {
        let mut session = Self {
            connection,
            name,
            flavour: Flavour::Mysql,
            takes_bulk: true,
            largest_packet: usize::MAX,
            stall_timeout,
            way,
            is_stalled: false,
            given_up,
        };
        let told: Vec<(String, u64)> = session.rows("SELECT VERSION(), @@max_allowed_packet").await?;
        if let Some((version, packet)) = told.into_iter().next() {
            if version.contains("MariaDB") {
                session.flavour = Flavour::Mariadb;
            }
            // 1,024 is the least that can be set.
            let packet = packet.saturating_sub(PACKET_HEAD).max(PACKET_HEAD / 2);
            session.largest_packet = usize::try_from(packet).unwrap_or(usize::MAX);
        }
        session.run(SETTINGS).await?;
        session.run("SET NAMES utf8mb4").await?;
        // Rows of a stage need no locks: nobody else writes there.
        session.run("SET SESSION TRANSACTION ISOLATION LEVEL READ COMMITTED").await?;
        Ok(session)
    }

    pub(super) fn connection(&mut self) -> &mut Conn {
        &mut self.connection
    }

    /// Runs a statement.
    pub(super) async fn run(&mut self, sql: impl AsRef<str>) -> Result<u64, Fault> {
        let done = self.connection.query_drop(sql.as_ref()).await;
        done.map_err(|error| explain(error, &self.name))?;
        Ok(self.connection.affected_rows())
    }

    /// Runs a query.
    pub(super) async fn rows<T: FromRow + Send + 'static>(&mut self, sql: impl AsRef<str>) -> Result<Vec<T>, Fault> {
        self.connection.query(sql.as_ref()).await.map_err(|error| explain(error, &self.name))
    }

    /// Ends the transaction without a trace; an error of its own would only hide the first one.
    pub(super) async fn roll_back(&mut self) {
        if !self.is_stalled {
            let _ = self.run("ROLLBACK").await;
        }
    }

    /// Gives the connection up, as the server takes no rows by it.
    pub(super) fn stalled(&mut self) -> Fault {
        self.is_stalled = true;
        self.given_up.add(self.connection.id());
        Fault::stalled(&self.name, self.stall_timeout.as_secs())
    }

    /// Ends a connection that was given up and still has a lock.
    ///
    /// Whoever has a lock is asked, so that it is no other connection: a server that starts anew counts from the beginning.
    async fn end_holder(&mut self, lock: &str) -> Result<(), Fault> {
        if self.given_up.is_empty() {
            return Ok(());
        }
        let found: Vec<(Option<u64>,)> = self.rows(format!("SELECT IS_USED_LOCK('{lock}')")).await?;
        let holder = found.first().and_then(|(holder,)| u32::try_from((*holder)?).ok());
        if let Some(holder) = holder.filter(|holder| self.given_up.take(*holder)) {
            tracing::info!(mart = %self.name, connection = holder, "a connection that took no rows is ended");
            // It may have ended by now; and who may not do this waits for the server to find out.
            let _ = self.run(format!("KILL {holder}")).await;
        }
        Ok(())
    }

    /// The name of a lock. The locks of a server have one name space for all its databases.
    async fn lock_name(&mut self, what: &str) -> Result<String, Fault> {
        let database: Vec<(Option<String>,)> = self.rows("SELECT DATABASE()").await?;
        let database = database.into_iter().next().and_then(|(name,)| name).unwrap_or_default();
        Ok(format!("tarn_{:032x}", xxhash_rust::xxh3::xxh3_128(format!("{database}.{what}").as_bytes())))
    }

    /// Takes a lock, which the connection keeps until its end; waits for others that have it.
    async fn take(&mut self, what: &str, in_the_way: &str) -> Result<(), Fault> {
        let started = Instant::now();
        let name = self.lock_name(what).await?;
        self.end_holder(&name).await?;
        loop {
            let got: Vec<(Option<u8>,)> = self.rows(format!("SELECT GET_LOCK('{name}', 5)")).await?;
            if got.first().is_some_and(|(got,)| *got == Some(1)) {
                return Ok(());
            }
            if started.elapsed() > WAIT_FOR_LOADS {
                return Err(Fault::passing(format!("{in_the_way} has not ended")));
            }
        }
    }

    pub(super) async fn is_there(&mut self, table: &str) -> Result<bool, Fault> {
        let sql = format!(
            "SELECT TABLE_NAME FROM information_schema.TABLES WHERE TABLE_SCHEMA = DATABASE() AND TABLE_NAME = {}",
            literal(table)
        );
        Ok(!self.rows::<(String,)>(sql).await?.is_empty())
    }

    /// The load that a table's comment names.
    pub(super) async fn load_in_comment(&mut self, table: &str) -> Result<Option<u64>, Fault> {
        let sql = format!(
            "SELECT TABLE_COMMENT FROM information_schema.TABLES WHERE TABLE_SCHEMA = DATABASE() AND TABLE_NAME = {}",
            literal(table)
        );
        // Without this, MySQL may answer from what it remembers of the table.
        if self.flavour == Flavour::Mysql {
            self.run("SET SESSION information_schema_stats_expiry = 0").await?;
        }
        let found: Vec<(String,)> = self.rows(sql).await?;
        Ok(found.first().and_then(|(comment,)| load_of_comment(comment)))
    }
}

/// `… [tarn load 12]`
fn load_of_comment(comment: &str) -> Option<u64> {
    comment.rsplit_once("[tarn load ")?.1.strip_suffix(']')?.parse().ok()
}

#[async_trait]
impl Session for MysqlSession {
    fn stored(&self, plan: &mut Plan) -> Result<(), Fault> {
        Ok(schema::store(plan, self.flavour)?)
    }

    async fn lock(&mut self, table: &str) -> Result<(), Fault> {
        self.take(table, &format!("another load of table `{table}`")).await
    }

    async fn prepare(&mut self) -> Result<(), Fault> {
        // Asked first: a statement that makes tables would wait for everybody who has just read the ledger.
        if self.is_there(PARTS).await? && self.is_there(ledger::TABLE).await? {
            return Ok(());
        }
        let bytes = format!("CHARACTER SET utf8mb4 COLLATE {}", self.flavour.collation());
        self.run(format!(
            "CREATE TABLE IF NOT EXISTS {} (\n  id BIGINT NOT NULL AUTO_INCREMENT PRIMARY KEY,\n  \
             table_name VARCHAR(64) {bytes} NOT NULL,\n  run VARCHAR(64) {bytes} NOT NULL,\n  mode VARCHAR(16) NOT NULL,\n  \
             `rows` BIGINT NOT NULL,\n  \
             loaded_at DATETIME(3) NOT NULL DEFAULT CURRENT_TIMESTAMP(3) COMMENT 'UTC',\n  \
             is_visible TINYINT(1) NOT NULL DEFAULT 1 COMMENT 'a load that is not counts once its table names it',\n  \
             KEY by_table (table_name, id)\n) ENGINE=InnoDB DEFAULT CHARACTER SET utf8mb4",
            ledger::TABLE
        ))
        .await?;
        self.run(format!(
            "CREATE TABLE IF NOT EXISTS {PARTS} (\n  stage VARCHAR(64) {bytes} NOT NULL,\n  part CHAR(32) {bytes} NOT NULL,\n  \
             `rows` BIGINT NOT NULL,\n  PRIMARY KEY (stage, part)\n) ENGINE=InnoDB DEFAULT CHARACTER SET utf8mb4"
        ))
        .await?;
        Ok(())
    }

    async fn existing(&mut self, table: &str) -> Result<Option<Vec<ExistingColumn>>, Fault> {
        let kind: Vec<(String,)> = self
            .rows(format!(
                "SELECT TABLE_TYPE FROM information_schema.TABLES WHERE TABLE_SCHEMA = DATABASE() AND TABLE_NAME = {}",
                literal(table)
            ))
            .await?;
        match kind.first() {
            None => return Ok(None),
            Some((kind,)) if kind == "BASE TABLE" => {}
            Some((kind,)) => {
                let kind = kind.to_ascii_lowercase();
                return Err(refused(format!("the mart has a {kind} named `{table}`, not a table"))
                    .hint("drop it, or load under another name")
                    .into());
            }
        }
        let columns: Vec<(String, String, Option<String>, String)> = self
            .rows(format!(
                "SELECT COLUMN_NAME, COLUMN_TYPE, COLLATION_NAME, EXTRA FROM information_schema.COLUMNS \
                 WHERE TABLE_SCHEMA = DATABASE() AND TABLE_NAME = {} ORDER BY ORDINAL_POSITION",
                literal(table)
            ))
            .await?;
        let flavour = self.flavour;
        let column = |(name, declared, collation, extra): (String, String, Option<String>, String)| ExistingColumn {
            name,
            value_type: schema::parse(&declared, flavour),
            is_generated: extra.to_ascii_uppercase().contains("GENERATED") && !extra.contains("DEFAULT_GENERATED"),
            is_bytewise: collation.as_deref().is_none_or(|name| name == flavour.collation()),
            declared,
        };
        Ok(Some(columns.into_iter().map(column).collect()))
    }

    async fn is_bound(&mut self, table: &str) -> Result<bool, Fault> {
        let indexes = self.indexes(table).await?;
        self.has_dependants(table, &indexes).await
    }

    async fn last_load(&mut self, table: &str) -> Result<Option<String>, Fault> {
        let in_comment = self.load_in_comment(table).await?.unwrap_or(0);
        let sql = format!(
            "SELECT run FROM {} WHERE table_name = {} AND (is_visible = 1 OR id = {in_comment}) ORDER BY id DESC LIMIT 1",
            ledger::TABLE,
            literal(table)
        );
        Ok(self.rows::<(String,)>(sql).await?.into_iter().next().map(|(run,)| run))
    }

    async fn drop_stages(&mut self, table: &str, except: Option<&str>) -> Result<(), Fault> {
        let prefix = stage_prefix(table).replace('_', "\\_");
        let found: Vec<(String,)> = self
            .rows(format!(
                "SELECT TABLE_NAME FROM information_schema.TABLES \
                 WHERE TABLE_SCHEMA = DATABASE() AND TABLE_NAME LIKE '{prefix}%'"
            ))
            .await?;
        // What is kept beside a stage goes with it.
        let goes = |stage: &str| except.is_none_or(|kept| !stage.starts_with(kept));
        for (stage,) in found.iter().filter(|(stage,)| goes(stage)) {
            self.run(format!("DROP TABLE IF EXISTS {}", quoted(stage))).await?;
        }
        let kept = except.map(|stage| format!(" AND stage <> {}", literal(stage))).unwrap_or_default();
        self.run(format!("DELETE FROM {PARTS} WHERE stage LIKE '{prefix}%'{kept}")).await?;
        Ok(())
    }

    async fn make_stage(&mut self, plan: &Plan) -> Result<(), Fault> {
        self.run(schema::create_table(&plan.stage, plan, self.flavour)).await?;
        Ok(())
    }

    async fn staged(&mut self, stage: &str) -> Result<Option<BTreeMap<String, u64>>, Fault> {
        if !self.is_there(stage).await? {
            return Ok(None);
        }
        let parts = self.rows(format!("SELECT part, `rows` FROM {PARTS} WHERE stage = {}", literal(stage))).await?;
        Ok(Some(parts.into_iter().collect()))
    }

    async fn hold_slice(&mut self, stage: &str, slice: &str) -> Result<(), Fault> {
        self.take(&format!("{stage}.{slice}"), "another process that loads the same rows").await
    }

    async fn let_go(&mut self, stage: &str, slice: &str) -> Result<(), Fault> {
        let name = self.lock_name(&format!("{stage}.{slice}")).await?;
        self.rows::<(Option<u8>,)>(format!("SELECT RELEASE_LOCK('{name}')")).await.map(|_| ())
    }

    async fn load_slice(
        &mut self,
        plan: &Plan,
        slice: &str,
        feed: Feeder<'_>,
        progress: Progress<'_>,
    ) -> Result<u64, Fault> {
        self.bulk_load(plan, slice, feed, progress).await
    }

    async fn load_directly(
        &mut self,
        plan: &Plan,
        existing: Option<&[ExistingColumn]>,
        changes: &[Change],
        rows: u64,
        feed: Feeder<'_>,
        progress: Progress<'_>,
    ) -> Result<Direct, Fault> {
        self.merge_directly(plan, existing, changes, rows, feed, progress).await
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

/// Whether a value of this type goes through `UNHEX`.
pub(super) fn is_hexadecimal(value_type: ValueType) -> bool {
    value_type == ValueType::Binary
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_comment_names_the_load() {
        assert_eq!(load_of_comment("Sales per day [tarn load 12]"), Some(12));
        assert_eq!(load_of_comment("[tarn load 12] and more"), None);
        assert_eq!(load_of_comment("[tarn load x]"), None);
        assert_eq!(load_of_comment(""), None);
    }
}
