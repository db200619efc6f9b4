//! Audits: all checks of a version in one query, before any reader can see it.

use tarn_model::{Audit, CompileContext, Diagnostics, Lake, Model, OnEmpty};

use crate::prepare::literal;
use crate::record::AuditRecord;

/// How many failing rows are kept to look at.
pub const SAMPLE_ROWS: usize = 5;

/// An audit of one version: its name and the query that returns the failing rows.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Check {
    /// The audit's name.
    pub name: String,
    /// Returns the rows that fail; none is passed.
    pub failing_rows: String,
}

impl Check {
    /// What is recorded when no row failed.
    pub fn passed(&self) -> AuditRecord {
        AuditRecord {
            name: self.name.clone(),
            query: self.failing_rows.clone(),
            failures: 0,
            columns: Vec::new(),
            sample: Vec::new(),
        }
    }
}

/// The audits of a model against the version `relation`.
pub fn checks(
    audits: &[Audit],
    relation: &str,
    lake: &Lake,
    context: &CompileContext<'_>,
) -> Result<Vec<Check>, Diagnostics> {
    audits
        .iter()
        .map(|audit| Ok(Check { name: audit.name(), failing_rows: audit.sql(lake, relation, context)? }))
        .collect()
}

/// All checks of a model's version: its audits, and that it has rows where the model says it must.
pub fn of_model(
    model: &Model,
    relation: &str,
    lake: &Lake,
    context: &CompileContext<'_>,
) -> Result<Vec<Check>, Diagnostics> {
    let mut checks = checks(&model.audits, relation, lake, context)?;
    if model.on_empty == OnEmpty::Fail {
        checks.push(not_empty(relation));
    }
    Ok(checks)
}

/// One query that counts the failing rows of every check: columns `audit_number` (from 0) and `failures`.
pub fn counts(checks: &[Check]) -> String {
    let selects: Vec<String> = checks
        .iter()
        .enumerate()
        .map(|(number, check)| {
            format!(
                "-- {name}\nselect {number} as audit_number, count(*) as failures\nfrom (\n{rows}\n) as failing",
                name = check.name.replace(['\n', '\r'], " "),
                rows = indented(&check.failing_rows),
            )
        })
        .collect();
    // A statement that begins with a comment is fine in Athena only for `--`, and only after the first word.
    format!("select audit_number, failures\nfrom (\n{}\n) as audits", indented(&selects.join("\nunion all\n")))
}

/// The first failing rows of a check.
pub fn sample(check: &Check) -> String {
    format!("select *\nfrom (\n{}\n) as failing\nlimit {SAMPLE_ROWS}", indented(&check.failing_rows))
}

/// Reads the answer to [`counts`]: failing rows by the check's number.
pub fn read_counts(rows: &[Vec<Option<String>>], checks: usize) -> Option<Vec<u64>> {
    let mut counts = vec![None; checks];
    for row in rows {
        let [Some(number), Some(failures)] = row.as_slice() else {
            return None;
        };
        *counts.get_mut(number.parse::<usize>().ok()?)? = Some(failures.parse().ok()?);
    }
    counts.into_iter().collect()
}

fn indented(sql: &str) -> String {
    let lines: Vec<String> =
        sql.trim_end().lines().map(|line| if line.is_empty() { String::new() } else { format!("  {line}") }).collect();
    lines.join("\n")
}

/// The check that a version has rows, for models that say an empty one is a mistake.
pub fn not_empty(relation: &str) -> Check {
    Check {
        name: "on_empty: fail".to_owned(),
        failing_rows: format!(
            "select {} as failure\nfrom (select count(*) as row_count from {relation}) as counted\nwhere row_count = 0",
            literal("the version has no rows")
        ),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn all_checks_are_counted_by_one_query() {
        let check = |name: &str, rows: &str| Check { name: name.to_owned(), failing_rows: rows.to_owned() };
        let checks =
            [check("not_null(day)", "select *\nfrom t\nwhere day is null"), check("own", "select 1 where false")];
        assert_eq!(
            counts(&checks),
            "select audit_number, failures
from (
  -- not_null(day)
  select 0 as audit_number, count(*) as failures
  from (
    select *
    from t
    where day is null
  ) as failing
  union all
  -- own
  select 1 as audit_number, count(*) as failures
  from (
    select 1 where false
  ) as failing
) as audits"
        );
    }

    #[test]
    fn an_answer_that_lacks_an_audit_is_not_read_as_passed() {
        let row = |number: &str| vec![Some(number.to_owned()), Some("0".to_owned())];
        assert_eq!(read_counts(&[row("0"), row("1")], 2), Some(vec![0, 0]));
        assert_eq!(read_counts(&[row("0")], 2), None);
    }
}
