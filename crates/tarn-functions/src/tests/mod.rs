//! Tables of calls and results by Trino's manual, run through the engine.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "tests fail by panic")]

use arrow::util::display::{ArrayFormatter, FormatOptions};
use datafusion::prelude::{SessionConfig, SessionContext};

mod aggregate;
mod array;
mod binary;
mod datetime;
mod json;
mod map;
mod math;
mod regex;
mod string;
mod web;

/// A session that knows this crate's functions besides the engine's own.
pub(crate) fn session() -> SessionContext {
    let mut config = SessionConfig::new().with_target_partitions(2);
    config.options_mut().sql_parser.map_string_types_to_utf8view = false;
    let context = SessionContext::new_with_config(config);
    for function in crate::scalar_functions() {
        context.register_udf(function.as_ref().clone());
    }
    let (_, builtins, _) = crate::verified_builtins();
    for function in crate::aggregate_functions().iter().chain(&builtins) {
        context.register_udaf(function.as_ref().clone());
    }
    context
}

/// Evaluates a query; gives the first column's first row as text, `NULL` for null, or the error.
pub(crate) async fn evaluate(context: &SessionContext, sql: &str) -> Result<String, String> {
    let batches = match context.sql(sql).await {
        Ok(frame) => frame.collect().await.map_err(|error| error.to_string())?,
        Err(error) => return Err(error.to_string()),
    };
    let batch = batches.iter().find(|batch| batch.num_rows() > 0).ok_or("no rows")?;
    let column = batch.column(0);
    let options = FormatOptions::new()
        .with_null("NULL")
        .with_timestamp_format(Some("%Y-%m-%d %H:%M:%S%.f"))
        .with_timestamp_tz_format(Some("%Y-%m-%d %H:%M:%S%.f %:z"));
    let formatter = ArrayFormatter::try_new(column.as_ref(), &options).map_err(|e| e.to_string())?;
    Ok(formatter.value(0).to_string())
}

/// Checks `expression => value` lines; a value that begins with `!` is part of the error.
pub(crate) async fn check(table: &str) {
    let context = session();
    let mut failures = Vec::new();
    for line in table.lines().map(str::trim).filter(|line| !line.is_empty()) {
        let (expression, expected) = line.rsplit_once(" =>").expect("a line has ` =>`");
        let expected = expected.trim();
        let sql = if expression.to_lowercase().starts_with("select ") {
            expression.to_owned()
        } else {
            format!("SELECT {expression}")
        };
        let outcome = evaluate(&context, &sql).await;
        let right = match (expected.strip_prefix('!'), &outcome) {
            (Some(part), Err(error)) => error.contains(part),
            (None, Ok(value)) => value.trim() == expected,
            _ => false,
        };
        if !right {
            failures.push(format!("{expression}\n    expected {expected}\n    got      {outcome:?}"));
        }
    }
    assert!(failures.is_empty(), "{} wrong:\n{}", failures.len(), failures.join("\n"));
}
