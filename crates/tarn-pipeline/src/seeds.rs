//! Seeds: the project's own small tables, written as Parquet when their text changes.

use std::collections::BTreeMap;
use std::sync::Arc;

use tarn_flatten::{ColumnPath, Contract, ContractColumn, Flattener, Settings};
use tarn_model::{Lake, Seed, Selected};
use xxhash_rust::xxh3::xxh3_128;

use crate::context::Ports;
use crate::error::StepError;
use crate::ingest::files;
use crate::layout;
use crate::ports::{Column, Part, TableEntry, TableKind};

/// The property of a seed's entry that tells which text it was made from.
const HASH: &str = "tarn.hash";

/// The columns of a seed's table.
pub fn columns(seed: &Seed) -> Vec<Column> {
    let described = |name: &str| {
        seed.columns.iter().flatten().find(|column| column.name == name).and_then(|column| column.description.clone())
    };
    seed.table
        .columns
        .iter()
        .map(|(name, column_type)| Column {
            name: name.clone(),
            column_type: column_type.stored().to_string(),
            comment: described(name),
        })
        .collect()
}

/// Brings all seeds that the selection reads into the lake.
pub async fn load_all(lake: &Lake, selected: &Selected, ports: &Ports) -> Result<(), StepError> {
    for seed in lake.seeds.values().filter(|seed| is_read(lake, selected, seed)) {
        load(seed, ports).await?;
    }
    Ok(())
}

fn is_read(lake: &Lake, selected: &Selected, seed: &Seed) -> bool {
    selected.contains(&seed.name)
        || selected
            .models
            .iter()
            .filter_map(|model| lake.models.get(model))
            .any(|model| model.depends_on.iter().any(|dependency| dependency.name == seed.name))
}

/// Writes one seed's table, unless it is there already with the same content.
pub async fn load(seed: &Seed, ports: &Ports) -> Result<(), StepError> {
    let hash = content_hash(seed)?;
    let current = ports.catalogue.get(&seed.name).await?;
    let is_current = current.as_ref().is_some_and(|entry| entry.parameters.get(HASH) == Some(&hash));
    if is_current {
        return Ok(());
    }
    let folder = layout::seed(&seed.name).join(&format!("{hash}/"));
    write(seed, &folder, ports)?;
    ports
        .catalogue
        .publish(TableEntry {
            name: seed.name.clone(),
            kind: TableKind::Table { parts: vec![Part { values: Vec::new(), location: folder, run: None }] },
            columns: columns(seed),
            partition_keys: Vec::new(),
            description: seed.description.clone(),
            run: None,
            parameters: BTreeMap::from([("tarn.kind".to_owned(), "seed".to_owned()), (HASH.to_owned(), hash)]),
            version: current.map_or(0, |entry| entry.version),
        })
        .await?;
    Ok(())
}

/// Tells two contents of a seed apart, types included.
fn content_hash(seed: &Seed) -> Result<String, StepError> {
    let types: Vec<String> = seed.table.columns.iter().map(|(name, kind)| format!("{name} {kind}")).collect();
    let content = serde_json::to_vec(&(types, &seed.table.rows))
        .map_err(|error| StepError::permanent(format!("seed `{}` cannot be hashed: {error}", seed.name)))?;
    Ok(format!("{:032x}", xxh3_128(&content)))
}

/// The seed's rows go through the same casts as any record: each is a JSON object of texts.
fn write(seed: &Seed, folder: &crate::names::Key, ports: &Ports) -> Result<(), StepError> {
    let contract = contract(seed)?;
    let mut flattener = Flattener::with_contract(Settings::default(), Arc::clone(&contract));
    let mut file = files::single(&contract, folder, Arc::clone(&ports.objects));
    for (number, row) in seed.table.rows.iter().enumerate() {
        let object: serde_json::Map<String, serde_json::Value> = seed
            .table
            .columns
            .iter()
            .zip(row)
            .filter_map(|((name, _), value)| value.clone().map(|value| (name.clone(), value.into())))
            .collect();
        let record = serde_json::Value::Object(object).to_string();
        flattener
            .record(record.as_bytes(), &mut file)
            .map_err(|error| StepError::permanent(format!("{}: row {}: {}", seed.file, number + 1, error.kind)))?;
    }
    files::finish_single(file)
}

fn contract(seed: &Seed) -> Result<Arc<Contract>, StepError> {
    let columns = seed
        .table
        .columns
        .iter()
        .map(|(name, column_type)| ContractColumn {
            name: name.clone(),
            path: ColumnPath::Exact(vec![name.clone()]),
            column_type: *column_type,
            required: false,
        })
        .collect();
    let contract = Contract::new(columns).map_err(|error| StepError::permanent(format!("{}: {error}", seed.file)))?;
    Ok(Arc::new(contract))
}
