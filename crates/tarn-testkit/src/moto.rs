//! S3 and Firehose for tests: moto's server on a free port of loopback.

use std::ops::Deref;
use std::process::{Child, Command};
use std::sync::{Arc, Mutex, PoisonError, Weak};

use anyhow::{Context, Result, bail};

use crate::services::Services;

const SCRIPT: &str = include_str!("moto_server.py");

/// The server that tests share while one of them needs it.
static SHARED: Mutex<Weak<Moto>> = Mutex::new(Weak::new());

/// A running server. It ends when this is dropped, and when the test's process ends.
pub struct Moto {
    process: Child,
    services: Services,
}

impl Moto {
    /// The server that other tests of this process use too; buckets and streams want names of their own.
    ///
    /// # Errors
    /// When none can be started.
    pub fn shared() -> Result<Arc<Self>> {
        let mut shared = SHARED.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(running) = shared.upgrade() {
            return Ok(running);
        }
        let started = Arc::new(Self::start()?);
        *shared = Arc::downgrade(&started);
        Ok(started)
    }

    /// Starts a server of one's own.
    ///
    /// # Errors
    /// When it is not installed (`tests/set-up` does that) or does not start.
    pub fn start() -> Result<Self> {
        let mut server = Command::new(python()?);
        server.args(["-I", "-c", SCRIPT]).env("MOTO_CALL_RESET_API", "false");
        let (process, services) = Services::start(&mut server, "moto")?;
        Ok(Self { process, services })
    }
}

impl Deref for Moto {
    type Target = Services;

    fn deref(&self) -> &Services {
        &self.services
    }
}

impl Drop for Moto {
    fn drop(&mut self) {
        // It may have ended already, which is as well.
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

/// Python with what the tests need.
///
/// # Errors
/// When it is not installed: `tests/set-up` does that.
pub fn python() -> Result<std::path::PathBuf> {
    let python = cache()?.join("venv/bin/python");
    if python.is_file() {
        return Ok(python);
    }
    bail!("there is no `{}`; run the tests with `make test`", python.display())
}

/// Where `tests/set-up` installs what the tests need.
pub fn cache() -> Result<std::path::PathBuf> {
    match std::env::var_os("TARN_TEST_CACHE") {
        Some(cache) => Ok(cache.into()),
        None => Ok(std::path::PathBuf::from(std::env::var_os("HOME").context("no HOME")?).join(".cache/tarn/tests")),
    }
}
