//! Connections, and the settings a load needs.

use std::fs;
use std::path::Path;
use std::time::Duration;

use rusqlite::{Connection, OpenFlags};

use super::fault::SqliteFault;
use crate::fault::refused;

/// Pages held in memory, in KiB; more only helps keys in random order.
const CACHE_KIB: i64 = 12 * 1024;

/// Opens the database to load into it; makes it, and its folder, when it is not there.
pub(super) fn open_to_write(path: &Path, wait: Duration) -> Result<Connection, SqliteFault> {
    if let Some(folder) = path.parent() {
        fs::create_dir_all(folder)
            .map_err(|error| refused(format!("folder `{}` cannot be made: {error}", folder.display())))?;
    }
    let flags = OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_CREATE | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    let connection = Connection::open_with_flags(path, flags)?;
    connection.busy_timeout(wait)?;
    // Readers go on while a load writes. A file system without shared memory keeps its mode: there readers wait for the commit.
    connection.pragma_update_and_check(None, "journal_mode", "wal", |_| Ok(()))?;
    // The ledger promises that a load that is reported is there after a power cut; it is one sync for each load.
    connection.pragma_update(None, "synchronous", "full")?;
    connection.pragma_update(None, "cache_size", -CACHE_KIB)?;
    connection.pragma_update(None, "temp_store", "file")?;
    // Dropping a table to replace it must not empty the tables that refer to it.
    connection.pragma_update(None, "foreign_keys", false)?;
    Ok(connection)
}

/// Opens a database that is there, to read only.
pub(super) fn open_to_read(path: &Path, wait: Duration) -> Result<Connection, SqliteFault> {
    let connection =
        Connection::open_with_flags(path, OpenFlags::SQLITE_OPEN_READ_ONLY | OpenFlags::SQLITE_OPEN_NO_MUTEX)?;
    connection.busy_timeout(wait)?;
    Ok(connection)
}
