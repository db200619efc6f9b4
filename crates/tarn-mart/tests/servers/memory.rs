//! The memory of a load, which does not depend on how much is loaded.

use std::fs::File;
use std::sync::Arc;

use anyhow::{Context as _, Result, bail};
use arrow::array::{ArrayRef, Int64Array, RecordBatch, StringArray};
use parquet::arrow::ArrowWriter;
use parquet::file::properties::WriterProperties;

use crate::world::World;

on_each_server!(
    memory_does_not_grow_with_the_rows,
    memory_does_not_grow_with_the_files,
    wide_values_are_read_a_few_at_a_time,
);

/// Of a program with all its libraries, on two threads; the most is what the smallest function has.
const MOST_MB: u64 = 64;
const MOST_MB_OF_WIDE_ROWS: u64 = 128;

/// The peak memory of the program that loads, in MB.
fn peak(world: &World, run: &str, columns: &str, rows: usize, files: &[&str]) -> Result<u64> {
    let output = world.program(&world.database.url(), run, "replace", columns, "", files).output()?;
    if !output.status.success() {
        bail!("{}", String::from_utf8_lossy(&output.stderr));
    }
    let said = String::from_utf8(output.stdout)?;
    let mut words = said.split_whitespace();
    assert_eq!(words.next(), Some(rows.to_string().as_str()));
    let kib: u64 = words.nth(2).context("no peak")?.parse()?;
    assert!(kib > 1_000, "{said}");
    Ok(kib / 1024)
}

fn memory_does_not_grow_with_the_rows(world: &World) -> Result<()> {
    let mut peaks = Vec::new();
    // Both are more than what is on its way at a time.
    for rows in [800_000_i64, 3_200_000] {
        let ids: ArrayRef = Arc::new(Int64Array::from_iter_values(0..rows));
        let names: ArrayRef =
            Arc::new(StringArray::from_iter_values((0..rows).map(|id| format!("{id} 名前 {}", id * 7))));
        let batch = RecordBatch::try_from_iter([("id", ids), ("name", names)])?;
        let name = format!("{rows}.parquet");
        crate::world::write_parquet(&world.folder.path().join(&name), &batch, 1_000_000);
        peaks.push(peak(world, &format!("r{rows:09}"), "id:bigint;name:string", usize::try_from(rows)?, &[&name])?);
    }
    println!("{peaks:?} MB");
    assert!(peaks.iter().all(|peak| *peak < MOST_MB), "{peaks:?}");
    assert!(peaks[1] < peaks[0] + 16, "{peaks:?}");
    Ok(())
}

/// What a footer tells of many columns is more than what its rows need.
fn memory_does_not_grow_with_the_files(world: &World) -> Result<()> {
    let names: Vec<String> = (0..200).map(|index| format!("column_{index}")).collect();
    let values = names.iter().map(|name| (name, Arc::new(Int64Array::from(vec![1])) as ArrayRef));
    let path = world.folder.path().join("0.parquet");
    crate::world::write_parquet(&path, &RecordBatch::try_from_iter(values)?, 1);
    let files: Vec<String> = (0..400).map(|index| format!("{index}.parquet")).collect();
    for file in &files[1..] {
        std::fs::hard_link(&path, world.folder.path().join(file))?;
    }
    let columns: Vec<String> = names.iter().map(|name| format!("{name}:bigint")).collect();
    let mut peaks = Vec::new();
    for (run, count) in [("r1", 20), ("r2", 400)] {
        let files: Vec<&str> = files[..count].iter().map(String::as_str).collect();
        peaks.push(peak(world, run, &columns.join(";"), count, &files)?);
    }
    println!("{peaks:?} MB");
    assert!(peaks[1] < MOST_MB && peaks[1] < peaks[0] + 16, "{peaks:?}");
    Ok(())
}

/// Texts of a megabyte: each for itself, and one that a dictionary holds once for thousands of rows.
fn wide_values_are_read_a_few_at_a_time(world: &World) -> Result<()> {
    let path = world.folder.path().join("wide.parquet");
    let text =
        |index: usize| char::from(b'a' + u8::try_from(index % 26).unwrap()).to_string().repeat(1_000_000 + index);
    let schema = RecordBatch::try_from_iter([("name", Arc::new(StringArray::from(vec![""])) as ArrayRef)])?.schema();
    let properties = WriterProperties::builder()
        .set_dictionary_enabled(false)
        .set_data_page_size_limit(1_000_000)
        .set_write_batch_size(1);
    let mut writer = ArrowWriter::try_new(File::create(&path)?, Arc::clone(&schema), Some(properties.build()))?;
    for index in 0..200 {
        let texts: ArrayRef = Arc::new(StringArray::from(vec![text(index)]));
        writer.write(&RecordBatch::try_new(Arc::clone(&schema), vec![texts])?)?;
    }
    writer.close()?;
    let apart = peak(world, "r1", "name:string", 200, &["wide.parquet"])?;
    assert_eq!(world.sql("select sum(length(name)) from %T"), (200 * 1_000_000 + 199 * 100).to_string());
    let once: ArrayRef = Arc::new(StringArray::from(vec![text(0).split_at(50_000).0; 3_000]));
    crate::world::write_parquet(&path, &RecordBatch::try_new(schema, vec![once])?, 3_000);
    let together = peak(world, "r2", "name:string", 3_000, &["wide.parquet"])?;
    println!("{apart} MB, {together} MB");
    assert!(apart < MOST_MB_OF_WIDE_ROWS && together < MOST_MB_OF_WIDE_ROWS, "{apart} MB, {together} MB");
    Ok(())
}
