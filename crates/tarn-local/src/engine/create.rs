//! `CREATE TABLE … AS` and `CREATE VIEW`.

use std::collections::BTreeMap;
use std::sync::Arc;

use datafusion::logical_expr::LogicalPlan;
use tarn_dialect::{CreateTableAs, Query};
use tarn_pipeline::names::{Key, RunId};
use tarn_pipeline::ports::{Catalogue, Column, EngineError, ObjectStore, Part, QueryOutcome, TableEntry, TableKind};

use super::{LocalEngine, columns, errors, local_name, properties};
use crate::tables::{Statement, schema, values};
use crate::writing::{self, Compression, Target, Written};

impl LocalEngine {
    pub(super) async fn create_table(
        &self,
        create: CreateTableAs,
        run: Option<&RunId>,
    ) -> Result<QueryOutcome, EngineError> {
        let name = local_name(&create.name);
        if self.catalogue.get(name).await.map_err(errors::from_catalogue)?.is_some() {
            if create.if_not_exists {
                return Ok(QueryOutcome::default());
            }
            return Err(errors::with_hint(
                format!("table `{name}` already exists"),
                "drop it first, or choose another name",
            ));
        }
        let properties = properties::read(create.properties)?;
        let statement = Arc::new(Statement::default());
        let plan = self.plan(&statement, &create.query).await?;
        let (table_columns, keys) = split_keys(columns::of_table(&plan, false)?, &properties.partitioned_by)?;
        let location = self.empty_location(properties.external_location.as_deref()).await?;
        let written = match create.with_data {
            true => {
                self.write(
                    plan,
                    &location,
                    "part",
                    &[&table_columns[..], &keys].concat(),
                    keys.len(),
                    properties.compression,
                )
                .await?
            }
            false => Written::default(),
        };
        let outcome = outcome(&written, &statement);
        let parts = parts(written, &location, keys.is_empty(), run);
        let entry = entry(name, TableKind::Table { parts }, (table_columns, keys), run);
        self.catalogue.publish(entry).await.map_err(errors::from_catalogue)?;
        Ok(outcome)
    }

    pub(super) async fn create_view(
        &self,
        name: String,
        or_replace: bool,
        sql: String,
        query: &Query,
        run: Option<&RunId>,
    ) -> Result<QueryOutcome, EngineError> {
        let name = local_name(&name);
        let version = match self.catalogue.get(name).await.map_err(errors::from_catalogue)? {
            None => 0,
            Some(existing) if or_replace => {
                errors::refuse_other_kind(&existing, true)?;
                existing.version
            }
            Some(_) => {
                return Err(errors::with_hint(format!("view `{name}` already exists"), "use `CREATE OR REPLACE VIEW`"));
            }
        };
        let plan = self.plan(&Arc::default(), query).await?;
        let view_columns = columns::of_table(&plan, true)?;
        let entry = entry(name, TableKind::View { sql }, (view_columns, vec![]), run);
        self.catalogue.publish(TableEntry { version, ..entry }).await.map_err(errors::from_catalogue)?;
        Ok(QueryOutcome::default())
    }

    /// The folder behind the location, which must be in the bucket and hold nothing: what it held would become rows of the table.
    async fn empty_location(&self, location: Option<&str>) -> Result<Key, EngineError> {
        let Some(uri) = location else {
            return Err(errors::with_hint(
                "the table has no place",
                "add `external_location = '…'`, an empty folder of the bucket",
            ));
        };
        let Some(key) = self.objects.key_of(uri.trim_end_matches('/')) else {
            return Err(EngineError::permanent(format!("location `{uri}` lies outside of the bucket")));
        };
        let folder = key.join("");
        let found = self.objects.list(&folder).await;
        match found.map_err(|error| EngineError::permanent(error.to_string()))?.first() {
            None => Ok(folder),
            Some(object) => Err(errors::with_hint(
                format!("location `{uri}` is not empty: it holds `{}`", object.key),
                "choose another folder, or remove what is in it",
            )),
        }
    }

    pub(super) async fn write(
        &self,
        plan: LogicalPlan,
        location: &Key,
        prefix: &str,
        columns: &[Column],
        key_count: usize,
        compression: Compression,
    ) -> Result<Written, EngineError> {
        let schema = schema::schema_of(columns).map_err(|column| {
            let Column { name, column_type, .. } = column;
            EngineError::permanent(format!("column `{name}` has the type `{column_type}`, which a table cannot hold"))
        })?;
        let target = Target {
            objects: self.objects.clone(),
            location: location.clone(),
            prefix: prefix.to_owned(),
            schema: Arc::new(schema),
            key_count,
            compression,
        };
        let rows = self.session.execute(plan).await.map_err(errors::from_sql)?;
        writing::write(rows, target, self.partitions).await.map_err(errors::from_write)
    }
}

pub(super) fn outcome(written: &Written, statement: &Statement) -> QueryOutcome {
    QueryOutcome {
        rows_written: written.rows,
        files_written: written.files,
        bytes_written: written.bytes,
        bytes_scanned: statement.scanned.get(),
        ..QueryOutcome::default()
    }
}

/// The parts of a new table; an unpartitioned one has its folder even when there were no rows.
fn parts(written: Written, location: &Key, unpartitioned: bool, run: Option<&RunId>) -> Vec<Part> {
    if unpartitioned {
        return vec![Part { values: vec![], location: location.clone(), run: run.cloned() }];
    }
    let part = |(values, location)| Part { values, location, run: run.cloned() };
    written.partitions.into_iter().map(part).collect()
}

fn entry(
    name: &str,
    kind: TableKind,
    (columns, partition_keys): (Vec<Column>, Vec<Column>),
    run: Option<&RunId>,
) -> TableEntry {
    TableEntry {
        name: name.to_owned(),
        kind,
        columns,
        partition_keys,
        description: None,
        run: run.cloned(),
        parameters: BTreeMap::new(),
        version: 0,
    }
}

/// Splits the query's columns into the files' and the partition keys, which must be the last ones and in the same order.
fn split_keys(mut columns: Vec<Column>, keys: &[String]) -> Result<(Vec<Column>, Vec<Column>), EngineError> {
    if let Some(missing) = keys.iter().find(|key| columns.iter().all(|column| column.name != **key)) {
        return Err(errors::with_hint(
            format!("partition column `{missing}` is not a column of the query"),
            "select it last",
        ));
    }
    if keys.len() == columns.len() {
        return Err(errors::with_hint(
            "the table has only partition columns",
            "select at least one column before them",
        ));
    }
    let first_key = columns.len().saturating_sub(keys.len());
    let last: Vec<&str> = columns[first_key..].iter().map(|column| column.name.as_str()).collect();
    if last != keys {
        return Err(errors::with_hint(
            format!(
                "partition columns must be the last columns of the query, in the order of `partitioned_by`: {}",
                keys.join(", ")
            ),
            format!("the query ends in {}", last.join(", ")),
        ));
    }
    let keys = columns.split_off(first_key);
    for key in &keys {
        if !schema::arrow_type(&key.column_type).is_some_and(|key_type| values::is_key_type(&key_type)) {
            let Column { name, column_type, .. } = key;
            return Err(EngineError::permanent(format!(
                "partition column `{name}` cannot have the type `{column_type}`"
            )));
        }
    }
    Ok((columns, keys))
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a failed test may panic")]
    use super::*;

    fn split(columns: &[(&str, &str)], keys: &[&str]) -> Result<(usize, usize), String> {
        let columns = columns.iter().map(|(name, column_type)| Column::new(*name, *column_type)).collect();
        let keys: Vec<String> = keys.iter().map(|key| (*key).to_owned()).collect();
        split_keys(columns, &keys).map(|(columns, keys)| (columns.len(), keys.len())).map_err(|error| error.message)
    }

    #[test]
    fn keys_are_the_last_columns() {
        let columns = [("a", "int"), ("day", "date"), ("region", "string")];
        assert_eq!(split(&columns, &[]), Ok((3, 0)));
        assert_eq!(split(&columns, &["day", "region"]), Ok((1, 2)));
        assert!(
            split(&columns, &["region", "day"]).unwrap_err().contains("in the order of `partitioned_by`: region, day")
        );
        assert!(split(&columns, &["day"]).unwrap_err().contains("must be the last"));
        assert!(split(&columns, &["hour"]).unwrap_err().contains("`hour` is not a column"));
        assert!(split(&columns, &["a", "day", "region"]).unwrap_err().contains("only partition columns"));
        assert!(split(&[("a", "int"), ("x", "double")], &["x"]).unwrap_err().contains("cannot have the type `double`"));
    }
}
