//! Questions to a PostgreSQL server.

use futures::{StreamExt as _, pin_mut};
use tarn_pipeline::ports::MartError;
use tokio_postgres::SimpleQueryMessage;
use tokio_postgres::types::Type;

use super::PostgresServer;
use super::fault::explain;
use crate::RowReceiver;
use crate::fault::{WithHint, refused};
use crate::server::{Address, Answer, Answers, Fault, Server as _, ask};

/// Runs one statement that reads, and hands over its rows as text; returns the names of the columns.
pub(crate) fn query(address: Address, sql: &str, receive: &mut RowReceiver<'_>) -> Result<Vec<String>, MartError> {
    let (server, sql) = (PostgresServer::new(address)?, sql.to_owned());
    ask(move |answers| answer(server, sql, answers), receive)
}

async fn answer(server: PostgresServer, sql: String, answers: Answers) -> Result<(), Fault> {
    let session = server.connect(None).await?;
    session.run("BEGIN READ ONLY").await?;
    let name = server.name();
    let wrong = |error: tokio_postgres::Error| match error.as_db_error() {
        Some(said) if said.code().code() == "25006" => {
            Fault::Refused(refused("a query cannot write to a mart").hint("a mart is filled by loading versions"))
        }
        Some(said) if said.code().code().starts_with("42") => Fault::Refused(refused(said.message().to_owned())),
        _ => explain(&error, &name),
    };
    // To prepare it makes sure that it is one statement, and tells the types.
    let prepared = session.client().prepare(&sql).await.map_err(wrong)?;
    let columns = prepared.columns().iter().map(|column| column.name().to_owned()).collect();
    let is_bytes: Vec<bool> = prepared.columns().iter().map(|column| *column.type_() == Type::BYTEA).collect();
    if answers.send(Answer::Columns(columns)).is_err() {
        return Ok(());
    }
    let rows = session.client().simple_query_raw(&sql).await.map_err(wrong)?;
    pin_mut!(rows);
    while let Some(message) = rows.next().await {
        let SimpleQueryMessage::Row(row) = message.map_err(wrong)? else { continue };
        let text = |place: usize| {
            let text = row.get(place)?;
            let is_bytes = is_bytes.get(place).copied().unwrap_or_default();
            Some(if is_bytes { text.trim_start_matches("\\x") } else { text }.to_owned())
        };
        if answers.send(Answer::Row((0..row.len()).map(text).collect())).is_err() {
            break;
        }
    }
    Ok(())
}
