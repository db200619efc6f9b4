//! Registered partitions, in the chunks that Glue takes.
//! <https://docs.aws.amazon.com/glue/latest/webapi/API_BatchUpdatePartition.html>

use std::collections::BTreeMap;

use aws_sdk_glue::types::{
    BatchUpdatePartitionRequestEntry, Partition, PartitionError, PartitionInput, PartitionValueList, StorageDescriptor,
};
use tarn_pipeline::ports::CatalogueError;

use super::table::{Files, Shape, storage};
use super::{Glue, glue_error, invalid, io_error};
use crate::error::is_busy;
use crate::waiting::back_off;

/// Partitions of one call that creates or changes some.
const CHANGES: usize = 100;
/// Partitions of one call that deletes some.
const DELETIONS: usize = 25;
/// How often partitions that Glue was too busy for are sent.
const ROUNDS: u32 = 5;
/// Refused partitions that an error tells of one by one.
const TOLD: usize = 10;

/// The location of each partition by its values.
pub(super) type Locations = BTreeMap<Vec<String>, String>;

/// The location and shape of each partition by its values.
pub(super) type Registered = BTreeMap<Vec<String>, (String, Shape)>;

/// Where partitions are.
pub(super) fn locations_of(registered: &Registered) -> Locations {
    registered.iter().map(|(values, (location, _))| (values.clone(), location.clone())).collect()
}

impl Glue {
    /// Where all partitions are that a table has registered.
    pub(super) async fn registered(&self, table: &str) -> Result<Locations, CatalogueError> {
        Ok(locations_of(&self.partitions(table, true).await?))
    }

    /// The same, with what readers know of their files.
    pub(super) async fn described_partitions(&self, table: &str) -> Result<Registered, CatalogueError> {
        self.partitions(table, false).await
    }

    async fn partitions(&self, table: &str, without_columns: bool) -> Result<Registered, CatalogueError> {
        let call = self.aws.glue().await.get_partitions().database_name(self.database.as_ref()).table_name(table);
        let mut pages = call.exclude_column_schema(without_columns).into_paginator().send();
        let mut found = Registered::new();
        while let Some(page) = pages.next().await {
            let page = page.map_err(|error| glue_error("read", &error))?;
            found.extend(page.partitions.unwrap_or_default().into_iter().map(described));
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
        let found = self.described_partitions(table).await?;
        let shape = Shape::of(files);
        let (mut created, mut changed) = (Locations::new(), Locations::new());
        for (values, location) in wanted {
            match found.get(values) {
                None => created.insert(values.clone(), location.clone()),
                Some((at, of)) if at == location && *of == shape => None,
                Some(_) => changed.insert(values.clone(), location.clone()),
            };
        }
        let gone: Vec<_> = found.keys().filter(|values| !wanted.contains_key(*values)).cloned().collect();
        self.change_registered(table, files, changed).await?;
        self.create_registered(table, files, &created).await?;
        self.delete_registered(table, &gone).await
    }

    /// Gives partitions the columns that their table has got: where both differ, Athena may refuse to read.
    /// <https://docs.aws.amazon.com/athena/latest/ug/updates-and-partitions.html>
    pub(super) async fn fit_columns(
        &self,
        table: &str,
        files: Files<'_>,
        present: &Registered,
    ) -> Result<(), CatalogueError> {
        let shape = Shape::of(files);
        let other = present.iter().filter(|(_, (_, of))| *of != shape);
        let other = other.map(|(values, (location, _))| (values.clone(), location.clone())).collect();
        self.change_registered(table, files, other).await
    }

    /// Registers partitions that are not there yet.
    pub(super) async fn create_registered(
        &self,
        table: &str,
        files: Files<'_>,
        created: &Locations,
    ) -> Result<(), CatalogueError> {
        for batch in batches(created.clone(), CHANGES) {
            // Somebody who did the same work at the same time has done it well.
            until_done(batch, "AlreadyExistsException", |batch| self.create(table, files, batch)).await?;
        }
        Ok(())
    }

    async fn create(
        &self,
        table: &str,
        files: Files<'_>,
        batch: Locations,
    ) -> Result<Vec<PartitionError>, CatalogueError> {
        let inputs = batch.iter().map(|(values, location)| partition(files, values, location));
        let inputs = inputs.collect::<Result<Vec<_>, _>>()?;
        let call = self.aws.glue().await.batch_create_partition().database_name(self.database.as_ref());
        let answer = call.table_name(table).set_partition_input_list(Some(inputs)).send().await;
        Ok(answer.map_err(|error| glue_error("written", &error))?.errors.unwrap_or_default())
    }

    async fn change_registered(&self, table: &str, files: Files<'_>, changed: Locations) -> Result<(), CatalogueError> {
        for batch in batches(changed, CHANGES) {
            until_done(batch, "", |batch| self.change(table, files, batch)).await?;
        }
        Ok(())
    }

    async fn change(
        &self,
        table: &str,
        files: Files<'_>,
        batch: Locations,
    ) -> Result<Vec<PartitionError>, CatalogueError> {
        let entries = batch.iter().map(|(values, location)| {
            BatchUpdatePartitionRequestEntry::builder()
                .set_partition_value_list(Some(values.clone()))
                .partition_input(partition(files, values, location)?)
                .build()
                .map_err(invalid)
        });
        let entries = entries.collect::<Result<Vec<_>, CatalogueError>>()?;
        let call = self.aws.glue().await.batch_update_partition().database_name(self.database.as_ref());
        let answer = call.table_name(table).set_entries(Some(entries)).send().await;
        let failed = answer.map_err(|error| glue_error("written", &error))?.errors.unwrap_or_default();
        let failed = failed.into_iter().map(|failure| {
            PartitionError::builder()
                .set_partition_values(failure.partition_value_list)
                .set_error_detail(failure.error_detail)
                .build()
        });
        Ok(failed.collect())
    }

    /// Removes registered partitions; those already gone are no error.
    pub(super) async fn delete_registered(&self, table: &str, gone: &[Vec<String>]) -> Result<(), CatalogueError> {
        let gone: Locations = gone.iter().map(|values| (values.clone(), String::new())).collect();
        for batch in batches(gone, DELETIONS) {
            until_done(batch, "EntityNotFoundException", |batch| self.delete(table, batch)).await?;
        }
        Ok(())
    }

    async fn delete(&self, table: &str, batch: Locations) -> Result<Vec<PartitionError>, CatalogueError> {
        let list = |values| PartitionValueList::builder().set_values(Some(values)).build().map_err(invalid);
        let lists = batch.into_keys().map(list).collect::<Result<Vec<_>, _>>()?;
        let call = self.aws.glue().await.batch_delete_partition().database_name(self.database.as_ref());
        let answer = call.table_name(table).set_partitions_to_delete(Some(lists)).send().await;
        Ok(answer.map_err(|error| glue_error("written", &error))?.errors.unwrap_or_default())
    }
}

fn batches(all: Locations, size: usize) -> Vec<Locations> {
    let mut batches: Vec<Locations> = Vec::new();
    for (number, (values, location)) in all.into_iter().enumerate() {
        if number % size == 0 {
            batches.push(Locations::new());
        }
        if let Some(batch) = batches.last_mut() {
            batch.insert(values, location);
        }
    }
    batches
}

/// Sends a batch, and what Glue was too busy for again; an answer with the code `done` is as good as none.
async fn until_done<Sent>(
    mut batch: Locations,
    done: &str,
    send: impl Fn(Locations) -> Sent,
) -> Result<(), CatalogueError>
where
    Sent: Future<Output = Result<Vec<PartitionError>, CatalogueError>>,
{
    let mut round = 1;
    loop {
        let mut errors = send(batch.clone()).await?;
        errors.retain(|error| code(error) != Some(done));
        if errors.is_empty() {
            return Ok(());
        }
        if round == ROUNDS || !errors.iter().all(may_pass) {
            return Err(refused(&errors));
        }
        batch.retain(|values, _| errors.iter().any(|error| error.partition_values.as_ref() == Some(values)));
        if batch.is_empty() {
            // It does not say of what it speaks.
            return Err(refused(&errors));
        }
        tokio::time::sleep(back_off(round)).await;
        round += 1;
    }
}

fn described(partition: Partition) -> (Vec<String>, (String, Shape)) {
    let storage = partition.storage_descriptor.unwrap_or_else(|| StorageDescriptor::builder().build());
    let shape = Shape::told(&storage);
    (partition.values.unwrap_or_default(), (storage.location.unwrap_or_default(), shape))
}

fn partition(files: Files<'_>, values: &[String], location: &str) -> Result<PartitionInput, CatalogueError> {
    let storage = storage(files, location)?;
    Ok(PartitionInput::builder().set_values(Some(values.to_vec())).storage_descriptor(storage).build())
}

fn code(error: &PartitionError) -> Option<&str> {
    error.error_detail.as_ref().and_then(|detail| detail.error_code.as_deref())
}

/// Whether the same partition may be taken later.
fn may_pass(error: &PartitionError) -> bool {
    code(error).is_some_and(|code| is_busy(code) || code == "ConcurrentModificationException")
}

/// All that was refused. Those that may pass are told last: they are not what keeps it from being done.
fn refused(errors: &[PartitionError]) -> CatalogueError {
    let (passing, lasting): (Vec<_>, Vec<_>) = errors.iter().partition(|error| may_pass(error));
    let kind = if lasting.is_empty() { std::io::ErrorKind::TimedOut } else { std::io::ErrorKind::Other };
    let each = lasting.into_iter().chain(passing).take(TOLD).map(|error| {
        let values = error.partition_values.as_deref().unwrap_or_default().join("/");
        let text = error.error_detail.as_ref().and_then(|detail| detail.error_message.as_deref()).unwrap_or_default();
        format!("partition `{values}`: {}: {text}", code(error).unwrap_or("refused"))
    });
    let mut text = each.collect::<Vec<_>>().join("; ");
    if errors.len() > TOLD {
        text.push_str(&format!("; and {} more", errors.len() - TOLD));
    }
    io_error("written", text, kind)
}

#[cfg(test)]
mod tests {
    use std::sync::Mutex;

    use aws_sdk_glue::types::ErrorDetail;

    use super::*;

    fn error(value: &str, code: &str) -> PartitionError {
        let detail = ErrorDetail::builder().error_code(code).error_message("why").build();
        PartitionError::builder().partition_values(value).error_detail(detail).build()
    }

    /// Sends three partitions to a Glue that answers so, round by round; what it was sent, and how it ended.
    async fn send(answers: &[&[(&str, &str)]], done: &str) -> (Vec<Vec<String>>, Result<(), CatalogueError>) {
        let sent = Mutex::new(Vec::new());
        let batch = ["a", "b", "c"].map(|value| (vec![value.to_owned()], format!("s3://lake/{value}/")));
        let ended = until_done(Locations::from(batch), done, |batch| {
            let mut sent = sent.lock().unwrap();
            let answer = answers.get(sent.len()).copied().unwrap_or_default();
            sent.push(batch.into_keys().flatten().collect());
            let errors: Vec<_> = answer.iter().map(|(value, code)| error(value, code)).collect();
            async { Ok(errors) }
        });
        let ended = ended.await;
        (sent.into_inner().unwrap(), ended)
    }

    #[tokio::test]
    async fn only_what_glue_was_too_busy_for_is_sent_again() {
        let busy = [("b", "ThrottlingException"), ("c", "ConcurrentModificationException")];
        let (sent, ended) = send(&[&busy, &busy[1..]], "").await;
        assert_eq!(sent, [vec!["a", "b", "c"], vec!["b", "c"], vec!["c"]]);
        ended.unwrap();
        let (sent, ended) =
            send(&[&[("a", "AlreadyExistsException"), ("b", "InternalServiceException")]], "AlreadyExistsException")
                .await;
        assert_eq!(sent, [vec!["a", "b", "c"], vec!["b"]]);
        ended.unwrap();
    }

    #[tokio::test]
    async fn all_that_is_refused_is_told() {
        let (sent, ended) =
            send(&[&[("a", "ThrottlingException"), ("b", "InvalidInputException"), ("c", "AccessDenied")]], "").await;
        assert_eq!(sent.len(), 1);
        let CatalogueError::Io { source, .. } = ended.unwrap_err() else { panic!("another error") };
        assert_eq!(
            source.to_string(),
            "partition `b`: InvalidInputException: why; partition `c`: AccessDenied: why; partition `a`: ThrottlingException: why"
        );
        let always: Vec<&[(&str, &str)]> = vec![&[("a", "ThrottlingException")]; 9];
        let (sent, ended) = send(&always, "").await;
        assert_eq!(sent.len(), ROUNDS as usize);
        let CatalogueError::Io { source, .. } = ended.unwrap_err() else { panic!("another error") };
        assert_eq!(source.kind(), std::io::ErrorKind::TimedOut);
    }
}
