//! Firehose records in, flat rows out.

fn main() {}
