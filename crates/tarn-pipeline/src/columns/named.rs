//! Columns that a model's header names and its query does not yield.

use tarn_model::{AuditCheck, Diagnostic, Diagnostics, Materialization, Model, Strategy, suggestion};

use crate::ports::Column;

/// The code of these mistakes.
const CODE: &str = "unknown-column";

/// A mistake for each of them, where it is written.
pub(super) fn missing(model: &Model, columns: &[Column]) -> Diagnostics {
    let is_missing = |name: &str| columns.iter().all(|column| column.name != name.to_lowercase());
    let message = |name: &str| format!("model `{}` yields no column `{name}`", model.name);
    let mut found: Vec<(Diagnostic, &str)> = Vec::new();
    for (key, name) in in_header(model) {
        if is_missing(name) {
            found.push((model.header_mistake(CODE, key, name, &message(name)), name));
        }
    }
    for audit in &model.audits {
        for name in of_audit(&audit.check) {
            if is_missing(name) {
                found.push((model.audit_mistake(CODE, audit, name, &message(name)), name));
            }
        }
    }
    let with_hint = |(mistake, name): (Diagnostic, &str)| {
        mistake.with_hint_if(suggestion(name, columns.iter().map(|column| column.name.as_str()), "columns"))
    };
    found.into_iter().map(with_hint).collect::<Diagnostics>().sorted()
}

/// The columns that keys of the header name, each with its key.
fn in_header(model: &Model) -> Vec<(&'static str, &str)> {
    let mut named: Vec<(&'static str, &str)> = Vec::new();
    named.extend(model.partitioned_by.iter().map(|name| ("partitioned_by", name.as_str())));
    if let Materialization::Incremental(Strategy::Merge { unique_key, order }) = &model.materialization {
        named.extend(unique_key.iter().map(|name| ("unique_key", name.as_str())));
        named.extend(order.iter().map(|order| ("merge_order", order.column.as_str())));
    }
    if let Some(bucketing) = &model.bucketed_by {
        named.extend(bucketing.columns.iter().map(|name| ("bucketed_by", name.as_str())));
    }
    if let Some(mart) = &model.mart {
        named.extend(mart.key.iter().chain(mart.indexes.iter().flatten()).map(|name| ("mart", name.as_str())));
    }
    named
}

/// The columns of the model that an audit reads; those in a query of the user's are found when it is planned.
fn of_audit(check: &AuditCheck) -> Vec<&str> {
    match check {
        AuditCheck::NotNull { columns } | AuditCheck::Unique { columns } => {
            columns.iter().map(String::as_str).collect()
        }
        AuditCheck::AcceptedValues { column, .. } | AuditCheck::Relationships { column, .. } => vec![column],
        AuditCheck::RowCount { .. } | AuditCheck::Sql { .. } => Vec::new(),
    }
}
