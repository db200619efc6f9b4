//! The whole of Tarn on a laptop: the program as its user runs it, real files, real databases.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "a failed test may panic")]

mod answers;
mod backfill;
mod bad_input;
mod check;
mod costs;
mod first_lake;
mod github;
mod incremental;
mod ingest;
mod interruption;
mod marts;
mod quarantine;
mod rollback;
mod schema_changes;
mod shop;
mod status;
mod tables;
