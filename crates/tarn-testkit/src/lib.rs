//! A scratch lake and the program `tarn`, for tests of the whole system; AWS, Lambda and databases on loopback.
//!
//! A test gets a folder of its own and runs the real program in it; nothing is shared and everything is gone afterwards. What it
//! starts ends with it, also when it fails.
#![allow(clippy::panic, reason = "what a test asked for and did not get fails the test")]

mod account;
mod cutting_proxy;
mod databases;
mod http;
mod moto;
mod runtime_api;
mod services;
mod small_disk;

use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};

use anyhow::{Context, Result, bail};
use tempfile::TempDir;

pub use account::Account;
pub use cutting_proxy::{Cut, CuttingProxy};
pub use databases::{Certificates, Database, Kind};
pub use moto::{Moto, cache, python};
pub use runtime_api::{Reply, RuntimeApi};
pub use services::{REGION, Services};
pub use small_disk::SmallDisk;

/// A program of the workspace, beside the test's own binary.
///
/// # Errors
/// When it was not built: `make test` builds it first.
pub fn program(name: &str) -> Result<PathBuf> {
    let test = std::env::current_exe()?;
    let folder = test.ancestors().nth(2).context("a test lies two folders below the target's profile")?;
    let path = folder.join(name);
    if path.is_file() {
        return Ok(path);
    }
    bail!("`{}` is not built; run the tests with `make test`", path.display())
}

/// The workspace's folder.
pub fn workspace() -> PathBuf {
    // Asked at run time: a compiled test may be run from another clone than the one it was compiled in.
    let package =
        std::env::var_os("CARGO_MANIFEST_DIR").map_or_else(|| env!("CARGO_MANIFEST_DIR").into(), PathBuf::from);
    package.ancestors().find(|folder| folder.join("Cargo.lock").exists()).unwrap_or_else(|| Path::new(".")).to_owned()
}

/// What a command of `tarn` answered.
#[derive(Debug, Clone)]
pub struct Answer {
    /// The exit code; -1 when a signal ended it.
    pub code: i32,
    /// Data.
    pub stdout: String,
    /// Talk.
    pub stderr: String,
}

impl Answer {
    fn of(output: &Output) -> Self {
        Self {
            code: output.status.code().unwrap_or(-1),
            stdout: String::from_utf8_lossy(&output.stdout).into_owned(),
            stderr: String::from_utf8_lossy(&output.stderr).into_owned(),
        }
    }

    /// The answer, if the command did what it was asked.
    #[track_caller]
    pub fn done(self) -> Self {
        assert!(self.code == 0, "exit code {}\n{}\n{}", self.code, self.stdout, self.stderr);
        self
    }

    /// The answer, if the command ended with this code.
    #[track_caller]
    pub fn ended(self, code: i32) -> Self {
        assert!(self.code == code, "exit code {}, expected {code}\n{}\n{}", self.code, self.stdout, self.stderr);
        self
    }

    /// Stdout as JSON.
    ///
    /// # Errors
    /// When it is none.
    pub fn json(&self) -> Result<serde_json::Value> {
        serde_json::from_str(&self.stdout).with_context(|| format!("not json: {}", self.stdout))
    }
}

/// A lake in a folder of its own.
pub struct ScratchLake {
    folder: TempDir,
}

impl ScratchLake {
    /// An empty folder.
    ///
    /// # Errors
    /// When it cannot be made.
    pub fn empty() -> Result<Self> {
        Ok(Self { folder: tempfile::tempdir()? })
    }

    /// What `tarn init` makes.
    ///
    /// # Errors
    /// When it makes nothing.
    pub fn new() -> Result<Self> {
        let lake = Self::empty()?;
        let answer = Self::run_in(lake.path(), &["init", ".", "--name", "scratch"])?;
        if answer.code != 0 {
            bail!("tarn init failed: {}", answer.stderr);
        }
        Ok(lake)
    }

    /// A copy of a lake of the workspace, e.g. `examples/shop`; data it has is left behind.
    ///
    /// # Errors
    /// When a file cannot be copied.
    pub fn copy_of(lake: &str) -> Result<Self> {
        let scratch = Self::empty()?;
        copy_tree(&workspace().join(lake), scratch.path())?;
        Ok(scratch)
    }

    /// The lake's folder.
    pub fn path(&self) -> &Path {
        self.folder.path()
    }

    /// Writes a file of the lake, in place of an older one, as an editor does: whoever reads it sees the old text or the new.
    ///
    /// # Errors
    /// When it cannot be written.
    pub fn write(&self, file: &str, text: impl AsRef<[u8]>) -> Result<PathBuf> {
        let path = self.path().join(file);
        if let Some(parent) = path.parent() {
            std::fs::create_dir_all(parent)?;
        }
        let mut unfinished = tempfile::NamedTempFile::new_in(path.parent().unwrap_or(self.path()))?;
        unfinished.write_all(text.as_ref())?;
        unfinished.persist(&path)?;
        Ok(path)
    }

    /// Reads a file of the lake.
    ///
    /// # Errors
    /// When it cannot be read.
    pub fn read(&self, file: &str) -> Result<String> {
        Ok(std::fs::read_to_string(self.path().join(file))?)
    }

    /// Runs `tarn` in the lake.
    ///
    /// # Errors
    /// When it cannot be started.
    pub fn tarn(&self, arguments: &[&str]) -> Result<Answer> {
        Self::run_in(self.path(), arguments)
    }

    /// Runs `tarn` in the lake with these variables in its environment.
    ///
    /// # Errors
    /// When it cannot be started.
    pub fn tarn_with(&self, variables: &[(&str, &str)], arguments: &[&str]) -> Result<Answer> {
        let mut command = command(self.path(), arguments)?;
        Ok(Answer::of(&command.envs(variables.iter().copied()).output()?))
    }

    /// Starts `tarn` in the lake and goes on.
    ///
    /// # Errors
    /// When it cannot be started.
    pub fn start(&self, arguments: &[&str]) -> Result<Child> {
        Ok(command(self.path(), arguments)?.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn()?)
    }

    /// The rows of a query on the lake, as CSV without the header.
    ///
    /// # Errors
    /// When the query fails.
    pub fn rows(&self, sql: &str) -> Result<Vec<String>> {
        self.csv(&["query", "--format", "csv", sql])
    }

    /// The rows of a query on a mart, as CSV without the header.
    ///
    /// # Errors
    /// When the query fails.
    pub fn mart_rows(&self, mart: &str, sql: &str) -> Result<Vec<String>> {
        self.csv(&["query", "--mart", mart, "--format", "csv", sql])
    }

    fn csv(&self, arguments: &[&str]) -> Result<Vec<String>> {
        let answer = self.tarn(arguments)?;
        if answer.code != 0 {
            bail!("{}", answer.stderr);
        }
        Ok(answer.stdout.lines().skip(1).map(str::to_owned).collect())
    }

    fn run_in(folder: &Path, arguments: &[&str]) -> Result<Answer> {
        Ok(Answer::of(&command(folder, arguments)?.output()?))
    }
}

fn command(folder: &Path, arguments: &[&str]) -> Result<Command> {
    let mut command = Command::new(program("tarn")?);
    command.args(arguments).current_dir(folder).env_remove("TARN_LAKE").env_remove("TARN_DATA").stdin(Stdio::null());
    Ok(command)
}

fn copy_tree(from: &Path, to: &Path) -> Result<()> {
    std::fs::create_dir_all(to)?;
    for entry in std::fs::read_dir(from)? {
        let entry = entry?;
        let name = entry.file_name();
        if name == ".tarn" || name == "data" || name == "generator" {
            continue;
        }
        if entry.file_type()?.is_dir() {
            copy_tree(&entry.path(), &to.join(name))?;
        } else {
            std::fs::copy(entry.path(), to.join(name))?;
        }
    }
    Ok(())
}
