//! The types of columns, under Athena's names.

pub use tarn_flatten::ColumnType;
