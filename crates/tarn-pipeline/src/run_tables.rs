//! Run records as tables: `tarn_runs` has a row for each model of each run, `tarn_queries` one for each statement.
//!
//! They are ordinary tables of the catalogue, one folder of Parquet files each, with one file per run: the rows of a run come with its
//! record and are replaced when the run is repeated. Nothing is read to write them.
//!
//! On AWS `tarn_queries` has every query, whoever asked, so there it is not written by runs: a query that Athena gave an id is a
//! row of the function that hears of its end, one file per query in the folder of its day.

use std::collections::BTreeMap;
use std::sync::Arc;

use chrono::{DateTime, SecondsFormat, Utc};
use chrono_tz::Tz;
use serde_json::{Map, Value, json};
use tarn_columnar::{AddedColumns, MemoryFiles, ParquetFiles, ParquetSettings, PartitionRule};
use tarn_flatten::{ColumnPath, ColumnType, Contract, ContractColumn, Flattener, Settings};
use tarn_model::LakeConfig;

use crate::cost::{Money, Price, QueryStatus};
use crate::error::StepError;
use crate::layout;
use crate::names::Key;
use crate::ports::{Catalogue, CatalogueError, Column, ObjectStore, Part, TableEntry, TableKind};
use crate::query_costs::QueryCost;
use crate::record::{ModelRecord, RunRecord};

/// The table with a row for each model of each run.
pub const RUNS: &str = "tarn_runs";
/// The table with a row for each statement.
pub const QUERIES: &str = "tarn_queries";

/// A column: name, type, what it holds.
type Described = (&'static str, ColumnType, &'static str);

/// What money is stored as; its digits are [`crate::cost::MONEY_SCALE`].
const MONEY: ColumnType = ColumnType::Decimal { precision: 18, scale: 9 };

const RUN_COLUMNS: [Described; 19] = [
    ("run", ColumnType::String, "The run's id"),
    ("model", ColumnType::String, "The model"),
    ("status", ColumnType::String, "done, failed, skipped or cancelled"),
    ("asked_by", ColumnType::String, "The person who asked, where one is known"),
    ("started", ColumnType::Timestamp, "When the run began (UTC)"),
    ("finished", ColumnType::Timestamp, "When the run ended (UTC); null when it was cut off"),
    ("milliseconds", ColumnType::BigInt, "How long the model took"),
    ("materialized", ColumnType::String, "table, view, append, insert_overwrite or merge"),
    ("full_refresh", ColumnType::Boolean, "Whether all of it was computed anew"),
    ("rows_written", ColumnType::BigInt, "Rows of the version"),
    ("files_written", ColumnType::BigInt, "Files of the version"),
    ("bytes_written", ColumnType::BigInt, "Bytes of the version"),
    ("partitions_written", ColumnType::BigInt, "Partitions of the version"),
    ("queries", ColumnType::BigInt, "Statements, failed and cancelled ones too"),
    ("bytes_scanned", ColumnType::BigInt, "Bytes read by all of them"),
    ("cost", MONEY, "What they cost at the price of tarn.yaml"),
    ("failed_step", ColumnType::String, "The step that failed"),
    ("failure", ColumnType::String, "Why it failed"),
    ("published", ColumnType::String, "The run whose version readers see since; null when nothing was published"),
];

const QUERY_COLUMNS: [Described; 14] = [
    ("run", ColumnType::String, "The run's id"),
    ("model", ColumnType::String, "The model"),
    ("number", ColumnType::BigInt, "The place of the statement among those of the model, from 1; null on AWS"),
    ("purpose", ColumnType::String, "convert, audit and the like"),
    ("status", ColumnType::String, "succeeded, failed or cancelled"),
    ("asked_by", ColumnType::String, "The person who asked, where one is known"),
    ("started", ColumnType::Timestamp, "When the run began, or on AWS when the statement was sent (UTC)"),
    ("milliseconds", ColumnType::BigInt, "How long the statement took"),
    ("bytes_scanned", ColumnType::BigInt, "Bytes read"),
    ("cost", MONEY, "What it cost at the price of tarn.yaml"),
    ("statement", ColumnType::String, "The statement"),
    ("id", ColumnType::String, "Athena's id of the query; null on a laptop"),
    ("workgroup", ColumnType::String, "Athena's workgroup; null on a laptop"),
    DAY,
];

/// The day, which on AWS stands in the folder's name.
const DAY: Described = ("day", ColumnType::Date, "The day in the lake's time zone");

/// Who writes the rows of `tarn_queries`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum QueryRows {
    /// Every run its own, in one folder: on a laptop.
    OfRuns,
    /// The function that hears of every query, in a folder for each day: on AWS.
    OfDays,
}

/// Makes both tables known to the catalogue; what is known already stays.
pub async fn register(catalogue: &dyn Catalogue, rows: QueryRows) -> Result<(), StepError> {
    let runs = entry(RUNS, &RUN_COLUMNS, "One row for each model of each run.");
    let queries = match rows {
        QueryRows::OfRuns => entry(QUERIES, &QUERY_COLUMNS, "One row for each statement of each run."),
        QueryRows::OfDays => by_day(entry(QUERIES, &QUERY_COLUMNS, "One row for each query, whoever asked.")),
    };
    for wanted in [runs, queries] {
        let current = catalogue.get(&wanted.name).await?;
        let entry = TableEntry { version: current.as_ref().map_or(0, |current| current.version), ..wanted };
        if current.as_ref() == Some(&entry) {
            continue;
        }
        match catalogue.publish(entry).await {
            // Somebody else has just made it known.
            Ok(_) | Err(CatalogueError::Conflict { .. }) => {}
            Err(error) => return Err(error.into()),
        }
    }
    Ok(())
}

fn entry(name: &str, columns: &[Described], description: &str) -> TableEntry {
    let column = |(name, column_type, comment): &Described| Column {
        name: (*name).to_owned(),
        column_type: column_type.stored().to_string(),
        comment: Some((*comment).to_owned()),
    };
    TableEntry {
        name: name.to_owned(),
        kind: TableKind::Table {
            parts: vec![Part { values: Vec::new(), location: layout::run_table(name), run: None }],
        },
        columns: columns.iter().map(column).collect(),
        partition_keys: Vec::new(),
        description: Some(description.to_owned()),
        run: None,
        parameters: BTreeMap::from([("tarn.kind".to_owned(), "runs".to_owned())]),
        version: 0,
    }
}

/// The same table with the day as its partition key; the folders of days are found by their names.
fn by_day(mut entry: TableEntry) -> TableEntry {
    entry.partition_keys = entry.columns.pop().into_iter().collect();
    entry.kind = TableKind::Table { parts: Vec::new() };
    entry
}

/// Writes a run's rows, in place of those it had before; [`register`] makes the tables known.
pub async fn write(record: &RunRecord, config: &LakeConfig, objects: &dyn ObjectStore) -> Result<(), StepError> {
    let price = Price::parse(config.price_per_tb()).ok_or_else(|| {
        StepError::permanent(format!("the price of a terabyte cannot be `{}`", config.price_per_tb()))
    })?;
    let runs = record.models.iter().map(|model| run_row(record, model, price)).collect();
    let queries = record.models.iter().flat_map(|model| query_rows(record, model, price, config.timezone)).collect();
    replace(RUNS, &RUN_COLUMNS, runs, record, objects).await?;
    replace(QUERIES, &QUERY_COLUMNS, queries, record, objects).await
}

async fn replace(
    table: &str,
    columns: &[Described],
    rows: Vec<Value>,
    record: &RunRecord,
    objects: &dyn ObjectStore,
) -> Result<(), StepError> {
    let folder = layout::run_table(table);
    let files = parquet(columns, &rows, record.run.as_str())?;
    let written: Vec<Key> = files.iter().map(|(name, _)| folder.join(name)).collect();
    for (key, (_, bytes)) in written.iter().zip(files) {
        objects.put(key, bytes.into()).await?;
    }
    let before = objects.list(&folder.join(&stem(record))).await?;
    let gone: Vec<Key> = before.into_iter().map(|object| object.key).filter(|key| !written.contains(key)).collect();
    if !gone.is_empty() {
        objects.delete(&gone).await?;
    }
    Ok(())
}

/// What the names of a run's files begin with; a run id holds no `-`.
fn stem(record: &RunRecord) -> String {
    format!("{}-", record.run)
}

fn run_row(run: &RunRecord, model: &ModelRecord, price: Price) -> Value {
    let cost = model
        .queries
        .iter()
        .fold(Money::default(), |sum, query| sum.and(price.of(query.bytes_scanned, QueryStatus::of(query, model))));
    json!({
        "run": run.run,
        "model": model.model,
        "status": model.status,
        "asked_by": asked_by(model),
        "started": moment(run.started),
        "finished": run.finished.map(moment),
        "milliseconds": model.milliseconds,
        "materialized": model.materialized,
        "full_refresh": model.full_refresh,
        "rows_written": model.rows,
        "files_written": model.files,
        "bytes_written": model.bytes,
        "partitions_written": model.partitions,
        "queries": model.queries.len(),
        "bytes_scanned": model.queries.iter().map(|query| query.bytes_scanned).sum::<u64>(),
        "cost": cost,
        "failed_step": model.failure.as_ref().map(|failure| &failure.step),
        "failure": model.failure.as_ref().map(|failure| &failure.message),
        "published": model.published,
    })
}

/// The rows of statements that nobody else counts.
fn query_rows(run: &RunRecord, model: &ModelRecord, price: Price, timezone: Tz) -> impl Iterator<Item = Value> {
    let numbered = model.queries.iter().zip(1_u64..).filter(|(query, _)| query.id.is_none());
    numbered.map(move |(query, number)| {
        let status = QueryStatus::of(query, model);
        json!({
            "run": run.run,
            "model": model.model,
            "number": number,
            "purpose": query.attribution.purpose,
            "status": status,
            "asked_by": query.attribution.user,
            "started": moment(run.started),
            "milliseconds": query.milliseconds,
            "bytes_scanned": query.bytes_scanned,
            "cost": price.of(query.bytes_scanned, status),
            "statement": query.statement,
            "day": run.started.with_timezone(&timezone).date_naive(),
        })
    })
}

/// Writes the row of a query on AWS; the same again changes nothing. `statement` is all of it.
pub async fn write_query(cost: &QueryCost, statement: &str, objects: &dyn ObjectStore) -> Result<(), StepError> {
    let attribution = cost.attribution.as_ref();
    let row = json!({
        "run": attribution.and_then(|attribution| attribution.run.as_ref()),
        "model": cost.model(),
        "purpose": attribution.map(|attribution| &attribution.purpose),
        "status": cost.status,
        "asked_by": cost.user(),
        "started": moment(cost.submitted),
        "milliseconds": cost.milliseconds,
        "bytes_scanned": cost.bytes_scanned,
        "cost": cost.cost,
        "statement": statement,
        "id": cost.id,
        "workgroup": cost.workgroup,
    });
    let all = QUERY_COLUMNS;
    let columns = all.split_last().map(|(_, columns)| columns).unwrap_or_default();
    let folder = layout::run_table(QUERIES).join(&format!("day={}/", cost.day));
    for (name, bytes) in parquet(columns, &[row], &cost.id)? {
        objects.put(&folder.join(&name), bytes.into()).await?;
    }
    Ok(())
}

/// A moment as Hive keeps it, to the millisecond.
fn moment(time: DateTime<Utc>) -> String {
    time.to_rfc3339_opts(SecondsFormat::Millis, true)
}

fn asked_by(model: &ModelRecord) -> Option<&str> {
    model.queries.iter().find_map(|query| query.attribution.user.as_deref())
}

/// The rows as Parquet files with their names, which begin with `stem`; none for no rows.
fn parquet(columns: &[Described], rows: &[Value], stem: &str) -> Result<Vec<(String, Vec<u8>)>, StepError> {
    let contract = contract(columns)?;
    let mut flattener = Flattener::with_contract(Settings::default(), Arc::clone(&contract));
    let mut files = ParquetFiles::new(
        &contract,
        AddedColumns::None,
        PartitionRule::None,
        ParquetSettings::default(),
        stem,
        MemoryFiles::default(),
    );
    for row in rows {
        let present: Map<String, Value> = row
            .as_object()
            .into_iter()
            .flatten()
            .filter(|(_, value)| !value.is_null())
            .map(|(name, value)| (name.clone(), value.clone()))
            .collect();
        let text = Value::Object(present).to_string();
        flattener
            .record(text.as_bytes(), &mut files)
            .map_err(|error| StepError::permanent(format!("the record of `{stem}` is no row: {}", error.kind)))?;
    }
    let (_, memory) = files.finish()?;
    Ok(memory.files.into_iter().map(|(file, bytes)| (file.name, bytes)).collect())
}

fn contract(columns: &[Described]) -> Result<Arc<Contract>, StepError> {
    let columns = columns
        .iter()
        .map(|(name, column_type, _)| ContractColumn {
            name: (*name).to_owned(),
            path: ColumnPath::Exact(vec![(*name).to_owned()]),
            column_type: *column_type,
            required: false,
        })
        .collect();
    let contract = Contract::new(columns).map_err(|error| StepError::permanent(format!("run tables: {error}")))?;
    Ok(Arc::new(contract))
}
