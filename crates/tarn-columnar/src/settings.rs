//! How files are written.

/// How the pages of a file are compressed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Compression {
    /// Zstandard at a level from 1 to 22; Athena reads every level.
    Zstd {
        /// 1 is fastest.
        level: i32,
    },
    /// Snappy: larger files, less work.
    Snappy,
}

/// How files are written.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ParquetSettings {
    /// How pages are compressed.
    pub compression: Compression,
    /// Rows after which memory and the size of the file are looked at again.
    pub batch_rows: usize,
    /// Largest row group, in rows.
    pub row_group_rows: usize,
    /// Encoded bytes held in memory over all open files; past it the fullest row group is written out.
    pub memory_bytes: usize,
    /// Partitions that are open at once; one more closes the file of the one that was used longest ago.
    pub open_partitions: usize,
    /// Rows after which a file is closed and the next part begun.
    pub file_rows: usize,
}

impl Default for ParquetSettings {
    fn default() -> Self {
        Self {
            compression: Compression::Zstd { level: 1 },
            batch_rows: 4_096,
            row_group_rows: 1 << 20,
            memory_bytes: 64 << 20,
            open_partitions: 16,
            file_rows: 1 << 24,
        }
    }
}

impl Compression {
    pub(crate) fn parquet(self) -> parquet::basic::Compression {
        match self {
            Self::Zstd { level } => {
                let level = parquet::basic::ZstdLevel::try_new(level.clamp(1, 22)).unwrap_or_default();
                parquet::basic::Compression::ZSTD(level)
            }
            Self::Snappy => parquet::basic::Compression::SNAPPY,
        }
    }
}
