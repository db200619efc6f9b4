//! Exports of Aurora: RDS writes a snapshot's tables as Parquet into the raw zone, and the sources show them where they lie.
//!
//! Everything is checked before anything changes: all tables of the export that the lake has sources for, every file of each. So
//! tables that belong together are those of one snapshot, and a contract that is not kept leaves the rows from before.
//!
//! RDS names folders `<prefix>/<export>/<database>/<schema.table>/`, and says in `export_tables_info_….json` what became of each table.

use std::sync::Arc;

use chrono::{DateTime, TimeDelta, Utc};
use serde::{Deserialize, Serialize};
use serde_json::Value;
use tarn_columnar::ParquetColumn;
use tarn_model::{Lake, Source, SourceKind};
use xxhash_rust::xxh3::xxh3_64;

use crate::error::StepError;
use crate::ingest::{blocking, snapshot};
use crate::layout;
use crate::names::Key;
use crate::ports::{Catalogue, Column, Object, ObjectStore, Part};
use crate::sources;

/// An automatic snapshot older than this is not the cluster's present state.
const FRESH: TimeDelta = TimeDelta::days(1);
/// Letters of a cluster's name that go into the export's; RDS takes 60 in all.
const LONGEST_CLUSTER: usize = 34;

/// What is to be exported, and what it is called.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct ExportPlan {
    /// The cluster.
    pub cluster: String,
    /// The time it is for.
    pub time: DateTime<Utc>,
    /// The name of the export, and of the snapshot that is made where there is none: the same for the same cluster and time.
    pub task: String,
    /// Where RDS writes in the raw bucket, without a slash at the end.
    pub prefix: String,
    /// The tables that sources name.
    pub tables: Vec<String>,
}

/// A snapshot of a cluster, as Step Functions writes what RDS says.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct ClusterSnapshot {
    /// Its ARN.
    pub db_cluster_snapshot_arn: String,
    /// When it was made; none while it is being made.
    pub snapshot_create_time: Option<DateTime<Utc>>,
    /// `available` when it can be exported.
    pub status: String,
}

/// What readers of a source see from now on.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Registered {
    /// The source.
    pub source: String,
    /// Its rows.
    pub rows: u64,
    /// Its files.
    pub files: u64,
    /// Their bytes.
    pub bytes: u64,
}

/// Plans the export of a cluster.
///
/// # Errors
/// When no source of the lake names the cluster.
pub fn plan(lake: &Lake, cluster: &str, time: DateTime<Utc>) -> Result<ExportPlan, StepError> {
    let mut tables: Vec<String> = of_cluster(lake, cluster).map(|(_, table)| table.to_owned()).collect();
    tables.sort_unstable();
    tables.dedup();
    if tables.is_empty() {
        return Err(StepError::permanent(format!("no source of the lake is a table of the cluster `{cluster}`"))
            .with_hint("a source of kind `snapshot` names cluster and table: `aws: {cluster: …, table: database.schema.table}`"));
    }
    let prefix = layout::exports(cluster).as_str().trim_end_matches('/').to_owned();
    Ok(ExportPlan { cluster: cluster.to_owned(), time, task: task(cluster, time), prefix, tables })
}

/// A name that RDS takes: letters, digits and single hyphens, a letter first.
fn task(cluster: &str, time: DateTime<Utc>) -> String {
    let moment = time.timestamp_millis();
    let hash = xxh3_64(format!("{cluster} {moment}").as_bytes());
    let mut name = String::from("tarn");
    for word in cluster.split(|letter: char| !letter.is_ascii_alphanumeric()).filter(|word| !word.is_empty()) {
        name.push('-');
        name.push_str(&word.to_ascii_lowercase());
    }
    name.truncate(LONGEST_CLUSTER + "tarn-".len());
    format!("{}-{hash:016x}", name.trim_end_matches('-'))
}

/// The newest snapshot that is whole and not older than a day.
pub fn newest(snapshots: &[ClusterSnapshot], time: DateTime<Utc>) -> Option<&ClusterSnapshot> {
    let fresh = snapshots.iter().filter(|snapshot| snapshot.status == "available");
    let fresh = fresh.filter_map(|snapshot| Some((snapshot.snapshot_create_time?, snapshot)));
    let fresh = fresh.filter(|(made, _)| time.signed_duration_since(*made) <= FRESH);
    fresh.max_by_key(|(made, _)| *made).map(|(_, snapshot)| snapshot)
}

/// Makes an export that has ended what readers of its sources see.
///
/// # Errors
/// With every source whose contract the export does not keep, and why; nothing is changed then. A table that RDS did not export.
pub async fn register(
    lake: Arc<Lake>,
    cluster: &str,
    task: &str,
    objects: Arc<dyn ObjectStore>,
    catalogue: &dyn Catalogue,
) -> Result<Vec<Registered>, StepError> {
    let folder = layout::exports(cluster).join(&format!("{task}/"));
    let found = objects.list(&folder).await?;
    let states = states(&folder, &found, objects.as_ref()).await?;
    let export = Export { folder, found, states };
    let (cluster, key) = (cluster.to_owned(), export.folder.clone());
    let checked = blocking(&key, move || check_all(&lake, &cluster, &export, objects.as_ref())).await?;
    let mut registered = Vec::new();
    for Checked { source, part, columns, registered: told } in checked {
        sources::replace(&source, part, columns, catalogue).await?;
        registered.push(told);
    }
    Ok(registered)
}

/// Every table of the export that the lake has a source for, or all that is wrong with them.
fn check_all(
    lake: &Lake,
    cluster: &str,
    export: &Export,
    objects: &dyn ObjectStore,
) -> Result<Vec<Checked>, StepError> {
    let mut checked = Vec::new();
    let mut wrong = Vec::new();
    for (source, table) in of_cluster(lake, cluster) {
        match check(source, table, export, objects) {
            Ok(found) => checked.push(found),
            Err(error) if error.retryable => return Err(error),
            Err(error) => wrong.push(error.message),
        }
    }
    if wrong.is_empty() {
        return Ok(checked);
    }
    Err(StepError::permanent(wrong.join("\n"))
        .with_hint("change the contract or the database; readers still see the rows from before"))
}

/// The sources of a cluster, with the names of their tables in an export.
fn of_cluster<'a>(lake: &'a Lake, cluster: &str) -> impl Iterator<Item = (&'a Source, &'a str)> {
    lake.sources.values().filter(|source| source.kind == SourceKind::Snapshot).filter_map(move |source| {
        let deployed = source.aws.as_ref()?;
        (deployed.cluster.as_deref() == Some(cluster)).then_some((source, deployed.table.as_deref()?))
    })
}

/// What RDS says of a table.
struct TableState {
    target: String,
    status: String,
    warning: Option<String>,
}

/// What RDS says of each table of the export.
async fn states(folder: &Key, found: &[Object], objects: &dyn ObjectStore) -> Result<Vec<TableState>, StepError> {
    let mut states = Vec::new();
    let is_said =
        |object: &&Object| object.key.is_in(folder) && object.key.file_name().starts_with("export_tables_info_");
    for object in found.iter().filter(is_said) {
        let bytes = objects.get(&object.key).await?;
        let said: Value = serde_json::from_slice(&bytes)
            .map_err(|error| StepError::permanent(format!("`{}` is not readable: {error}", object.key)))?;
        let text = |table: &Value, name: &str| table.get(name).and_then(Value::as_str).map(str::to_owned);
        for table in said.get("perTableStatus").and_then(Value::as_array).into_iter().flatten() {
            states.push(TableState {
                target: text(table, "target").unwrap_or_default(),
                status: text(table, "status").unwrap_or_default(),
                warning: text(table, "warningMessage").filter(|warning| !warning.is_empty()),
            });
        }
    }
    Ok(states)
}

/// What RDS has written.
struct Export {
    folder: Key,
    found: Vec<Object>,
    states: Vec<TableState>,
}

struct Checked {
    source: Source,
    part: Part,
    columns: Vec<Column>,
    registered: Registered,
}

/// One source's table of the export: there, whole, and as its contract says in every file.
fn check(source: &Source, table: &str, export: &Export, objects: &dyn ObjectStore) -> Result<Checked, StepError> {
    let Export { folder, found, states } = export;
    let of_source = |what: String| StepError::permanent(format!("source `{}`: {what}", source.name));
    let state = states.iter().find(|state| state.target == table);
    if let Some(state) = state.filter(|state| state.status != "COMPLETE") {
        let warning = state.warning.as_deref().map(|warning| format!(": {warning}")).unwrap_or_default();
        return Err(of_source(format!("RDS says of the table `{table}` {}{warning}", state.status)));
    }
    let location = match (location(table, folder, found), state, table.split_once('.')) {
        (Some(location), _, _) => location,
        // RDS writes nothing for a table without rows.
        (None, Some(_), Some((database, name))) => folder.join(&format!("{database}/{name}/")),
        _ => return Err(of_source(format!("the export has no table `{table}`"))),
    };
    let files = found.iter().filter(|object| object.key.is_in(&location) && is_data(&object.key));
    let (mut rows, mut count, mut bytes) = (0, 0, 0);
    let mut columns: Option<Vec<Column>> = None;
    for file in files {
        let (in_file, of_file) = snapshot::inspect(&file.key, objects)?;
        let promised = columns_of(source, in_file)?;
        if columns.as_ref().is_some_and(|before| *before != promised) {
            return Err(of_source(format!("the files of the table `{table}` differ in their columns: `{}`", file.key)));
        }
        columns = Some(promised);
        rows += of_file;
        count += 1;
        bytes += file.size;
    }
    let columns = columns.unwrap_or_else(|| sources::empty_entry(source).columns);
    let part = Part { values: Vec::new(), location, run: None };
    let registered = Registered { source: source.name.clone(), rows, files: count, bytes };
    Ok(Checked { source: source.clone(), part, columns, registered })
}

fn columns_of(source: &Source, found: Vec<ParquetColumn>) -> Result<Vec<Column>, StepError> {
    match &source.columns {
        Some(contract) => snapshot::promised(source, contract, &found),
        None => Ok(found.into_iter().map(|column| Column::new(column.name, column.hive_type)).collect()),
    }
}

/// The folder of a table, `<database>/<schema.table>/`. RDS adds `_` and 16 hexadecimal digits to names that differ only in
/// upper and lower case, or that hold letters which a folder cannot.
fn location(table: &str, folder: &Key, found: &[Object]) -> Option<Key> {
    let (database, name) = table.split_once('.')?;
    let plain = folder.join(&format!("{database}/{name}/"));
    if found.iter().any(|object| object.key.is_in(&plain)) {
        return Some(plain);
    }
    let start = folder.join(&format!("{database}/{name}_"));
    let mut marked = found.iter().filter_map(|object| {
        let (mark, _) = object.key.as_str().strip_prefix(start.as_str())?.split_once('/')?;
        let is_mark = mark.len() == 16 && mark.bytes().all(|byte| byte.is_ascii_hexdigit());
        is_mark.then(|| Key::new(format!("{start}{mark}/")))
    });
    marked.next()
}

fn is_data(key: &Key) -> bool {
    !key.file_name().starts_with(['_', '.']) && key.file_name().ends_with(".parquet")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn time(text: &str) -> DateTime<Utc> {
        text.parse().unwrap()
    }

    #[test]
    fn the_name_of_an_export_is_one_that_rds_takes() {
        for cluster in ["crm", "a", "prod--orders.eu", "x".repeat(63).as_str(), "ends-in-a-hyphen-at-the-very-limit-x"]
        {
            let name = task(cluster, time("2026-10-31T17:00:00Z"));
            assert!(name.len() <= 60 && !name.contains("--") && !name.ends_with('-'), "{name}");
            assert!(name.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'-'), "{name}");
            assert_eq!(name, task(cluster, time("2026-11-01T02:00:00+09:00")), "the same moment");
            assert_ne!(name, task(cluster, time("2026-10-31T17:00:01Z")));
        }
    }

    #[test]
    fn the_newest_snapshot_of_the_last_day_is_taken() {
        let snapshot = |arn: &str, made: Option<&str>, status: &str| ClusterSnapshot {
            db_cluster_snapshot_arn: arn.to_owned(),
            snapshot_create_time: made.map(time),
            status: status.to_owned(),
        };
        let old = snapshot("old", Some("2026-10-30T16:59:59Z"), "available");
        let new = snapshot("new", Some("2026-10-31T03:00:00Z"), "available");
        let newer = snapshot("newer", Some("2026-10-31T04:00:00Z"), "available");
        let making = snapshot("making", None, "creating");
        let broken = snapshot("broken", Some("2026-10-31T05:00:00Z"), "failed");
        let now = time("2026-10-31T17:00:00Z");
        let all = [new.clone(), old.clone(), newer, making.clone(), broken.clone()];
        assert_eq!(newest(&all, now).map(|found| found.db_cluster_snapshot_arn.as_str()), Some("newer"));
        assert_eq!(newest(&[old, making, broken], now), None);
        let parsed: ClusterSnapshot = serde_json::from_str(
            r#"{"DbClusterSnapshotArn": "new", "SnapshotCreateTime": "2026-10-31T03:00:00.000Z", "Status": "available", "Engine": "x"}"#,
        )
        .unwrap();
        assert_eq!(parsed, new);
    }

    #[test]
    fn a_table_is_found_where_rds_puts_it() {
        let object = |key: &str| Object { key: Key::new(key), size: 1, modified: DateTime::UNIX_EPOCH };
        let folder = Key::new("raw/aurora-exports/crm/t/");
        let found = [
            object("raw/aurora-exports/crm/t/crm/public.customers/1/part-0.gz.parquet"),
            object("raw/aurora-exports/crm/t/crm/public.Deals_7ADB5D19965123A2/1/part-0.gz.parquet"),
            object("raw/aurora-exports/crm/t/crm/public.deals_old/1/part-0.gz.parquet"),
        ];
        let found =
            |table: &str| location(table, &folder, &found).map(|key| key.as_str()[folder.as_str().len()..].to_owned());
        assert_eq!(found("crm.public.customers").as_deref(), Some("crm/public.customers/"));
        assert_eq!(found("crm.public.Deals").as_deref(), Some("crm/public.Deals_7ADB5D19965123A2/"));
        assert_eq!(found("crm.public.deals"), None);
        assert_eq!(found("customers"), None);
    }
}
