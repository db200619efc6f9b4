//! Questions to a MySQL or MariaDB server.

use futures::StreamExt as _;
use mysql_async::Value;
use mysql_async::prelude::Queryable as _;
use tarn_pipeline::ports::MartError;

use super::MysqlServer;
use super::fault::explain;
use crate::RowReceiver;
use crate::fault::{WithHint, refused};
use crate::server::{Address, Answer, Answers, Fault, Server as _, ask};

/// Runs one statement that reads, and hands over its rows as text; returns the names of the columns.
pub(crate) fn query(address: Address, sql: &str, receive: &mut RowReceiver<'_>) -> Result<Vec<String>, MartError> {
    let (server, sql) = (MysqlServer::new(address)?, sql.to_owned());
    ask(move |answers| answer(server, sql, answers), receive)
}

async fn answer(server: MysqlServer, sql: String, answers: Answers) -> Result<(), Fault> {
    let mut session = server.connect(None).await?;
    // Of the session: a statement that commits by itself would leave a transaction's own read-only mode behind.
    session.run("SET SESSION TRANSACTION READ ONLY").await?;
    session.run("START TRANSACTION READ ONLY").await?;
    let name = server.name();
    let wrong = |error: mysql_async::Error| match &error {
        mysql_async::Error::Server(said) if said.code == 1792 => {
            Fault::Refused(refused("a query cannot write to a mart").hint("a mart is filled by loading versions"))
        }
        mysql_async::Error::Server(said) if said.code == 1064 => Fault::Refused(refused(said.message.clone())),
        _ => explain(error, &name),
    };
    // A prepared statement is one statement.
    let mut result = session.connection().exec_iter(sql, ()).await.map_err(wrong)?;
    let columns = result.columns_ref().iter().map(|column| column.name_str().into_owned()).collect();
    if answers.send(Answer::Columns(columns)).is_err() {
        return Ok(());
    }
    let Some(mut rows) = result.stream::<mysql_async::Row>().await.map_err(wrong)? else {
        return Ok(());
    };
    while let Some(row) = rows.next().await {
        let texts = row.map_err(wrong)?.unwrap().into_iter().map(text).collect();
        if answers.send(Answer::Row(texts)).is_err() {
            break;
        }
    }
    Ok(())
}

fn text(value: Value) -> Option<String> {
    Some(match value {
        Value::NULL => return None,
        Value::Bytes(bytes) => match String::from_utf8(bytes) {
            Ok(text) => text,
            Err(error) => error.as_bytes().iter().map(|byte| format!("{byte:02x}")).collect(),
        },
        Value::Int(number) => number.to_string(),
        Value::UInt(number) => number.to_string(),
        Value::Float(number) => format!("{number:?}"),
        Value::Double(number) => format!("{number:?}"),
        Value::Date(year, month, day, 0, 0, 0, 0) => format!("{year:04}-{month:02}-{day:02}"),
        Value::Date(year, month, day, hour, minute, second, 0) => {
            format!("{year:04}-{month:02}-{day:02} {hour:02}:{minute:02}:{second:02}")
        }
        Value::Date(year, month, day, hour, minute, second, microseconds) => {
            format!("{year:04}-{month:02}-{day:02} {hour:02}:{minute:02}:{second:02}.{microseconds:06}")
        }
        Value::Time(is_negative, days, hours, minutes, seconds, microseconds) => {
            let (sign, hours) = (if is_negative { "-" } else { "" }, days * 24 + u32::from(hours));
            format!("{sign}{hours:02}:{minutes:02}:{seconds:02}.{microseconds:06}")
        }
    })
}
