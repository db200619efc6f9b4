//! Athena SQL on DataFusion.
//!
//! The way of a statement: `syntax` makes tokens and a tree of the text; `rewrite` turns each node that Athena means
//! otherwise into a form; the engine's planner resolves names and scopes and asks `plan` what each form is, now
//! with types; `relation` handles `UNNEST` and samples; the engine optimizes and runs what came out, with operators
//! (`operator`, `cast`, `temporal`, `lambda`) and functions that behave as Athena's do.

mod absent;
mod cast;
mod coercion;
mod display;
mod error;
mod form;
mod functions;
mod lambda;
mod memory;
mod operator;
mod partitioning;
mod plan;
mod relation;
mod rewrite;
mod session;
mod syntax;
mod temporal;
mod types;
mod window;

pub use display::{display_value, json_text};
pub use error::{SqlError, SqlErrorKind};
pub use session::{Session, Settings};
pub use syntax::statement::{CreateTableAs, PropertyValue, Query, Statement};
pub use types::{athena_field_type, athena_type, hive_type};
