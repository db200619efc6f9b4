//! The program `tarn`: a lake on a laptop, from the command line.

use std::ffi::{c_int, c_long};
use std::process::ExitCode;

/// Batches of rows are made and freed on all threads; the system's allocator makes them wait for each other.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn main() -> ExitCode {
    keep_freed_memory();
    tarn_cli::main()
}

/// Memory that was freed stays with the process, for the next batch of rows.
///
/// Giving it back to the system and taking it again is what the allocator does every ten milliseconds otherwise; clearing the new
/// pages was a seventh of all work in a large model. `MIMALLOC_PURGE_DELAY` still says otherwise.
fn keep_freed_memory() {
    /// `mi_option_purge_delay` in `mimalloc.h` of versions 2 and 3.
    const PURGE_DELAY: c_int = 15;
    const NEVER: c_long = -1;
    #[allow(unsafe_code, reason = "the allocator is C")]
    unsafe extern "C" {
        fn mi_option_set_default(option: c_int, value: c_long);
    }
    // SAFETY: the function of the allocator that is linked; no other thread runs yet.
    #[allow(unsafe_code, reason = "the allocator is C")]
    unsafe {
        mi_option_set_default(PURGE_DELAY, NEVER);
    }
}
