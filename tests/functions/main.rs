//! The functions as Lambda runs them: the real programs under a Runtime API, AWS behind them on loopback.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "a failed test may panic")]

mod bucket;
mod deployed;
mod dynamodb;
mod figures;
mod firehose_transform;
mod project;
mod query_cost;
mod world;
