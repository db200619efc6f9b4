//! The ports on a laptop: a folder for the bucket, JSON files for the catalogue, DataFusion for Athena.
//!
//! The same steps that run on AWS run over these; see [`Local`] for the layout of the data folder.

mod catalogue;
mod disk;
mod engine;
mod local;
mod lock;
mod memory;
mod objects;
mod scratch;
mod tables;
mod writing;

pub use catalogue::LocalCatalogue;
pub use engine::{EngineSettings, LocalEngine, QueryStream};
pub use local::{Local, LocalError, LocalSettings};
pub use lock::{Holder, LakeLock, LockError};
pub use objects::LocalObjects;
pub use tables::LocalTables;
