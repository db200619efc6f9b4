//! A load that is dropped, or whose process dies, was never there.

use std::collections::BTreeSet;
use std::process::Command;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use arrow::array::{ArrayRef, Int64Array, RecordBatch, StringArray};
use tarn_pipeline::ports::{Load, LoadMode, Mart as _};

use super::lake::{Lake, load_of, merge, runtime};
use crate::sqlite::SqliteMart;

const COLUMNS: &[(&str, &str)] = &[("id", "bigint"), ("name", "string")];
const DATABASE: &str = "TARN_TEST_DATABASE";
const MODE: &str = "TARN_TEST_MODE";

fn rows(count: i64, name: &str) -> RecordBatch {
    let ids: ArrayRef = Arc::new(Int64Array::from_iter_values((0..count).map(|id| id * 7_919 % count)));
    let names: ArrayRef = Arc::new(StringArray::from(vec![name; usize::try_from(count).unwrap()]));
    RecordBatch::try_from_iter([("id", ids), ("name", names)]).unwrap()
}

fn prepared() -> Lake {
    let lake = Lake::new();
    let old = lake.write("old.parquet", &rows(1_000, "old"));
    lake.load(&load_of("r1", merge(&["id"]), COLUMNS, &[old])).unwrap();
    lake.write("new.parquet", &rows(60_013, "new"));
    lake
}

fn second(mode: LoadMode) -> Load {
    load_of("r2", mode, COLUMNS, &[super::lake::file("new.parquet", &[])])
}

const QUESTION: &str = "select count(*) || '|' || count(distinct name) || '|' || max(name) || '|' || sum(id) || '|' || \
    sum(id * id % 7919 * length(name)) || '|' || (select max(run) from tarn_loads) from kpi";

fn state(lake: &Lake) -> String {
    lake.rows(QUESTION).concat()
}

/// Asks again and again over one connection until it is told to stop; gives all the different answers.
struct Reader {
    is_over: Arc<AtomicBool>,
    thread: JoinHandle<BTreeSet<String>>,
}

impl Reader {
    fn start(lake: &Lake) -> Self {
        let is_over = Arc::new(AtomicBool::new(false));
        let (over, connection) = (Arc::clone(&is_over), lake.connection());
        connection.busy_timeout(Duration::from_secs(5)).unwrap();
        let thread = std::thread::spawn(move || {
            let mut seen = BTreeSet::new();
            while !over.load(Ordering::Acquire) {
                seen.insert(connection.query_row(QUESTION, [], |row| row.get(0)).unwrap());
            }
            seen
        });
        Self { is_over, thread }
    }

    fn end(self) -> BTreeSet<String> {
        self.is_over.store(true, Ordering::Release);
        self.thread.join().unwrap()
    }
}

/// What the state is of rows whose numbers go from 0, each with this name.
fn expected(count: i64, name: &str, run: &str) -> String {
    let length = i64::try_from(name.len()).unwrap();
    let (sum, squares) = (0..count).fold((0, 0), |(sum, squares), id| (sum + id, squares + id * id % 7_919 * length));
    format!("{count}|1|{name}|{sum}|{squares}|{run}")
}

#[test]
fn a_dropped_load_is_undone() {
    for mode in [LoadMode::Replace, merge(&["id"])] {
        let lake = prepared();
        let runtime = runtime();
        let (told, mut heard) = tokio::sync::mpsc::unbounded_channel();
        let (mart, load, objects) = (lake.mart(), second(mode), lake.objects());
        runtime.block_on(async {
            let progress = move |rows: u64| {
                let _ = told.send(rows);
            };
            let loading = mart.load(&load, objects, &progress);
            tokio::select! {
                _ = loading => panic!("the load was faster than its first progress"),
                rows = heard.recv() => assert!(rows.unwrap() < 60_013),
            }
        });
        // Waits for the thread, which must have given up.
        drop(runtime);
        assert_eq!(state(&lake), expected(1_000, "old", "r1"));
        assert_eq!(lake.load(&load).unwrap().rows, 60_013);
    }
}

/// Not a test of its own: the process that the next test kills.
#[test]
#[ignore = "only run by the test that kills it"]
fn the_process_that_dies() {
    let database = std::path::PathBuf::from(std::env::var_os(DATABASE).unwrap());
    let folder = database.parent().unwrap().to_owned();
    let objects = Lake::objects_in(&folder);
    let mode = if std::env::var(MODE).unwrap() == "replace" { LoadMode::Replace } else { merge(&["id"]) };
    let mart = SqliteMart::new(database);
    runtime().block_on(mart.load(&second(mode), objects, &|_| {})).unwrap();
}

#[test]
fn a_killed_load_was_never_there_and_the_next_one_succeeds() {
    let test = "sqlite::tests::kill::the_process_that_dies";
    for mode in ["replace", "merge"] {
        let child = |lake: &Lake| {
            Command::new(std::env::current_exe().unwrap())
                .args(["--exact", test, "--ignored", "--quiet"])
                .env(DATABASE, lake.database())
                .env(MODE, mode)
                .stdout(std::process::Stdio::null())
                .spawn()
                .unwrap()
        };
        let lake = prepared();
        let started = Instant::now();
        assert!(child(&lake).wait().unwrap().success());
        let whole = started.elapsed();
        let finished = state(&lake);
        let (before, after) = (expected(1_000, "old", "r1"), expected(60_013, "new", "r2"));
        assert_eq!(finished, after);
        // The whole proof takes 50.
        let kills = std::env::var("TARN_TEST_KILLS").ok().and_then(|text| text.parse().ok()).unwrap_or(11_u32);
        for part in 1..=kills {
            let lake = prepared();
            let reader = Reader::start(&lake);
            let mut child = child(&lake);
            std::thread::sleep(whole * part / (kills + 1) + Duration::from_millis(1));
            child.kill().unwrap();
            child.wait().unwrap();
            let found = state(&lake);
            assert!(found == before || found == after, "{mode}, part {part}: {found}");
            let mode = if mode == "replace" { LoadMode::Replace } else { merge(&["id"]) };
            lake.load(&second(mode)).unwrap();
            assert_eq!(state(&lake), after);
            let seen = reader.end();
            assert!(seen.iter().all(|state| *state == before || *state == after), "part {part}: {seen:?}");
        }
    }
}
