//! Batches of a DynamoDB stream into the raw zone.

fn main() {}
