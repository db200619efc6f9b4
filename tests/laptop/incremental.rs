//! Incremental models: append, overwrite by partition, merge by key; repeated, late and failed runs.

use anyhow::Result;
use tarn_testkit::ScratchLake;

/// A lake whose one source is a stream of orders: id, amount, version, day.
fn lake(header: &str, sql: &str) -> Result<ScratchLake> {
    let lake = ScratchLake::empty()?;
    lake.write(
        "tarn.yaml",
        "name: scratch\nvars:\n  day: 2026-01-01\nmarts:\n  reporting: {url: \"sqlite:reporting.db\"}\n",
    )?;
    lake.write(
        "sources/orders.yaml",
        "kind: stream\npartitioned_by: {day: at}\ncolumns:\n  - {name: id, type: bigint, required: true}\n  - {name: amount, type: int}\n  - {name: version, type: int}\n  - {name: at, type: timestamp, required: true}\n",
    )?;
    lake.write("models/totals.sql", format!("/*\n{header}\n*/\n{sql}\n"))?;
    Ok(lake)
}

fn bring_in(lake: &ScratchLake, name: &str, orders: &[(u32, i32, i32, u32)]) -> Result<()> {
    let lines: Vec<String> = orders
        .iter()
        .map(|(id, amount, version, day)| {
            format!(r#"{{"id":{id},"amount":{amount},"version":{version},"at":"2026-01-{day:02}T12:00:00Z"}}"#)
        })
        .collect();
    lake.write(&format!("{name}.ndjson"), lines.join("\n"))?;
    lake.tarn(&["ingest", "orders", &format!("{name}.ndjson")])?.done();
    Ok(())
}

fn run(lake: &ScratchLake, day: &str) -> Result<()> {
    lake.tarn(&["run", "--var", &format!("day={day}")])?.done();
    Ok(())
}

const OF_THE_DAY: &str = "select id, amount, version, day from {{ source('orders') }}
{% if is_incremental() %} where day = date '{{ var(\"day\") }}' {% endif %}";

const ROWS: &str = "select id, amount, day from totals order by id, amount, day";

#[test]
fn an_overwrite_replaces_the_days_it_computes() -> Result<()> {
    let lake = lake("materialized: incremental\nstrategy: insert_overwrite\npartitioned_by: [day]", OF_THE_DAY)?;
    bring_in(&lake, "first", &[(1, 10, 1, 1), (2, 20, 1, 2)])?;
    run(&lake, "2026-01-01")?;
    assert_eq!(lake.rows(ROWS)?, ["1,10,2026-01-01", "2,20,2026-01-02"], "the first run takes everything");
    bring_in(&lake, "late", &[(3, 30, 1, 2)])?;
    run(&lake, "2026-01-02")?;
    run(&lake, "2026-01-02")?;
    assert_eq!(lake.rows(ROWS)?, ["1,10,2026-01-01", "2,20,2026-01-02", "3,30,2026-01-02"]);
    // A day without rows changes nothing.
    run(&lake, "2026-01-09")?;
    assert_eq!(lake.rows("select count(*) from totals")?, ["3"]);
    Ok(())
}

#[test]
fn an_append_adds_each_run_once() -> Result<()> {
    let lake = lake("materialized: incremental\nstrategy: append", OF_THE_DAY)?;
    bring_in(&lake, "first", &[(1, 10, 1, 1)])?;
    lake.tarn(&["run", "--run-id", "r1"])?.done();
    bring_in(&lake, "second", &[(2, 20, 1, 2)])?;
    let second = ["run", "--run-id", "r2", "--var", "day=2026-01-02"];
    lake.tarn(&second)?.done();
    // The same run again is the same run.
    lake.tarn(&second)?.done();
    assert_eq!(lake.rows(ROWS)?, ["1,10,2026-01-01", "2,20,2026-01-02"]);
    Ok(())
}

#[test]
fn a_merge_replaces_rows_by_key() -> Result<()> {
    let lake = lake("materialized: incremental\nstrategy: merge\nunique_key: [id]", OF_THE_DAY)?;
    bring_in(&lake, "first", &[(1, 10, 1, 1), (2, 20, 1, 1)])?;
    run(&lake, "2026-01-01")?;
    bring_in(&lake, "second", &[(2, 25, 2, 2), (3, 30, 1, 2)])?;
    run(&lake, "2026-01-02")?;
    run(&lake, "2026-01-02")?;
    assert_eq!(lake.rows(ROWS)?, ["1,10,2026-01-01", "2,25,2026-01-02", "3,30,2026-01-02"]);
    Ok(())
}

#[test]
fn a_late_row_loses_a_merge_with_an_order() -> Result<()> {
    let lake = lake("materialized: incremental\nstrategy: merge\nunique_key: [id]\nmerge_order: version", OF_THE_DAY)?;
    bring_in(&lake, "first", &[(1, 10, 5, 1)])?;
    run(&lake, "2026-01-01")?;
    bring_in(&lake, "late", &[(1, 99, 4, 2), (2, 20, 1, 2), (2, 21, 2, 2)])?;
    run(&lake, "2026-01-02")?;
    assert_eq!(lake.rows(ROWS)?, ["1,10,2026-01-01", "2,21,2026-01-02"]);
    Ok(())
}

#[test]
fn a_merge_refuses_two_rows_of_one_key() -> Result<()> {
    let lake = lake("materialized: incremental\nstrategy: merge\nunique_key: [id]", OF_THE_DAY)?;
    bring_in(&lake, "first", &[(1, 10, 1, 1)])?;
    run(&lake, "2026-01-01")?;
    bring_in(&lake, "twice", &[(7, 1, 1, 2), (7, 2, 2, 2)])?;
    let refused = lake.tarn(&["run", "--var", "day=2026-01-02"])?.ended(1);
    assert!(refused.stderr.contains("(id) = (7)"), "{}", refused.stderr);
    assert_eq!(lake.rows(ROWS)?, ["1,10,2026-01-01"]);
    Ok(())
}

#[test]
fn a_failed_audit_leaves_the_old_version_and_the_new_one_to_look_at() -> Result<()> {
    let lake =
        lake("materialized: table\naudits:\n  - unique: [id]", "select id, amount, day from {{ source('orders') }}")?;
    bring_in(&lake, "first", &[(1, 10, 1, 1)])?;
    lake.tarn(&["run"])?.done();
    bring_in(&lake, "double", &[(1, 11, 1, 1)])?;
    let failed = lake.tarn(&["run", "--json"])?.ended(1).json()?;
    let model = &failed["models"][0];
    assert_eq!(model["failure"]["step"], "audit");
    assert_eq!(model["audits"][0]["failures"], 2);
    assert_eq!(lake.rows(ROWS)?, ["1,10,2026-01-01"], "readers see the version from before");
    let rejected = model["inspect"].as_str().unwrap();
    assert_eq!(lake.rows(&format!("select count(*) from {rejected}"))?, ["2"]);
    let shown = lake.tarn(&["show"])?.done();
    assert!(shown.stdout.contains("unique") && shown.stdout.contains("id=1"), "{}", shown.stdout);
    Ok(())
}

#[test]
fn a_failed_model_skips_what_reads_it_and_the_rest_goes_on() -> Result<()> {
    let lake = lake("audits:\n  - row_count: {min: 100}", "select id, amount, day from {{ source('orders') }}")?;
    lake.write("models/after.sql", "select count(*) as n from {{ ref('totals') }}")?;
    lake.write("models/beside.sql", "select count(*) as n from {{ source('orders') }}")?;
    bring_in(&lake, "first", &[(1, 10, 1, 1)])?;
    let run = lake.tarn(&["run", "--json"])?.ended(1).json()?;
    let status = |name: &str| {
        let models = run["models"].as_array().unwrap();
        models.iter().find(|model| model["model"] == name).unwrap()["status"].as_str().unwrap().to_owned()
    };
    assert_eq!(
        (status("totals"), status("after"), status("beside")),
        ("failed".into(), "skipped".into(), "done".into())
    );
    Ok(())
}

#[test]
fn an_empty_refresh_is_an_empty_table() -> Result<()> {
    let lake = lake("materialized: table", "select id, amount, day from {{ source('orders') }} where id > 5")?;
    bring_in(&lake, "first", &[(1, 10, 1, 1)])?;
    lake.tarn(&["run"])?.done();
    assert_eq!(lake.rows("select count(*) from totals")?, ["0"]);
    lake.write("models/totals.sql", "/*\non_empty: fail\n*/\nselect id from {{ source('orders') }} where id > 5")?;
    lake.tarn(&["run"])?.ended(1);
    assert_eq!(lake.rows("select count(amount) from totals")?, ["0"]);
    Ok(())
}

#[test]
fn changed_columns_need_a_full_refresh() -> Result<()> {
    let lake = lake("materialized: incremental\nstrategy: append", OF_THE_DAY)?;
    bring_in(&lake, "first", &[(1, 10, 1, 1)])?;
    run(&lake, "2026-01-01")?;
    lake.write(
        "models/totals.sql",
        format!(
            "/*\nmaterialized: incremental\nstrategy: append\n*/\n{}",
            OF_THE_DAY.replace("version,", "version, 1 as extra,")
        ),
    )?;
    let refused = lake.tarn(&["run"])?.ended(1);
    assert!(refused.stderr.contains("+ extra int") && refused.stderr.contains("--full-refresh"), "{}", refused.stderr);
    lake.tarn(&["run", "--full-refresh"])?.done();
    assert_eq!(lake.rows("select id, extra from totals")?, ["1,1"]);
    Ok(())
}

#[test]
fn a_mart_makes_up_for_a_load_that_failed() -> Result<()> {
    let lake = lake(
        "materialized: incremental\nstrategy: append\nmart: {to: reporting, table: totals, mode: append}",
        OF_THE_DAY,
    )?;
    bring_in(&lake, "first", &[(1, 10, 1, 1)])?;
    lake.tarn(&["run"])?.done();
    bring_in(&lake, "second", &[(2, 20, 1, 2)])?;
    // Somebody else holds the mart: the version is published, the load fails.
    let database = rusqlite::Connection::open(lake.path().join(".tarn/reporting.db"))?;
    database.execute_batch("begin immediate")?;
    lake.tarn(&["run", "--var", "day=2026-01-02"])?.ended(1);
    database.execute_batch("rollback")?;
    drop(database);
    assert_eq!(lake.mart_rows("reporting", "select id from totals order by id")?, ["1"]);
    bring_in(&lake, "third", &[(3, 30, 1, 3)])?;
    lake.tarn(&["run", "--var", "day=2026-01-03"])?.done();
    assert_eq!(lake.mart_rows("reporting", "select id from totals order by id")?, ["1", "2", "3"]);
    Ok(())
}
