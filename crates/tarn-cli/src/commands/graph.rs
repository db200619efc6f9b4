//! `tarn graph`: what reads what.

use clap::ValueEnum;

use crate::args::GlobalArguments;
use crate::lake::Place;
use crate::outcome::Outcome;
use crate::terminal::Terminal;

/// In which form.
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
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
    let picture = match args.format {
        Format::Tree => graph.tree(),
        Format::Dot => graph.dot(),
        Format::Mermaid => graph.mermaid(),
    };
    terminal.print(picture.trim_end())?;
    Ok(Outcome::Done)
}
