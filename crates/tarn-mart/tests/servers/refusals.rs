//! Input that no mart can take: a clear error, and the mart as it was.

use std::sync::Arc;

use anyhow::Result;
use arrow::array::{
    Array as _, ArrayRef, Date32Array, Decimal128Array, Float64Array, Int64Array, ListArray, RecordBatch, StringArray,
    TimestampMicrosecondArray,
};
use arrow::buffer::OffsetBuffer;
use arrow::datatypes::{DataType, Field};
use tarn_pipeline::ports::{Load, LoadMode};
use tarn_testkit::Database;

use crate::changing::Changing;
use crate::world::{World, merge, refused, write_parquet};

on_each_server!(
    a_merge_without_a_key,
    a_key_that_is_not_there_or_null,
    equal_keys_in_a_load,
    a_text_that_is_too_long_for_its_column,
    values_that_the_database_has_not,
    names_that_are_too_long,
    too_many_columns,
    a_row_that_is_too_wide,
    another_unique_index,
    a_unique_index_on_the_beginnings_of_the_key,
    a_file_of_other_values,
    a_file_that_changes_under_the_load,
    a_statement_that_is_too_long_for_the_server,
    a_file_that_is_damaged_or_changed,
);

/// A mart of three rows; each load is refused, and they stay.
fn unchanged(world: &World, loads: &[(Load, &str)]) -> Result<()> {
    if world.loaded().is_none() {
        world.load(&world.load_of("r1", merge(&["id"]), &[world.numbers("old.parquet", 0..3, "old")]))?;
    }
    for (load, part) in loads {
        let error = refused(world.load(load), part);
        assert!(!error.retryable, "{error}");
        assert_eq!(world.state(), "3|1|3|old|old", "{part}");
        assert_eq!(world.loaded().as_deref(), Some("r1"));
    }
    Ok(())
}

fn a_merge_without_a_key(world: &World) -> Result<()> {
    let file = world.numbers("a.parquet", 0..3, "a");
    unchanged(world, &[(world.load_of("r2", merge(&[]), &[file]), "cannot be merged without a key")])
}

fn a_key_that_is_not_there_or_null(world: &World) -> Result<()> {
    let file = world.numbers("a.parquet", 0..3, "a");
    let ids = Arc::new(Int64Array::from(vec![Some(1), None]));
    let names = Arc::new(StringArray::from(vec!["x", "y"]));
    let null = world.write("null.parquet", vec![("id", ids), ("name", names)]);
    unchanged(
        world,
        &[
            (world.load_of("r2", merge(&["day"]), &[file]), "key column `day` is not a column"),
            (world.load_of("r2", merge(&["id"]), &[null]), "key column `id` is null at row 2 of file `null.parquet`"),
        ],
    )
}

fn equal_keys_in_a_load(world: &World) -> Result<()> {
    let twice = world.numbers("twice.parquet", [7, 8, 7], "x");
    let other = world.numbers("other.parquet", [8], "x");
    let within = world.load_of("r2", merge(&["id"]), &[twice]);
    let between = world.load_of("r2", merge(&["id"]), &[world.numbers("once.parquet", [7, 8], "x"), other]);
    unchanged(world, &[(within.clone(), "more than once"), (between, "more than once")])?;
    // And where the table is not there yet.
    let mut first = within;
    first.table.push_str("_first");
    refused(world.load(&first), "more than once");
    first.mode = LoadMode::Replace;
    first.options.key = vec!["id".to_owned()];
    refused(world.load(&first), "more than once");
    Ok(())
}

fn a_text_that_is_too_long_for_its_column(world: &World) -> Result<()> {
    if !world.is_mysql() {
        // PostgreSQL holds every text.
        return Ok(());
    }
    let long =
        world.write("long.parquet", vec![("name", Arc::new(StringArray::from(vec!["𠮷".repeat(11)])) as ArrayRef)]);
    let mut load = world.load_columns("r1", LoadMode::Replace, &[("name", "varchar(10)")], &[long]);
    refused(world.load(&load), "column 'name' at row 1");
    let fits =
        world.write("fits.parquet", vec![("name", Arc::new(StringArray::from(vec!["𠮷".repeat(10)])) as ArrayRef)]);
    load.files = vec![fits];
    world.load(&load)?;
    assert_eq!(world.sql("select char_length(name) from %T"), "10");
    Ok(())
}

fn values_that_the_database_has_not(world: &World) -> Result<()> {
    let days = Date32Array::from(vec![0, 2_932_897]);
    let moments = TimestampMicrosecondArray::from(vec![i64::MIN]);
    let mut cases: Vec<(&str, ArrayRef, &str)> = vec![
        ("date", Arc::new(days), "a year outside of 1 to 9999, at row 2"),
        ("timestamp", Arc::new(moments), "a year outside of 1 to 9999, at row 1"),
    ];
    if world.is_mysql() {
        cases.push((
            "double",
            Arc::new(Float64Array::from(vec![1.0, f64::NAN])),
            "not finite, which MySQL has not, at row 2",
        ));
        cases.push(("double", Arc::new(Float64Array::from(vec![f64::INFINITY])), "not finite"));
        let wide = Decimal128Array::from(vec![1]).with_precision_and_scale(38, 31)?;
        cases.push(("decimal(38,31)", Arc::new(wide), "more than 30 digits after the point"));
    } else {
        let texts = || StringArray::from(vec!["a", "b\0c"]);
        cases.push(("string", Arc::new(texts()), "the character 0, which PostgreSQL has not, at row 2"));
        let item = Arc::new(Field::new("item", DataType::Utf8, true));
        let lists = ListArray::new(item, OffsetBuffer::from_lengths([1, 1]), Arc::new(texts()), None);
        cases.push(("array<string>", Arc::new(lists), "the character 0 in a text, which JSONB has not, at row 2"));
    }
    for (hive, array, part) in cases {
        let file = world.write("x.parquet", vec![("x", array)]);
        refused(world.load(&world.load_columns("r1", LoadMode::Replace, &[("x", hive)], &[file])), part);
        assert!(world.loaded().is_none());
    }
    Ok(())
}

fn names_that_are_too_long(world: &World) -> Result<()> {
    let name = "x".repeat(65);
    let file = world.write("a.parquet", vec![(&name, Arc::new(Int64Array::from(vec![1])) as ArrayRef)]);
    let column = world.load_columns("r1", LoadMode::Replace, &[(&name, "bigint")], &[file]);
    refused(world.load(&column), "has a name of more than 6");
    let mut table = world.load_of("r1", LoadMode::Replace, &[]);
    table.table = name;
    refused(world.load(&table), "has a name of more than 6");
    Ok(())
}

fn too_many_columns(world: &World) -> Result<()> {
    let most = if world.is_mysql() { 1_017 } else { 1_600 };
    let names: Vec<String> = (0..=most).map(|number| format!("c{number}")).collect();
    let columns: Vec<(&str, &str)> = names.iter().map(|name| (name.as_str(), "tinyint")).collect();
    refused(world.load(&world.load_columns("r1", LoadMode::Replace, &columns, &[])), "columns, ");
    world.load(&world.load_columns("r1", LoadMode::Replace, &columns[..most], &[]))?;
    Ok(())
}

fn a_row_that_is_too_wide(world: &World) -> Result<()> {
    let columns: Vec<(&str, &str)> = ["a", "b", "c", "d", "e"].iter().map(|name| (*name, "varchar(4000)")).collect();
    let load = world.load_columns("r1", LoadMode::Replace, &columns, &[]);
    if world.is_mysql() {
        refused(world.load(&load), "a row of table");
        let key = world.load_columns("r1", merge(&["a"]), &[("a", "varchar(800)")], &[]);
        refused(world.load(&key), "the key (a) may take 3200 bytes");
    } else {
        world.load(&load)?;
    }
    Ok(())
}

/// A row would replace one of another key.
fn another_unique_index(world: &World) -> Result<()> {
    world.load(&world.load_of("r1", merge(&["id"]), &[world.numbers("old.parquet", 0..3, "old")]))?;
    world.sql("update %T set name = concat('old', id)");
    world.sql(if world.is_mysql() {
        "create unique index other on %T (name(20))"
    } else {
        "create unique index on %T (name)"
    });
    let before = world.state();
    let load = world.load_of("r2", merge(&["id"]), &[world.numbers("new.parquet", [9], "old1")]);
    refused(world.load(&load), if world.is_mysql() { "another unique index, `other`" } else { "duplicate key" });
    assert_eq!(world.state(), before);
    Ok(())
}

/// `UNIQUE (name(3))` takes `abcd` and `abce` for one: a merge by it would lose rows.
fn a_unique_index_on_the_beginnings_of_the_key(world: &World) -> Result<()> {
    if !world.is_mysql() {
        // PostgreSQL has none.
        return Ok(());
    }
    let names = Arc::new(StringArray::from(vec!["abcd", "abce"]));
    let file = world.write("a.parquet", vec![("name", names as ArrayRef)]);
    let load =
        |run: &str| world.load_columns(run, merge(&["name"]), &[("name", "varchar(20)")], std::slice::from_ref(&file));
    world.load(&load("r1"))?;
    world.sql("alter table %T drop primary key");
    world.sql("delete from %T where name = 'abce'");
    world.sql("alter table %T add unique index beginnings (name(3))");
    refused(world.load(&load("r2")), "another unique index, `beginnings`");
    assert_eq!(world.sql("select name from %T"), "abcd");
    world.sql("alter table %T drop index beginnings");
    world.load(&load("r3"))?;
    assert_eq!(world.sql("select name from %T order by name"), "abcd\nabce");
    Ok(())
}

/// As many rows as before, in a file of the same name.
fn a_file_of_other_values(world: &World) -> Result<()> {
    unchanged(world, &[])?;
    let load = world.load_of("r2", merge(&["id"]), &[world.numbers("a.parquet", 0..100, "a")]);
    let (mart, objects) = (world.mart(), world.objects());
    world.runtime.block_on(async {
        mart.begin(&load, objects.clone()).await?;
        assert!(mart.part(&load, (0, 1), objects.clone(), &|| false).await?.done);
        world.numbers("a.parquet", 0..100, "b");
        let error = mart.commit(&load, objects.clone()).await.unwrap_err();
        assert!(error.message.contains("1 of 1 slices"), "{}", error.message);
        assert!(error.hint.unwrap().contains("begin the load anew"));
        anyhow::Ok(())
    })?;
    assert_eq!(world.state(), "3|1|3|old|old");
    world.runtime.block_on(async {
        mart.begin(&load, objects.clone()).await?;
        assert!(mart.part(&load, (0, 1), objects.clone(), &|| false).await?.done);
        mart.commit(&load, objects).await
    })?;
    assert_eq!(world.state(), "100|1|4950|b|b");
    Ok(())
}

/// It is another one when it is read than it was when it was cut.
fn a_file_that_changes_under_the_load(world: &World) -> Result<()> {
    unchanged(world, &[])?;
    world.numbers("a.parquet", 0..100, "a");
    world.numbers("b.parquet", 0..100, "b");
    let load = world.load_of("r2", merge(&["id"]), &[crate::world::file("a.parquet", &[])]);
    let objects = Arc::new(Changing::new(world.objects(), "a.parquet", "b.parquet"));
    let loaded = world.runtime.block_on(world.mart().load(&load, objects, &|_| {}));
    refused(loaded, "file `a.parquet` was changed while it was loaded");
    assert_eq!(world.state(), "3|1|3|old|old");
    Ok(())
}

fn a_statement_that_is_too_long_for_the_server(world: &World) -> Result<()> {
    if !world.is_mysql() {
        return Ok(());
    }
    let text = |length: usize| "🍣".repeat(length / 4);
    let texts = |lengths: &[usize]| StringArray::from_iter_values(lengths.iter().map(|length| text(*length)));
    for local_infile in ["1", "0"] {
        let arguments = ["--max-allowed-packet=64K", &format!("--local-infile={local_infile}")];
        let other = World::on(Arc::new(Database::start_with(world.kind(), &arguments)?))?;
        let fits = other.write("fits.parquet", vec![("name", Arc::new(texts(&[40_000; 50])) as ArrayRef)]);
        let load = other.load_columns("r1", LoadMode::Replace, &[("name", "string")], &[fits]);
        other.load(&load)?;
        assert_eq!(other.sql("select count(*), sum(length(name)) from %T"), "50\t2000000");
        let long = other.write("long.parquet", vec![("name", Arc::new(texts(&[8, 100_000])) as ArrayRef)]);
        let load = other.load_columns("r2", LoadMode::Replace, &[("name", "string")], &[long]);
        if local_infile == "1" {
            other.load(&load)?;
            assert_eq!(other.sql("select count(*), sum(length(name)) from %T"), "2\t100008");
        } else {
            let error = refused(other.load(&load), "at row 2 of file `long.parquet`");
            assert!(error.hint.unwrap().contains("max_allowed_packet") && !error.retryable);
            assert_eq!(other.sql("select count(*) from %T"), "50");
        }
    }
    Ok(())
}

fn a_file_that_is_damaged_or_changed(world: &World) -> Result<()> {
    let path = world.folder.path().join("bad.parquet");
    let ids: ArrayRef = Arc::new(Int64Array::from_iter_values(0..20_000));
    let names: ArrayRef = Arc::new(StringArray::from(vec!["x"; ids.len()]));
    let batch = RecordBatch::try_from_iter([("id", ids), ("name", names)])?;
    write_parquet(&path, &batch, 5_000);
    let whole = std::fs::read(&path)?;
    let mut damaged = whole.clone();
    // The head of the first page; values themselves have no check that could fail.
    damaged[4..40].fill(0xff);
    for (bytes, part) in
        [(&whole[..whole.len() / 2], "bad.parquet` cannot be read"), (&damaged, "bad.parquet` cannot be read")]
    {
        std::fs::write(&path, bytes)?;
        unchanged(world, &[(world.load_of("r2", merge(&["id"]), &[crate::world::file("bad.parquet", &[])]), part)])?;
    }
    let load = world.load_of("r2", merge(&["id"]), &[crate::world::file("gone.parquet", &[])]);
    unchanged(world, &[(load, "there is no object `gone.parquet`")])?;
    // Replaced by fewer rows after its rows were counted.
    let (mart, objects) = (world.mart(), world.objects());
    let load = world.load_of("r2", merge(&["id"]), &[crate::world::file("bad.parquet", &[])]);
    std::fs::write(&path, &whole)?;
    world.runtime.block_on(async {
        assert_eq!(mart.begin(&load, objects.clone()).await?, Some(1));
        assert!(mart.part(&load, (0, 1), objects.clone(), &|| false).await?.done);
        write_parquet(&path, &batch.slice(0, 7_000), 5_000);
        let error = mart.commit(&load, objects).await.unwrap_err();
        assert!(error.message.contains("are not in the mart"), "{}", error.message);
        anyhow::Ok(())
    })?;
    unchanged(world, &[])
}
