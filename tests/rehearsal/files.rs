//! Terraform's files themselves, before anything is applied: their form, their logic with providers that only pretend, and what a security
//! scanner thinks of them.

use std::path::Path;
use std::process::Command;

use anyhow::{Context, Result, bail};
use tarn_testkit::{python, workspace};
use tempfile::TempDir;

use crate::deployment;

fn passes(command: &mut Command) -> Result<()> {
    let output = command.output().with_context(|| format!("{command:?}"))?;
    if !output.status.success() {
        let (said, errors) = (String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
        bail!("{command:?}\n{said}\n{errors}");
    }
    Ok(())
}

fn terraform(folder: &Path, arguments: &[&str]) -> Result<()> {
    passes(Command::new("terraform").arg(format!("-chdir={}", folder.display())).args(arguments))
}

#[test]
fn modules_do_what_their_tests_say() -> Result<()> {
    if !deployment::can_be_rehearsed() {
        return Ok(());
    }
    // A copy, as Terraform leaves its things where it runs.
    let copy = TempDir::new()?;
    for folder in ["infra", "statemachines", "examples"] {
        passes(Command::new("cp").arg("-r").arg(workspace().join(folder)).arg(copy.path()))?;
    }
    let infra = copy.path().join("infra");
    terraform(&infra, &["fmt", "-check", "-recursive"])?;
    passes(&mut Command::new(infra.join("init")))?;
    terraform(&infra, &["validate", "-no-color"])?;
    terraform(&infra, &["test", "-no-color"])
}

#[test]
fn a_security_scanner_finds_nothing_that_is_not_reasoned_away() -> Result<()> {
    let venv = python()?.ancestors().nth(3).context("a cache folder")?.join("infra-venv");
    let checkov = venv.join("bin/checkov");
    if !checkov.is_file() {
        bail!("there is no `{}`; run the tests with `make test`", checkov.display());
    }
    let mut scan = Command::new(checkov);
    scan.args(["--framework", "terraform", "--compact", "--quiet", "--skip-download", "--directory"]);
    passes(scan.arg(workspace().join("infra")))
}
