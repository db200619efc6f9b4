//! A merge without a stage: `LOAD DATA … REPLACE` straight into the table, in the transaction that notes the load.
//!
//! It saves writing every row twice. `REPLACE` takes the last of equal keys without a word, so the rows must come in the order of their
//! keys; and it writes whole rows, so the version must have all columns of the table. Why, and when not: docs/decisions/0013.

use tarn_pipeline::ports::GoneRows;

use super::bulk::Transfer;
use super::indexes::Index;
use super::publish::note;
use super::schema::literal;
use super::session::MysqlSession;
use crate::server::{Change, Direct, ExistingColumn, Fault, Feeder, Notation, Plan, Progress, is_unordered};

impl MysqlSession {
    pub(super) async fn merge_directly(
        &mut self,
        plan: &Plan,
        existing: Option<&[ExistingColumn]>,
        changes: &[Change],
        rows: u64,
        feed: Feeder<'_>,
        progress: Progress<'_>,
    ) -> Result<Direct, Fault> {
        let Some(existing) = existing else { return Ok(Direct::Impossible) };
        let keeps = plan.load.options.gone != GoneRows::Delete;
        if !(self.takes_bulk && plan.merges() && keeps && changes.is_empty()) {
            return Ok(Direct::Impossible);
        }
        let indexes = self.indexes(plan.table()).await?;
        if !self.may_replace(plan, existing, &indexes).await? {
            return Ok(Direct::Impossible);
        }
        self.check_key(plan, existing, &indexes).await?;
        if self.is_to_be_rebuilt(plan, rows).await? {
            return Ok(Direct::Impossible);
        }
        self.add_indexes(plan.table(), plan).await?;
        let note = |rows: u64| note(plan, rows, true);
        let transfer = Transfer { plan, table: plan.table(), replaces: true, note: &note, feed, progress };
        match self.in_transaction(&transfer, Notation::MysqlText).await {
            Ok(_) => Ok(Direct::Done),
            Err(Fault::BulkForbidden) => {
                self.takes_bulk = false;
                Ok(Direct::Impossible)
            }
            Err(Fault::Refused(error)) if is_unordered(&error) => Ok(Direct::Impossible),
            Err(fault) => Err(fault),
        }
    }

    /// Whether a row that takes the place of another is the same as that other with its values changed.
    pub(super) async fn may_replace(
        &mut self,
        plan: &Plan,
        existing: &[ExistingColumn],
        indexes: &[Index],
    ) -> Result<bool, Fault> {
        let is_new = |name: &str| plan.columns.iter().any(|new| new.name.eq_ignore_ascii_case(name));
        let are_whole = existing.iter().all(|column| !column.is_generated && is_new(&column.name));
        Ok(are_whole
            && self.has_transactions(plan.table()).await?
            && !self.has_dependants(plan.table(), indexes).await?)
    }

    /// Whether what is done to a table can be undone.
    pub(super) async fn has_transactions(&mut self, table: &str) -> Result<bool, Fault> {
        let found: Vec<(Option<String>,)> = self
            .rows(format!(
                "SELECT e.TRANSACTIONS FROM information_schema.TABLES t JOIN information_schema.ENGINES e ON e.ENGINE = t.ENGINE \
                 WHERE t.TABLE_SCHEMA = DATABASE() AND t.TABLE_NAME = {}",
                literal(table)
            ))
            .await?;
        Ok(found.first().is_some_and(|(transactions,)| transactions.as_deref() == Some("YES")))
    }
}
