//! The types of columns, under Athena's names.

pub use tarn_flatten::ColumnType;

/// Names and types of columns, in order.
pub type TypedColumns = Vec<(String, ColumnType)>;
