//! Files, databases and disks that are not as they should be.

use std::fs;
use std::path::Path;
use std::sync::Arc;

use arrow::array::{ArrayRef, Int64Array, RecordBatch, StringArray, record_batch};
use arrow::datatypes as arrow_schema;
use rusqlite::{Connection, OpenFlags};
use tarn_pipeline::ports::{Load, LoadMode, Mart as _};

use super::lake::{Lake, file, load_of, merge, runtime};
use crate::sqlite::SqliteMart;
use crate::sqlite::fault::SqliteFault;

const COLUMNS: &[(&str, &str)] = &[("id", "bigint"), ("name", "string")];

fn prepared() -> Lake {
    let lake = Lake::new();
    let ids: Vec<i64> = (0..5_000).collect();
    let names: Vec<String> = ids.iter().map(|id| format!("name {}", id * 7_919 % 5_000)).collect();
    let batch = arrow::array::RecordBatch::try_from_iter([
        ("id", std::sync::Arc::new(arrow::array::Int64Array::from(ids)) as arrow::array::ArrayRef),
        ("name", std::sync::Arc::new(arrow::array::StringArray::from(names))),
    ])
    .unwrap();
    let written = lake.write("r1.parquet", &batch);
    lake.load(&load_of("r1", merge(&["id"]), COLUMNS, &[written])).unwrap();
    lake
}

fn checksum(lake: &Lake) -> Vec<String> {
    lake.rows("select count(*), sum(id), sum(length(name)), max(name) from kpi")
}

#[test]
fn a_damaged_file_changes_nothing() {
    let lake = prepared();
    let before = checksum(&lake);
    let whole = fs::read(lake.path("r1.parquet")).unwrap();
    let halves = (0..24).map(|part| (true, whole[..whole.len() * part / 24].to_vec()));
    let flipped = (0..24).map(|part| {
        let mut bytes = whole.clone();
        let start = whole.len() * part / 24;
        for byte in &mut bytes[start..start + 40] {
            *byte ^= 0xff;
        }
        // A name with another letter is a name: only what no longer is Parquet can be noticed.
        (false, bytes)
    });
    let mut refused = 0;
    for (index, (is_cut, bytes)) in halves.chain(flipped).enumerate() {
        fs::write(lake.path("bad.parquet"), bytes).unwrap();
        for (part, mode) in [LoadMode::Replace, merge(&["id"])].into_iter().enumerate() {
            let files = [file("bad.parquet", &[])];
            let run = format!("r2_{index:03}_{part}");
            match lake.load(&load_of(&run, mode, COLUMNS, &files)) {
                Err(error) => {
                    assert!(!error.message.is_empty());
                    refused += 1;
                }
                Ok(outcome) => {
                    assert!(!is_cut, "cut {index} was loaded");
                    assert_eq!(outcome.rows, 5_000);
                    let whole =
                        load_of(&format!("{run}_whole"), LoadMode::Replace, COLUMNS, &[file("r1.parquet", &[])]);
                    lake.load(&whole).unwrap();
                }
            }
            assert_eq!(checksum(&lake), before, "damage {index}");
        }
    }
    assert!(refused > 2 * 24, "{refused}");
    let loaded = lake.loaded("kpi");
    let gone = load_of("r3", LoadMode::Replace, COLUMNS, &[file("gone.parquet", &[])]);
    assert_eq!(lake.load(&gone).unwrap_err().message, "there is no object `gone.parquet`");
    assert_eq!(lake.loaded("kpi"), loaded);
}

#[test]
fn a_locked_database_is_waited_for_and_then_named() {
    let lake = prepared();
    let other = lake.connection();
    other.execute_batch("begin immediate; delete from kpi").unwrap();
    let load = load_of("r2", LoadMode::Replace, COLUMNS, &[file("r1.parquet", &[])]);
    let error = lake.load(&load).unwrap_err();
    assert_eq!(error.message, format!("mart `{}` is locked by another program", lake.database().display()));
    assert!(error.retryable && error.hint.is_some());
    other.execute_batch("rollback").unwrap();
    assert_eq!(lake.load(&load).unwrap().rows, 5_000);
}

#[test]
fn what_is_no_database_is_left_as_it_is() {
    let lake = Lake::new();
    let letter = "a letter, not a database. ".repeat(100);
    fs::write(lake.database(), &letter).unwrap();
    let load = load_of("r1", LoadMode::Replace, COLUMNS, &[]);
    let error = lake.load(&load).unwrap_err();
    assert_eq!(error.message, format!("`{}` is not a SQLite database", lake.database().display()));
    assert_eq!(fs::read_to_string(lake.database()).unwrap(), letter);
}

#[test]
fn a_folder_in_place_of_the_file_or_a_file_in_place_of_the_folder() {
    let lake = Lake::new();
    fs::create_dir(lake.database()).unwrap();
    let load = load_of("r1", LoadMode::Replace, COLUMNS, &[]);
    let error = lake.load(&load).unwrap_err();
    assert_eq!(error.message, format!("mart `{}` cannot be opened", lake.database().display()));
    fs::write(lake.path("note"), "x").unwrap();
    let mart = crate::open("sqlite:note/mart.db", &lake.path("")).unwrap();
    let error = super::lake::runtime().block_on(mart.load(&load, lake.objects(), &|_| {})).unwrap_err();
    assert!(error.message.starts_with("folder `"), "{}", error.message);
}

/// The rights of a file do not bind the superuser, so the connection is what is read-only here.
#[test]
fn a_read_only_database_is_called_so() {
    let lake = prepared();
    let connection = Connection::open_with_flags(lake.database(), OpenFlags::SQLITE_OPEN_READ_ONLY).unwrap();
    let error = connection.execute_batch("delete from kpi").unwrap_err();
    let error = SqliteFault::from(error).explain(Path::new("reporting.db"));
    assert_eq!(error.message, "mart `reporting.db` is read-only");
    assert_eq!(error.hint.as_deref(), Some("allow writing to the file and to its folder"));
    assert!(!error.retryable);
}

#[test]
fn a_full_disk_changes_nothing() {
    let lake = prepared();
    let before = checksum(&lake);
    let connection = lake.connection();
    // SQLite reports its own limit of pages as a full disk.
    connection.pragma_update(None, "max_page_count", 1).unwrap();
    let error = connection.execute_batch("create table big as select randomblob(100000) from kpi").unwrap_err();
    let error = SqliteFault::from(error).explain(&lake.database());
    assert!(error.message.starts_with("no space is left for mart"), "{}", error.message);
    assert!(error.retryable);
    assert_eq!(checksum(&lake), before);
}

#[test]
fn a_load_onto_a_full_disk_changes_nothing() {
    let Some(disk) = tarn_testkit::SmallDisk::mount(4).unwrap() else {
        println!("SKIPPED: no disk can be mounted here; TARN_REQUIRE_MOUNT makes that a failure");
        return;
    };
    let lake = prepared();
    let text = "0123456789".repeat(100);
    let ids: ArrayRef = Arc::new(Int64Array::from_iter_values(10..20_010));
    let names: ArrayRef = Arc::new(StringArray::from(vec![text.as_str(); 20_000]));
    let large = lake.write("large.parquet", &RecordBatch::try_from_iter([("id", ids), ("name", names)]).unwrap());
    let mart = SqliteMart::new(disk.path().join("mart.db"));
    let load = |load: &Load| runtime().block_on(mart.load(load, lake.objects(), &|_| {}));
    let small = lake.write("small.parquet", &record_batch!(("id", Int64, [1]), ("name", Utf8, ["a"])).unwrap());
    load(&load_of("r1", merge(&["id"]), COLUMNS, std::slice::from_ref(&small))).unwrap();
    for mode in [LoadMode::Replace, LoadMode::Append, merge(&["id"])] {
        let error = load(&load_of("r2", mode, COLUMNS, std::slice::from_ref(&large))).unwrap_err();
        assert!(error.message.starts_with("no space is left for mart") && error.retryable, "{}", error.message);
        let url = format!("sqlite:{}", disk.path().join("mart.db").display());
        let found = crate::query(&url, Path::new("/"), "select id, name, (select max(run) from tarn_loads) from kpi");
        let row: Vec<_> = found.unwrap().rows.concat().into_iter().flatten().collect();
        assert_eq!(row, ["1", "a", "r1"]);
    }
    // What was left over is no hindrance.
    load(&load_of("r3", LoadMode::Replace, COLUMNS, &[small])).unwrap();
}

#[test]
fn queries_read_and_never_write() {
    let lake = prepared();
    let url = format!("sqlite:{}", lake.database().display());
    let ask = |sql: &str| crate::query(&url, Path::new("/"), sql);
    let found = ask("select id, name, null as gone, 0.5 as half, x'00ff' as bytes from kpi where id = 1").unwrap();
    assert_eq!(found.columns, ["id", "name", "gone", "half", "bytes"]);
    let row = found.rows[0].iter().map(Option::as_deref).collect::<Vec<_>>();
    assert_eq!(row, [Some("1"), Some("name 2919"), None, Some("0.5"), Some("00ff")]);
    let none = ask("select id from kpi where id < 0").unwrap();
    assert_eq!((none.columns, none.rows), (vec!["id".to_owned()], vec![]));
    assert_eq!(ask("delete from kpi").unwrap_err().message, "a query cannot write to a mart");
    assert_eq!(ask("select 1; select 2").unwrap_err().message, "only one statement can be asked at a time");
    assert_eq!(ask("select * from kpis").unwrap_err().message, "no such table: kpis");
    let mut seen = 0;
    crate::query_each(&url, Path::new("/"), "select id from kpi", &mut |_, _| {
        seen += 1;
        if seen < 3 { std::ops::ControlFlow::Continue(()) } else { std::ops::ControlFlow::Break(()) }
    })
    .unwrap();
    assert_eq!(seen, 3);
    let error = crate::query("sqlite:none.db", &lake.path(""), "select 1").unwrap_err();
    assert!(error.message.ends_with("none.db` is not there"), "{}", error.message);
    assert!(!lake.path("none.db").exists());
}

#[test]
fn a_column_that_a_file_lacks_is_null_but_never_in_a_key() {
    let lake = Lake::new();
    let written = lake.write("old.parquet", &record_batch!(("ID", Int64, [1])).unwrap());
    lake.load(&load_of("r1", LoadMode::Replace, COLUMNS, std::slice::from_ref(&written))).unwrap();
    assert_eq!(lake.rows("select id, name from kpi"), ["1|null"]);
    let error = lake.load(&load_of("r2", merge(&["name"]), COLUMNS, &[written])).unwrap_err();
    assert_eq!(error.message, "key column `name` is null at row 1 of file `old.parquet`");
}
