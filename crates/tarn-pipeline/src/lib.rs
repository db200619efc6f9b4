//! The steps of Tarn and the ports they need.
//!
//! Records come in by [`ingest`]; a run goes plan → prepare → audit → publish → load → record. Every step asks its ports for
//! what it needs and decides nothing about where they lead: the same code runs in one process on a laptop and in Lambda
//! functions on AWS.

pub mod audit;
pub mod backfill;
pub mod check;
pub mod columns;
pub mod context;
pub mod convert;
pub mod cost;
pub mod error;
pub mod hive;
mod iceberg;
pub mod ingest;
pub mod journal;
pub mod layout;
pub mod load;
pub mod load_parts;
pub mod manifest;
pub mod names;
pub mod plan;
pub mod ports;
pub mod prepare;
pub mod project;
pub mod publish;
pub mod query_costs;
pub mod record;
pub mod retention;
pub mod rollback;
pub mod run;
pub mod run_tables;
pub mod scan;
pub mod seeds;
pub mod sources;
mod sql_error;
mod stored;
pub mod tell;
pub mod unit_tests;
