//! What Terraform fills into each machine: read from `infra/`, where `templatefile` names the file and the placeholders.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use anyhow::Result;
use tarn_testkit::workspace;

/// The placeholders that are filled, by machine.
pub(crate) fn passed() -> Result<BTreeMap<String, BTreeSet<String>>> {
    let mut files = Vec::new();
    collect(&workspace().join("infra"), &mut files)?;
    Ok(files.iter().flat_map(|text| in_file(text)).collect())
}

fn collect(folder: &Path, texts: &mut Vec<String>) -> Result<()> {
    for entry in std::fs::read_dir(folder)? {
        let path = entry?.path();
        if path.file_name().is_some_and(|name| name.to_string_lossy().starts_with('.')) {
            continue;
        }
        if path.is_dir() {
            collect(&path, texts)?;
        } else if path.extension().is_some_and(|ending| ending == "tf") {
            texts.push(std::fs::read_to_string(&path)?);
        }
    }
    Ok(())
}

/// `templatefile("…/<machine>.asl.json", { name = …, name = … })`; a path that stands in a local is looked up in the same file.
fn in_file(text: &str) -> Vec<(String, BTreeSet<String>)> {
    let mut found = Vec::new();
    for call in text.split("templatefile(").skip(1) {
        let Some((path, rest)) = call.split_once(',') else { continue };
        let Some(machine) = machine(path).or_else(|| machine(local(text, path)?)) else { continue };
        found.push((machine, keys(rest)));
    }
    found
}

fn machine(path: &str) -> Option<String> {
    let name = path.split(".asl.json").next().filter(|name| name.len() < path.len())?;
    name.rsplit(['/', '"']).next().map(str::to_owned)
}

/// The line of a file that says what `local.name` is.
fn local<'a>(text: &'a str, path: &str) -> Option<&'a str> {
    let name = path.trim().strip_prefix("local.")?;
    text.lines().find(|line| line.split('=').next().is_some_and(|key| key.trim() == name))
}

/// The names of the first level of an object, `{ name = …, name = … }` on one line or several.
fn keys(text: &str) -> BTreeSet<String> {
    let mut names = BTreeSet::new();
    let (mut depth, mut quoted, mut word) = (0, false, String::new());
    for letter in text.chars() {
        match letter {
            '"' => quoted = !quoted,
            _ if quoted => {}
            '{' | '(' | '[' => depth += 1,
            '}' | ')' | ']' if depth <= 1 => break,
            '}' | ')' | ']' => depth -= 1,
            '=' if depth == 1 => {
                names.insert(word.split_whitespace().last().unwrap_or_default().to_owned());
            }
            ',' | '\n' => word.clear(),
            _ if depth == 1 => word.push(letter),
            _ => {}
        }
    }
    names.remove("");
    names
}

#[test]
fn calls_of_templatefile_are_read() {
    let text = r#"
      locals { backfill = "${var.machines}/backfill.asl.json" }
      a = templatefile("${var.machines}/model.asl.json", { athena_ctas = module.x.arn, mart = "${local.m}-{a = 1}" })
      b = templatefile(local.backfill, {
        workflow = module.workflow.arn
        other    = join(",", [for x in y : x])
      })
      c = templatefile("${path.module}/elsewhere.sh", { a = 1 })
    "#;
    let of = |names: &[&str]| -> BTreeSet<String> { names.iter().map(|name| (*name).to_owned()).collect() };
    let text = text.replace("locals { ", "").replace(".asl.json\" }", ".asl.json\"");
    let expected =
        vec![("model".to_owned(), of(&["athena_ctas", "mart"])), ("backfill".to_owned(), of(&["workflow", "other"]))];
    assert_eq!(in_file(&text), expected);
}
