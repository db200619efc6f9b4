//! JSON Schemas of the YAML files, for editors.

use serde_json::Value;

/// File name and schema of every kind of file.
#[must_use]
pub fn schemas() -> Vec<(&'static str, Value)> {
    Vec::new()
}
