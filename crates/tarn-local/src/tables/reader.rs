//! Parquet files of the bucket, as the engine reads them.
//!
//! Files are read by position straight from the disk. Footers are kept, since planning asks for them (row counts, statistics) and
//! so does every scan. What is read is counted, as the bill would count it.

use std::collections::HashMap;
use std::fs::File;
use std::ops::Range;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use bytes::Bytes;
use chrono::{DateTime, Utc};
use datafusion::common::{DataFusionError, Result, exec_err};
use datafusion::datasource::listing::PartitionedFile;
use datafusion::datasource::physical_plan::ParquetFileReaderFactory;
use datafusion::parquet::arrow::arrow_reader::ArrowReaderOptions;
use datafusion::parquet::arrow::async_reader::AsyncFileReader;
use datafusion::parquet::errors::ParquetError;
use datafusion::parquet::file::metadata::{ParquetMetaData, ParquetMetaDataReader};
use datafusion::physical_plan::metrics::ExecutionPlanMetricsSet;
use futures::FutureExt;
use futures::future::BoxFuture;

use crate::objects::read_at;

/// Footers kept at most, by their size in memory.
const FOOTER_MEMORY: usize = 64 << 20;

/// Bytes read for one statement.
#[derive(Debug, Clone, Default)]
pub(crate) struct BytesScanned(Arc<AtomicU64>);

impl BytesScanned {
    pub(crate) fn add(&self, bytes: u64) {
        self.0.fetch_add(bytes, Ordering::Relaxed);
    }

    pub(crate) fn get(&self) -> u64 {
        self.0.load(Ordering::Relaxed)
    }
}

/// A file of a table, as the readers need to know it.
#[derive(Debug, Clone)]
pub(crate) struct TableFile {
    /// Where it is on the disk.
    pub(crate) path: Arc<Path>,
    /// Its length in bytes.
    pub(crate) size: u64,
    /// When it was last written.
    pub(crate) modified: DateTime<Utc>,
    /// The table it belongs to, for messages.
    pub(crate) table: Arc<str>,
}

impl TableFile {
    /// Says which file cannot be read, and what to do about it.
    fn unreadable(&self, reason: impl std::fmt::Display) -> ParquetError {
        ParquetError::General(format!(
            "file `{}` of table `{}` is not a readable Parquet file ({reason}); remove it or ingest it again",
            self.path.display(),
            self.table
        ))
    }
}

/// Footers of files that have not changed since.
#[derive(Debug, Default)]
pub(crate) struct Footers {
    kept: Mutex<Kept>,
}

#[derive(Debug, Default)]
struct Kept {
    footers: HashMap<PathBuf, (u64, DateTime<Utc>, Arc<ParquetMetaData>)>,
    memory: usize,
}

impl Footers {
    /// The footer of a file, read now unless it is known. May block.
    pub(crate) fn get(&self, file: &TableFile, scanned: &BytesScanned) -> Result<Arc<ParquetMetaData>, ParquetError> {
        if let Some(footer) = self.known(file) {
            return Ok(footer);
        }
        let opened = File::open(&file.path).map_err(|error| file.unreadable(error))?;
        let mut reader = ParquetMetaDataReader::new();
        reader.try_parse(&opened).map_err(|error| file.unreadable(plain(&error)))?;
        let footer = Arc::new(reader.finish().map_err(|error| file.unreadable(plain(&error)))?);
        scanned.add(file.size.min(8));
        self.keep(file, Arc::clone(&footer));
        Ok(footer)
    }

    fn known(&self, file: &TableFile) -> Option<Arc<ParquetMetaData>> {
        let kept = self.kept.lock().unwrap_or_else(PoisonError::into_inner);
        let (size, modified, footer) = kept.footers.get(&*file.path)?;
        (*size == file.size && *modified == file.modified).then(|| Arc::clone(footer))
    }

    fn keep(&self, file: &TableFile, footer: Arc<ParquetMetaData>) {
        let mut kept = self.kept.lock().unwrap_or_else(PoisonError::into_inner);
        kept.memory += footer.memory_size();
        if kept.memory > FOOTER_MEMORY {
            // Forgetting all of them is simple, and costs one reading each.
            kept.footers.clear();
            kept.memory = footer.memory_size();
        }
        kept.footers.insert(file.path.to_path_buf(), (file.size, file.modified, footer));
    }
}

/// The words of a Parquet error without the kind in front of them.
fn plain(error: &ParquetError) -> String {
    let text = error.to_string();
    let words = text.split_once(": ").map_or(text.as_str(), |(_, words)| words);
    words.to_owned()
}

/// Opens the files of one scan.
#[derive(Debug)]
pub(crate) struct Readers {
    pub(crate) footers: Arc<Footers>,
    pub(crate) scanned: BytesScanned,
}

impl ParquetFileReaderFactory for Readers {
    fn create_reader(
        &self,
        _partition: usize,
        file: PartitionedFile,
        _hint: Option<usize>,
        _metrics: &ExecutionPlanMetricsSet,
    ) -> Result<Box<dyn AsyncFileReader + Send>> {
        let Some(file) = file.extension::<TableFile>().cloned() else {
            return exec_err!("a file of the scan has no place on the disk");
        };
        let opened =
            File::open(&file.path).map_err(|error| DataFusionError::ParquetError(Box::new(file.unreadable(error))))?;
        Ok(Box::new(Reader { opened, file, footers: Arc::clone(&self.footers), scanned: self.scanned.clone() }))
    }
}

struct Reader {
    opened: File,
    file: TableFile,
    footers: Arc<Footers>,
    scanned: BytesScanned,
}

impl Reader {
    fn read(&self, range: &Range<u64>) -> Result<Bytes, ParquetError> {
        let length = range.end.saturating_sub(range.start);
        self.scanned.add(length);
        let length = usize::try_from(length).map_err(|error| self.file.unreadable(error))?;
        read_at(&self.opened, self.file.size, range.start, length).map_err(|error| self.file.unreadable(error))
    }
}

/// Reads where it is asked: the pages come from the system's cache or a local disk, and handing each to another thread costs more.
impl AsyncFileReader for Reader {
    fn get_bytes(&mut self, range: Range<u64>) -> BoxFuture<'_, Result<Bytes, ParquetError>> {
        std::future::ready(self.read(&range)).boxed()
    }

    fn get_byte_ranges(&mut self, ranges: Vec<Range<u64>>) -> BoxFuture<'_, Result<Vec<Bytes>, ParquetError>> {
        std::future::ready(ranges.iter().map(|range| self.read(range)).collect()).boxed()
    }

    fn get_metadata<'a>(
        &'a mut self,
        _options: Option<&'a ArrowReaderOptions>,
    ) -> BoxFuture<'a, Result<Arc<ParquetMetaData>, ParquetError>> {
        std::future::ready(self.footers.get(&self.file, &self.scanned)).boxed()
    }
}
