//! One load from its first statement to its commit.

use std::path::Path;
use std::time::Duration;

use rusqlite::{Connection, OptionalExtension as _, TransactionBehavior};
use tarn_pipeline::names::RunId;
use tarn_pipeline::ports::{Load, LoadOutcome, MartError, ObjectStore};

use super::control::Control;
use super::fault::SqliteFault;
use super::insert::Source;
use super::modes::TableLoad;
use super::{connection, schema};
use crate::fault::refused;
use crate::ledger::{self, Decision};
use crate::version::Version;

const CREATE_LEDGER: &str = "\
CREATE TABLE IF NOT EXISTS tarn_loads (
  id INTEGER PRIMARY KEY AUTOINCREMENT,
  table_name TEXT NOT NULL COLLATE NOCASE,
  run TEXT NOT NULL,
  mode TEXT NOT NULL,
  rows INTEGER NOT NULL,
  loaded_at TEXT NOT NULL DEFAULT (strftime('%Y-%m-%d %H:%M:%f', 'now')) /* UTC */
);
CREATE INDEX IF NOT EXISTS tarn_loads_by_table ON tarn_loads (table_name, id);";

const LAST_LOAD: &str = "SELECT run FROM main.tarn_loads WHERE table_name = ?1 ORDER BY id DESC LIMIT 1";

/// Loads a version into the database at `path`. Blocks until it is durable or undone.
pub(super) fn load(
    path: &Path,
    wait: Duration,
    load: &Load,
    objects: &dyn ObjectStore,
    control: &Control,
) -> Result<LoadOutcome, MartError> {
    let version = Version::of(load)?;
    let attempt = || {
        let mut connection = connection::open_to_write(path, wait)?;
        control.interrupts(connection.get_interrupt_handle());
        let source = Source { version: &version, objects, control };
        let outcome = in_one_transaction(&mut connection, load, source)?;
        // What was written moves from the log to the database file now, when no reader needs the old rows; if one does, later.
        let _ = connection.query_row("PRAGMA wal_checkpoint(TRUNCATE)", [], |_| Ok(()));
        Ok(outcome)
    };
    attempt().map_err(|fault: SqliteFault| fault.explain(path))
}

fn in_one_transaction(
    connection: &mut Connection,
    load: &Load,
    source: Source<'_>,
) -> Result<LoadOutcome, SqliteFault> {
    // Immediate: a second load waits here, and then sees what the first one did.
    let transaction = connection.transaction_with_behavior(TransactionBehavior::Immediate)?;
    transaction.execute_batch(CREATE_LEDGER)?;
    let existing = schema::existing(&transaction, &load.table)?;
    let last = if existing.is_some() { last_load(&transaction, &load.table)? } else { None };
    if ledger::decide(&load.run, &load.table, &load.mode, load.force, last.as_deref())? == Decision::Repeated {
        return Ok(LoadOutcome { repeated: true, ..LoadOutcome::default() });
    }
    let table = TableLoad { connection: &transaction, table: &load.table, source, existing };
    let rows = table.run(&load.mode)?;
    table.note(load.run.as_str(), ledger::mode_name(&load.mode), rows)?;
    source.control.check()?;
    transaction.commit()?;
    Ok(LoadOutcome { rows, ..LoadOutcome::default() })
}

/// The run that loaded the table last; `None` when the database, the table or its load is not there.
pub(super) fn loaded(path: &Path, wait: Duration, table: &str) -> Result<Option<RunId>, MartError> {
    if !path.exists() {
        return Ok(None);
    }
    let find = || -> Result<Option<String>, SqliteFault> {
        let connection = connection::open_to_read(path, wait)?;
        let is_there =
            schema::existing(&connection, table)?.is_some() && schema::existing(&connection, ledger::TABLE)?.is_some();
        if is_there { last_load(&connection, table) } else { Ok(None) }
    };
    let run = find().map_err(|fault| fault.explain(path))?;
    run.map(|run| RunId::try_from(run).map_err(|error| refused(format!("the ledger of the mart is damaged: {error}"))))
        .transpose()
}

fn last_load(connection: &Connection, table: &str) -> Result<Option<String>, SqliteFault> {
    Ok(connection.query_row(LAST_LOAD, [table], |row| row.get(0)).optional()?)
}
