//! The second half of a model's way: audit what was made, then let readers see it.

use std::sync::Arc;

use super::{AtStep, Halt, ModelStep, Version};
use crate::audit::{self, Check};
use crate::error::StepError;
use crate::manifest::{Manifest, State};
use crate::names::RunId;
use crate::ports::TableEntry;
use crate::prepare;
use crate::publish;
use crate::record::AuditRecord;

impl ModelStep {
    pub(super) async fn audit_and_publish(&mut self, version: Version) -> Result<TableEntry, Halt> {
        self.started("audit");
        match self.audit().await.at("audit") {
            Err(Halt::Failed(failure)) => {
                self.reject(version.manifest).await;
                return Err(Halt::Failed(failure));
            }
            passed => passed?,
        }
        self.started("publish");
        self.keep().await.at("publish")?;
        let published = self.publish(version).await.at("publish")?;
        self.record.published = published.run.clone();
        Ok(published)
    }

    async fn audit(&mut self) -> Result<(), StepError> {
        let checks = self.checks()?;
        if checks.is_empty() {
            return Ok(());
        }
        let outcome = self.query(audit::counts(&checks), "audit").await?;
        let counts = audit::read_counts(&outcome.rows, checks.len())
            .ok_or_else(|| StepError::permanent("the query of the audits did not answer for each of them"))?;
        for (check, failures) in checks.iter().zip(counts) {
            let record = self.audit_record(check, failures).await?;
            self.record.audits.push(record);
        }
        refuse_failed(&self.record.audits)
    }

    pub(super) fn checks(&self) -> Result<Vec<Check>, StepError> {
        let relation = prepare::identifier(&self.staging_table());
        let context = self.compile_context(!self.record.full_refresh);
        Ok(audit::of_model(&self.model, &relation, &self.context.lake, &context)?)
    }

    async fn audit_record(&mut self, check: &Check, failures: u64) -> Result<AuditRecord, StepError> {
        if failures == 0 {
            return Ok(check.passed());
        }
        let outcome = self.query(audit::sample(check), "audit").await?;
        Ok(AuditRecord { failures, columns: outcome.columns, sample: outcome.rows, ..check.passed() })
    }

    async fn publish(&mut self, version: Version) -> Result<TableEntry, StepError> {
        let Version { replaces, onto, manifest, entry } = version;
        let staged = entry.ok_or_else(|| StepError::permanent("there is no version to publish"))?;
        let ports = self.context.ports.clone();
        let run = self.context.settings.run.clone();
        let entry = TableEntry { name: self.model.name.clone(), description: self.model.description.clone(), ..staged };
        let note = |entry: TableEntry, seen: Option<RunId>| {
            let replaced = manifest.replaced.iter().cloned().chain(seen.filter(|seen| *seen != run)).collect();
            let published = Manifest { state: State::Published, entry: Some(entry), replaced, ..manifest.clone() };
            let objects = Arc::clone(&ports.objects);
            async move { published.write(objects.as_ref()).await }
        };
        let published = publish::publish(entry, replaces, onto.as_ref(), &run, ports.catalogue.as_ref(), note).await;
        match published {
            Ok(published) => {
                ports.catalogue.remove(&self.staging_table()).await?;
                Ok(published)
            }
            Err(error) => {
                // It is noted as published already; nobody is to go back to what was never seen.
                let seen = ports.catalogue.get(&self.model.name).await;
                if seen.is_ok_and(|seen| seen.and_then(|entry| entry.run).as_ref() != Some(&run)) {
                    self.reject(manifest).await;
                }
                Err(error)
            }
        }
    }
}

/// A failed audit is a failed step that names each failed check.
fn refuse_failed(audits: &[AuditRecord]) -> Result<(), StepError> {
    let failed: Vec<String> = audits
        .iter()
        .filter(|audit| audit.failures > 0)
        .map(|audit| format!("{} ({} rows)", audit.name, audit.failures))
        .collect();
    if failed.is_empty() {
        return Ok(());
    }
    Err(StepError::permanent(format!("{} of {} audits failed: {}", failed.len(), audits.len(), failed.join(", ")))
        .with_hint("readers still see the version from before; look at the failing rows with `tarn show`"))
}
