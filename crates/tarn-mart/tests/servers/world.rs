//! A server, a folder of Parquet files, and loads from one to the other.

use std::fs::File;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Arc, Mutex, PoisonError, Weak};

use anyhow::{Context as _, Result};
use arrow::array::{ArrayRef, Int64Array, RecordBatch, StringArray};
use parquet::arrow::ArrowWriter;
use parquet::file::properties::WriterProperties;
use tarn_pipeline::names::{Key, RunId};
use tarn_pipeline::ports::{
    Column, Load, LoadMode, LoadOutcome, MartError, ObjectStore, StagedMart, TableOptions, VersionFile,
};
use tarn_testkit::{Database, Kind};
use tempfile::TempDir;
use tokio::runtime::Runtime;

use crate::folder::Folder;

/// The servers that tests share while one of them needs them.
static SHARED: [Mutex<Weak<Database>>; 3] = [const { Mutex::new(Weak::new()) }; 3];
/// Makes the names of tables.
static TABLES: AtomicU32 = AtomicU32::new(0);

/// What a test works with.
pub(crate) struct World {
    pub(crate) database: Arc<Database>,
    pub(crate) folder: TempDir,
    pub(crate) table: String,
    pub(crate) runtime: Runtime,
}

impl World {
    pub(crate) fn new(kind: Kind) -> Result<Self> {
        let place = Kind::ALL.iter().position(|other| *other == kind).context("a kind")?;
        let mut shared = SHARED[place].lock().unwrap_or_else(PoisonError::into_inner);
        let database = match shared.upgrade() {
            Some(running) => running,
            None => {
                let started = Arc::new(Database::start(kind)?);
                *shared = Arc::downgrade(&started);
                started
            }
        };
        drop(shared);
        Self::on(database)
    }

    pub(crate) fn on(database: Arc<Database>) -> Result<Self> {
        let table = format!("kpi_{}", TABLES.fetch_add(1, Ordering::Relaxed));
        let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build()?;
        Ok(Self { database, folder: TempDir::new()?, table, runtime })
    }

    pub(crate) fn kind(&self) -> Kind {
        self.database.kind()
    }

    pub(crate) fn is_mysql(&self) -> bool {
        self.kind().is_mysql()
    }

    pub(crate) fn objects(&self) -> Arc<dyn ObjectStore> {
        Arc::new(Folder(self.folder.path().to_owned()))
    }

    pub(crate) fn write(&self, name: &str, columns: Vec<(&str, ArrayRef)>) -> VersionFile {
        let batch =
            RecordBatch::try_from_iter_with_nullable(columns.into_iter().map(|(name, array)| (name, array, true)));
        write_parquet(&self.folder.path().join(name), &batch.unwrap(), 1_500);
        file(name, &[])
    }

    /// `id` from a range and `name`, the same in every row.
    pub(crate) fn numbers(&self, file: &str, ids: impl IntoIterator<Item = i64>, name: &str) -> VersionFile {
        let ids = Int64Array::from_iter_values(ids);
        let names = StringArray::from(vec![name; ids.values().len()]);
        self.write(file, vec![("id", Arc::new(ids)), ("name", Arc::new(names))])
    }

    /// A load of `id` and `name` into the test's table.
    pub(crate) fn load_of(&self, run: &str, mode: LoadMode, files: &[VersionFile]) -> Load {
        self.load_columns(run, mode, &[("id", "bigint"), ("name", "string")], files)
    }

    pub(crate) fn load_columns(
        &self,
        run: &str,
        mode: LoadMode,
        columns: &[(&str, &str)],
        files: &[VersionFile],
    ) -> Load {
        Load {
            run: RunId::try_from(run.to_owned()).unwrap(),
            table: self.table.clone(),
            mode,
            columns: columns.iter().map(|(name, hive)| Column::new(*name, *hive)).collect(),
            partition_keys: vec![],
            files: files.to_vec(),
            partitions: vec![],
            force: false,
            options: TableOptions::default(),
        }
    }

    /// A load of `id` in partitions of `day`.
    pub(crate) fn load_days(&self, run: &str, mode: LoadMode, days: &[(&str, &[i64])], emptied: &[&str]) -> Load {
        let file = |(index, (day, ids)): (usize, &(&str, &[i64]))| {
            let name = format!("{run}_{index}.parquet");
            self.write(&name, vec![("id", Arc::new(Int64Array::from(ids.to_vec())))]);
            file(&name, &[Some(day)])
        };
        let files: Vec<VersionFile> = days.iter().enumerate().map(file).collect();
        let mut load = self.load_columns(run, mode, &[("id", "bigint")], &files);
        load.partition_keys = vec![Column::new("day", "string")];
        load.partitions = days
            .iter()
            .map(|(day, _)| *day)
            .chain(emptied.iter().copied())
            .map(|day| vec![Some(day.to_owned())])
            .collect();
        load
    }

    pub(crate) fn mart(&self) -> Box<dyn StagedMart> {
        mart_at(&self.database.url()).unwrap()
    }

    pub(crate) fn load(&self, load: &Load) -> Result<LoadOutcome, MartError> {
        self.runtime.block_on(self.mart().load(load, self.objects(), &|_| {}))
    }

    pub(crate) fn loaded(&self) -> Option<String> {
        self.runtime.block_on(self.mart().loaded(&self.table)).unwrap().map(String::from)
    }

    /// The answer of the database's own client; `%T` is the table.
    pub(crate) fn sql(&self, sql: &str) -> String {
        self.database.sql(&sql.replace("%T", &self.quoted())).unwrap()
    }

    pub(crate) fn quoted(&self) -> String {
        if self.is_mysql() { format!("`{}`", self.table) } else { format!("\"{}\"", self.table) }
    }

    /// What a reader can tell of the rows: how many, how many names, the sum of the keys, the last name.
    pub(crate) fn state(&self) -> String {
        self.sql("select count(*), count(distinct name), sum(id), min(name), max(name) from %T").replace('\t', "|")
    }

    /// Tables of a load that was broken off.
    pub(crate) fn leftovers(&self) -> String {
        let schema = if self.is_mysql() { "database()" } else { "current_schema()" };
        let hash = stage_prefix(&self.table);
        self.sql(&format!(
            "select count(*) from information_schema.tables where table_schema = {schema} and table_name like '{hash}%'"
        ))
    }

    /// The program that loads, with the test's rows: to be killed.
    pub(crate) fn program(
        &self,
        url: &str,
        run: &str,
        mode: &str,
        columns: &str,
        keys: &str,
        files: &[&str],
    ) -> Command {
        let mut command = Command::new(example());
        command.args([url, &self.table, mode, run, columns, keys]).arg(self.folder.path()).args(files);
        command
    }
}

/// The beginning of the names of a table's stages; what it is made of is the crate's own matter, so it is asked by its hash.
fn stage_prefix(table: &str) -> String {
    format!("tarn_stage_{:016x}_", xxhash_rust::xxh3::xxh3_64(table.as_bytes()))
}

fn example() -> PathBuf {
    let test = std::env::current_exe().unwrap();
    test.ancestors().nth(2).unwrap().join("examples/load")
}

pub(crate) fn mart_at(url: &str) -> Result<Box<dyn StagedMart>, MartError> {
    tarn_mart::open_server(url, None)
}

pub(crate) fn write_parquet(path: &Path, batch: &RecordBatch, rows: usize) {
    let properties = WriterProperties::builder().set_max_row_group_row_count(Some(rows)).build();
    let mut writer = ArrowWriter::try_new(File::create(path).unwrap(), batch.schema(), Some(properties)).unwrap();
    writer.write(batch).unwrap();
    writer.close().unwrap();
}

pub(crate) fn file(name: &str, partition: &[Option<&str>]) -> VersionFile {
    VersionFile {
        key: Key::new(name),
        partition_values: partition.iter().map(|value| value.map(str::to_owned)).collect(),
    }
}

pub(crate) fn merge(key: &[&str]) -> LoadMode {
    LoadMode::Merge { key: key.iter().map(|name| (*name).to_owned()).collect() }
}

pub(crate) fn by_day() -> LoadMode {
    LoadMode::Partition { columns: vec!["day".to_owned()] }
}

/// Part of an error's message, for tests that look for it.
#[track_caller]
pub(crate) fn refused(result: Result<LoadOutcome, MartError>, part: &str) -> MartError {
    let error = result.unwrap_err();
    assert!(error.message.contains(part), "`{part}` is not in `{}`", error.message);
    assert!(!format!("{error:?}").contains("p@ss"), "{error:?}");
    error
}
