//! The program `tarn`: a lake on a laptop, from the command line.

use std::process::ExitCode;

/// Batches of rows are made and freed on all threads; the system's allocator makes them wait for each other.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn main() -> ExitCode {
    tarn_cli::main()
}
