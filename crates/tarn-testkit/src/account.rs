//! AWS for tests: the stand-in account of `tests/account` on a free port of loopback, with Athena, faults on demand and a journal of calls.

use std::ops::Deref;
use std::process::{Child, Command};

use anyhow::{Context, Result, bail};
use serde_json::Value;

use crate::http::request;
use crate::moto::python;
use crate::services::Services;

/// A running account. It ends when this is dropped, and when the test's process ends.
pub struct Account {
    process: Child,
    services: Services,
}

impl Account {
    /// Starts an account of one's own.
    ///
    /// # Errors
    /// When it is not installed (`tests/set-up` does that) or does not start.
    pub fn start() -> Result<Self> {
        let mut server = Command::new(python()?);
        server.args(["-m", "account", "--port", "0"]).current_dir(crate::workspace().join("tests"));
        let (process, services) = Services::start(server.env("PYTHONDONTWRITEBYTECODE", "1"), "the account")?;
        Ok(Self { process, services })
    }

    /// The URL of an incoming web hook whose messages `slack_messages` gives back.
    pub fn slack_url(&self) -> String {
        format!("{}/tarn-account/slack/hook", self.endpoint())
    }

    /// Adds a fault, e.g. `{"statement": "create table", "at": "half"}`; `tests/account/faults.py` says which there are.
    ///
    /// # Errors
    /// When there is no such fault.
    pub fn fault(&self, fault: &Value) -> Result<()> {
        self.side("POST", "faults", Some(fault)).map(|_| ())
    }

    /// How many calls are held by a fault, `{"operation": …, "hold": true}`.
    ///
    /// # Errors
    /// When the account has ended.
    pub fn held(&self) -> Result<u64> {
        Ok(self.side("GET", "faults/held", None)?.as_u64().unwrap_or_default())
    }

    /// Forgets all faults.
    ///
    /// # Errors
    /// When the account has ended.
    pub fn clear_faults(&self) -> Result<()> {
        self.side("DELETE", "faults", None).map(|_| ())
    }

    /// State machines wait so many times shorter than they say.
    ///
    /// # Errors
    /// When the account has ended.
    pub fn hurry(&self, times: u32) -> Result<()> {
        self.side("POST", "clock", Some(&serde_json::json!({"speed": times}))).map(|_| ())
    }

    /// An export of this table of a cluster (`database.schema.table`) writes the objects below this URI from now on.
    ///
    /// # Errors
    /// When the account has ended.
    pub fn export_of(&self, table: &str, from: &str) -> Result<()> {
        self.side("POST", "exports", Some(&serde_json::json!({"table": table, "from": from}))).map(|_| ())
    }

    /// The next export ends so, e.g. `("FAILED", "why")`.
    ///
    /// # Errors
    /// When the account has ended.
    pub fn export_ends(&self, status: &str, cause: &str) -> Result<()> {
        self.side("POST", "exports", Some(&serde_json::json!({"status": status, "cause": cause}))).map(|_| ())
    }

    /// The exports that were started.
    ///
    /// # Errors
    /// When the account has ended.
    pub fn exports(&self) -> Result<Vec<Value>> {
        self.side("GET", "exports", None)?.as_array().cloned().context("no list of exports")
    }

    /// How often an operation of a service was called, e.g. `("glue", "UpdateTable")`.
    ///
    /// # Errors
    /// When the account has ended.
    pub fn calls(&self, service: &str, operation: &str) -> Result<u64> {
        let counts = self.side("GET", "journal", None)?;
        Ok(counts.get(service).and_then(|service| service.get(operation)).and_then(Value::as_u64).unwrap_or_default())
    }

    /// Forgets the calls so far.
    ///
    /// # Errors
    /// When the account has ended.
    pub fn clear_calls(&self) -> Result<()> {
        self.side("DELETE", "journal", None).map(|_| ())
    }

    /// How often a function was called.
    ///
    /// # Errors
    /// When the account has ended.
    pub fn invocations(&self, function: &str) -> Result<u64> {
        let used = self.side("GET", "functions", None)?;
        Ok(used.get(function).and_then(|used| used.get("invocations")).and_then(Value::as_u64).unwrap_or_default())
    }

    /// How many faults still wait for what they strike.
    ///
    /// # Errors
    /// When the account has ended.
    pub fn faults(&self) -> Result<usize> {
        Ok(self.side("GET", "faults", None)?.as_array().map_or(0, Vec::len))
    }

    /// The messages that went to `slack_url`, the oldest first.
    ///
    /// # Errors
    /// When the account has ended.
    pub fn slack_messages(&self) -> Result<Vec<Value>> {
        let received = self.side("GET", "slack", None)?;
        let messages = received.as_array().context("no list of messages")?;
        Ok(messages.iter().filter_map(|each| each.get("message").cloned()).collect())
    }

    /// Forgets the messages so far.
    ///
    /// # Errors
    /// When the account has ended.
    pub fn clear_slack(&self) -> Result<()> {
        self.side("DELETE", "slack", None).map(|_| ())
    }

    fn side(&self, method: &str, path: &str, body: Option<&Value>) -> Result<Value> {
        let body = body.map(Value::to_string).unwrap_or_default();
        let headers = [("content-type", "application/json")];
        let (status, answer) =
            request(self.port(), method, &format!("/tarn-account/{path}"), &headers, body.as_bytes())?;
        if status != 200 {
            bail!("{method} {path}: {status}: {}", String::from_utf8_lossy(&answer));
        }
        Ok(serde_json::from_slice(&answer)?)
    }
}

impl Deref for Account {
    type Target = Services;

    fn deref(&self) -> &Services {
        &self.services
    }
}

impl Drop for Account {
    fn drop(&mut self) {
        // Without its standard input it removes what it made and ends; it may have ended already, which is as well.
        drop(self.process.stdin.take());
        let _ = self.process.wait();
    }
}
