//! What is asked of a connection to a database server, in the order in which a load asks it.

use std::collections::BTreeMap;
use std::sync::Arc;

use async_trait::async_trait;
use tarn_pipeline::ports::{Credentials, Load, LoadMode};

use super::fault::Fault;
use super::feed::{Feed, Form};
use super::table::{Change, ExistingColumn};
use crate::types::TypedColumn;

/// Gets how many rows went so far.
pub(crate) type Progress<'a> = &'a (dyn Fn(u64) + Send + Sync);
/// Starts to write the rows.
pub(crate) type Feeder<'a> = &'a (dyn Fn(Form) -> Feed + Send + Sync);

/// How a try to load without a stage ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Direct {
    /// The rows are visible and the load is noted.
    Done,
    /// Nothing was changed: the rows have to go through a stage.
    Impossible,
}

/// A kind of database server.
#[async_trait]
pub(crate) trait Server: Send + Sync {
    /// A connection to it.
    type Session: Session;

    /// Connects, with these credentials or those of the address.
    async fn connect(&self, credentials: Option<Credentials>) -> Result<Self::Session, Fault>;

    /// The server as messages name it.
    fn name(&self) -> String;
}

/// A table's load, as it is asked of a session.
pub(crate) struct Plan {
    pub(crate) load: Arc<Load>,
    /// The version's columns, partition keys last, with the types that the database stores.
    pub(crate) columns: Vec<TypedColumn>,
    /// For people, one for each column.
    pub(crate) comments: Vec<Option<String>>,
    /// Places of the columns of the primary key.
    pub(crate) key: Vec<usize>,
    /// Places of the columns of each index.
    pub(crate) indexes: Vec<Vec<usize>>,
    /// Where rows are gathered before they are seen.
    pub(crate) stage: String,
    /// Whether the stage becomes the table.
    pub(crate) becomes_table: bool,
}

impl Plan {
    /// The table.
    pub(crate) fn table(&self) -> &str {
        &self.load.table
    }

    /// Whether the table is built anew.
    pub(crate) fn replaces(&self) -> bool {
        self.load.mode == LoadMode::Replace
    }

    /// Whether rows replace those of the same key.
    pub(crate) fn merges(&self) -> bool {
        matches!(self.load.mode, LoadMode::Merge { .. })
    }

    /// The names of columns.
    pub(crate) fn names<'a>(&'a self, places: &'a [usize]) -> impl Iterator<Item = &'a str> {
        places.iter().filter_map(|place| self.columns.get(*place)).map(|column| column.name.as_str())
    }

    /// The name of a declared index; the same for the same table and columns.
    pub(crate) fn index_name(&self, places: &[usize]) -> String {
        let columns = self.names(places).collect::<Vec<_>>().join("_");
        let hash = xxhash_rust::xxh3::xxh3_64(format!("{}|{columns}", self.table()).as_bytes());
        format!("tarn_index_{hash:016x}")
    }
}

/// The beginning of the names of a table's stages.
pub(crate) fn stage_prefix(table: &str) -> String {
    format!("tarn_stage_{:016x}_", xxhash_rust::xxh3::xxh3_64(table.as_bytes()))
}

/// One connection.
#[async_trait]
pub(crate) trait Session: Send {
    /// The columns with the types that the database stores them in.
    ///
    /// # Errors
    /// What cannot be a table of this database: too long a name, too many columns, too wide a row.
    fn stored(&self, plan: &mut Plan) -> Result<(), Fault>;

    /// Keeps other loads of the table away until the connection ends; waits for one that is on its way.
    async fn lock(&mut self, table: &str) -> Result<(), Fault>;

    /// Makes the ledger and what else is kept beside the tables.
    async fn prepare(&mut self) -> Result<(), Fault>;

    /// The columns of a table; `None` when it is not there.
    async fn existing(&mut self, table: &str) -> Result<Option<Vec<ExistingColumn>>, Fault>;

    /// Whether something hangs on the table that would not follow its name: then it keeps its columns when it is replaced.
    async fn is_bound(&mut self, table: &str) -> Result<bool, Fault>;

    /// The run that loaded a table last.
    async fn last_load(&mut self, table: &str) -> Result<Option<String>, Fault>;

    /// Removes the stages of a table, but for one.
    async fn drop_stages(&mut self, table: &str, except: Option<&str>) -> Result<(), Fault>;

    /// Makes the stage when it is not there.
    async fn make_stage(&mut self, plan: &Plan) -> Result<(), Fault>;

    /// The slices that are in a stage, with their rows; `None` when there is no such stage.
    async fn staged(&mut self, stage: &str) -> Result<Option<BTreeMap<String, u64>>, Fault>;

    /// Keeps other processes from a slice until it is let go or the connection ends; waits for one that loads it.
    async fn hold_slice(&mut self, stage: &str, slice: &str) -> Result<(), Fault>;

    /// Lets go of a slice.
    async fn let_go(&mut self, stage: &str, slice: &str) -> Result<(), Fault>;

    /// Puts one slice into the stage, in a transaction that notes it.
    async fn load_slice(
        &mut self,
        plan: &Plan,
        slice: &str,
        feed: Feeder<'_>,
        progress: Progress<'_>,
    ) -> Result<u64, Fault>;

    /// Puts all rows straight into the table and notes the load, in one transaction, where that comes to the same as a stage.
    ///
    /// `existing`, `changes` and `rows` are those of [`Session::publish`].
    async fn load_directly(
        &mut self,
        _plan: &Plan,
        _existing: Option<&[ExistingColumn]>,
        _changes: &[Change],
        _rows: u64,
        _feed: Feeder<'_>,
        _progress: Progress<'_>,
    ) -> Result<Direct, Fault> {
        Ok(Direct::Impossible)
    }

    /// Makes the rows of the stage visible and notes the load, at once.
    ///
    /// `existing` are the table's columns, `changes` what made it hold the version when the load began: none for a table that is
    /// replaced, unless something was bound to it then. For one that something is bound to by now they are worked out again.
    async fn publish(
        &mut self,
        plan: &Plan,
        existing: Option<&[ExistingColumn]>,
        changes: &[Change],
        rows: u64,
    ) -> Result<(), Fault>;
}
