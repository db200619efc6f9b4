//! Variables from the command line.

use indexmap::IndexMap;
use tarn_model::Lake;

use crate::outcome::Refusal;

/// Reads `name=value`.
pub(crate) fn read(text: &str) -> Result<(String, String), String> {
    text.split_once('=')
        .filter(|(name, _)| !name.is_empty())
        .map(|(name, value)| (name.to_owned(), value.to_owned()))
        .ok_or_else(|| "write it as name=value".to_owned())
}

/// Refuses a variable that the lake does not declare: it would change nothing.
pub(crate) fn check(lake: &Lake, vars: &IndexMap<String, String>) -> Result<(), Refusal> {
    let declared = &lake.config.vars;
    match vars.keys().find(|name| !declared.contains_key(*name)) {
        None => Ok(()),
        Some(unknown) => {
            let known: Vec<&str> = declared.keys().map(String::as_str).collect();
            Err(Refusal::new(format!("there is no variable `{unknown}`"))
                .with_hint(format!("tarn.yaml declares {}", if known.is_empty() { "none".to_owned() } else { known.join(", ") })))
        }
    }
}
