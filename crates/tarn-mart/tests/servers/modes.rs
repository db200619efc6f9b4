//! What each mode makes of the rows that are there.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use anyhow::Result;
use tarn_pipeline::ports::{Drift, GoneRows, LoadMode};
use tarn_testkit::Database;

use crate::world::{World, by_day, mart_at, merge};

on_each_server!(
    replace_builds_the_table_anew,
    replace_keeps_what_people_added,
    replace_changes_rows_in_place_where_something_hangs_on_the_table,
    merge_replaces_rows_of_the_same_key,
    merge_in_order_and_out_of_order_is_the_same,
    merge_keeps_columns_that_the_version_lacks,
    merge_needs_transactions,
    merge_tells_keys_apart_by_their_bytes,
    merge_deletes_what_is_gone,
    merge_of_most_rows_keeps_what_others_write_meanwhile,
    merge_of_most_rows_waits_for_no_long_reader,
    merge_of_most_rows_without_the_right_to_lock,
    append_adds_rows_once,
    partition_replaces_the_loaded_ones,
    an_older_run_is_refused_and_a_forced_one_goes_back,
    an_empty_version_makes_a_table,
    two_loads_at_once_serialise,
    first_loads_of_many_tables_at_once,
    comments_and_indexes_are_kept,
);

fn replace_builds_the_table_anew(world: &World) -> Result<()> {
    let old = world.numbers("old.parquet", 0..3_000, "old");
    let new = world.numbers("new.parquet", 10..20, "new");
    assert_eq!(world.load(&world.load_of("r1", LoadMode::Replace, &[old]))?.rows, 3_000);
    assert_eq!(world.state(), "3000|1|4498500|old|old");
    assert_eq!(world.load(&world.load_of("r2", LoadMode::Replace, &[new]))?.rows, 10);
    assert_eq!(world.state(), "10|1|145|new|new");
    assert_eq!((world.loaded().as_deref(), world.leftovers().as_str()), (Some("r2"), "0"));
    Ok(())
}

fn replace_keeps_what_people_added(world: &World) -> Result<()> {
    let file = world.numbers("a.parquet", 0..10, "a");
    world.load(&world.load_of("r1", LoadMode::Replace, std::slice::from_ref(&file)))?;
    if world.is_mysql() {
        world.sql("create index by_id on %T (id)");
        world.load(&world.load_of("r2", LoadMode::Replace, &[file]))?;
        let indexes = "select index_name from information_schema.statistics where table_schema = database()";
        assert_eq!(world.sql(&format!("{indexes} and table_name = '{}'", world.table)), "by_id");
    } else {
        world.sql("grant select on %T to public");
        world.load(&world.load_of("r2", LoadMode::Replace, &[file]))?;
        let may =
            format!("select has_table_privilege('postgres', '{}', 'select'), relacl::text like '%=r/%'", world.table);
        assert_eq!(world.sql(&format!("{may} from pg_class where relname = '{}'", world.table)), "t\tt");
    }
    Ok(())
}

/// A view of PostgreSQL looks at a table, not at its name; a trigger of MySQL follows the table that is renamed away.
fn replace_changes_rows_in_place_where_something_hangs_on_the_table(world: &World) -> Result<()> {
    let file = world.numbers("a.parquet", 0..10, "a");
    world.load(&world.load_of("r1", LoadMode::Replace, &[file]))?;
    let view = format!("v_{}", world.table);
    if world.is_mysql() {
        world.sql(&format!(
            "create trigger {view} before insert on %T for each row set new.name = concat(new.name, '!')"
        ));
    }
    world.sql(&format!("create view {view} as select count(*) as n, max(name) as name from %T"));
    let next = world.numbers("b.parquet", 0..20, "b");
    world.load(&world.load_of("r2", LoadMode::Replace, &[next]))?;
    let name = if world.is_mysql() { "b!" } else { "b" };
    assert_eq!(world.sql(&format!("select * from {view}")), format!("20\t{name}"));
    assert_eq!(world.leftovers(), "0");
    world.sql(&format!("drop view {view}"));
    Ok(())
}

fn merge_replaces_rows_of_the_same_key(world: &World) -> Result<()> {
    let mode = || merge(&["id"]);
    world.load(&world.load_of("r1", mode(), &[world.numbers("a.parquet", 0..2_000, "a")]))?;
    let second = world.load_of("r2", mode(), &[world.numbers("b.parquet", 1_000..3_000, "b")]);
    assert_eq!(world.load(&second)?.rows, 2_000);
    assert_eq!(
        world.sql("select name, count(*), min(id) from %T group by name order by name"),
        "a\t1000\t0\nb\t2000\t1000"
    );
    let again = world.load(&second)?;
    assert!(again.repeated && again.rows == 0);
    assert_eq!(world.state(), "3000|2|4498500|a|b");
    // A second merge of the same rows by another run changes nothing either.
    world.load(&world.load_of("r3", mode(), &[world.numbers("b.parquet", 1_000..3_000, "b")]))?;
    assert_eq!(world.state(), "3000|2|4498500|a|b");
    Ok(())
}

fn merge_in_order_and_out_of_order_is_the_same(world: &World) -> Result<()> {
    for (run, start) in [("r1", 0), ("r2", 5_000), ("r3", 9_000)] {
        let rising = world.numbers("rising.parquet", start..start + 8_000, run);
        let mixed = world.numbers("mixed.parquet", (0..8_000).map(|index| start + index * 7_919 % 8_000), run);
        let mut states = Vec::new();
        for (table, file) in [("rising", rising), ("mixed", mixed)] {
            let mut load = world.load_of(run, merge(&["id"]), &[file]);
            load.table = format!("{}_{table}", world.table);
            load.options.indexes = vec![vec!["name".to_owned()]];
            assert_eq!(world.load(&load)?.rows, 8_000);
            assert!(world.load(&load)?.repeated);
            let sums = "count(*), sum(id), min(id), max(id)";
            let sql = format!("select name, {sums} from {} group by name order by name", load.table);
            states.push(world.sql(&sql));
        }
        assert_eq!(states[0], states[1]);
        assert_eq!(states[0].lines().count(), run[1..].parse::<usize>()?);
    }
    // Equal keys in order are equal keys.
    let mut twice = world.load_of("r4", merge(&["id"]), &[world.numbers("twice.parquet", [7, 8, 8, 9], "x")]);
    twice.table = format!("{}_rising", world.table);
    crate::world::refused(world.load(&twice), "more than once");
    Ok(())
}

fn merge_keeps_columns_that_the_version_lacks(world: &World) -> Result<()> {
    let load = |run: &str| {
        let mut load = world.load_of(run, merge(&["id"]), &[world.numbers("a.parquet", 0..10, run)]);
        load.options.drift = Drift::Ignore;
        load
    };
    world.load(&load("r1"))?;
    world.sql("alter table %T add column note varchar(10)");
    world.sql("update %T set note = 'mine'");
    world.load(&load("r2"))?;
    assert_eq!(world.sql("select count(*), min(name), min(note) from %T where note = 'mine'"), "10\tr2\tmine");
    Ok(())
}

/// Readers would see half of it, and nothing could be undone.
fn merge_needs_transactions(world: &World) -> Result<()> {
    if !world.is_mysql() {
        return Ok(());
    }
    world.sql("create table %T (id bigint primary key, name longtext) engine = MyISAM");
    let load = world.load_of("r1", merge(&["id"]), &[world.numbers("a.parquet", 0..10, "a")]);
    crate::world::refused(world.load(&load), "an engine without transactions");
    assert_eq!(world.sql("select count(*) from %T"), "0");
    world.load(&world.load_of("r2", LoadMode::Replace, &[world.numbers("a.parquet", 0..10, "a")]))?;
    assert_eq!(world.state(), "10|1|45|a|a");
    Ok(())
}

/// The usual collations of MySQL take these for one.
fn merge_tells_keys_apart_by_their_bytes(world: &World) -> Result<()> {
    let keys = ["か", "が", "カ", "abc", "ABC", "abc ", "ß", "ss", "𠮷", "🍣", "🍺", ""];
    let texts = std::sync::Arc::new(arrow::array::StringArray::from(keys.to_vec()));
    let file = world.write("a.parquet", vec![("name", texts)]);
    for run in ["r1", "r2"] {
        let load = world.load_columns(run, merge(&["name"]), &[("name", "string")], std::slice::from_ref(&file));
        assert_eq!(world.load(&load)?.rows, 12);
    }
    assert_eq!(world.sql("select count(*), count(distinct name) from %T"), "12\t12");
    Ok(())
}

fn merge_deletes_what_is_gone(world: &World) -> Result<()> {
    let mut load = world.load_days("r1", merge(&["id"]), &[("d1", &[1, 2, 3]), ("d2", &[4, 5])], &[]);
    world.load(&load)?;
    load = world.load_days("r2", merge(&["id"]), &[("d1", &[2, 9])], &[]);
    load.options.gone = GoneRows::Delete;
    world.load(&load)?;
    assert_eq!(world.sql("select id, day from %T order by id"), "2\td1\n4\td2\n5\td2\n9\td1");
    // A key that moved from another partition moves.
    load = world.load_days("r3", merge(&["id"]), &[("d1", &[4])], &[]);
    load.options.gone = GoneRows::Delete;
    world.load(&load)?;
    assert_eq!(world.sql("select id, day from %T order by id"), "4\td1\n5\td2");
    Ok(())
}

/// Whether the table was built anew by a load, which its comment then names.
fn was_built_by(world: &World, run: &str) -> bool {
    let table = &world.table;
    let load = world.sql(&format!("select id from tarn_loads where table_name = '{table}' and run = '{run}'"));
    let sql = format!(
        "select table_comment from information_schema.tables where table_schema = database() and table_name = '{table}'"
    );
    world.sql(&sql).ends_with(&format!("[tarn load {load}]"))
}

fn merge_of_most_rows_keeps_what_others_write_meanwhile(world: &World) -> Result<()> {
    const THEIRS: i64 = 1_000_000;
    world.load(&world.load_of("r1", merge(&["id"]), &[world.numbers("a.parquet", 0..60_000, "a")]))?;
    world.sql("create index of_people on %T (id)");
    // All but the first 10,000 are there, and others are new; not in their order.
    let ids = (0..60_000).map(|index| 10_000 + index * 7_919 % 60_000);
    let load = world.load_of("r2", merge(&["id"]), &[world.numbers("b.parquet", ids, "b")]);
    let is_over = AtomicBool::new(false);
    let written = std::thread::scope(|scope| -> Result<i64> {
        let write = |writer: i64| {
            let mut written = 0;
            while !is_over.load(Ordering::Acquire) {
                world.sql(&format!("insert into %T (id, name) values ({}, 'theirs')", THEIRS * writer + written));
                written += 1;
            }
            written
        };
        let writers = [1, 2].map(|writer| scope.spawn(move || write(writer)));
        let loaded = world.load(&load);
        is_over.store(true, Ordering::Release);
        let written = writers.into_iter().map(|writer| writer.join().unwrap()).sum();
        assert_eq!(loaded?.rows, 60_000);
        Ok(written)
    })?;
    assert!(written > 0);
    assert_eq!(world.sql("select count(*) from %T where name = 'theirs'"), written.to_string());
    let ours = "select name, count(*), min(id), max(id) from %T where name <> 'theirs' group by name order by name";
    assert_eq!(world.sql(ours), "a\t10000\t0\t9999\nb\t60000\t10000\t69999");
    assert_eq!((world.leftovers().as_str(), world.loaded().as_deref()), ("0", Some("r2")));
    if world.is_mysql() {
        assert!(was_built_by(world, "r2"));
        let index = format!(
            "select count(*) from information_schema.statistics where table_schema = database() and table_name = '{}' and index_name = 'of_people'",
            world.table
        );
        assert_eq!(world.sql(&index), "1");
    }
    Ok(())
}

fn merge_of_most_rows_waits_for_no_long_reader(world: &World) -> Result<()> {
    world.load(&world.load_of("r1", merge(&["id"]), &[world.numbers("a.parquet", 0..60_000, "a")]))?;
    let load = world.load_of("r2", merge(&["id"]), &[world.numbers("b.parquet", 5_000..65_000, "b")]);
    std::thread::scope(|scope| -> Result<()> {
        let (sleep, sleeping) = match world.is_mysql() {
            true => ("sleep(15)", "select count(*) from information_schema.processlist where info like '%sleep(15)%'"),
            false => ("pg_sleep(15)", "select count(*) from pg_stat_activity where query like '%pg_sleep(15)%'"),
        };
        let reading =
            scope.spawn(move || world.sql(&format!("begin; select count(*) from %T; select {sleep}; commit")));
        // The question itself is one of them.
        while world.sql(sleeping) != "2" {}
        assert_eq!(world.load(&load)?.rows, 60_000);
        assert!(!reading.is_finished());
        Ok(())
    })?;
    assert_eq!(world.state(), "65000|2|2112467500|a|b");
    assert_eq!((world.leftovers().as_str(), world.loaded().as_deref()), ("0", Some("r2")));
    assert!(!world.is_mysql() || !was_built_by(world, "r2"));
    Ok(())
}

fn merge_of_most_rows_without_the_right_to_lock(world: &World) -> Result<()> {
    if !world.is_mysql() {
        return Ok(());
    }
    let other = World::on(Arc::new(Database::start_with(world.kind(), &[])?))?;
    let user = other.sql("select current_user()").replace('@', "'@'");
    other.database.administer(&format!("revoke lock tables on mart.* from '{user}'"))?;
    other.load(&other.load_of("r1", merge(&["id"]), &[other.numbers("a.parquet", 0..60_000, "a")]))?;
    let load = other.load_of("r2", merge(&["id"]), &[other.numbers("b.parquet", 5_000..65_000, "b")]);
    assert_eq!(other.load(&load)?.rows, 60_000);
    assert_eq!(other.state(), "65000|2|2112467500|a|b");
    assert_eq!((other.leftovers().as_str(), other.loaded().as_deref()), ("0", Some("r2")));
    assert!(!was_built_by(&other, "r2"));
    Ok(())
}

fn append_adds_rows_once(world: &World) -> Result<()> {
    let file = world.numbers("a.parquet", 0..100, "a");
    let load = world.load_of("r1", LoadMode::Append, &[file.clone(), file.clone()]);
    assert_eq!(world.load(&load)?.rows, 200);
    assert!(world.load(&load)?.repeated);
    world.load(&world.load_of("r2", LoadMode::Append, &[file]))?;
    assert_eq!(world.state(), "300|1|14850|a|a");
    Ok(())
}

fn partition_replaces_the_loaded_ones(world: &World) -> Result<()> {
    world.load(&world.load_days(
        "r1",
        by_day(),
        &[("a", &[1, 2]), ("A", &[3]), ("か", &[4]), ("it's \\ day", &[5])],
        &[],
    ))?;
    // `A` and `か` stay, though a folding collation would take them for `a` and `が`.
    world.load(&world.load_days("r2", by_day(), &[("a", &[10]), ("が", &[11]), ("it's \\ day", &[12])], &["gone"]))?;
    assert_eq!(world.sql("select id from %T order by id").replace('\n', " "), "3 4 10 11 12");
    let mut nulls = world.load_days("r3", by_day(), &[("x", &[20])], &[]);
    nulls.files[0].partition_values = vec![None];
    nulls.partitions = vec![vec![None]];
    world.load(&nulls)?;
    nulls.run = String::from("r4").try_into()?;
    world.load(&nulls)?;
    assert_eq!(world.sql("select count(*) from %T where day is null"), "1");
    Ok(())
}

fn an_older_run_is_refused_and_a_forced_one_goes_back(world: &World) -> Result<()> {
    for (run, mode) in [("r2", LoadMode::Replace), ("r4", merge(&["id"]))] {
        world.load(&world.load_of(run, mode, &[world.numbers("a.parquet", 0..10, run)]))?;
    }
    let mut older = world.load_of("r3", LoadMode::Replace, &[world.numbers("a.parquet", 0..5, "r3")]);
    let refusal = world.load(&older).unwrap_err();
    assert_eq!(refusal.message, format!("table `{}` holds run `r4`, which is newer than run `r3`", world.table));
    older.force = true;
    world.load(&older)?;
    assert_eq!((world.state().as_str(), world.loaded().as_deref()), ("5|1|10|r3|r3", Some("r3")));
    assert_eq!(
        world.sql(&format!("select run from tarn_loads where table_name = '{}' order by id", world.table)),
        "r2\nr4\nr3"
    );
    Ok(())
}

fn an_empty_version_makes_a_table(world: &World) -> Result<()> {
    for (run, mode) in [("r1", merge(&["id"])), ("r2", LoadMode::Append), ("r3", LoadMode::Replace)] {
        assert_eq!(world.load(&world.load_of(run, mode, &[]))?.rows, 0);
        assert_eq!(world.sql("select count(*) from %T"), "0");
    }
    let none = world.numbers("none.parquet", 0..0, "x");
    assert_eq!(world.load(&world.load_of("r4", LoadMode::Replace, &[none]))?.rows, 0);
    Ok(())
}

fn two_loads_at_once_serialise(world: &World) -> Result<()> {
    let first = world.load_of("r1", merge(&["id"]), &[world.numbers("a.parquet", 0..30_000, "a")]);
    let second = world.load_of("r2", merge(&["id"]), &[world.numbers("b.parquet", 15_000..45_000, "b")]);
    let (one, other, objects) = (world.mart(), world.mart(), world.objects());
    let (first, second) = world.runtime.block_on(async {
        tokio::join!(one.load(&first, objects.clone(), &|_| {}), other.load(&second, objects.clone(), &|_| {}))
    });
    assert_eq!(second?.rows, 30_000);
    // Whichever came first: the older one is refused when it came second.
    match first {
        Ok(_) => assert_eq!(world.state(), "45000|2|1012477500|a|b"),
        Err(error) => {
            assert!(error.message.contains("newer"), "{}", error.message);
            assert_eq!(world.state(), "30000|1|899985000|b|b");
        }
    }
    assert_eq!(world.leftovers(), "0");
    Ok(())
}

fn first_loads_of_many_tables_at_once(world: &World) -> Result<()> {
    let file = world.numbers("a.parquet", 0..10, "a");
    let objects = world.objects();
    for round in 0..30 {
        // A mart in which nothing was loaded before.
        let name = format!("first_{}_{round}", world.table);
        let url = if world.is_mysql() {
            world.database.administer(&format!("CREATE DATABASE {name}; GRANT ALL ON {name}.* TO tarn@'%'"))?;
            world.database.url().replacen("/mart", &format!("/{name}"), 1)
        } else {
            world.sql(&format!("CREATE SCHEMA {name}"));
            format!("{}?schema={name}", world.database.url())
        };
        let load = async |table: usize| {
            let mut load = world.load_of("r1", LoadMode::Replace, std::slice::from_ref(&file));
            load.table = format!("table_{table}");
            mart_at(&url)?.load(&load, objects.clone(), &|_| {}).await
        };
        let loaded = world.runtime.block_on(futures::future::join_all((0..12).map(load)));
        for outcome in loaded {
            assert_eq!(outcome?.rows, 10);
        }
    }
    Ok(())
}

fn comments_and_indexes_are_kept(world: &World) -> Result<()> {
    let file = world.numbers("a.parquet", 0..10, "a");
    for (run, mode) in [("r1", LoadMode::Replace), ("r2", merge(&["id"])), ("r3", LoadMode::Replace)] {
        let mut load = world.load_of(run, mode, std::slice::from_ref(&file));
        load.columns[0].comment = Some("the seller's \\ number".to_owned());
        load.options.description = Some("Sales, it's said".to_owned());
        load.options.indexes = vec![vec!["name".to_owned()], vec!["name".to_owned(), "id".to_owned()]];
        load.options.key = vec!["id".to_owned()];
        world.load(&load)?;
        let table = &world.table;
        if world.is_mysql() {
            let count = format!(
                "select count(distinct index_name) from information_schema.statistics where table_schema = database() and table_name = '{table}'"
            );
            assert_eq!(world.sql(&count), "3");
            let comment = format!(
                "select column_comment from information_schema.columns where table_schema = database() and table_name = '{table}' and column_name = 'id'"
            );
            assert_eq!(world.sql(&comment), "the seller's \\ number");
            let comment = format!(
                "select table_comment from information_schema.tables where table_schema = database() and table_name = '{table}'"
            );
            assert!(world.sql(&comment).starts_with("Sales, it's said [tarn load "));
        } else {
            assert_eq!(world.sql(&format!("select count(*) from pg_indexes where tablename = '{table}'")), "3");
            assert_eq!(
                world.sql(&format!(
                    "select obj_description('{table}'::regclass), col_description('{table}'::regclass, 1)"
                )),
                "Sales, it's said\tthe seller's \\ number"
            );
        }
    }
    Ok(())
}
