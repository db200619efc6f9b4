//! The ports on a laptop: a folder for the bucket, JSON files for the catalogue, DataFusion for Athena.
//!
//! The same steps that run on AWS run over these; see [`Local`] for the layout of the data folder.

mod catalogue;
mod disk;
mod lock;
mod objects;
mod scratch;

pub use catalogue::LocalCatalogue;
pub use lock::{Holder, LakeLock, LockError};
pub use objects::LocalObjects;
