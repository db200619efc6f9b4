//! Incremental models whose columns change: every policy with every strategy.

use anyhow::Result;
use tarn_testkit::ScratchLake;

const STRATEGIES: [&str; 3] =
    ["strategy: append", "strategy: insert_overwrite\npartitioned_by: [day]", "strategy: merge\nunique_key: [id]"];

const BEFORE: &str = "id, amount, day";
/// Another order, a column less, and one more.
const AFTER: &str = "id * 2 as extra, id, day";

fn lake() -> Result<ScratchLake> {
    let lake = ScratchLake::empty()?;
    lake.write("tarn.yaml", "name: scratch\nvars:\n  day: 2026-01-01\n")?;
    lake.write(
        "sources/orders.yaml",
        "kind: stream\npartitioned_by: {day: at}\ncolumns:\n  - {name: id, type: bigint, required: true}\n  - {name: amount, type: int}\n  - {name: at, type: timestamp, required: true}\n",
    )?;
    lake.write(
        "orders.ndjson",
        "{\"id\":1,\"amount\":10,\"at\":\"2026-01-01T12:00:00Z\"}\n{\"id\":2,\"amount\":20,\"at\":\"2026-01-02T12:00:00Z\"}\n",
    )?;
    lake.tarn(&["ingest", "orders", "orders.ndjson"])?.done();
    Ok(lake)
}

fn write(lake: &ScratchLake, strategy: &str, policy: &str, columns: &str) -> Result<()> {
    let sql = format!("select {columns} from {{{{ source('orders') }}}} where day = date '{{{{ var(\"day\") }}}}'");
    let header = format!("/*\nmaterialized: incremental\n{strategy}\non_schema_change: {policy}\n*/\n{sql}\n");
    lake.write("models/totals.sql", header)?;
    Ok(())
}

/// The table after a day with the old columns and a day with the new ones.
fn changed(strategy: &str, policy: &str) -> Result<ScratchLake> {
    let lake = lake()?;
    write(&lake, strategy, policy, BEFORE)?;
    lake.tarn(&["run"])?.done();
    write(&lake, strategy, policy, AFTER)?;
    Ok(lake)
}

const SECOND: [&str; 3] = ["run", "--var", "day=2026-01-02"];

#[test]
fn fail_says_what_differs() -> Result<()> {
    for strategy in STRATEGIES {
        let lake = changed(strategy, "fail")?;
        let refused = lake.tarn(&SECOND)?.ended(1);
        let told = &refused.stderr;
        assert!(told.contains("+ extra bigint") && told.contains("- amount int"), "{strategy}: {told}");
        assert!(told.contains("on_schema_change"), "{strategy}: {told}");
        assert_eq!(lake.rows("select id, amount from totals")?, ["1,10"]);
    }
    Ok(())
}

#[test]
fn append_new_columns_keeps_every_column() -> Result<()> {
    for strategy in STRATEGIES {
        let lake = changed(strategy, "append_new_columns")?;
        lake.tarn(&SECOND)?.done();
        lake.tarn(&SECOND)?.done();
        assert_eq!(lake.rows("select id, amount, extra from totals order by id, extra")?[0], "1,10,", "{strategy}");
        let newer = lake.rows("select distinct id, amount, extra, day from totals where id = 2")?;
        assert_eq!(newer, ["2,,4,2026-01-02"], "{strategy}");
    }
    Ok(())
}

#[test]
fn sync_drops_what_is_gone() -> Result<()> {
    for strategy in STRATEGIES {
        let lake = changed(strategy, "sync")?;
        lake.tarn(&SECOND)?.done();
        assert_eq!(
            lake.rows("select id, extra, day from totals order by id")?,
            ["1,,2026-01-01", "2,4,2026-01-02"],
            "{strategy}"
        );
        assert!(lake.rows("select amount from totals").is_err(), "{strategy}");
    }
    Ok(())
}

#[test]
fn another_order_of_columns_changes_nothing() -> Result<()> {
    for strategy in STRATEGIES {
        let lake = lake()?;
        write(&lake, strategy, "fail", BEFORE)?;
        lake.tarn(&["run"])?.done();
        write(&lake, strategy, "fail", "amount, id, day")?;
        lake.tarn(&SECOND)?.done();
        assert_eq!(
            lake.rows("select * from totals order by id")?,
            ["1,10,2026-01-01", "2,20,2026-01-02"],
            "{strategy}"
        );
    }
    Ok(())
}

#[test]
fn a_type_may_become_wider_and_nothing_else() -> Result<()> {
    for strategy in STRATEGIES {
        let lake = lake()?;
        write(&lake, strategy, "sync", "id, amount, day")?;
        lake.tarn(&["run"])?.done();
        write(&lake, strategy, "sync", "id, cast(amount as bigint) + 3000000000 as amount, day")?;
        lake.tarn(&SECOND)?.done();
        assert_eq!(lake.rows("select id, amount from totals order by id")?, ["1,10", "2,3000000020"], "{strategy}");
        write(&lake, strategy, "sync", "id, cast(amount as varchar) as amount, day")?;
        let refused = lake.tarn(&SECOND)?.ended(1);
        assert!(refused.stderr.contains("amount: bigint -> string"), "{strategy}: {}", refused.stderr);
    }
    Ok(())
}

#[test]
fn how_athena_keeps_a_table_changes_no_row() -> Result<()> {
    for keys in [
        "format: orc",
        "table_type: iceberg",
        "bucketed_by: {columns: [id], count: 4}",
        "format: orc\ncompression: snappy\nbucketed_by: {columns: [id, amount], count: 100}",
    ] {
        let lake = lake()?;
        let strategy = format!("strategy: insert_overwrite\npartitioned_by: [day]\n{keys}");
        write(&lake, &strategy, "fail", BEFORE)?;
        lake.tarn(&["run"])?.done();
        lake.tarn(&SECOND)?.done();
        lake.tarn(&SECOND)?.done();
        assert_eq!(lake.rows("select * from totals order by id")?, ["1,10,2026-01-01", "2,20,2026-01-02"], "{keys}");
    }
    Ok(())
}
