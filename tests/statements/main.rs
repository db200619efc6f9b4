//! The statements that Athena gets, parsed by a program that knows Athena's SQL and nothing of Tarn.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, missing_docs, reason = "a failed test may panic")]

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use anyhow::{Context, Result};
use tarn_testkit::{python, workspace};

/// What another program says of these files.
fn judged(files: &[PathBuf]) -> Result<Output> {
    let script = workspace().join("tests/statements/judge.py");
    Ok(Command::new(python()?).arg("-I").arg(script).args(files).output()?)
}

fn statements() -> Result<Vec<PathBuf>> {
    let mut files = Vec::new();
    for crate_name in ["tarn-pipeline", "tarn-aws"] {
        let folder = workspace().join("crates").join(crate_name).join("tests/statements");
        for entry in folder.read_dir()? {
            files.push(entry?.path());
        }
    }
    files.sort();
    Ok(files)
}

/// What kind of statement the file of this name holds.
fn kind(name: &str) -> &'static str {
    match name {
        "batch_second.sql" | "insert.sql" => "Insert",
        _ if name.starts_with("delete") => "Delete",
        "merge_into.sql" | "merge_into_ordered.sql" => "Merge",
        "merge_rows.sql" | "merge_rows_new_column.sql" => "Union",
        "view.sql" | "attributed.sql" | "batch_first.sql" => "Create",
        _ if name.starts_with("table") => "Create",
        _ => "Select",
    }
}

#[test]
fn every_statement_is_athena_sql() -> Result<()> {
    let files = statements()?;
    assert!(files.len() > 35, "{files:?}");
    let output = judged(&files)?;
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let answer = String::from_utf8(output.stdout)?;
    let kinds: BTreeMap<&str, &str> = answer.lines().filter_map(|line| line.split_once(' ')).collect();
    for file in &files {
        let name = file.file_name().and_then(|name| name.to_str()).context("a file has a name")?;
        assert_eq!(kinds.get(name), Some(&kind(name)), "{name}");
    }
    Ok(())
}

#[test]
fn what_is_no_sql_is_found_out() -> Result<()> {
    let folder = tempfile::tempdir()?;
    for (name, text) in [
        ("unfinished.sql", "create table t with (format = 'PARQUET') as\nselect (1"),
        ("two.sql", "select 1; select 2"),
        ("command.sql", "please make a table"),
    ] {
        let file: &Path = &folder.path().join(name);
        std::fs::write(file, text)?;
        assert!(!judged(&[file.to_owned()])?.status.success(), "{name}");
    }
    Ok(())
}
