//! Flat records to Parquet.
//!
//! - [`ParquetFiles`] takes the typed rows of a contract, one file per partition at a time;
//! - [`RowBatches`] takes the same rows and keeps them in memory, as Arrow batches;
//! - [`DiscoveredFiles`] takes flat fields of sources without a contract, every column text.
//!
//! Where the bytes go is the caller's: a [`FileFactory`] gives something to write into per file. Nothing here does I/O of
//! its own, and the same rows give the same bytes in files of the same names.

mod batches;
mod builder;
mod column;
mod discovered;
mod encode;
mod error;
mod files;
mod inspect;
mod open_file;
mod partition;
mod settings;

pub use batches::RowBatches;
pub use column::{AddedColumns, schema};
pub use discovered::DiscoveredFiles;
pub use error::ColumnarError;
pub use files::ParquetFiles;
pub use inspect::{ParquetColumn, ReadAt, parquet_column_bytes, parquet_columns};
pub use open_file::{FileFactory, FinishedFile, MemoryFiles, NewFile};
pub use partition::{DayOf, LastDay, Partition, PartitionRule, PartitionSource};
pub use settings::{Compression, ParquetSettings};
