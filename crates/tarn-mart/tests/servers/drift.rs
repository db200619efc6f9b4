//! Tables that are not as the version is.

use std::sync::Arc;

use anyhow::Result;
use arrow::array::{ArrayRef, Decimal128Array, Int32Array, Int64Array, StringArray};
use tarn_pipeline::ports::{Drift, LoadMode, VersionFile};

use crate::world::{World, merge, refused};

on_each_server!(
    a_new_column_is_added,
    a_wider_type_widens_the_column,
    what_is_narrower_or_gone_is_refused_or_ignored,
    what_is_something_else_is_refused,
    a_bound_table_is_compared_before_rows_come,
    a_view_is_no_table,
    a_folding_key_is_refused,
);

fn ids(world: &World) -> VersionFile {
    world.write("ids.parquet", vec![("id", Arc::new(Int32Array::from(vec![1, 2])) as ArrayRef)])
}

fn a_new_column_is_added(world: &World) -> Result<()> {
    world.load(&world.load_columns("r1", merge(&["id"]), &[("id", "int")], &[ids(world)]))?;
    world.load(&world.load_columns("r2", merge(&["id"]), &[("id", "int"), ("name", "string")], &[ids(world)]))?;
    assert_eq!(world.sql("select count(*) from %T where name is null"), "2");
    let file = world.write(
        "b.parquet",
        vec![("name", Arc::new(StringArray::from(vec!["b"]))), ("id", Arc::new(Int32Array::from(vec![2])))],
    );
    world.load(&world.load_columns("r3", merge(&["id"]), &[("id", "int"), ("name", "string")], &[file]))?;
    assert_eq!(world.sql("select id from %T where name = 'b'"), "2");
    Ok(())
}

fn a_wider_type_widens_the_column(world: &World) -> Result<()> {
    let narrow = world.write(
        "a.parquet",
        vec![
            ("id", Arc::new(Int32Array::from(vec![1]))),
            ("d", Arc::new(Decimal128Array::from(vec![150]).with_precision_and_scale(5, 2)?)),
        ],
    );
    world.load(&world.load_columns("r1", LoadMode::Append, &[("id", "int"), ("d", "decimal(5,2)")], &[narrow]))?;
    let wide = world.write(
        "b.parquet",
        vec![
            ("id", Arc::new(Int64Array::from(vec![i64::MAX]))),
            ("d", Arc::new(Decimal128Array::from(vec![123_456_789_012_345]).with_precision_and_scale(20, 4)?)),
        ],
    );
    let wider = [("id", "bigint"), ("d", "decimal(20,4)")];
    world.load(&world.load_columns("r2", LoadMode::Append, &wider, &[wide]))?;
    assert_eq!(world.sql("select id, d from %T order by id"), "1\t1.5000\n9223372036854775807\t12345678901.2345");
    Ok(())
}

fn what_is_narrower_or_gone_is_refused_or_ignored(world: &World) -> Result<()> {
    world.sql("create table %T (id bigint, gone int, note varchar(20))");
    world.sql("insert into %T values (7, 7, 'x')");
    let mut load =
        world.load_columns("r1", LoadMode::Append, &[("id", "bigint"), ("note", "varchar(20)")], &[ids(world)]);
    refused(world.load(&load), "column `gone` of table");
    load.columns.push(tarn_pipeline::ports::Column::new("gone", "int"));
    load.columns[0].column_type = "int".to_owned();
    if world.is_mysql() {
        refused(world.load(&load), "column `id` of table");
    }
    load.columns.pop();
    load.options.drift = Drift::Ignore;
    load.columns[1].column_type = if world.is_mysql() { "varchar(10)" } else { "string" }.to_owned();
    world.load(&load)?;
    assert_eq!(world.sql("select id, gone from %T order by id").lines().count(), 3);
    assert_eq!(world.sql("select count(*) from %T where gone is null and note is null"), "2");
    Ok(())
}

fn what_is_something_else_is_refused(world: &World) -> Result<()> {
    world.sql("create table %T (id varchar(10))");
    world.sql("insert into %T values ('x')");
    for drift in [Drift::Refuse, Drift::Ignore] {
        let mut load = world.load_columns("r1", LoadMode::Append, &[("id", "int")], &[ids(world)]);
        load.options.drift = drift;
        refused(world.load(&load), "the version has `int`, which it cannot hold");
    }
    assert_eq!((world.sql("select id from %T").as_str(), world.leftovers().as_str()), ("x", "0"));
    // A table that is replaced is built anew, whatever it was.
    world.load(&world.load_columns("r2", LoadMode::Replace, &[("id", "int")], &[ids(world)]))?;
    assert_eq!(world.sql("select sum(id) from %T"), "3");
    Ok(())
}

/// A table that something hangs on keeps its columns when it is replaced.
fn a_bound_table_is_compared_before_rows_come(world: &World) -> Result<()> {
    world.sql("create table %T (id bigint, gone int)");
    let other = format!("b_{}", world.table);
    if world.is_mysql() {
        world.sql(&format!("create trigger {other} before insert on %T for each row set new.id = new.id + 1"));
    } else {
        world.sql(&format!("create view {other} as select id from %T"));
    }
    let load = world.load_columns("r1", LoadMode::Replace, &[("id", "bigint")], &[ids(world)]);
    let objects = world.objects();
    // It is the first step that refuses.
    let begun = world.runtime.block_on(world.mart().begin(&load, objects));
    assert!(begun.unwrap_err().message.contains("column `gone` of table"));
    assert_eq!(world.leftovers(), "0");
    if !world.is_mysql() {
        world.sql(&format!("drop view {other}"));
    }
    Ok(())
}

fn a_view_is_no_table(world: &World) -> Result<()> {
    world.sql("create view %T as select 1 as id");
    refused(world.load(&world.load_columns("r1", LoadMode::Replace, &[("id", "int")], &[ids(world)])), "the mart has");
    world.sql("drop view %T");
    Ok(())
}

fn a_folding_key_is_refused(world: &World) -> Result<()> {
    let name = world.write("a.parquet", vec![("name", Arc::new(StringArray::from(vec!["a", "A"])) as ArrayRef)]);
    if world.is_mysql() {
        world.sql("create table %T (name varchar(768) character set utf8mb4 collate utf8mb4_unicode_ci primary key)");
    } else {
        world.sql("create collation if not exists folding (provider = icu, locale = 'und-u-ks-level2', deterministic = false)");
        world.sql("create table %T (name text collate folding primary key)");
    }
    let load = world.load_columns("r1", merge(&["name"]), &[("name", "string")], &[name]);
    let error = refused(world.load(&load), "key column `name`");
    assert!(error.hint.unwrap().contains("collation"));
    Ok(())
}
