//! The tables of sources: their columns by contract, their parts by what ingest wrote, and the view of the latest images.

use std::collections::{BTreeMap, BTreeSet};

use tarn_model::{Lake, Source, SourceKind};

use crate::error::StepError;
use crate::ports::{Catalogue, CatalogueError, Column, Part, TableEntry, TableKind};
use crate::prepare::identifier;

/// The parameter of tables that are declared elsewhere, by Terraform: Tarn leaves them as they are.
pub const DEPLOYED_BY: &str = "tarn.deployed_by";
/// The parameter that tells what a table is, and its value for the table of a source.
const KIND: &str = "tarn.kind";
const SOURCE: &str = "source";
/// How often a change is tried again when somebody else changed the entry meanwhile.
const TRIES: usize = 10;

/// Brings the catalogue's entries of all sources in line with the project: a source without any record is an empty table, and
/// a changed contract is a changed table.
pub async fn register_all(lake: &Lake, catalogue: &dyn Catalogue) -> Result<(), StepError> {
    for source in lake.sources.values() {
        register(source, catalogue).await?;
    }
    Ok(())
}

/// Brings the entries of one source in line with its contract.
pub async fn register(source: &Source, catalogue: &dyn Catalogue) -> Result<(), StepError> {
    add(source, &[], &[], catalogue).await
}

/// Adds parts that ingest wrote to a source's table, and, for a source without contract, the columns it found; the view of the
/// latest images has the table's columns from then on.
pub async fn add(
    source: &Source,
    parts: &[Part],
    discovered: &[Column],
    catalogue: &dyn Catalogue,
) -> Result<(), StepError> {
    let entry = match catalogue.get(&source.name).await? {
        // Its days are found by projection.
        Some(entry) if entry.parameters.contains_key(DEPLOYED_BY) => declared(source, entry)?,
        _ => change_entry(&source.name, catalogue, |current| merged(source, current, parts, discovered)).await?,
    };
    publish_view(source, &entry.columns, catalogue).await
}

/// How a source's table differs from its contract, for people; `None` when it does not, and without a contract.
pub async fn drift(source: &Source, catalogue: &dyn Catalogue) -> Result<Option<String>, StepError> {
    if source.columns.is_none() {
        return Ok(None);
    }
    let Some(entry) = catalogue.get(&source.name).await? else {
        return Ok(Some(format!("the source `{}` has no table", source.name)));
    };
    let names = differing(source, &entry);
    let differs = || format!("the table `{}` differs from its contract in {}", source.name, names.join(", "));
    Ok((!names.is_empty()).then(differs))
}

/// The columns in which a table is not what the contract says.
fn differing(source: &Source, entry: &TableEntry) -> Vec<String> {
    let (columns, keys) = contract_columns(source);
    let shape = |columns: &[Column]| -> BTreeMap<String, String> {
        columns.iter().map(|column| (column.name.clone(), column.column_type.clone())).collect()
    };
    let wanted = shape(&[columns, keys].concat());
    let found = shape(&[entry.columns.as_slice(), &entry.partition_keys].concat());
    let differ = |name: &&String| wanted.get(*name) != found.get(*name);
    let names: BTreeSet<&String> = wanted.keys().chain(found.keys()).filter(differ).collect();
    names.iter().map(|name| format!("`{name}`")).collect()
}

/// A table that is declared elsewhere, if it is what the contract says.
fn declared(source: &Source, entry: TableEntry) -> Result<TableEntry, StepError> {
    let names = differing(source, &entry);
    if names.is_empty() {
        return Ok(entry);
    }
    let message = format!("the table `{}` differs from its contract in {}", source.name, names.join(", "));
    Err(StepError::permanent(message)
        .with_hint("Terraform declares it: deploy the lake (`make deploy`), then push again"))
}

/// Replaces all parts of a source's table: a snapshot is the whole of a table at one time.
pub async fn replace(
    source: &Source,
    part: Part,
    columns: Vec<Column>,
    catalogue: &dyn Catalogue,
) -> Result<(), StepError> {
    change_entry(&source.name, catalogue, |_| TableEntry {
        kind: TableKind::Table { parts: vec![part.clone()] },
        columns: columns.clone(),
        partition_keys: Vec::new(),
        ..empty_entry(source)
    })
    .await?;
    Ok(())
}

/// Whether the entry is a source's whose files come in by day without the catalogue being told.
pub fn comes_in_by_itself(entry: &TableEntry) -> bool {
    !entry.partition_keys.is_empty() && entry.parameters.get(KIND).is_some_and(|kind| kind == SOURCE)
}

/// The entry of a source before any record came in.
pub fn empty_entry(source: &Source) -> TableEntry {
    let (columns, partition_keys) = contract_columns(source);
    TableEntry {
        name: source.name.clone(),
        kind: TableKind::Table { parts: Vec::new() },
        columns,
        partition_keys,
        description: source.description.clone(),
        run: None,
        parameters: BTreeMap::from([(KIND.to_owned(), SOURCE.to_owned())]),
        version: 0,
    }
}

/// The query of the view `<table>_current`: the latest image of each key, removed items left out, in Athena's SQL.
///
/// The highest sequence number wins, so that late and repeated changes change nothing. `discovered` are the columns found in a
/// source without contract; none are needed for one that has a contract.
pub fn current_view(source: &Source, discovered: &[Column]) -> Option<String> {
    source.current_view()?;
    let columns: Vec<String> = view_columns(source, discovered).iter().map(|column| identifier(&column.name)).collect();
    let key: Vec<String> = source.key.iter().map(|column| identifier(column)).collect();
    // One pass over the table: Athena keeps one row per key while it reads, since only the first of each is asked for.
    Some(format!(
        "select\n  {columns}\nfrom (\n  select\n    *,\n    row_number() over (\n      partition by {key}\n      order by \"_seq\" desc\n    ) as \"_tarn_rank\"\n  from {table}\n) as ranked\nwhere \"_tarn_rank\" = 1\n  and \"_op\" <> 'remove'",
        columns = columns.join(",\n  "),
        key = key.join(", "),
        table = identifier(&source.name),
    ))
}

fn view_columns(source: &Source, discovered: &[Column]) -> Vec<Column> {
    let (columns, partition_keys) = contract_columns(source);
    with_new(&columns, discovered).into_iter().chain(partition_keys).collect()
}

/// The columns in a source's files and its partition keys. Without a contract a table has its key at least.
fn contract_columns(source: &Source) -> (Vec<Column>, Vec<Column>) {
    let described = source.columns.as_deref().unwrap_or_default().iter().map(|column| Column {
        name: column.name.clone(),
        column_type: column.column_type.stored().to_string(),
        comment: column.description.clone(),
    });
    let key = if source.columns.is_none() { source.key.as_slice() } else { &[] };
    let key = key.iter().map(|name| Column::new(name.clone(), "string"));
    let added = source.added_columns().into_iter();
    let added = added.map(|(name, column_type)| Column::new(name, column_type.stored().to_string()));
    let partition = source.partition_name().map(|name| Column::new(name, "date"));
    (described.chain(key).chain(added).collect(), partition.into_iter().collect())
}

/// One change of an entry, made anew when somebody else changed it meanwhile, and left out when it would change nothing.
async fn change_entry(
    name: &str,
    catalogue: &dyn Catalogue,
    wanted: impl Fn(Option<&TableEntry>) -> TableEntry,
) -> Result<TableEntry, StepError> {
    let mut attempt = 1;
    loop {
        let current = catalogue.get(name).await?;
        let entry =
            TableEntry { version: current.as_ref().map_or(0, |current| current.version), ..wanted(current.as_ref()) };
        if current.as_ref() == Some(&entry) {
            return Ok(entry);
        }
        match catalogue.publish(entry).await {
            Err(CatalogueError::Conflict { .. }) if attempt < TRIES => attempt += 1,
            published => return published.map_err(StepError::from),
        }
    }
}

/// The entry with the contract's columns, the discovered ones after those known before, and the new parts after the old.
fn merged(source: &Source, current: Option<&TableEntry>, parts: &[Part], discovered: &[Column]) -> TableEntry {
    let empty = empty_entry(source);
    let Some(current) = current else {
        return TableEntry {
            kind: TableKind::Table { parts: parts.to_vec() },
            columns: with_new(&empty.columns, discovered),
            ..empty
        };
    };
    let mut all = current.parts().to_vec();
    all.extend(parts.iter().filter(|part| !current.parts().contains(part)).cloned());
    // Without a contract the columns are those found so far; a snapshot's are those of its files.
    let known = match source.columns.is_some() && source.kind != SourceKind::Snapshot {
        true => &empty.columns,
        false if current.columns.is_empty() => &empty.columns,
        false => &current.columns,
    };
    // Found before the name was reserved: a table cannot have it twice.
    let mut columns = with_new(known, discovered);
    columns.retain(|column| !is_partition(source, column));
    TableEntry { kind: TableKind::Table { parts: all }, columns, ..empty }
}

fn is_partition(source: &Source, column: &Column) -> bool {
    source.partition_name() == Some(column.name.as_str())
}

fn with_new(known: &[Column], discovered: &[Column]) -> Vec<Column> {
    let new = discovered.iter().filter(|column| known.iter().all(|before| before.name != column.name));
    known.iter().chain(new).cloned().collect()
}

/// Creates or changes the view of the latest images, where the source has one.
async fn publish_view(source: &Source, columns: &[Column], catalogue: &dyn Catalogue) -> Result<(), StepError> {
    let (Some(name), Some(sql)) = (source.current_view(), current_view(source, columns)) else {
        return Ok(());
    };
    change_entry(&name, catalogue, |_| TableEntry {
        name: name.clone(),
        kind: TableKind::View { sql: sql.clone() },
        columns: view_columns(source, columns),
        partition_keys: Vec::new(),
        description: Some(format!("The latest image of each item of `{}`.", source.name)),
        ..empty_entry(source)
    })
    .await?;
    Ok(())
}
