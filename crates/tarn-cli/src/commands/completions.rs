//! `tarn completions`: what a shell needs to complete commands.

use clap::CommandFactory;
use clap_complete::Shell;

use crate::args::Arguments;
use crate::outcome::Outcome;

/// For which shell.
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// The shell.
    shell: Shell,
}

pub(crate) fn run(args: &Args) -> anyhow::Result<Outcome> {
    clap_complete::generate(args.shell, &mut Arguments::command(), "tarn", &mut std::io::stdout());
    Ok(Outcome::Done)
}
