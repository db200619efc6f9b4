//! Each run once, in order.

use arrow::array::record_batch;
use arrow::datatypes as arrow_schema;
use tarn_pipeline::ports::LoadMode;

use super::lake::{Lake, load_of, merge};

const COLUMNS: &[(&str, &str)] = &[("id", "bigint")];

#[test]
fn a_run_is_loaded_once() {
    let lake = Lake::new();
    let written = lake.write("f.parquet", &record_batch!(("id", Int64, [1, 2])).unwrap());
    let append = load_of("r1", LoadMode::Append, COLUMNS, &[written]);
    assert_eq!(lake.loaded("kpi"), None);
    assert!(!lake.load(&append).unwrap().repeated);
    let again = lake.load(&append).unwrap();
    assert!(again.repeated);
    assert_eq!(again.rows, 0);
    assert_eq!(lake.rows("select count(*) from kpi"), ["2"]);
    assert_eq!(lake.loaded("kpi").as_deref(), Some("r1"));
    assert_eq!(lake.loaded("KPI").as_deref(), Some("r1"));
    assert_eq!(lake.loaded("other"), None);
    assert_eq!(lake.rows("select table_name, run, mode, rows from tarn_loads"), ["kpi|r1|append|2"]);
    assert_eq!(lake.rows("select count(*) from tarn_loads where loaded_at glob '20[0-9][0-9]-*:*.*'"), ["1"]);
}

#[test]
fn an_older_run_is_refused_unless_forced() {
    let lake = Lake::new();
    let written = lake.write("f.parquet", &record_batch!(("id", Int64, [1])).unwrap());
    let mut load = load_of("r2", LoadMode::Replace, COLUMNS, &[written]);
    lake.load(&load).unwrap();
    load.run = super::lake::run("r1");
    let error = lake.load(&load).unwrap_err();
    assert_eq!(error.message, "table `kpi` holds run `r2`, which is newer than run `r1`");
    load.force = true;
    assert!(!lake.load(&load).unwrap().repeated);
    assert_eq!(lake.loaded("kpi").as_deref(), Some("r1"));
    // Forward again, without force.
    load.run = super::lake::run("r2");
    load.force = false;
    assert!(!lake.load(&load).unwrap().repeated);
    assert_eq!(lake.loaded("kpi").as_deref(), Some("r2"));
}

#[test]
fn a_table_that_was_dropped_is_loaded_again() {
    let lake = Lake::new();
    let written = lake.write("f.parquet", &record_batch!(("id", Int64, [1])).unwrap());
    let load = load_of("r1", merge(&["id"]), COLUMNS, &[written]);
    lake.load(&load).unwrap();
    lake.execute("drop table kpi");
    assert_eq!(lake.loaded("kpi"), None);
    assert!(!lake.load(&load).unwrap().repeated);
    assert_eq!(lake.rows("select id from kpi"), ["1"]);
}

#[test]
fn the_ledger_itself_is_no_target() {
    let lake = Lake::new();
    for table in ["tarn_loads", "TARN_LOADS", "sqlite_x", ""] {
        let mut load = load_of("r1", LoadMode::Replace, COLUMNS, &[]);
        load.table = table.to_owned();
        assert!(lake.load(&load).is_err(), "{table}");
    }
}

#[test]
fn two_loads_at_once_come_one_after_the_other() {
    let lake = Lake::new();
    let written = lake.write("f.parquet", &record_batch!(("id", Int64, [1, 2, 3])).unwrap());
    let load = load_of("r1", LoadMode::Append, COLUMNS, &[written]);
    let repeated: Vec<bool> = std::thread::scope(|scope| {
        let loads: Vec<_> = (0..4).map(|_| scope.spawn(|| patiently(&lake, &load))).collect();
        loads.into_iter().map(|load| load.join().unwrap()).collect()
    });
    assert_eq!(repeated.iter().filter(|repeated| !**repeated).count(), 1);
    assert_eq!(lake.rows("select count(*) from kpi"), ["3"]);
}

/// As a caller does with an error that says a retry may help.
fn patiently(lake: &Lake, load: &tarn_pipeline::ports::Load) -> bool {
    for _ in 0..100 {
        match lake.load(load) {
            Ok(outcome) => return outcome.repeated,
            Err(error) => assert!(error.retryable, "{}", error.message),
        }
    }
    panic!("never got through");
}
