//! Whether a server is at work on what it was sent.

use std::time::Duration;

use mysql_async::prelude::Queryable as _;
use mysql_async::{Conn, Error, Opts};

/// How long the question itself may take.
const ANSWER: Duration = Duration::from_secs(10);
/// How often a server that waits is asked again, and when.
const QUESTIONS: u32 = 4;
const PAUSE: Duration = Duration::from_millis(300);
/// What MySQL and MariaDB say of a connection from which they wait for more.
const WAITING: [&str; 2] = ["Receiving from client", "Reading from net"];

/// A connection that is watched.
pub(super) struct Work {
    options: Opts,
    number: u32,
}

impl Work {
    pub(super) fn of(connection: &Conn) -> Self {
        Self { options: connection.opts().clone(), number: connection.id() }
    }

    /// Whether the server is busy with the connection, as it tells by another one: not when it waits for more, nor when it does not
    /// answer.
    pub(super) async fn goes_on(&self) -> bool {
        for _ in 0..QUESTIONS {
            match tokio::time::timeout(ANSWER, self.state()).await {
                // A server that is at work fetches more now and then, too.
                Ok(Ok(Some(state))) if WAITING.contains(&state.as_str()) => tokio::time::sleep(PAUSE).await,
                Ok(Ok(Some(_))) => return true,
                _ => return false,
            }
        }
        false
    }

    async fn state(&self) -> Result<Option<String>, Error> {
        let mut asking = Conn::new(self.options.clone()).await?;
        let sql = format!("SELECT COALESCE(STATE, '') FROM information_schema.PROCESSLIST WHERE ID = {}", self.number);
        let state = asking.query_first(sql).await;
        asking.disconnect().await?;
        state
    }
}
