//! What is common to the databases that are servers.
//!
//! A load gathers its rows in a stage, a table of its own that nobody reads, and then makes them visible at once. The stage is
//! filled slice by slice, each in a transaction that notes the slice: whatever breaks off is taken up behind the last slice that is
//! there, by the same process or by another one, and several processes can fill one stage. The last step compares what is in the
//! stage with what the files hold, changes the table and notes the run in the ledger, all at once.
//!
//! A lock of the server keeps two loads of one table apart. It belongs to the connection, as the open transaction does: a process
//! that dies leaves neither.

mod address;
mod fault;
mod feed;
mod given_up;
mod notation;
mod order;
mod query;
mod session;
mod steps;
mod table;
mod tls;
mod variables;

pub(crate) use address::{Address, Tls, Way};
pub(crate) use fault::Fault;
pub(crate) use feed::{Chunk, Feed, Form, is_unordered};
pub(crate) use given_up::GivenUp;
pub(crate) use notation::{Notation, RowWriter};
pub(crate) use query::{Answer, Answers, ask};
pub(crate) use session::{Direct, Feeder, Plan, Progress, Server, Session, stage_prefix};
pub(crate) use steps::ServerMart;
pub(crate) use table::{Change, ExistingColumn, changes};
pub(crate) use tls::{authorities, client_configuration};
pub use variables::with_variables;
