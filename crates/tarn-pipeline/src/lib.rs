//! The steps of Tarn and the ports they need.
//!
//! Records come in by [`ingest`]; a run goes plan → prepare → audit → publish → load → record. Every step asks its ports for
//! what it needs and decides nothing about where they lead: the same code runs in one process on a laptop and in Lambda
//! functions on AWS.

pub mod names;
pub mod ports;
pub mod record;
