//! Why files could not be written.

/// A failure to write a file; the rows since the last finished file are not safe.
#[derive(Debug, thiserror::Error)]
pub enum ColumnarError {
    /// The file factory, or a file of its, failed.
    #[error("cannot write file `{name}`")]
    Io {
        /// The file's name.
        name: String,
        /// What the factory said.
        source: std::io::Error,
    },
    /// The encoder failed; an error of the file itself arrives here as well, as its source.
    #[error("cannot encode parquet file `{name}`")]
    Parquet {
        /// The file's name.
        name: String,
        /// What the encoder said.
        source: parquet::errors::ParquetError,
    },
    /// Columns that do not make a batch.
    #[error("cannot build a batch")]
    Arrow(#[from] arrow::error::ArrowError),
    /// An earlier failure; rows since then were not taken.
    #[error("an earlier failure stopped writing")]
    Stopped,
}
