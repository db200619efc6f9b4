//! What Glue has, as an entry: what Tarn published is read as it was published, the rest from what Glue tells.

use aws_sdk_glue::types::{Column as GlueColumn, Table};
use serde_json::from_slice;
use tarn_pipeline::ports::{CatalogueError, Column, ICEBERG_METADATA, ObjectError, Part, TableEntry, TableKind};

use super::table::METADATA_LOCATION;
use super::{ENTRY, Glue, io_error, version, view};
use tarn_pipeline::hive::NULL_PARTITION as NULL;
use tarn_pipeline::names::Key;

impl Glue {
    /// The entry of a table.
    pub(super) async fn entry(&self, table: &Table) -> Result<TableEntry, CatalogueError> {
        let key = table.parameters.as_ref().and_then(|parameters| parameters.get(ENTRY));
        let mut entry = match key {
            Some(key) => TableEntry { version: version(table), ..self.kept(&table.name, key).await? },
            None => self.described(table).await?,
        };
        // Statements move it on.
        if let Some(metadata) = self.metadata(table) {
            entry.parameters.insert(ICEBERG_METADATA.to_owned(), metadata.as_str().to_owned());
        }
        Ok(entry)
    }

    /// The metadata file of a table of Iceberg.
    fn metadata(&self, table: &Table) -> Option<Key> {
        let parameters = table.parameters.as_ref()?;
        parameters.get("table_type").filter(|kind| kind.eq_ignore_ascii_case("iceberg"))?;
        self.objects.key_of(parameters.get(METADATA_LOCATION)?)
    }

    /// The entry that was kept beside Glue.
    pub(super) async fn kept(&self, name: &str, key: &str) -> Result<TableEntry, CatalogueError> {
        let bytes = self.objects.get(&Key::new(key)).await.map_err(|error| match error {
            ObjectError::NotFound(_) => {
                CatalogueError::Damaged { name: name.to_owned(), reason: format!("there is no object `{key}`") }
            }
            error => io_error(
                "read",
                error.to_string(),
                if error.is_retryable() { std::io::ErrorKind::TimedOut } else { std::io::ErrorKind::Other },
            ),
        })?;
        from_slice(&bytes).map_err(|error| CatalogueError::Damaged {
            name: name.to_owned(),
            reason: format!("object `{key}`: {error}"),
        })
    }

    /// A table that a statement made, or somebody else.
    async fn described(&self, table: &Table) -> Result<TableEntry, CatalogueError> {
        let storage = table.storage_descriptor.as_ref();
        let partition_keys = columns(table.partition_keys());
        let kind = match table.table_type.as_deref() {
            Some("VIRTUAL_VIEW") => {
                TableKind::View { sql: view::sql(table.view_original_text.as_deref().unwrap_or_default()) }
            }
            _ if partition_keys.is_empty() => {
                let location = storage.and_then(|storage| storage.location.as_deref());
                let part = location.and_then(|uri| self.folder(uri)).map(|location| Part {
                    values: Vec::new(),
                    location,
                    run: None,
                });
                TableKind::Table { parts: part.into_iter().collect() }
            }
            _ => TableKind::Table { parts: self.parts(&table.name).await? },
        };
        Ok(TableEntry {
            name: table.name.clone(),
            kind,
            columns: columns(storage.map(|storage| storage.columns()).unwrap_or_default()),
            partition_keys,
            description: table.description.clone(),
            run: None,
            // Whoever declared it may have said what it is.
            parameters: table
                .parameters
                .iter()
                .flatten()
                .filter(|(name, _)| name.starts_with("tarn."))
                .map(owned)
                .collect(),
            version: version(table),
        })
    }

    /// The columns of a table's files.
    pub(super) fn columns_of(&self, table: &Table) -> Vec<Column> {
        columns(table.storage_descriptor.as_ref().map(|storage| storage.columns()).unwrap_or_default())
    }

    /// The registered partitions of a table, as parts.
    async fn parts(&self, table: &str) -> Result<Vec<Part>, CatalogueError> {
        let mut parts = Vec::new();
        for (values, location) in self.registered(table).await? {
            let Some(location) = self.folder(&location) else { continue };
            let values = values.into_iter().map(|value| Some(value).filter(|value| value != NULL)).collect();
            parts.push(Part { values, location, run: None });
        }
        Ok(parts)
    }

    /// The folder behind a location; `None` when it lies in another bucket.
    fn folder(&self, uri: &str) -> Option<Key> {
        self.objects.key_of(uri).map(|key| key.join(""))
    }
}

fn owned((name, value): (&String, &String)) -> (String, String) {
    (name.clone(), value.clone())
}

fn columns(columns: &[GlueColumn]) -> Vec<Column> {
    let one = |column: &GlueColumn| Column {
        name: column.name.clone(),
        column_type: column.r#type.clone().unwrap_or_else(|| "string".to_owned()),
        comment: column.comment.clone().filter(|comment| !comment.is_empty()),
    };
    columns.iter().map(one).collect()
}
