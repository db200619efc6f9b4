//! Nested JSON and DynamoDB JSON to flat records.
//!
//! One pass over the bytes of a record, no tree of it in memory, no recursion at any depth, no I/O, clock or environment.
//! Values keep every digit and character: nothing passes through a float, and what does not fit a contract exactly is
//! refused with its place and reason.
//!
//! - [`Flattener::record`] casts records to the columns of a [`Contract`] and gives typed [`Row`]s to a [`RowSink`];
//! - [`Flattener::flat`] gives every leaf as a [`Field`]: flat name and JSON text;
//! - [`Flattener::lines`] writes flat NDJSON, with the columns of a contract or every leaf;
//! - [`plain_json`] decodes DynamoDB JSON.
//!
//! How leaves are named, and what happens when two want one name, is said in [`names`].

mod assembly;
mod cast;
mod change;
mod column_type;
mod contract;
mod decimal;
mod dynamodb;
mod error;
mod escape;
mod flattener;
mod lines;
pub mod names;
mod nested;
mod output;
mod padded;
mod paths;
mod rendered;
mod row;
mod scan;
mod settings;
mod simd;
mod subscription;
mod time;
mod typed;
mod unpack;
mod walk;

pub use column_type::{ColumnType, ColumnTypeError};
pub use contract::{ColumnPath, Contract, ContractColumn, ContractError};
pub use dynamodb::plain_json;
pub use error::{CastRefusal, RecordError, RecordErrorKind};
pub use escape::plain_text;
pub use flattener::Flattener;
pub use lines::{Lines, Moment, MomentOf};
pub use padded::{PADDING, Padded, PaddedBuffer};
pub use row::{Change, Field, FlatRecord, FlatSink, Operation, RecordOutcome, Row, RowSink, Value, record_id};
pub use settings::{Arrays, Input, Settings};
