//! What Athena says of a query that ended badly: a mistake in the statement with its place, or something that may pass.

use aws_sdk_athena::types::QueryExecutionStatus;
use tarn_pipeline::ports::EngineError;

/// Reasons that do not stand in the statement and may be gone at the next try, besides those that Athena itself calls so.
const PASSING: [&str; 7] = [
    "INTERNAL_ERROR",
    "GENERIC_INTERNAL_ERROR",
    "EXCEEDED_TIME_LIMIT",
    "HIVE_METASTORE_ERROR",
    "SlowDown",
    "Please reduce your request rate",
    "exhausted resources at this scale factor",
];

/// The reason as an error, with the place in the statement when it names one: `line 3:15: Column …`.
pub(super) fn read(status: QueryExecutionStatus, cancelled: bool) -> EngineError {
    let reason = status.state_change_reason.unwrap_or_else(|| "Athena gives no reason".to_owned());
    let said_so = status.athena_error.is_some_and(|error| error.retryable);
    let passing = said_so || PASSING.iter().any(|known| reason.contains(known));
    let (line, column, message) = place(&reason);
    let error = EngineError { line, column, retryable: passing && !cancelled, ..EngineError::permanent(message) };
    if cancelled {
        return EngineError {
            message: format!("the query was cancelled: {}", error.message),
            hint: Some("the workgroup's limit of scanned bytes cancels queries, and so does a person".to_owned()),
            cancelled: true,
            ..error
        };
    }
    error
}

pub(super) fn unknown() -> QueryExecutionStatus {
    QueryExecutionStatus::builder().build()
}

/// Takes `line L:C:` out of a reason; Athena writes it after the name of the mistake.
fn place(reason: &str) -> (Option<usize>, Option<usize>, String) {
    let found = reason.split_once("line ").and_then(|(before, rest)| {
        let (line, rest) = rest.split_once(':')?;
        let (column, rest) = rest.split_once(": ")?;
        Some((before, line.parse().ok()?, column.parse().ok()?, rest))
    });
    match found {
        Some((before, line, column, rest)) => (Some(line), Some(column), format!("{before}{rest}")),
        None => (None, None, reason.to_owned()),
    }
}

#[cfg(test)]
mod tests {
    use aws_sdk_athena::types::AthenaError;

    use super::*;

    fn status(reason: &str, retryable: bool) -> QueryExecutionStatus {
        let error = AthenaError::builder().retryable(retryable).build();
        QueryExecutionStatus::builder().state_change_reason(reason).athena_error(error).build()
    }

    #[test]
    fn a_mistake_has_its_place() {
        let error = read(status("COLUMN_NOT_FOUND: line 3:15: Column 'x' cannot be resolved", false), false);
        assert_eq!((error.line, error.column), (Some(3), Some(15)));
        assert_eq!(error.message, "COLUMN_NOT_FOUND: Column 'x' cannot be resolved");
        assert!(!error.retryable);
    }

    #[test]
    fn what_may_pass_is_tried_again_and_what_was_cancelled_is_not() {
        assert!(read(status("GENERIC_INTERNAL_ERROR: node left", false), false).retryable);
        assert!(read(status("something", true), false).retryable);
        assert!(!read(status("Bytes scanned limit was exceeded", true), true).retryable);
        assert_eq!(read(status("in line with: nothing", false), false).message, "in line with: nothing");
    }
}
