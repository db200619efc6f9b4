//! A folder of Parquet files and a mart beside it.

use std::fs::{self, File};
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use arrow::array::RecordBatch;
use async_trait::async_trait;
use bytes::Bytes;
use parquet::arrow::ArrowWriter;
use parquet::file::properties::WriterProperties;
use rusqlite::Connection;
use tarn_pipeline::names::{Key, RunId};
use tarn_pipeline::ports::{
    Column, Load, LoadMode, LoadOutcome, Mart as _, MartError, Object, ObjectError, ObjectReader, ObjectStore,
    ObjectWriter, TableOptions, VersionFile,
};
use tempfile::TempDir;

use crate::sqlite::SqliteMart;

pub(super) struct Lake {
    folder: TempDir,
}

impl Lake {
    pub(super) fn new() -> Self {
        Self { folder: tempfile::tempdir().unwrap() }
    }

    pub(super) fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    pub(super) fn database(&self) -> PathBuf {
        self.path("mart.db")
    }

    pub(super) fn mart(&self) -> SqliteMart {
        SqliteMart { path: self.database(), wait: Duration::from_millis(200) }
    }

    pub(super) fn objects(&self) -> Arc<dyn ObjectStore> {
        Self::objects_in(self.folder.path())
    }

    pub(super) fn objects_in(folder: &Path) -> Arc<dyn ObjectStore> {
        Arc::new(Folder(folder.to_owned()))
    }

    /// Writes a file of one or more row groups.
    pub(super) fn write(&self, name: &str, batch: &RecordBatch) -> VersionFile {
        write_parquet(&self.path(name), batch);
        file(name, &[])
    }

    pub(super) fn load(&self, load: &Load) -> Result<LoadOutcome, MartError> {
        runtime().block_on(self.mart().load(load, self.objects(), &|_| {}))
    }

    pub(super) fn loaded(&self, table: &str) -> Option<String> {
        let run = runtime().block_on(self.mart().loaded(table)).unwrap();
        run.map(String::from)
    }

    pub(super) fn connection(&self) -> Connection {
        Connection::open(self.database()).unwrap()
    }

    pub(super) fn execute(&self, sql: &str) {
        self.connection().execute_batch(sql).unwrap();
    }

    /// The rows of a query, one text each: `1|a|null`.
    pub(super) fn rows(&self, sql: &str) -> Vec<String> {
        let url = format!("sqlite:{}", self.database().display());
        let found = crate::query(&url, Path::new("/"), sql).unwrap();
        let text = |value: Option<String>| value.unwrap_or_else(|| "null".to_owned());
        found.rows.into_iter().map(|row| row.into_iter().map(text).collect::<Vec<_>>().join("|")).collect()
    }
}

pub(super) fn runtime() -> tokio::runtime::Runtime {
    tokio::runtime::Builder::new_current_thread().build().unwrap()
}

pub(super) fn write_parquet(path: &Path, batch: &RecordBatch) {
    let properties = WriterProperties::builder().set_max_row_group_row_count(Some(1_500)).build();
    let mut writer = ArrowWriter::try_new(File::create(path).unwrap(), batch.schema(), Some(properties)).unwrap();
    writer.write(batch).unwrap();
    writer.close().unwrap();
}

pub(super) fn file(name: &str, partition: &[Option<&str>]) -> VersionFile {
    VersionFile {
        key: Key::new(name),
        partition_values: partition.iter().map(|value| value.map(str::to_owned)).collect(),
    }
}

pub(super) fn run(name: &str) -> RunId {
    RunId::try_from(name.to_owned()).unwrap()
}

pub(super) fn merge(key: &[&str]) -> LoadMode {
    LoadMode::Merge { key: key.iter().map(|name| (*name).to_owned()).collect() }
}

/// A load into `kpi`.
pub(super) fn load_of(run_name: &str, mode: LoadMode, columns: &[(&str, &str)], files: &[VersionFile]) -> Load {
    Load {
        run: run(run_name),
        table: "kpi".to_owned(),
        mode,
        columns: columns.iter().map(|(name, hive)| Column::new(*name, *hive)).collect(),
        partition_keys: vec![],
        files: files.to_vec(),
        partitions: vec![],
        force: false,
        options: TableOptions::default(),
    }
}

/// Objects in a folder.
struct Folder(PathBuf);

impl Folder {
    fn failed(key: &Key, action: &'static str, source: io::Error) -> ObjectError {
        ObjectError::Io { key: key.clone(), action, source }
    }
}

struct Whole(Bytes);

impl ObjectReader for Whole {
    fn size(&self) -> u64 {
        self.0.len() as u64
    }

    fn read(&self, offset: u64, length: usize) -> Result<Bytes, ObjectError> {
        let start = usize::try_from(offset).unwrap();
        Ok(self.0.slice(start..start + length))
    }
}

#[async_trait]
impl ObjectStore for Folder {
    async fn put(&self, key: &Key, bytes: Bytes) -> Result<(), ObjectError> {
        fs::write(self.0.join(key.as_str()), bytes).map_err(|error| Self::failed(key, "written", error))
    }

    async fn get(&self, key: &Key) -> Result<Bytes, ObjectError> {
        let bytes = fs::read(self.0.join(key.as_str())).map_err(|error| Self::failed(key, "read", error))?;
        Ok(Bytes::from(bytes))
    }

    async fn list(&self, prefix: &Key) -> Result<Vec<Object>, ObjectError> {
        Err(Self::failed(prefix, "listed", io::ErrorKind::Unsupported.into()))
    }

    async fn delete(&self, keys: &[Key]) -> Result<(), ObjectError> {
        for key in keys {
            fs::remove_file(self.0.join(key.as_str())).map_err(|error| Self::failed(key, "deleted", error))?;
        }
        Ok(())
    }

    fn create(&self, key: &Key) -> Result<Box<dyn ObjectWriter>, ObjectError> {
        Err(Self::failed(key, "written", io::ErrorKind::Unsupported.into()))
    }

    fn open(&self, key: &Key) -> Result<Box<dyn ObjectReader>, ObjectError> {
        match fs::read(self.0.join(key.as_str())) {
            Ok(bytes) => Ok(Box::new(Whole(Bytes::from(bytes)))),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Err(ObjectError::NotFound(key.clone())),
            Err(error) => Err(Self::failed(key, "read", error)),
        }
    }

    fn uri(&self, key: &Key) -> String {
        self.0.join(key.as_str()).display().to_string()
    }

    fn key_of(&self, _uri: &str) -> Option<Key> {
        None
    }
}
