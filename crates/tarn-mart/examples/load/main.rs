//! Loads Parquet files into a mart, without a lake: what is measured, and what tests kill.
//!
//! ```text
//! load URL TABLE MODE RUN COLUMNS PARTITION_KEYS FOLDER FILE...
//! ```
//!
//! MODE is `replace`, `append`, `partition`, `merge` or `merge_delete`; `replace:id,day` and `merge:id,day` name a key, and
//! `merge_delete:id` deletes what is gone from the loaded partitions. COLUMNS and PARTITION_KEYS are `name:type` with `;` between them;
//! a FILE is `value,value=path` when there are partition keys. It prints how many rows are loaded, what was done, in how many
//! milliseconds, and how many KiB of memory it had at most (on Linux; else 0).
#![allow(clippy::print_stdout, clippy::print_stderr, missing_docs, reason = "it is a program")]

mod folder;

use std::collections::BTreeSet;
use std::path::Path;
use std::process::ExitCode;
use std::sync::Arc;

use tarn_pipeline::names::{Key, RunId};
use tarn_pipeline::ports::{Column, GoneRows, Load, LoadMode, TableOptions, VersionFile};

fn columns(text: &str) -> Vec<Column> {
    let pair = |text: &str| text.split_once(':').map(|(name, hive)| Column::new(name, hive));
    text.split(';').filter_map(pair).collect()
}

fn load(arguments: &[String]) -> Result<(Load, &str), String> {
    let [_, table, mode, run, column_list, keys, folder, files @ ..] = arguments else {
        return Err("load URL TABLE MODE RUN COLUMNS PARTITION_KEYS FOLDER FILE...".to_owned());
    };
    let partition_keys = columns(keys);
    let files: Vec<VersionFile> = files
        .iter()
        .map(|file| {
            let (values, path) = if partition_keys.is_empty() {
                ("", file.as_str())
            } else {
                file.split_once('=').unwrap_or(("", file))
            };
            let partition_values = if partition_keys.is_empty() {
                vec![]
            } else {
                values.split(',').map(|value| Some(value.to_owned())).collect()
            };
            VersionFile { key: Key::new(path), partition_values }
        })
        .collect();
    let (mode, key) = mode.split_once(':').unwrap_or((mode, ""));
    let key: Vec<String> = key.split(',').filter(|name| !name.is_empty()).map(str::to_owned).collect();
    let load = Load {
        run: RunId::try_from(run.clone()).map_err(|error| error.to_string())?,
        table: table.clone(),
        mode: match mode {
            "replace" => LoadMode::Replace,
            "append" => LoadMode::Append,
            "merge" | "merge_delete" => LoadMode::Merge { key: key.clone() },
            _ => LoadMode::Partition { columns: partition_keys.iter().map(|column| column.name.clone()).collect() },
        },
        columns: columns(column_list),
        partition_keys,
        partitions: files
            .iter()
            .map(|file| file.partition_values.clone())
            .collect::<BTreeSet<_>>()
            .into_iter()
            .collect(),
        files,
        force: false,
        options: TableOptions {
            key: if mode == "replace" { key } else { vec![] },
            gone: if mode == "merge_delete" { GoneRows::Delete } else { GoneRows::default() },
            ..TableOptions::default()
        },
    };
    Ok((load, folder))
}

/// The most memory that this process had so far, in KiB.
fn peak_memory() -> Option<u64> {
    let status = std::fs::read_to_string("/proc/self/status").ok()?;
    status.lines().find_map(|line| line.strip_prefix("VmHWM:"))?.split_whitespace().next()?.parse().ok()
}

#[tokio::main]
async fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let (load, folder) = match load(&arguments) {
        Ok(load) => load,
        Err(error) => {
            eprintln!("{error}");
            return ExitCode::from(2);
        }
    };
    let objects = Arc::new(folder::Folder(folder.into()));
    let done = match tarn_mart::open(&arguments[0], Path::new(".")) {
        Ok(mart) => mart.load(&load, objects, &|_| {}).await,
        Err(error) => Err(error),
    };
    match done {
        Ok(outcome) => {
            println!(
                "{} {} {} {}",
                outcome.rows,
                if outcome.repeated { "repeated" } else { "loaded" },
                outcome.milliseconds,
                peak_memory().unwrap_or(0)
            );
            ExitCode::SUCCESS
        }
        Err(error) => {
            let hint = error.hint.as_deref().unwrap_or_default();
            eprintln!("{error}\nhint: {hint}\nretryable: {}", error.retryable);
            ExitCode::FAILURE
        }
    }
}
