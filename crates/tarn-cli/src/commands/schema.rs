//! `tarn schema`: JSON Schemas of the lake's YAML files, for editors.

use std::path::PathBuf;

use crate::outcome::Outcome;
use crate::terminal::Terminal;

/// Where to.
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// The folder for the schemas; on stdout when none is named.
    #[arg(value_name = "DIR")]
    folder: Option<PathBuf>,
}

pub(crate) fn run(args: &Args, terminal: Terminal) -> anyhow::Result<Outcome> {
    let schemas = tarn_model::schemas();
    let Some(folder) = &args.folder else {
        let all: serde_json::Map<String, serde_json::Value> =
            schemas.into_iter().map(|(name, schema)| (name.to_string(), schema)).collect();
        terminal.print_json(&all)?;
        return Ok(Outcome::Done);
    };
    std::fs::create_dir_all(folder)?;
    let mut written = Vec::new();
    for (name, schema) in schemas {
        let path = folder.join(name);
        std::fs::write(&path, format!("{}\n", serde_json::to_string_pretty(&schema)?))?;
        terminal.say(&format!("wrote {}", path.display()));
        written.push(path);
    }
    if terminal.json() {
        terminal.print_json(&serde_json::json!({"files": written}))?;
    }
    Ok(Outcome::Done)
}
