//! What each mode leaves in the table.

use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, Ordering};

use arrow::array::{ArrayRef, Int64Array, RecordBatch, StringArray, record_batch};
use arrow::datatypes as arrow_schema;
use std::sync::Arc;
use tarn_pipeline::ports::{Column, Load, LoadMode, Mart as _};

use super::lake::{Lake, file, load_of, merge, runtime, write_parquet};

const COLUMNS: &[(&str, &str)] = &[("id", "bigint"), ("name", "string")];

fn rows(ids: &[i64], name: &str) -> RecordBatch {
    let ids: ArrayRef = Arc::new(Int64Array::from(ids.to_vec()));
    let names: ArrayRef = Arc::new(StringArray::from(vec![name; ids.len()]));
    RecordBatch::try_from_iter([("id", ids), ("name", names)]).unwrap()
}

fn load(lake: &Lake, run: &str, mode: LoadMode, ids: &[i64]) -> u64 {
    let written = lake.write(&format!("{run}.parquet"), &rows(ids, run));
    lake.load(&load_of(run, mode, COLUMNS, &[written])).unwrap().rows
}

#[test]
fn replace_leaves_exactly_the_version() {
    let lake = Lake::new();
    assert_eq!(load(&lake, "r1", LoadMode::Replace, &[1, 2, 3]), 3);
    assert_eq!(load(&lake, "r2", LoadMode::Replace, &[3, 4]), 2);
    assert_eq!(lake.rows("select * from kpi order by id"), ["3|r2", "4|r2"]);
}

#[test]
fn replace_keeps_what_people_added() {
    let lake = Lake::new();
    load(&lake, "r1", LoadMode::Replace, &[1]);
    lake.execute(
        "pragma foreign_keys = off;
         create index by_name on kpi (name);
         create view latest as select max(id) as id from kpi;
         create table seen (id integer references kpi (id) on delete cascade);
         insert into seen values (1);
         create table log (id integer);
         create trigger logged after insert on kpi begin insert into log values (new.id); end;",
    );
    load(&lake, "r2", LoadMode::Replace, &[5, 7]);
    assert_eq!(
        lake.rows("select name from sqlite_schema where tbl_name = 'kpi' order by name"),
        ["by_name", "kpi", "logged"]
    );
    assert_eq!(lake.rows("select id from latest"), ["7"]);
    assert_eq!(lake.rows("select id from seen"), ["1"]);
    lake.execute("pragma foreign_keys = off; insert into kpi values (9, 'by hand')");
    assert_eq!(lake.rows("select id from log"), ["9"]);
}

#[test]
fn an_index_that_no_longer_fits_is_named_and_nothing_changes() {
    let lake = Lake::new();
    load(&lake, "r1", LoadMode::Replace, &[1]);
    lake.execute("create index by_name on kpi (name)");
    let written = lake.write("r2.parquet", &rows(&[2], "r2"));
    let error = lake.load(&load_of("r2", LoadMode::Replace, &COLUMNS[..1], &[written])).unwrap_err();
    assert!(
        error.message.starts_with("index `by_name` of table `kpi` does not fit the new version"),
        "{}",
        error.message
    );
    assert_eq!(error.hint.as_deref(), Some("drop it with `drop index \"by_name\"`, then load again"));
    assert_eq!(lake.rows("select * from kpi"), ["1|r1"]);
    assert_eq!(lake.loaded("kpi").as_deref(), Some("r1"));
}

#[test]
fn merge_replaces_rows_of_equal_key() {
    let lake = Lake::new();
    load(&lake, "r1", merge(&["id"]), &[3, 1, 2]);
    load(&lake, "r2", merge(&["id"]), &[4, 2]);
    assert_eq!(lake.rows("select * from kpi order by id"), ["1|r1", "2|r2", "3|r1", "4|r2"]);
}

#[test]
fn merge_by_several_columns_and_nothing_else() {
    let lake = Lake::new();
    load(&lake, "r1", merge(&["name", "id"]), &[1]);
    let written =
        lake.write("r2.parquet", &record_batch!(("id", Int64, [1, 1]), ("name", Utf8, ["r1", "R1"])).unwrap());
    lake.load(&load_of("r2", merge(&["name", "id"]), COLUMNS, &[written])).unwrap();
    assert_eq!(lake.rows("select * from kpi order by name"), ["1|R1", "1|r1"]);
}

#[test]
fn merge_gives_a_table_without_key_a_unique_index() {
    let lake = Lake::new();
    load(&lake, "r1", LoadMode::Replace, &[1, 2]);
    load(&lake, "r2", merge(&["id"]), &[2, 3]);
    load(&lake, "r3", merge(&["id"]), &[3]);
    assert_eq!(lake.rows("select * from kpi order by id"), ["1|r1", "2|r2", "3|r3"]);
    assert_eq!(lake.rows("select count(*) from pragma_index_list('kpi')"), ["1"]);
}

#[test]
fn merge_into_rows_of_equal_key_is_refused() {
    let lake = Lake::new();
    load(&lake, "r1", LoadMode::Replace, &[1, 1]);
    let written = lake.write("r2.parquet", &rows(&[2], "r2"));
    let error = lake.load(&load_of("r2", merge(&["id"]), COLUMNS, &[written])).unwrap_err();
    assert_eq!(error.message, "table `kpi` holds several rows with the same key (id)");
    assert_eq!(lake.rows("select * from kpi"), ["1|r1", "1|r1"]);
}

#[test]
fn an_index_that_folds_letters_is_no_key() {
    let lake = Lake::new();
    lake.execute("create table kpi (id bigint, name text collate nocase, unique (name))");
    let one = lake.write("r1.parquet", &record_batch!(("id", Int64, [1]), ("name", Utf8, ["a"])).unwrap());
    let error = lake.load(&load_of("r1", merge(&["name"]), COLUMNS, &[one])).unwrap_err();
    assert_eq!(error.message, "table `kpi` does not compare its key (name) byte by byte");
    assert_eq!(lake.rows("select name from sqlite_schema where name like 'tarn_key%'"), Vec::<String>::new());
}

#[test]
fn keys_that_are_null_or_there_twice_change_nothing() {
    for first in [true, false] {
        let lake = Lake::new();
        if !first {
            load(&lake, "r0", merge(&["id", "name"]), &[1]);
        }
        let before = if first { vec![] } else { vec!["1|r0".to_owned()] };
        let twice = record_batch!(("id", Int64, [7, 8, 7]), ("name", Utf8, ["あ", "b", "あ"])).unwrap();
        let twice = lake.write("twice.parquet", &twice);
        let null = record_batch!(("id", Int64, [Some(7), Some(8)]), ("name", Utf8, [Some("a"), None])).unwrap();
        let null = lake.write("null.parquet", &null);
        let error = lake.load(&load_of("r1", merge(&["id", "name"]), COLUMNS, &[twice])).unwrap_err();
        assert!(error.message.starts_with("the load has the key `id = 7, name = あ`"), "{}", error.message);
        assert!(error.message.contains("more than once"), "{}", error.message);
        let error = lake.load(&load_of("r1", merge(&["id", "name"]), COLUMNS, &[null])).unwrap_err();
        assert_eq!(error.message, "key column `name` is null at row 2 of file `null.parquet`");
        if !first {
            assert_eq!(lake.rows("select * from kpi"), before);
        }
        assert_eq!(lake.loaded("kpi").as_deref(), (!first).then_some("r0"));
    }
}

#[test]
fn append_adds() {
    let lake = Lake::new();
    load(&lake, "r1", LoadMode::Append, &[1]);
    load(&lake, "r2", LoadMode::Append, &[1]);
    assert_eq!(lake.rows("select * from kpi order by name"), ["1|r1", "1|r2"]);
    lake.execute("delete from kpi; create unique index one on kpi (id)");
    let written = lake.write("r3.parquet", &rows(&[5, 5], "r3"));
    let error = lake.load(&load_of("r3", LoadMode::Append, COLUMNS, &[written])).unwrap_err();
    assert!(error.message.starts_with("row 2 of file `r3.parquet` is already there"), "{}", error.message);
    assert_eq!(lake.rows("select * from kpi"), Vec::<String>::new());
}

fn partition_load(lake: &Lake, run: &str, files: &[(&[i64], Option<&str>)], emptied: &[Option<&str>]) -> Load {
    let mut written = Vec::new();
    for (index, (ids, day)) in files.iter().enumerate() {
        let name = format!("{run}-{index}.parquet");
        write_parquet(&lake.path(&name), &rows(ids, run));
        written.push(file(&name, &[*day]));
    }
    let mode = LoadMode::Partition { columns: vec!["day".to_owned()] };
    let mut load = load_of(run, mode, COLUMNS, &written);
    load.partition_keys = vec![Column::new("day", "date")];
    load.partitions = emptied.iter().map(|day| vec![day.map(str::to_owned)]).collect();
    load
}

#[test]
fn partitions_are_replaced_whole_also_the_null_one() {
    let lake = Lake::new();
    let days: &[Option<&str>] = &[Some("2026-10-01"), Some("2026-10-02"), Some("2026-10-03"), None];
    let first = partition_load(&lake, "r1", &[(&[1], days[0]), (&[2], days[1]), (&[3], days[2]), (&[4], None)], days);
    lake.load(&first).unwrap();
    // The second day gets two files, the third none, the null one a new row.
    let second = partition_load(&lake, "r2", &[(&[5], days[1]), (&[6], days[1]), (&[7], None)], &days[1..]);
    lake.load(&second).unwrap();
    assert_eq!(
        lake.rows("select * from kpi order by id"),
        ["1|r1|2026-10-01", "5|r2|2026-10-02", "6|r2|2026-10-02", "7|r2|null"]
    );
}

#[test]
fn rows_outside_of_the_emptied_partitions_are_refused() {
    let lake = Lake::new();
    let load = partition_load(&lake, "r1", &[(&[1], Some("2026-10-01"))], &[Some("2026-10-02")]);
    let error = lake.load(&load).unwrap_err();
    assert_eq!(error.message, "file `r1-0.parquet` lies in a partition that is not emptied");
    let load = partition_load(&lake, "r1", &[(&[1], Some("no day"))], &[Some("no day")]);
    let error = lake.load(&load).unwrap_err();
    assert_eq!(error.message, "partition value `no day` is no `date`, the type of column `day`");
}

#[test]
fn keys_and_partitions_must_be_columns() {
    let lake = Lake::new();
    let of = |mode| lake.load(&load_of("r1", mode, COLUMNS, &[])).unwrap_err().message;
    assert_eq!(of(merge(&[])), "table `kpi` cannot be merged without a key");
    assert_eq!(of(merge(&["ident"])), "key column `ident` is not a column of table `kpi`");
    assert_eq!(of(merge(&["id", "ID"])), "the key of table `kpi` names a column twice");
    let columns = vec!["name".to_owned()];
    assert_eq!(
        of(LoadMode::Partition { columns }),
        "table `kpi` is loaded by partition, but not by its partition keys"
    );
    assert!(!lake.database().exists());
}

#[test]
fn odd_names_are_quoted() {
    let lake = Lake::new();
    let batch = record_batch!(("a \"b\"; drop", Int64, [1]), ("select", Utf8, ["x"]), ("名前", Utf8, ["あ"])).unwrap();
    let written = lake.write("f.parquet", &batch);
    let columns = &[("a \"b\"; drop", "bigint"), ("select", "string"), ("名前", "string")];
    for (run, mode) in [
        ("r1", merge(&["a \"b\"; drop", "名前"])),
        ("r2", merge(&["a \"b\"; drop", "名前"])),
        ("r3", LoadMode::Replace),
    ] {
        let mut load = load_of(run, mode, columns, std::slice::from_ref(&written));
        load.table = "group \"x\"".to_owned();
        lake.load(&load).unwrap();
        assert_eq!(lake.rows("select * from \"group \"\"x\"\"\""), ["1|x|あ"]);
    }
}

#[test]
fn a_reader_sees_the_old_rows_or_the_new_ones() {
    let lake = Lake::new();
    let many: Vec<i64> = (0..20_000).collect();
    load(&lake, "r00", LoadMode::Replace, &many);
    let ended = AtomicBool::new(false);
    let seen = Mutex::new(Vec::new());
    std::thread::scope(|scope| {
        scope.spawn(|| {
            let connection = lake.connection();
            while !ended.load(Ordering::Acquire) {
                let sql = "select count(*), count(distinct name), max(name) from kpi";
                let found: (i64, i64, String) =
                    connection.query_row(sql, [], |row| Ok((row.get(0)?, row.get(1)?, row.get(2)?))).unwrap();
                seen.lock().unwrap().push(found);
            }
        });
        for (round, mode) in
            [LoadMode::Replace, merge(&["id"]), LoadMode::Replace, merge(&["id"])].into_iter().enumerate()
        {
            load(&lake, &format!("r{:02}", round + 1), mode, &many);
        }
        ended.store(true, Ordering::Release);
    });
    let seen = seen.into_inner().unwrap();
    assert!(seen.len() > 4, "the reader saw only {} states", seen.len());
    assert!(seen.iter().all(|(rows, names, _)| (*rows, *names) == (20_000, 1)), "{seen:?}");
    assert!(seen.is_sorted_by_key(|(_, _, name)| name.clone()));
    assert_eq!(lake.rows("select distinct name from kpi"), ["r04"]);
}

#[test]
fn progress_tells_all_rows_at_the_end() {
    let lake = Lake::new();
    let many: Vec<i64> = (0..10_000).collect();
    let written = lake.write("r1.parquet", &rows(&many, "r1"));
    let told = Mutex::new(Vec::new());
    let load = load_of("r1", LoadMode::Replace, COLUMNS, &[written]);
    let outcome =
        runtime().block_on(lake.mart().load(&load, lake.objects(), &|rows| told.lock().unwrap().push(rows))).unwrap();
    let told = told.into_inner().unwrap();
    assert_eq!(outcome.rows, 10_000);
    assert_eq!(told.last(), Some(&10_000));
    assert!(told.is_sorted());
}
