//! Loads a published version into a relational mart.
//!
//! What is common to all databases comes first: [`open`] reads a URL, a version's types and names are checked, its Parquet files
//! are read as typed values batch by batch, and the ledger decides whether there is anything to do. What a database is asked,
//! and in which notation values reach it, is a module of its own per database: `sqlite`, `mysql` and `postgres`; `server` has what
//! the latter two share.

mod fault;
mod ledger;
mod mysql;
mod postgres;
mod refusal;
mod rows;
mod server;
mod sqlite;
mod types;
mod url;
mod value;
mod version;

use std::ops::ControlFlow;
use std::path::Path;
use std::sync::Arc;

use tarn_pipeline::ports::{Mart, MartError, Passwords, StagedMart};

use crate::fault::refused;
use crate::mysql::MysqlServer;
use crate::postgres::PostgresServer;
use crate::server::ServerMart;
pub use crate::server::with_variables;
use crate::sqlite::SqliteMart;
use crate::url::Location;

/// Opens the mart behind a URL, e.g. `sqlite:reporting.db` or `mysql://tarn@db.example.com/reporting`; a relative path starts at
/// `base`. Nobody is connected to yet; a SQLite database is made when first loaded.
///
/// # Errors
/// A URL that names no database this program can load; the message never holds more of the URL than its scheme.
pub fn open(url: &str, base: &Path) -> Result<Box<dyn Mart>, MartError> {
    Ok(match url::parse(url, base)? {
        Location::Sqlite(path) => Box::new(SqliteMart::new(path)),
        Location::Mysql(address) => Box::new(ServerMart::new(MysqlServer::new(address)?, None)),
        Location::Postgres(address) => Box::new(ServerMart::new(PostgresServer::new(address)?, None)),
    })
}

/// Opens the mart of a server, into which several processes can load one version. Passwords come from `passwords` when it is
/// given, else from the URL.
///
/// # Errors
/// As for [`open`], and a URL that names no server.
pub fn open_server(url: &str, passwords: Option<Arc<dyn Passwords>>) -> Result<Box<dyn StagedMart>, MartError> {
    Ok(match url::parse(url, Path::new(""))? {
        Location::Mysql(address) => Box::new(ServerMart::new(MysqlServer::new(address)?, passwords)),
        Location::Postgres(address) => Box::new(ServerMart::new(PostgresServer::new(address)?, passwords)),
        Location::Sqlite(_) => return Err(refused("a SQLite mart is a file, and is loaded by one process")),
    })
}

/// The server and the user that a URL names.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ServerOf {
    /// Its name.
    pub host: String,
    /// Its port.
    pub port: u16,
    /// Who connects.
    pub user: String,
    /// Whether the URL holds a password.
    pub has_password: bool,
}

/// The server that a URL names.
///
/// # Errors
/// A URL that names none.
pub fn server_of(url: &str) -> Result<ServerOf, MartError> {
    match url::parse(url, Path::new(""))? {
        Location::Mysql(address) | Location::Postgres(address) => {
            let has_password = address.password.is_some();
            Ok(ServerOf { host: address.host, port: address.port, user: address.user, has_password })
        }
        Location::Sqlite(_) => Err(refused("a SQLite mart is a file on no server")),
    }
}

/// Rows of a mart as text.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct QueryRows {
    /// The names of the columns.
    pub columns: Vec<String>,
    /// The rows, one text for each column; `None` is null, bytes are written in base 16.
    pub rows: Vec<Vec<Option<String>>>,
}

/// Runs one query against a mart, over a connection that can only read, and keeps all rows. Blocks.
///
/// # Errors
/// A mart that is not there or cannot be read, a statement that fails, writes, or is more than one.
pub fn query(url: &str, base: &Path, sql: &str) -> Result<QueryRows, MartError> {
    let mut rows = Vec::new();
    let columns = query_each(url, base, sql, &mut |_, row| {
        rows.push(row.to_vec());
        ControlFlow::Continue(())
    })?;
    Ok(QueryRows { columns, rows })
}

/// Gets the names of the columns and the values of one row; [`ControlFlow::Break`] ends the query.
pub type RowReceiver<'a> = dyn FnMut(&[String], &[Option<String>]) -> ControlFlow<()> + 'a;

/// Like [`query`], handing each row to `receive`.
/// Returns the names of the columns.
///
/// # Errors
/// As for [`query`].
pub fn query_each(url: &str, base: &Path, sql: &str, receive: &mut RowReceiver<'_>) -> Result<Vec<String>, MartError> {
    match url::parse(url, base)? {
        Location::Sqlite(path) => sqlite::query(&path, sql, receive),
        Location::Mysql(address) => mysql::query(address, sql, receive),
        Location::Postgres(address) => postgres::query(address, sql, receive),
    }
}
