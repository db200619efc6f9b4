//! The last step: rows of the stage become rows of the table.

use std::time::Duration;

use tarn_pipeline::ports::{GoneRows, LoadMode, MartError};

use super::bulk::count;
use super::rebuild;
use super::schema::{self, literal, quoted, quoted_list};
use super::session::{MysqlSession, PARTS};
use crate::fault::{WithHint, refused};
use crate::ledger;
use crate::server::{Change, ExistingColumn, Fault, Notation, Plan, RowWriter, changes, stage_prefix};
use crate::version::Version;

/// Partitions emptied by one statement.
const PARTITIONS_PER_DELETE: usize = 200;
/// Tries to change a table that somebody reads, and the pauses between them in which waiting readers get their turn.
const SWAPS: u32 = 20;
const PAUSE: Duration = Duration::from_secs(1);

impl MysqlSession {
    pub(super) async fn make_visible(
        &mut self,
        plan: &Plan,
        existing: Option<&[ExistingColumn]>,
        prepared: &[Change],
        rows: u64,
    ) -> Result<(), Fault> {
        let Some(existing) = existing else {
            return self.swap(plan, rows, false).await;
        };
        let indexes = self.indexes(plan.table()).await?;
        if plan.replaces() {
            if !self.has_dependants(plan.table(), &indexes).await? {
                self.keep_indexes(plan, &indexes).await?;
                return self.swap(plan, rows, true).await;
            }
            // Worked out again: something may have been bound to the table since its rows began to come, and then nothing is prepared.
            let changes = changes(plan.table(), existing, &plan.columns, plan.load.options.drift)?;
            self.alter(plan, &changes).await?;
        } else {
            self.alter(plan, prepared).await?;
        }
        if !self.has_transactions(plan.table()).await? {
            return Err(refused(format!("table `{}` is of an engine without transactions", plan.table()))
                .hint("make it a table of InnoDB, or load with mode `replace`")
                .into());
        }
        self.check_key(plan, existing, &indexes).await?;
        self.add_indexes(plan.table(), plan).await?;
        let replaces = plan.merges() && self.may_replace(plan, existing, &indexes).await?;
        self.forget_copied(plan).await?;
        let is_rebuilt = replaces && prepared.is_empty() && self.is_to_be_rebuilt(plan, rows).await?;
        if is_rebuilt && self.rebuild(plan, &indexes, rows).await? {
            return Ok(());
        }
        self.in_one_transaction(plan, existing, replaces, rows).await
    }

    /// Puts the stage in the place of the table.
    async fn swap(&mut self, plan: &Plan, rows: u64, is_there: bool) -> Result<(), Fault> {
        self.ready_to_swap(plan, rows).await?;
        if is_there {
            self.patiently(&rebuild::swap(plan)).await?;
        } else {
            self.run(format!("RENAME TABLE {} TO {}", quoted(&plan.stage), quoted(plan.table()))).await?;
        }
        self.clean_up_after_swap(plan).await;
        Ok(())
    }

    /// Makes a table of the stage, with so many rows, that names its load: the ledger counts the load from the swap on.
    pub(super) async fn ready_to_swap(&mut self, plan: &Plan, rows: u64) -> Result<(), Fault> {
        let stage = quoted(&plan.stage);
        let counted: Vec<(u64,)> = self.rows(format!("SELECT COUNT(*) FROM {stage}")).await?;
        if counted != [(rows,)] {
            let counted = counted.first().map_or(0, |(counted,)| *counted);
            return Err(self.incomplete(plan, counted, rows).await);
        }
        self.add_indexes(&plan.stage, plan).await?;
        self.settle(plan.table()).await?;
        self.run(note(plan, rows, false)).await?;
        let load = self.connection().last_insert_id().unwrap_or_default();
        let description = plan.load.options.description.as_deref().unwrap_or_default();
        // 2,048 characters is what a comment may have.
        let description: String = description.chars().filter(|character| *character != '\0').take(1_900).collect();
        let comment = format!("{description}{}[tarn load {load}]", if description.is_empty() { "" } else { " " });
        self.run(format!("ALTER TABLE {stage} COMMENT = {}", literal(&comment))).await?;
        self.run(format!("DROP TABLE IF EXISTS {}", quoted(&old(plan)))).await?;
        Ok(())
    }

    /// The load is there: what is done here is repeated by the next one if it fails.
    pub(super) async fn clean_up_after_swap(&mut self, plan: &Plan) {
        let _ = self.settle(plan.table()).await;
        let _ = self.run(format!("DROP TABLE IF EXISTS {}", quoted(&old(plan)))).await;
    }

    /// The stage does not hold what was put into it. It is emptied, so that its rows come again.
    async fn incomplete(&mut self, plan: &Plan, counted: u64, rows: u64) -> Fault {
        let forgotten = self.run(format!("DELETE FROM {PARTS} WHERE stage = {}", literal(&plan.stage))).await;
        if let Err(fault) = forgotten.and(self.run(format!("TRUNCATE {}", quoted(&plan.stage))).await) {
            return fault;
        }
        Fault::passing(format!("the stage of table `{}` holds {counted} of {rows} rows", plan.table()))
    }

    /// Makes the ledger say what the table's comment says, and forgets loads that never became visible.
    async fn settle(&mut self, table: &str) -> Result<(), Fault> {
        let of_table = format!("table_name = {}", literal(table));
        let ledger = ledger::TABLE;
        if let Some(load) = self.load_in_comment(table).await? {
            self.run(format!("UPDATE {ledger} SET is_visible = 1 WHERE id = {load} AND {of_table}")).await?;
        }
        self.run(format!("DELETE FROM {ledger} WHERE {of_table} AND is_visible = 0")).await?;
        Ok(())
    }

    /// Runs a change of a table that somebody may be reading.
    ///
    /// While it waits for readers, new readers wait behind it. So it waits for seconds only (`lock_wait_timeout`), lets them pass,
    /// and tries again.
    pub(super) async fn patiently(&mut self, sql: &str) -> Result<(), Fault> {
        for _ in 1..SWAPS {
            match self.run(sql).await {
                Err(Fault::Passing(error)) if error.message.contains("(error 1205)") => {
                    tracing::info!(mart = %self.name, "the table is being read; the change is tried again");
                    tokio::time::sleep(PAUSE).await;
                }
                other => return other.map(|_| ()),
            }
        }
        self.run(sql).await.map(|_| ())
    }

    async fn alter(&mut self, plan: &Plan, changes: &[Change]) -> Result<(), Fault> {
        let mut clauses = Vec::new();
        for change in changes {
            let (verb, place) = match change {
                Change::Add(place) => ("ADD", *place),
                Change::Widen(place) => ("MODIFY", *place),
            };
            let Some(column) = plan.columns.get(place) else { continue };
            let is_key = plan.key.contains(&place);
            if verb == "ADD" && is_key {
                return Err(refused(format!("key column `{}` is not in table `{}`", column.name, plan.table()))
                    .hint("load with mode `replace` to build the table anew")
                    .into());
            }
            let comment = plan.comments.get(place).and_then(Option::as_deref);
            let declaration = schema::declaration(column, comment, is_key, self.flavour);
            clauses.push(format!("{verb} COLUMN {} {declaration}", quoted(&column.name)));
        }
        if clauses.is_empty() {
            return Ok(());
        }
        self.patiently(&format!("ALTER TABLE {} {}", quoted(plan.table()), clauses.join(", "))).await
    }

    /// Changes the rows and notes the load.
    async fn in_one_transaction(
        &mut self,
        plan: &Plan,
        existing: &[ExistingColumn],
        replaces: bool,
        rows: u64,
    ) -> Result<(), Fault> {
        let done = self.change(plan, existing, replaces, rows).await;
        match &done {
            Ok(counted) if *counted == rows => return self.run("COMMIT").await.map(|_| ()),
            Ok(counted) => {
                let counted = *counted;
                self.roll_back().await;
                return Err(self.incomplete(plan, counted, rows).await);
            }
            Err(_) => self.roll_back().await,
        }
        done.map(|_| ())
    }

    /// Begins the transaction; returns how many rows came from the stage.
    async fn change(
        &mut self,
        plan: &Plan,
        existing: &[ExistingColumn],
        replaces: bool,
        rows: u64,
    ) -> Result<u64, Fault> {
        self.run("START TRANSACTION").await?;
        for statement in deletions(plan, existing)? {
            self.run(statement).await?;
        }
        let affected = self.run(insertion(plan, replaces)).await?;
        // Of a merge, a row that is there counts twice, or not at all: what the server says beside counts each once.
        let info = self.connection().info().into_owned();
        self.run(note(plan, rows, true)).await?;
        Ok(count(&info, "Records").unwrap_or(affected))
    }
}

/// What a table is called that another one has taken the place of.
pub(super) fn old(plan: &Plan) -> String {
    format!("{}old", stage_prefix(plan.table()))
}

/// The row of the ledger.
pub(super) fn note(plan: &Plan, rows: u64, is_visible: bool) -> String {
    format!(
        "INSERT INTO {} (table_name, run, mode, `rows`, loaded_at, is_visible) VALUES ({}, {}, '{}', {rows}, UTC_TIMESTAMP(3), {})",
        ledger::TABLE,
        literal(plan.table()),
        literal(plan.load.run.as_str()),
        ledger::mode_name(&plan.load.mode),
        u8::from(is_visible)
    )
}

/// `REPLACE` comes to the same as updating every other column, where it may be used, and is faster.
fn insertion(plan: &Plan, replaces: bool) -> String {
    let (table, stage) = (quoted(plan.table()), quoted(&plan.stage));
    let names = quoted_list(plan.columns.iter().map(|column| column.name.as_str()));
    let verb = if replaces { "REPLACE" } else { "INSERT" };
    let mut sql = format!("{verb} INTO {table} ({names}) SELECT {names} FROM {stage}");
    if plan.merges() && !replaces {
        let is_value = |(place, _): &(usize, _)| !plan.key.contains(place);
        let mut assignments: Vec<String> = plan
            .columns
            .iter()
            .enumerate()
            .filter(is_value)
            .map(|(_, column)| quoted(&column.name))
            .map(|name| format!("{table}.{name} = {stage}.{name}"))
            .collect();
        if assignments.is_empty() {
            assignments.extend(plan.names(&plan.key).take(1).map(|name| {
                let name = quoted(name);
                format!("{table}.{name} = {table}.{name}")
            }));
        }
        sql.push_str(&format!(" ON DUPLICATE KEY UPDATE {}", assignments.join(", ")));
    }
    sql
}

fn deletions(plan: &Plan, existing: &[ExistingColumn]) -> Result<Vec<String>, MartError> {
    let table = quoted(plan.table());
    let load = &plan.load;
    match &load.mode {
        LoadMode::Replace => return Ok(vec![format!("DELETE FROM {table}")]),
        LoadMode::Partition { .. } => {}
        LoadMode::Merge { .. } if load.options.gone == GoneRows::Delete => {}
        LoadMode::Merge { .. } | LoadMode::Append => return Ok(vec![]),
    }
    let version = Version::of(load)?;
    let keys = version.partition_keys();
    let mut conditions = Vec::new();
    for values in version.partitions()? {
        let mut parts = Vec::new();
        for (column, values) in keys.iter().zip(&values) {
            let mut text = String::new();
            let wrong = |what: &str| {
                refused(format!("partition key `{}` of type `{}` holds {what}", column.name, column.hive_type))
            };
            let value = values.value(0, &mut text).map_err(wrong)?;
            let mut writer = RowWriter::new(Notation::MysqlLiteral, 32);
            writer.value(value, column.value_type).map_err(wrong)?;
            let written = String::from_utf8_lossy(&writer.bytes).into_owned();
            let name = quoted(&column.name);
            let folds = existing.iter().any(|old| old.name.eq_ignore_ascii_case(&column.name) && !old.is_bytewise);
            parts.push(if folds {
                format!("CAST({name} AS BINARY) <=> CAST({written} AS BINARY)")
            } else {
                format!("{name} <=> {written}")
            });
        }
        conditions.push(format!("({})", parts.join(" AND ")));
    }
    Ok(conditions
        .chunks(PARTITIONS_PER_DELETE)
        .map(|conditions| format!("DELETE FROM {table} WHERE {}", conditions.join(" OR ")))
        .collect())
}
