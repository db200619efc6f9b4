//! Terraform's files themselves, before anything is applied: their form, their logic with providers that only pretend, and what a security
//! scanner thinks of them.

use std::path::Path;
use std::process::Command;

use anyhow::{Context, Result, bail};
use serde_json::json;
use tarn_testkit::{Account, REGION, program, python, workspace};
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

/// What the sample lake does not have: a mart in a network that logs in by a token, a source whose columns a crawler finds, a table
/// with a key of its owner's, another account that reads.
#[test]
fn what_else_a_lake_may_have_keeps_to_its_own_rights() -> Result<()> {
    if !deployment::can_be_rehearsed() {
        return Ok(());
    }
    let account = Account::start()?;
    let table = json!({
        "TableName": "prod-carts",
        "AttributeDefinitions": [{"AttributeName": "cart_id", "AttributeType": "S"}],
        "KeySchema": [{"AttributeName": "cart_id", "KeyType": "HASH"}],
        "BillingMode": "PAY_PER_REQUEST",
        "StreamSpecification": {"StreamEnabled": true, "StreamViewType": "NEW_AND_OLD_IMAGES"},
    });
    account.call("dynamodb", "DynamoDB_20120810.CreateTable", &table)?;
    let (scripts, work) = (workspace().join("tests/infra"), TempDir::new()?);
    let mut apply = Command::new(python()?);
    apply
        .arg(scripts.join("rehearse.py"))
        .args(["apply", "--endpoint", &account.endpoint(), "--work"])
        .arg(work.path());
    apply.arg("--lake").arg(workspace().join("infra/tests/lakes/besides"));
    apply.arg("--programs").arg(program("tarn")?.with_file_name(""));
    apply.args(["--var", "crawler_schedule=cron(30 18 * * ? *)"]);
    apply.args(["--var", r#"lake_formation_administrators=["arn:aws:iam::123456789012:role/administrator"]"#]);
    passes(apply.env("AWS_REGION", REGION).env("PYTHONDONTWRITEBYTECODE", "1"))?;
    for check in ["policies.py", "alarms.py"] {
        passes(Command::new(python()?).arg(scripts.join(check)).arg(work.path().join("infra")))?;
    }
    Ok(())
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
