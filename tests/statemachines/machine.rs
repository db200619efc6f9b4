//! The state machines as they lie in the workspace, and ways through them.

use std::collections::BTreeSet;
use std::path::PathBuf;

use anyhow::{Context, Result};
use serde_json::{Map, Value};
use tarn_testkit::workspace;

/// One file of `statemachines/`.
pub(crate) struct Machine {
    /// The file's name without `.asl.json`.
    pub(crate) name: String,
    pub(crate) path: PathBuf,
    pub(crate) text: String,
    pub(crate) definition: Value,
}

impl Machine {
    /// The machine of this name.
    pub(crate) fn read(name: &str) -> Result<Self> {
        let path = workspace().join(format!("statemachines/{name}.asl.json"));
        let text = std::fs::read_to_string(&path).with_context(|| path.display().to_string())?;
        let definition = serde_json::from_str(&text).with_context(|| path.display().to_string())?;
        Ok(Self { name: name.to_owned(), path, text, definition })
    }

    /// All machines, by name.
    pub(crate) fn all() -> Result<Vec<Self>> {
        let mut names = BTreeSet::new();
        for entry in std::fs::read_dir(workspace().join("statemachines"))? {
            let file = entry?.file_name();
            names.extend(file.to_string_lossy().strip_suffix(".asl.json").map(str::to_owned));
        }
        names.iter().map(|name| Self::read(name)).collect()
    }

    /// The machine's own states and those inside of its maps, the outer ones first.
    pub(crate) fn scopes(&self) -> Vec<Scope<'_>> {
        let mut scopes = Vec::new();
        Scope::collect(&self.definition, &self.name, &[], &mut scopes);
        scopes
    }

    /// All states with their places, e.g. `workflow / Waves / Wave`.
    pub(crate) fn states(&self) -> Vec<(String, &Value)> {
        let scopes = self.scopes();
        let named = scopes.iter().flat_map(|scope| {
            scope.states.iter().map(move |(name, state)| (format!("{} / {name}", scope.place), state))
        });
        named.collect()
    }
}

/// States that lead to each other: those of a machine, or of a map.
#[derive(Clone)]
pub(crate) struct Scope<'a> {
    pub(crate) place: String,
    pub(crate) start: &'a str,
    pub(crate) states: &'a Map<String, Value>,
    /// The states around this one, the outermost first, with the name of the state there that this is inside of.
    pub(crate) around: Vec<(&'a Map<String, Value>, &'a str)>,
}

impl<'a> Scope<'a> {
    fn collect(
        definition: &'a Value,
        place: &str,
        around: &[(&'a Map<String, Value>, &'a str)],
        scopes: &mut Vec<Self>,
    ) {
        let Some(states) = definition["States"].as_object() else { return };
        let start = definition["StartAt"].as_str().unwrap_or_default();
        scopes.push(Self { place: place.to_owned(), start, states, around: around.to_vec() });
        for (name, state) in states {
            let around = [around, &[(states, name.as_str())]].concat();
            Self::collect(&state["ItemProcessor"], &format!("{place} / {name}"), &around, scopes);
            for branch in state["Branches"].as_array().into_iter().flatten() {
                Self::collect(branch, &format!("{place} / {name}"), &around, scopes);
            }
        }
    }
}

/// The states that a state leads to.
pub(crate) fn successors(state: &Value) -> Vec<&str> {
    let listed = ["Choices", "Catch"].into_iter().flat_map(|list| state[list].as_array().into_iter().flatten());
    let listed = listed.filter_map(|rule| rule["Next"].as_str());
    let direct = ["Next", "Default"].into_iter().filter_map(|name| state[name].as_str());
    direct.chain(listed).collect()
}

/// The placeholders of a text, `${name}`.
pub(crate) fn placeholders(text: &str) -> BTreeSet<String> {
    let found = text.split("${").skip(1).filter_map(|rest| rest.split_once('}'));
    found.map(|(name, _)| name.to_owned()).collect()
}

/// The errors that the rules of a list match, one list per rule.
pub(crate) fn matched<'a>(state: &'a Value, list: &str) -> Vec<&'a str> {
    let rules = state[list].as_array().into_iter().flatten();
    rules.flat_map(|rule| rule["ErrorEquals"].as_array().into_iter().flatten()).filter_map(Value::as_str).collect()
}
