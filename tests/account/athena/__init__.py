"""Athena with an SQL engine of another make: statements are translated for DuckDB and read and write the account's S3 and Glue."""
