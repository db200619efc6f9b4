//! From a source's YAML to what the flattener and the file writer need.

use std::sync::Arc;

use tarn_flatten::{Arrays, ColumnPath, Contract, ContractColumn, Input, Settings};
use tarn_model::{FlattenArrays, Lake, Source, SourceKind};

use crate::error::StepError;

/// How the records of a source are read.
pub(crate) fn settings(lake: &Lake, source: &Source) -> Settings {
    let flatten = lake.config.flatten.with_overrides(&source.flatten);
    Settings {
        separator: flatten.separator,
        arrays: match flatten.arrays {
            FlattenArrays::Json => Arrays::Json,
            FlattenArrays::Index => Arrays::Index,
        },
        // A key of the partition column's name would be a second column of that name; with a contract it goes to `_extra`.
        reserved: source.partition_name().filter(|_| source.columns.is_none()).map(str::to_owned),
        depth: flatten.depth as usize,
        input: match source.kind {
            SourceKind::Table => Input::DynamoDb,
            SourceKind::Stream | SourceKind::Snapshot => Input::Json,
        },
        ..Settings::default()
    }
}

/// The contract of a source; `None` for one whose columns are discovered.
pub(crate) fn contract(source: &Source) -> Result<Option<Arc<Contract>>, StepError> {
    let Some(columns) = &source.columns else {
        return Ok(None);
    };
    let columns = columns
        .iter()
        .map(|column| ContractColumn {
            name: column.name.clone(),
            path: column.path.clone().map_or(ColumnPath::FlatName, ColumnPath::Exact),
            column_type: column.column_type,
            required: column.required,
        })
        .collect();
    let contract = Contract::new(columns).map_err(|error| StepError::permanent(format!("{}: {error}", source.file)))?;
    Ok(Some(Arc::new(contract)))
}
