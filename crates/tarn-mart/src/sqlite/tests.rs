#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::print_stdout,
    reason = "a test that fails may panic"
)]

mod broken;
mod drift;
mod kill;
mod lake;
mod ledger;
mod modes;
mod types;
