//! The program `tarn`: a lake on a laptop, from the command line.

use std::process::ExitCode;

fn main() -> ExitCode {
    tarn_cli::main()
}
