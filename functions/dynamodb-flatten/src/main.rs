//! Captured DynamoDB changes into flat Parquet.

fn main() {}
