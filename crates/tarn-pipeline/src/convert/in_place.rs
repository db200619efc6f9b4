//! Incremental versions of Iceberg tables, which are changed and not written anew.
//!
//! The published table is never touched. The version is a second name for its present state: statements change what stands under
//! that name, audits read it, and publishing moves the table's own name to where the version has come. What both have in common
//! is stored once.

use tarn_model::Strategy;

use super::make::Prepared;
use super::{ModelStep, Version};
use crate::error::StepError;
use crate::ports::{QueryRequest, TableEntry};
use crate::prepare::{self, Merge, Rows, Statement, WRITER_LIMIT};

impl ModelStep {
    /// Makes a version of the rows of `onto` and the new ones.
    pub(super) async fn make_in_place(
        &mut self,
        strategy: &Strategy,
        prepared: &Prepared,
        onto: &TableEntry,
        version: &mut Version,
    ) -> Result<(), StepError> {
        let Strategy::Merge { unique_key, order } = strategy else {
            return self.add_in_place(strategy, prepared, onto, version).await;
        };
        let order = order.as_ref().map(|order| order.column.as_str());
        let (copy, delta) = (self.staging_table(), self.delta_table());
        let merge = Merge {
            published: &copy,
            delta: &delta,
            columns: &prepared.columns,
            added: &prepared.added,
            key: unique_key,
            order,
        };
        let Some(text) = prepare::merge_into(merge) else {
            // What Athena cannot merge in place is written anew.
            return self.make_merge(prepared, onto, version).await;
        };
        self.make_delta(prepared).await?;
        self.refuse_unmergeable(&delta, unique_key, order).await?;
        self.refuse_many_partitions(&Rows::of(&format!("select *\nfrom {}", prepare::identifier(&delta)))).await?;
        self.copy(onto).await?;
        self.change(Statement { text, lines_before: 0 }, version).await
    }

    /// Appends the new rows, or puts them in the place of the partitions that they belong to.
    async fn add_in_place(
        &mut self,
        strategy: &Strategy,
        prepared: &Prepared,
        onto: &TableEntry,
        version: &mut Version,
    ) -> Result<(), StepError> {
        if !prepared.added.is_empty() {
            let message = format!("columns that the table does not have: {}", prepared.added.join(", "));
            return Err(StepError::permanent(message)
                .with_hint("an Iceberg table gets new columns by a merge, or anew: `--full-refresh`"));
        }
        let copy = self.staging_table();
        let rows = match strategy {
            // Computed once: what is deleted and what is inserted must be the same partitions.
            Strategy::InsertOverwrite => {
                let delta = self.make_delta(prepared).await?;
                Rows::of(&format!("select *\nfrom {}", prepare::identifier(&delta)))
            }
            _ => prepared.rows.clone(),
        };
        let values = self.refuse_many_partitions(&rows).await?;
        self.copy(onto).await?;
        if *strategy == Strategy::InsertOverwrite {
            let keys = prepared.columns.len() - self.model.partitioned_by.len();
            let keys = prepared.columns.get(keys..).unwrap_or_default();
            if let Some(text) = prepare::delete_partitions(&copy, keys, &values) {
                self.query(text, "convert").await?;
            }
        }
        let statement = prepare::insert_into(&copy, &rows.sql).below(rows.lines_before);
        self.change(statement, version).await
    }

    /// The partitions of the rows; more than Athena writes at a time are refused before they cost anything.
    async fn refuse_many_partitions(&mut self, rows: &Rows) -> Result<Vec<Vec<Option<String>>>, StepError> {
        let values = self.partitions(rows).await?;
        if values.len() <= WRITER_LIMIT {
            return Ok(values);
        }
        let message = format!("the new rows go to {} partitions; Athena writes {WRITER_LIMIT} at a time", values.len());
        Err(StepError::permanent(message)
            .with_hint("compute fewer at a time (`tarn backfill`), or all of them anew (`--full-refresh`)"))
    }

    /// Gives the present state of the published table the version's name, unless it has one of an earlier try.
    async fn copy(&self, onto: &TableEntry) -> Result<(), StepError> {
        let (catalogue, name) = (&self.context.ports.catalogue, self.staging_table());
        if catalogue.get(&name).await?.is_none() {
            let copy = TableEntry { name, run: None, version: 0, ..onto.clone() };
            catalogue.publish(copy).await?;
        }
        Ok(())
    }

    /// Runs the last statement of the version: one commit of Iceberg, so a failed one has changed nothing.
    async fn change(&mut self, statement: Statement, version: &mut Version) -> Result<(), StepError> {
        let request = QueryRequest::new(statement.text.clone(), self.attribution("convert"));
        let outcome = self.send(request).await?;
        self.count(&outcome);
        self.finish_version(statement, version).await
    }
}
