//! Athena functions on Arrow arrays.
