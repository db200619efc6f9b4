//! Snapshots: Parquet files that hold the whole of a table at one time.
//!
//! The file is kept as it came; its columns are checked against the contract, and the table shows the newest snapshot.

use tarn_columnar::{ParquetColumn, parquet_columns};
use tarn_flatten::ColumnType;
use tarn_model::{Source, SourceColumn};

use crate::context::Ports;
use crate::error::StepError;
use crate::ingest::Ingested;
use crate::ingest::raw::RawObject;
use crate::layout;
use crate::names::Key;
use crate::ports::{Column, ObjectStore, Part};
use crate::sources;

/// Makes a raw Parquet file what readers of the source see.
pub(crate) async fn ingest(source: &Source, raw: &RawObject, ports: &Ports) -> Result<Ingested, StepError> {
    let (columns, rows) = inspect(&raw.key, ports.objects.as_ref())?;
    let columns = match &source.columns {
        Some(contract) => promised(source, contract, &columns)?,
        None => columns.into_iter().map(|column| Column::new(column.name, column.hive_type)).collect(),
    };
    let folder = layout::source(&source.name).join(&format!("snapshot={}/", raw.hash));
    let key = folder.join("part-0000.parquet");
    let repeated = ports.objects.list(&folder).await?.iter().any(|object| object.key == key);
    if !repeated {
        copy(&raw.key, &key, ports.objects.as_ref())?;
    }
    let part = Part { values: Vec::new(), location: folder, run: None };
    sources::replace(source, part, columns, ports.catalogue.as_ref()).await?;
    Ok(Ingested { raw: raw.key.clone(), bytes: raw.size, records: rows, rows, quarantined: 0, files: 1, repeated })
}

/// The columns of a Parquet file, and its rows.
pub(super) fn inspect(key: &Key, objects: &dyn ObjectStore) -> Result<(Vec<ParquetColumn>, u64), StepError> {
    let reader = objects.open(key)?;
    let read = |offset: u64, length: usize| {
        reader.read(offset, length).map_err(|error| std::io::Error::other(error.to_string()))
    };
    parquet_columns(reader.size(), &read).map_err(|error| {
        StepError::permanent(format!("`{key}` is not a readable Parquet file: {error}"))
            .with_hint("a snapshot is brought in as Parquet; the file may be cut off: export it again")
    })
}

/// The contract's columns, each of them in the file with a type that holds it.
pub(super) fn promised(
    source: &Source,
    contract: &[SourceColumn],
    found: &[ParquetColumn],
) -> Result<Vec<Column>, StepError> {
    let mut wrong = Vec::new();
    for column in contract {
        match found.iter().find(|found| found.name == column.name) {
            None if column.required => wrong.push(format!("required column `{}` is absent", column.name)),
            Some(found) if !fits(&found.hive_type, column.column_type) => {
                let advice = advice(&found.hive_type, column.column_type);
                wrong.push(format!(
                    "column `{}` is {}, not {}{advice}",
                    column.name, found.hive_type, column.column_type
                ));
            }
            _ => {}
        }
    }
    if wrong.is_empty() {
        return Ok(sources::empty_entry(source).columns);
    }
    Err(StepError::permanent(format!(
        "the snapshot does not keep the contract of `{}`: {}",
        source.name,
        wrong.join("; ")
    ))
    .with_hint(format!("change {} or the export; readers still see the snapshot from before", source.file)))
}

/// RDS writes what Parquet or it has no type for as text: all times of PostgreSQL, and decimals of more than 38 digits.
fn advice(found: &str, promised: ColumnType) -> &'static str {
    match (found, promised) {
        ("string", ColumnType::Timestamp | ColumnType::Date | ColumnType::Decimal { .. }) => {
            " (exported as text: promise `string`, and cast it in a model)"
        }
        _ => "",
    }
}

/// Whether every value of the file's type is a value of the promised type.
fn fits(found: &str, promised: ColumnType) -> bool {
    let Ok(found) = found.parse::<ColumnType>() else {
        // Lists and records in Parquet are not text, whatever the text would say.
        return false;
    };
    let promised = promised.stored();
    if found == promised {
        return true;
    }
    match (found, promised) {
        (ColumnType::Decimal { precision: p, scale: s }, ColumnType::Decimal { precision, scale }) => {
            scale >= s && precision - scale >= p - s
        }
        (ColumnType::Real, ColumnType::Double) => true,
        _ => match (found.integer_range(), promised.integer_range()) {
            (Some((low, high)), Some((lowest, highest))) => lowest <= low && high <= highest,
            _ => false,
        },
    }
}

fn copy(from: &Key, to: &Key, objects: &dyn ObjectStore) -> Result<(), StepError> {
    const BLOCK: u64 = 4 << 20;
    let reader = objects.open(from)?;
    let mut writer = objects.create(to)?;
    let mut offset = 0;
    while offset < reader.size() {
        let length = BLOCK.min(reader.size() - offset);
        let block = reader.read(offset, usize::try_from(length).unwrap_or(usize::MAX))?;
        std::io::Write::write_all(&mut writer, &block)
            .map_err(|error| StepError::permanent(format!("`{to}` cannot be written: {error}")))?;
        offset += length;
    }
    writer.finish()?;
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_type_fits_when_it_holds_every_value() {
        let decimal = |precision, scale| ColumnType::Decimal { precision, scale };
        assert!(fits("int", ColumnType::BigInt));
        assert!(!fits("bigint", ColumnType::Integer));
        assert!(fits("decimal(10,2)", decimal(12, 2)));
        assert!(!fits("decimal(10,2)", decimal(10, 4)));
        assert!(fits("string", ColumnType::Json));
        assert!(!fits("string", ColumnType::BigInt));
        assert!(!fits("array<string>", ColumnType::Json));
    }
}
