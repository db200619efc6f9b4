//! Flat records to Parquet.
