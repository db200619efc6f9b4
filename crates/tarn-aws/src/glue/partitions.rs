//! Registered partitions, in the chunks that Glue takes.
//! <https://docs.aws.amazon.com/glue/latest/webapi/API_BatchUpdatePartition.html>

use std::collections::BTreeMap;

use aws_sdk_glue::types::{BatchUpdatePartitionRequestEntry, PartitionError, PartitionInput, PartitionValueList};
use tarn_pipeline::ports::CatalogueError;

use super::table::{Files, storage};
use super::{Glue, glue_error, io_error};

/// Partitions of one call that creates or changes some.
const CHANGES: usize = 100;
/// Partitions of one call that deletes some.
const DELETIONS: usize = 25;

/// The location of each partition by its values.
pub(super) type Locations = BTreeMap<Vec<String>, String>;

impl Glue {
    /// All partitions that a table has registered.
    pub(super) async fn registered(&self, table: &str) -> Result<Locations, CatalogueError> {
        let call = self.aws.glue().await.get_partitions().database_name(self.database.as_ref()).table_name(table);
        let mut pages = call.exclude_column_schema(true).into_paginator().send();
        let mut found = Locations::new();
        while let Some(page) = pages.next().await {
            let page = page.map_err(|error| glue_error("read", &error))?;
            for partition in page.partitions.unwrap_or_default() {
                let location = partition.storage_descriptor.and_then(|storage| storage.location).unwrap_or_default();
                found.insert(partition.values.unwrap_or_default(), location);
            }
        }
        Ok(found)
    }

    /// Makes a table's registered partitions these: each that differs is one swap of its location, and what is right already is
    /// left alone, so that a call that was cut off goes on where it stopped.
    pub(super) async fn make_registered(
        &self,
        table: &str,
        files: Files<'_>,
        wanted: &Locations,
    ) -> Result<(), CatalogueError> {
        let found = self.registered(table).await?;
        let is_new = |values: &Vec<String>| !found.contains_key(values);
        let differs =
            |(values, location): &(&Vec<String>, &String)| found.get(*values).is_some_and(|at| at != *location);
        let created = wanted.iter().filter(|(values, _)| is_new(values));
        let created: Locations = created.map(|(values, at)| (values.clone(), at.clone())).collect();
        let changed: Vec<_> = wanted.iter().filter(differs).collect();
        let gone: Vec<_> = found.keys().filter(|values| !wanted.contains_key(*values)).cloned().collect();
        for chunk in changed.chunks(CHANGES) {
            self.change(table, files, chunk).await?;
        }
        self.create_registered(table, files, &created).await?;
        self.delete_registered(table, &gone).await
    }

    /// Registers partitions that are not there yet.
    pub(super) async fn create_registered(
        &self,
        table: &str,
        files: Files<'_>,
        created: &Locations,
    ) -> Result<(), CatalogueError> {
        let created: Vec<_> = created.iter().collect();
        for chunk in created.chunks(CHANGES) {
            self.create(table, files, chunk).await?;
        }
        Ok(())
    }

    async fn create(
        &self,
        table: &str,
        files: Files<'_>,
        chunk: &[(&Vec<String>, &String)],
    ) -> Result<(), CatalogueError> {
        let inputs = chunk.iter().map(|(values, location)| partition(files, values, location));
        let inputs = inputs.collect::<Result<Vec<_>, _>>()?;
        let call = self.aws.glue().await.batch_create_partition().database_name(self.database.as_ref());
        let answer = call.table_name(table).set_partition_input_list(Some(inputs)).send().await;
        let errors = answer.map_err(|error| glue_error("written", &error))?.errors.unwrap_or_default();
        // Somebody who did the same work at the same time has done it well.
        let errors =
            errors.into_iter().filter(|error| code(error) != Some("AlreadyExistsException")).collect::<Vec<_>>();
        refuse(&errors)
    }

    async fn change(
        &self,
        table: &str,
        files: Files<'_>,
        chunk: &[(&Vec<String>, &String)],
    ) -> Result<(), CatalogueError> {
        let entries = chunk.iter().map(|(values, location)| {
            BatchUpdatePartitionRequestEntry::builder()
                .set_partition_value_list(Some((*values).clone()))
                .partition_input(partition(files, values, location)?)
                .build()
                .map_err(|error| io_error("written", error.to_string(), std::io::ErrorKind::InvalidInput))
        });
        let entries = entries.collect::<Result<Vec<_>, CatalogueError>>()?;
        let call = self.aws.glue().await.batch_update_partition().database_name(self.database.as_ref());
        let answer = call.table_name(table).set_entries(Some(entries)).send().await;
        let failed = answer.map_err(|error| glue_error("written", &error))?.errors.unwrap_or_default();
        match failed.into_iter().next() {
            None => Ok(()),
            Some(failure) => {
                let error = PartitionError::builder()
                    .set_partition_values(failure.partition_value_list)
                    .set_error_detail(failure.error_detail)
                    .build();
                refuse(&[error])
            }
        }
    }

    /// Removes registered partitions; those already gone are no error.
    pub(super) async fn delete_registered(&self, table: &str, gone: &[Vec<String>]) -> Result<(), CatalogueError> {
        for chunk in gone.chunks(DELETIONS) {
            let lists = chunk.iter().map(|values| {
                PartitionValueList::builder()
                    .set_values(Some(values.clone()))
                    .build()
                    .map_err(|error| io_error("written", error.to_string(), std::io::ErrorKind::InvalidInput))
            });
            let lists = lists.collect::<Result<Vec<_>, _>>()?;
            let call = self.aws.glue().await.batch_delete_partition().database_name(self.database.as_ref());
            let answer = call.table_name(table).set_partitions_to_delete(Some(lists)).send().await;
            let errors = answer.map_err(|error| glue_error("written", &error))?.errors.unwrap_or_default();
            let errors: Vec<_> =
                errors.into_iter().filter(|error| code(error) != Some("EntityNotFoundException")).collect();
            refuse(&errors)?;
        }
        Ok(())
    }
}

fn partition(files: Files<'_>, values: &[String], location: &str) -> Result<PartitionInput, CatalogueError> {
    let storage = storage(files, location)?;
    Ok(PartitionInput::builder().set_values(Some(values.to_vec())).storage_descriptor(storage).build())
}

fn code(error: &PartitionError) -> Option<&str> {
    error.error_detail.as_ref().and_then(|detail| detail.error_code.as_deref())
}

fn refuse(errors: &[PartitionError]) -> Result<(), CatalogueError> {
    let Some(error) = errors.first() else { return Ok(()) };
    let detail = error.error_detail.as_ref();
    let values = error.partition_values.as_deref().unwrap_or_default().join("/");
    let code = code(error).unwrap_or("refused");
    let text = detail.and_then(|detail| detail.error_message.as_deref()).unwrap_or_default();
    let passing = crate::error::is_busy(code) || code == "ConcurrentModificationException";
    let kind = if passing { std::io::ErrorKind::TimedOut } else { std::io::ErrorKind::Other };
    Err(io_error("written", format!("partition `{values}`: {code}: {text}"), kind))
}
