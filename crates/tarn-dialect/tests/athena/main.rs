//! Athena's answers, statement by statement: every family of cases in `cases/`, all differences at once.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "a broken fixture must stop the test")]

mod statements;
mod stress;
mod support;
mod windows;

use support::{rows, session};
use tarn_dialect::{Session, SqlError};

/// Splits a line of a case file; comments and empty lines are none.
fn cases(text: &str) -> impl Iterator<Item = (&str, &str)> {
    text.lines().filter(|line| !line.trim().is_empty() && !line.starts_with('#')).map(|line| {
        let (sql, expected) = line.split_once(" ==>").expect("a case has ` ==>`");
        (sql, expected.trim())
    })
}

async fn answer(session: &Session, sql: &str) -> String {
    match rows(session, sql).await {
        Ok(rows) => rows
            .iter()
            .map(|row| row.iter().map(|value| value.as_deref().unwrap_or("null")).collect::<Vec<_>>().join("|"))
            .collect::<Vec<_>>()
            .join(" ; "),
        Err(error) => refusal(&error),
    }
}

fn refusal(error: &SqlError) -> String {
    let place = match (error.line, error.column) {
        (Some(line), Some(column)) => format!("{line}:{column}"),
        _ => "-".to_owned(),
    };
    let hint = error.hint.as_ref().map(|hint| format!(" (hint: {hint})")).unwrap_or_default();
    format!("!{:?} {place} {}{hint}", error.kind, error.message)
}

async fn check(family: &str, text: &str) -> usize {
    let session = session();
    let mut differing = Vec::new();
    let mut count = 0;
    for (sql, expected) in cases(text) {
        count += 1;
        let got = answer(&session, sql).await;
        let same = match expected.strip_prefix('!') {
            // A refusal may say more than the case asks for.
            Some(_) => got.starts_with(expected),
            None => got == expected,
        };
        if !same {
            differing.push(format!("{sql}\n    wanted: {expected}\n    got:    {got}"));
        }
    }
    assert!(differing.is_empty(), "{family}: {} of {count} differ\n{}", differing.len(), differing.join("\n"));
    count
}

macro_rules! families {
    ($($name:ident: $least:literal),* $(,)?) => {
        $(
            #[tokio::test]
            async fn $name() {
                let text = include_str!(concat!("../cases/", stringify!($name), ".cases"));
                assert!(check(stringify!($name), text).await >= $least);
            }
        )*
    };
}

families! {
    analytics: 15,
    arithmetic: 40,
    casts: 50,
    comparison: 40,
    conditional: 20,
    lambdas: 25,
    literals: 50,
    nested: 25,
    queries: 60,
    refusals: 30,
    temporal: 40,
    unnest: 15,
}
