//! Athena SQL on DataFusion.
