//! The catalogue in AWS Glue.
//!
//! What Glue cannot say of an entry (which run wrote which part) is kept as an object beside it, under the hash of its text; a
//! parameter of the Glue table names it. So an entry is read as it was published, and one call to Glue changes what readers see
//! and what Tarn knows at the same moment.
//!
//! How parts become something that Athena can read is in [`form`]; how one form is made visible in place of another in
//! [`publishing`].

mod form;
mod labels;
mod partitions;
mod publishing;
mod reading;
mod table;
mod view;

use std::io;
use std::sync::Arc;

use async_trait::async_trait;
use aws_sdk_glue::error::{BuildError, ProvideErrorMetadata, SdkError};
use aws_sdk_glue::types::Table;
use tarn_pipeline::ports::{Catalogue, CatalogueError, ObjectStore, TableEntry};

use crate::aws::Aws;
use crate::error::{is_transient, message};

/// The parameter that names the object with the entry.
const ENTRY: &str = "tarn.entry";
/// The parameter that names the object with the entry that is being published, while its partitions change one after another.
const NEXT: &str = "tarn.next";

/// The tables of a lake's database.
#[derive(Clone)]
pub struct Glue {
    aws: Arc<Aws>,
    objects: Arc<dyn ObjectStore>,
    database: Arc<str>,
}

impl Glue {
    /// The tables of a database; `objects` is the lake's bucket.
    pub fn new(aws: Arc<Aws>, objects: Arc<dyn ObjectStore>, database: &str) -> Self {
        Self { aws, objects, database: Arc::from(database) }
    }

    /// Makes the database, if it is not there.
    ///
    /// # Errors
    /// When Glue refuses.
    pub async fn create_database(&self) -> Result<(), CatalogueError> {
        let input = aws_sdk_glue::types::DatabaseInput::builder().name(self.database.as_ref()).build();
        let input = input.map_err(invalid)?;
        let made = self.aws.glue().await.create_database().database_input(input).send().await;
        match made {
            Err(error) if error.code() == Some("AlreadyExistsException") => Ok(()),
            Err(error) => Err(glue_error("written", &error)),
            Ok(_) => Ok(()),
        }
    }

    /// The table as Glue has it.
    async fn table(&self, name: &str) -> Result<Option<Table>, CatalogueError> {
        let call = self.aws.glue().await.get_table().database_name(self.database.as_ref()).name(name);
        match call.send().await {
            Ok(answer) => Ok(answer.table),
            Err(error) if error.code() == Some("EntityNotFoundException") => Ok(None),
            Err(error) => Err(glue_error("read", &error)),
        }
    }
}

#[async_trait]
impl Catalogue for Glue {
    async fn get(&self, name: &str) -> Result<Option<TableEntry>, CatalogueError> {
        match self.table(name).await? {
            Some(table) => self.entry(&table).await.map(Some),
            None => Ok(None),
        }
    }

    async fn list(&self) -> Result<Vec<String>, CatalogueError> {
        let call = self.aws.glue().await.get_tables().database_name(self.database.as_ref());
        let mut pages = call.into_paginator().send();
        let mut names = Vec::new();
        while let Some(page) = pages.next().await {
            let page = page.map_err(|error| glue_error("read", &error))?;
            names.extend(page.table_list.unwrap_or_default().into_iter().map(|table| table.name));
        }
        names.retain(|name| !name.ends_with(form::HIDDEN));
        names.sort_unstable();
        Ok(names)
    }

    async fn publish(&self, entry: TableEntry) -> Result<TableEntry, CatalogueError> {
        self.put(entry).await
    }

    async fn remove(&self, name: &str) -> Result<(), CatalogueError> {
        let call = self.aws.glue().await.delete_table().database_name(self.database.as_ref()).name(name);
        match call.send().await {
            Err(error) if error.code() != Some("EntityNotFoundException") => Err(glue_error("written", &error)),
            _ => Ok(()),
        }
    }
}

/// The version that an entry has: Glue counts from 0, and 0 means an entry that is not there yet.
fn version(table: &Table) -> u64 {
    let id = table.version_id.as_deref().and_then(|id| id.parse::<u64>().ok());
    id.unwrap_or_default().saturating_add(1)
}

fn glue_error<E>(action: &'static str, error: &SdkError<E>) -> CatalogueError
where
    E: ProvideErrorMetadata + std::error::Error + 'static,
{
    let kind = if is_transient(error) { io::ErrorKind::TimedOut } else { io::ErrorKind::Other };
    io_error(action, message(error), kind)
}

/// What the client library itself does not send.
fn invalid(error: BuildError) -> CatalogueError {
    io_error("written", error.to_string(), io::ErrorKind::InvalidInput)
}

fn io_error(action: &'static str, message: impl Into<String>, kind: io::ErrorKind) -> CatalogueError {
    CatalogueError::Io { action, source: io::Error::new(kind, message.into()) }
}
