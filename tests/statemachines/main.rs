//! The state machines by themselves: what each keeps, what Terraform gives it, what others say of it, and how large it grows.
#![allow(clippy::unwrap_used, clippy::indexing_slicing, clippy::panic, reason = "a failed test may panic")]

mod machine;
mod rules;
mod sizes;
mod terraform;
mod walk;

use std::collections::BTreeSet;
use std::process::Command;

use anyhow::{Result, ensure};
use serde_json::{Value, json};
use tarn_testkit::{cache, workspace};

use crate::machine::{Machine, placeholders};

#[test]
fn every_machine_keeps_the_rules() -> Result<()> {
    let machines = Machine::all()?;
    assert!(machines.len() >= 3, "the machines are where they are looked for");
    for machine in &machines {
        assert_eq!(rules::broken(machine), [""; 0]);
    }
    Ok(())
}

/// The machine `model` with this place changed; what is broken then.
fn broken_by(pointer: &str, value: Value) -> Result<String> {
    let mut machine = Machine::read("model")?;
    *machine.definition.pointer_mut(pointer).unwrap() = value;
    Ok(rules::broken(&machine).join("\n"))
}

#[test]
fn a_broken_rule_is_noticed() -> Result<()> {
    for (pointer, value, told) in [
        ("/States/Query/Next", json!("Nowhere"), "model: there is no state `Nowhere`"),
        ("/States/What comes next?/Choices/1/Next", json!("Query"), "model / Wait: nothing leads to it"),
        ("/States/Wait/Comment", json!(" "), "model / Wait: no comment"),
        ("/Comment", Value::Null, "model: no comment"),
        ("/States/Load/TimeoutSeconds", Value::Null, "model / Load: no time-out"),
        ("/TimeoutSeconds", Value::Null, "model: no time-out"),
        ("/States/Advance/Retry/0/ErrorEquals/0", json!("States.ALL"), "tries again on `States.ALL`"),
        ("/States/Advance/Retry/0/ErrorEquals/0", json!("Tarn.Retriable"), "no function answers with `Tarn.Retriable`"),
        ("/States/Advance/Retry/0/ErrorEquals/0", json!("Tarn.Permanent"), "tries again on `Tarn.Permanent`"),
        ("/States/Advance/Retry/1/ErrorEquals/1", json!("Lambda.Unknown"), "does not try again on `Runtime.ExitError`"),
        ("/States/Advance/Retry/1/MaxAttempts", json!(6), "starts a process that is killed more than three times"),
        ("/States/Query/Retry/0/ErrorEquals/0", json!("States.Timeout"), "tries again on `States.Timeout`"),
        ("/States/Advance/Retry/0/JitterStrategy", json!("NONE"), "in step with others"),
        ("/States/Advance/Retry/0/MaxDelaySeconds", Value::Null, "without MaxDelaySeconds"),
        ("/States/Query/Catch/0/ErrorEquals/0", json!("Tarn.Gone"), "no function answers with `Tarn.Gone`"),
        ("/States/Load/Catch/0/Next", json!("Ended"), "model / Load: what is caught can end well without a record"),
        (
            "/States/Open/Catch/0/Next",
            json!("What comes next?"),
            "model / Open: what is caught can end well without a record",
        ),
        ("/States/Load failed/Next", json!("Ended"), "model / Load: what is caught can end well without a record"),
        (
            "/States/Ended",
            json!({"Type": "Fail", "Comment": "No.", "Error": "Tarn.No"}),
            "model / Ended: fails without Cause",
        ),
    ] {
        let broken = broken_by(pointer, value)?;
        assert!(broken.contains(told), "{pointer}: {broken}");
    }
    Ok(())
}

#[test]
fn placeholders_are_those_that_terraform_fills() -> Result<()> {
    let passed = terraform::passed()?;
    for machine in Machine::all()? {
        // Definitions are JSON before anything is filled in, so what is to be filled in stands inside of texts.
        let wanted = placeholders(&machine.text);
        let given = passed.get(&machine.name).cloned().unwrap_or_default();
        assert_eq!(wanted, given, "{}", machine.path.display());
    }
    Ok(())
}

#[test]
fn another_reader_of_the_language_finds_no_mistake() -> Result<()> {
    let program = cache()?.join("node_modules/.bin/asl-validator");
    ensure!(program.is_file(), "there is no `{}`; run the tests with `make test`", program.display());
    let check = |path: &std::path::Path| -> Result<(bool, String)> {
        let output = Command::new(&program).arg("--json-path").arg(path).output()?;
        let said = [String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr)].concat();
        Ok((output.status.success(), said))
    };
    for machine in Machine::all()? {
        let (agrees, said) = check(&machine.path)?;
        assert!(agrees, "{}: {said}", machine.path.display());
    }
    let mut wrong = Machine::read("model")?;
    wrong.definition["States"]["Wait"]["Type"] = json!("Wate");
    let file = tempfile::NamedTempFile::new()?;
    std::fs::write(file.path(), wrong.definition.to_string())?;
    assert!(!check(file.path())?.0, "it is awake");
    Ok(())
}

#[test]
fn every_machine_is_described() -> Result<()> {
    let readme = std::fs::read_to_string(workspace().join("statemachines/README.md"))?;
    for machine in Machine::all()? {
        let name = &machine.name;
        let lines: Vec<&str> = readme.lines().filter(|line| line.starts_with(&format!("| [`{name}`]"))).collect();
        assert_eq!(lines.len(), 1, "a line of `{name}` in the table of statemachines/README.md");
        let described: BTreeSet<String> = placeholders(&lines[0].replace("`$", "$"));
        assert_eq!(described, placeholders(&machine.text), "{name}");
    }
    Ok(())
}
