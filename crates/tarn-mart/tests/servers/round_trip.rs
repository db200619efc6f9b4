//! Every value of a Parquet file is in the mart, as others read both: pyarrow the file, Python's own drivers the mart.

use std::path::PathBuf;
use std::process::{Command, Stdio};

use anyhow::{Context as _, Result, bail};
use tarn_pipeline::ports::{Column, LoadMode};

use crate::world::{World, file, merge};

on_each_server!(round_trip);

const SCRIPT: &str = include_str!("round_trip.py");

fn python(arguments: &[&str]) -> Result<String> {
    let cache = std::env::var_os("TARN_TEST_CACHE").map(PathBuf::from);
    let home = || std::env::var_os("HOME").map(|home| PathBuf::from(home).join(".cache/tarn/tests"));
    let python = cache.or_else(home).context("no HOME")?.join("mart-venv/bin/python");
    if !python.is_file() {
        bail!("there is no `{}`; run the tests with `make test`", python.display());
    }
    let output = Command::new(python).args(["-I", "-c", SCRIPT]).args(arguments).stdin(Stdio::null()).output()?;
    if !output.status.success() {
        bail!("{}\n{}", String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
    }
    Ok(String::from_utf8(output.stdout)?)
}

pub(crate) fn round_trip(world: &World) -> Result<()> {
    let kind = if world.is_mysql() { "mysql" } else { "postgres" };
    let folder = world.folder.path().display().to_string();
    let columns: Vec<Column> = python(&["generate", kind, &folder])?
        .lines()
        .filter_map(|line| line.split_once('\t'))
        .map(|(name, hive)| Column::new(name, hive))
        .collect();
    let files = [file("edges.parquet", &[]), file("random.parquet", &[])];
    let mut load = world.load_columns("r1", LoadMode::Replace, &[], &files);
    load.columns = columns;
    for (run, mode) in [("r1", LoadMode::Replace), ("r2", merge(&["id"])), ("r3", merge(&["id"]))] {
        load.run = run.to_owned().try_into()?;
        load.mode = mode;
        world.load(&load)?;
        python(&["compare", kind, &folder, &world.database.port().to_string(), &world.table])?;
    }
    Ok(())
}
