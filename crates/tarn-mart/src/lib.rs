//! Loads a published version into a relational mart.
