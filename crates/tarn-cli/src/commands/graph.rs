//! `tarn graph`: what reads what.

use clap::ValueEnum;

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

pub(crate) fn run(args: &Args, global: &GlobalArguments, terminal: Terminal) -> anyhow::Result<Outcome> {
    let lake = Place::find(global)?.read()?;
    let graph = lake.graph();
    let names = match args.select.is_empty() {
        true => graph.order().to_vec(),
        false => lake.select(&args.select, &[]).map_err(Mistakes)?.names(),
    };
    let picture = match args.format {
        Format::Tree => graph.text_tree(&names),
        Format::Dot => graph.dot(&names),
        Format::Mermaid => graph.mermaid(&names),
    };
    terminal.print(picture.trim_end())?;
    Ok(Outcome::Done)
}
