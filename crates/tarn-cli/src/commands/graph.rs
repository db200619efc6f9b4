//! `tarn graph`: what reads what.

use clap::ValueEnum;
use serde::Serialize;
use tarn_model::{Graph, NodeKind};

use crate::args::GlobalArguments;
use crate::lake::Place;
use crate::outcome::{Mistakes, Outcome};
use crate::terminal::Terminal;

/// What of it, and in which form.
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// Models, sources and seeds, as for `tarn run`; everything when none is named.
    #[arg(value_name = "SELECT")]
    select: Vec<String>,
    /// The form of the picture.
    #[arg(long, value_name = "FORM", default_value = "tree")]
    format: Format,
}

#[derive(Debug, Clone, Copy, ValueEnum)]
enum Format {
    /// Indented text.
    Tree,
    /// Graphviz.
    Dot,
    /// Mermaid, as GitHub shows it.
    Mermaid,
}

/// The graph for scripts.
#[derive(Debug, Serialize)]
struct Picture {
    nodes: Vec<Node>,
    edges: Vec<Edge>,
}

#[derive(Debug, Serialize)]
struct Node {
    name: String,
    kind: NodeKind,
}

/// `to` reads `from`.
#[derive(Debug, Serialize)]
struct Edge {
    from: String,
    to: String,
}

impl Picture {
    /// These nodes, and the edges between them.
    fn of(graph: &Graph, names: &[String]) -> Self {
        let node = |name: &String| Some(Node { name: name.clone(), kind: graph.kind(name)? });
        let edges = names.iter().flat_map(|to| {
            let parents = graph.parents(to).filter(|from| names.iter().any(|name| name.as_str() == *from));
            parents.map(|from| Edge { from: from.to_owned(), to: to.clone() })
        });
        Self { nodes: names.iter().filter_map(node).collect(), edges: edges.collect() }
    }
}

pub(crate) fn run(args: &Args, global: &GlobalArguments, terminal: Terminal) -> anyhow::Result<Outcome> {
    let lake = Place::find(global)?.read()?;
    let graph = lake.graph();
    let names = match args.select.is_empty() {
        true => graph.order().to_vec(),
        false => lake.select(&args.select, &[]).map_err(Mistakes)?.names(),
    };
    if terminal.json() {
        terminal.print_json(&Picture::of(graph, &names))?;
        return Ok(Outcome::Done);
    }
    let picture = match args.format {
        Format::Tree => graph.text_tree(&names),
        Format::Dot => graph.dot(&names),
        Format::Mermaid => graph.mermaid(&names),
    };
    terminal.print(picture.trim_end())?;
    Ok(Outcome::Done)
}
