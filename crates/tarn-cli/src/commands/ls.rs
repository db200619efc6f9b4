//! `tarn ls`: what is in the lake.

use crate::args::GlobalArguments;
use crate::lake::Place;
use crate::outcome::{Mistakes, Outcome};
use crate::terminal::Terminal;

/// Which nodes.
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// Models, as for `tarn run`; everything when none is named.
    #[arg(value_name = "SELECT")]
    select: Vec<String>,
    /// Leaves these out.
    #[arg(long, value_name = "SELECT")]
    exclude: Vec<String>,
}

/// One line.
#[derive(serde::Serialize)]
struct Node {
    kind: &'static str,
    name: String,
    file: String,
    tags: Vec<String>,
    description: Option<String>,
}

pub(crate) fn run(args: &Args, global: &GlobalArguments, terminal: Terminal) -> anyhow::Result<Outcome> {
    let lake = Place::find(global)?.read()?;
    let selected = lake.select(&args.select, &args.exclude).map_err(Mistakes)?;
    let everything = args.select.is_empty() && args.exclude.is_empty();
    let sources =
        lake.sources.values().filter(|source| everything || selected.contains(&source.name)).map(|source| Node {
            kind: "source",
            name: source.name.clone(),
            file: source.file.to_string(),
            tags: Vec::new(),
            description: source.description.clone(),
        });
    let seeds = lake.seeds.values().filter(|seed| everything || selected.contains(&seed.name)).map(|seed| Node {
        kind: "seed",
        name: seed.name.clone(),
        file: seed.file.to_string(),
        tags: Vec::new(),
        description: seed.description.clone(),
    });
    let models = selected.models.iter().filter_map(|name| lake.models.get(name)).map(|model| Node {
        kind: "model",
        name: model.name.clone(),
        file: model.file.to_string(),
        tags: model.tags.clone(),
        description: model.description.clone(),
    });
    let nodes: Vec<Node> = sources.chain(seeds).chain(models).collect();
    if terminal.json() {
        terminal.print_json(&nodes)?;
        return Ok(Outcome::Done);
    }
    let width = nodes.iter().map(|node| node.name.chars().count()).max().unwrap_or_default();
    for node in nodes {
        let first_line = node.description.as_deref().unwrap_or_default().lines().next().unwrap_or_default();
        terminal.print(format!("{:<7} {:<width$}  {first_line}", node.kind, node.name).trim_end())?;
    }
    Ok(Outcome::Done)
}
