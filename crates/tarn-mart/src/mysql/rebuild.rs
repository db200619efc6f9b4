//! A merge that brings most rows of a table: the others are copied into the stage, which then takes the table's place.
//!
//! To write a row anew costs a server less than half of what it costs to change one. Nobody else may write in the meantime, or it would
//! be lost with the table's old rows; and between a lock that ends and a `RENAME` that begins there is a gap. So a second connection
//! keeps writers away, the `RENAME` is sent while it does, and it lets go once the server says that the `RENAME` waits: a server lets a
//! change of a table go before all writers that wait for it, in whatever order they came. Why, and when not: docs/decisions/0014.

use std::pin::pin;
use std::time::Duration;

use mysql_async::Conn;
use mysql_async::prelude::Queryable as _;
use tarn_pipeline::ports::GoneRows;

use super::fault::explain;
use super::indexes::Index;
use super::schema::{quoted, quoted_list};
use super::session::MysqlSession;
use crate::server::{Fault, Plan};

/// The least rows of a merge that are worth a new table.
const LEAST_ROWS: u64 = 50_000;
/// How often is asked whether the swap waits.
const PAUSE: Duration = Duration::from_millis(20);
/// How long is waited for those who are writing, which makes others wait behind.
const PATIENCE: u32 = 5;

/// Keeps writers away from a table, until it is let go or the connection ends.
struct WriteLock {
    connection: Conn,
    mart: String,
}

impl WriteLock {
    async fn ask<T>(&mut self, asked: impl AsyncFnOnce(&mut Conn) -> mysql_async::Result<T>) -> Result<T, Fault> {
        asked(&mut self.connection).await.map_err(|error| explain(error, &self.mart))
    }

    /// Whether it is still there.
    async fn check(&mut self) -> Result<(), Fault> {
        self.ask(async |connection| connection.ping().await).await
    }

    /// Waits until a connection waits for this lock.
    async fn is_wanted(&mut self, by: u32) -> Result<(), Fault> {
        let sql = format!(
            "SELECT 1 FROM information_schema.PROCESSLIST \
             WHERE ID = {by} AND STATE = 'Waiting for table metadata lock' AND INFO LIKE 'RENAME %'"
        );
        while self.ask(async |connection| connection.query_first::<u8, _>(&sql).await).await?.is_none() {
            tokio::time::sleep(PAUSE).await;
        }
        Ok(())
    }

    async fn let_go(mut self) -> Result<(), Fault> {
        self.ask(async |connection| connection.query_drop("UNLOCK TABLES").await).await?;
        // It is of no more use, however it ends.
        let _ = self.connection.disconnect().await;
        Ok(())
    }
}

impl MysqlSession {
    /// Whether a merge of so many rows is to be made by building the table anew. There is a stage afterwards if it is.
    pub(super) async fn is_to_be_rebuilt(&mut self, plan: &Plan, rows: u64) -> Result<bool, Fault> {
        if rows < LEAST_ROWS || !plan.merges() || plan.load.options.gone == GoneRows::Delete {
            return Ok(false);
        }
        let most = rows + rows / 2;
        let table = quoted(plan.table());
        let sql = format!("SELECT COUNT(*) FROM (SELECT 1 FROM {table} LIMIT {}) AS counted", most + 1);
        let counted: Vec<(u64,)> = self.rows(sql).await?;
        if counted.first().is_none_or(|(counted,)| *counted > most) {
            return Ok(false);
        }
        if self.is_there(&plan.stage).await? {
            return Ok(self.shape(&plan.stage).await? == self.shape(plan.table()).await?);
        }
        let stage = quoted(&plan.stage);
        self.run(format!("CREATE TABLE {stage} LIKE {table}")).await?;
        let slow: Vec<String> = self.indexes(&plan.stage).await?.iter().filter_map(Index::of_search).collect();
        if !slow.is_empty() {
            // They come back when the rows are there, which is faster. One that a counting column needs cannot go.
            match self.run(format!("ALTER TABLE {stage} {}", slow.join(", "))).await {
                Ok(_) | Err(Fault::Refused(_)) => {}
                Err(fault) => return Err(fault),
            }
        }
        Ok(true)
    }

    /// Gives the stage, which holds so many rows, those of the table that it lacks, and puts it in the table's place.
    ///
    /// `false` when the table is read for so long that it cannot be, or writers cannot be kept away: then nothing was changed.
    pub(super) async fn rebuild(&mut self, plan: &Plan, indexes: &[Index], rows: u64) -> Result<bool, Fault> {
        self.keep_indexes(plan, indexes).await?;
        self.ready_to_swap(plan, rows).await?;
        let Some(lock) = self.keep_writers_away(plan.table()).await? else { return Ok(false) };
        let swapped = self.copy_and_swap(plan, lock).await;
        match swapped {
            Ok(()) => {
                self.clean_up_after_swap(plan).await;
                Ok(true)
            }
            Err(Fault::Passing(error)) if error.message.contains("(error 1205)") => {
                tracing::info!(mart = %self.name, "the table is being read; its rows are changed in place");
                self.forget_copied(plan).await?;
                Ok(false)
            }
            Err(fault) => Err(fault),
        }
    }

    /// Removes from the stage what a rebuild that was broken off has copied there.
    pub(super) async fn forget_copied(&mut self, plan: &Plan) -> Result<(), Fault> {
        let kept = kept(plan);
        if !self.is_there(&kept).await? {
            return Ok(());
        }
        let (stage, kept) = (quoted(&plan.stage), quoted(&kept));
        let key = quoted_list(plan.names(&plan.key));
        self.run(format!("DELETE copied FROM {stage} AS copied JOIN {kept} USING ({key})")).await?;
        self.run(format!("DROP TABLE {kept}")).await?;
        Ok(())
    }

    async fn copy_and_swap(&mut self, plan: &Plan, mut lock: WriteLock) -> Result<(), Fault> {
        let (table, stage, kept) = (quoted(plan.table()), quoted(&plan.stage), quoted(&kept(plan)));
        let of = |table: &str| {
            let names: Vec<String> = plan.names(&plan.key).map(|name| format!("{table}.{}", quoted(name))).collect();
            names.join(", ")
        };
        let key = quoted_list(plan.names(&plan.key));
        let first = plan.names(&plan.key).next().map(quoted).unwrap_or_default();
        // Noted first: should this break off, the stage can be told from what was copied into it.
        self.run(format!(
            "CREATE TABLE {kept} (PRIMARY KEY ({key})) ENGINE=InnoDB AS SELECT {} FROM {table} AS old \
             LEFT JOIN {stage} AS new USING ({key}) WHERE new.{first} IS NULL",
            of("old")
        ))
        .await?;
        let columns: Vec<&str> = plan.columns.iter().map(|column| column.name.as_str()).collect();
        let values: Vec<String> = columns.iter().map(|name| format!("old.{}", quoted(name))).collect();
        self.run(format!(
            "INSERT INTO {stage} ({}) SELECT {} FROM {kept} AS kept STRAIGHT_JOIN {table} AS old USING ({key})",
            quoted_list(columns.into_iter()),
            values.join(", ")
        ))
        .await?;
        lock.check().await?;
        let number = self.connection().id();
        let swap = swap(plan);
        let mut swap = pin!(self.run(&swap));
        tokio::select! {
            // Too early for a good end: it waits for the lock.
            ended = &mut swap => {
                let _ = lock.let_go().await;
                ended.map(|_| ())
            }
            wanted = lock.is_wanted(number) => {
                wanted?;
                lock.let_go().await?;
                swap.await.map(|_| ())
            }
        }
    }

    /// Keeps writers away from a table; `None` where that is not to be had.
    async fn keep_writers_away(&mut self, table: &str) -> Result<Option<WriteLock>, Fault> {
        let mart = self.name.clone();
        let opened = Conn::new(self.connection().opts().clone()).await;
        let connection = opened.map_err(|error| explain(error, &mart))?;
        let mut lock = WriteLock { connection, mart };
        let sql = format!("LOCK TABLES {} READ", quoted(table));
        let taken = lock
            .ask(async |connection| {
                connection.query_drop(format!("SET SESSION lock_wait_timeout = {PATIENCE}")).await?;
                connection.query_drop(&sql).await
            })
            .await;
        match taken {
            Ok(()) => Ok(Some(lock)),
            // Somebody writes for long, or the user has no right to lock tables.
            Err(Fault::Passing(error)) if error.message.contains("(error 1205)") => Ok(None),
            Err(Fault::Refused(error)) => {
                tracing::info!(mart = %self.name, %error, "writers cannot be kept away; rows are changed in place");
                Ok(None)
            }
            Err(fault) => Err(fault),
        }
    }

    /// The declarations of a table's columns and of its key, in their order, and its options; without what is a matter of its rows or of people.
    async fn shape(&mut self, table: &str) -> Result<Vec<String>, Fault> {
        let told: Vec<(String, String)> = self.rows(format!("SHOW CREATE TABLE {}", quoted(table))).await?;
        Ok(told.first().map(|(_, text)| shape_of(text)).unwrap_or_default())
    }
}

/// The swap of the stage and the table.
pub(super) fn swap(plan: &Plan) -> String {
    let (table, stage) = (quoted(plan.table()), quoted(&plan.stage));
    format!("RENAME TABLE {table} TO {}, {stage} TO {table}", quoted(&super::publish::old(plan)))
}

/// Where the keys of rows are noted that were copied into the stage. It goes when the stage goes.
fn kept(plan: &Plan) -> String {
    format!("{}_kept", plan.stage)
}

fn shape_of(text: &str) -> Vec<String> {
    let is_told = |line: &&str| line.starts_with("  `") || line.starts_with("  PRIMARY KEY") || line.starts_with(')');
    text.lines()
        .filter(is_told)
        .map(|line| {
            let line = line.trim_end_matches(',');
            let Some(options) = line.strip_prefix(')') else { return line.to_owned() };
            let options = options.split_once(" COMMENT=").map_or(options, |(options, _)| options);
            options.split(' ').filter(|option| !option.starts_with("AUTO_INCREMENT=")).collect::<Vec<_>>().join(" ")
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tables_of_one_shape_may_differ_in_indexes_and_comments() {
        let table = "CREATE TABLE `kpi` (\n  `id` bigint NOT NULL COMMENT 'a, b',\n  `name` longtext,\n  PRIMARY KEY (`id`),\n  \
                     KEY `by_name` (`name`(10))\n) ENGINE=InnoDB AUTO_INCREMENT=7 DEFAULT CHARSET=utf8mb4 COMMENT='x [tarn load 3]'";
        let stage = "CREATE TABLE `s` (\n  `id` bigint NOT NULL COMMENT 'a, b',\n  `name` longtext,\n  PRIMARY KEY (`id`)\n\
                     ) ENGINE=InnoDB DEFAULT CHARSET=utf8mb4";
        assert_eq!(shape_of(table), shape_of(stage));
        assert_eq!(shape_of(table).len(), 4);
        assert_ne!(shape_of(table), shape_of(&stage.replace("longtext", "mediumtext")));
        assert_ne!(shape_of(table), shape_of(&stage.replace("InnoDB", "MyISAM")));
    }
}
