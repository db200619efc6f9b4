//! The program `tarn`.
//!
//! One module per verb with its `Args` and `run`; data goes to stdout, talk to stderr, and the exit code says 0 done,
//! 1 something failed, 2 could not start.

mod args;
mod cloud;
mod commands;
mod deployed_load;
mod lake;
mod outcome;
mod progress;
mod rows;
mod terminal;
mod variables;

use std::process::ExitCode;

use clap::Parser;

use crate::args::Arguments;
use crate::outcome::Outcome;
use crate::terminal::Terminal;

/// Reads the command line, does what it says, and answers with the exit code.
pub fn main() -> ExitCode {
    let arguments = Arguments::parse();
    let terminal = Terminal::new(&arguments.global);
    let runtime = match tokio::runtime::Builder::new_multi_thread().enable_all().build() {
        Ok(runtime) => runtime,
        Err(error) => {
            terminal.error(&format!("the runtime could not be started: {error}"), None);
            return Outcome::CouldNotStart.into();
        }
    };
    let outcome = runtime.block_on(commands::run(arguments, &terminal));
    // A blocking task that was left behind by a cancelled run must not hold the exit.
    runtime.shutdown_background();
    match outcome {
        Ok(outcome) => outcome.into(),
        Err(error) => {
            terminal.report(&error);
            Outcome::of(&error).into()
        }
    }
}
