//! A lake on AWS: Athena, Glue, S3, Lambda and Step Functions in the stand-in account.
#![allow(clippy::indexing_slicing, clippy::panic, reason = "a failed test may panic")]
#![allow(clippy::print_stderr, reason = "how many kills there were is told")]

mod access;
mod backfills;
mod boundaries;
mod costs;
mod exports;
mod faults;
mod forms;
mod iceberg;
mod limits;
mod marts;
mod shop;
mod world;
