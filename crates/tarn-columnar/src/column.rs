//! The Arrow schema of a contract.

use std::sync::Arc;

use arrow::datatypes::{DataType, Field, Schema, SchemaRef, TimeUnit};
use tarn_flatten::{Change, ColumnType, Contract, Value};

/// The columns that Tarn adds to those of a contract.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum AddedColumns {
    /// None: seeds and the like.
    None,
    /// `_id` (32 hex digits) and `_extra`: streams.
    Stream,
    /// `_op`, `_ttl`, `_seq`, `_at` and `_extra`: DynamoDB tables.
    Table,
}

/// Digits of `_seq`: a DynamoDB sequence number has up to 38 that we take.
pub(crate) const SEQUENCE_PRECISION: u8 = 38;

impl AddedColumns {
    /// The added columns before `_extra`, which is always the last one.
    pub(crate) fn fields(self) -> Vec<(&'static str, ColumnType)> {
        match self {
            Self::None => vec![],
            Self::Stream => vec![("_id", ColumnType::String), ("_extra", ColumnType::Json)],
            Self::Table => vec![
                ("_op", ColumnType::String),
                ("_ttl", ColumnType::Boolean),
                ("_seq", ColumnType::Decimal { precision: SEQUENCE_PRECISION, scale: 0 }),
                ("_at", ColumnType::Timestamp),
                ("_extra", ColumnType::Json),
            ],
        }
    }
}

/// The values of the added columns of one row.
pub(crate) struct AddedValues {
    added: AddedColumns,
    /// The id in digits, where it is a column.
    id: [u8; 32],
}

impl AddedValues {
    /// The id is computed only where it is a column.
    #[inline]
    pub(crate) fn new(added: AddedColumns, id: impl FnOnce() -> [u8; 16]) -> Self {
        let id = if added == AddedColumns::Stream { hex_digits(id()) } else { [0; 32] };
        Self { added, id }
    }

    /// The values in the order of the columns.
    #[inline]
    pub(crate) fn values<'a>(
        &'a self,
        change: Option<&'a Change>,
        extra: Option<&'a str>,
    ) -> impl Iterator<Item = Value<'a>> {
        let extra = Value::from_text(extra);
        let (count, values) = match (self.added, change) {
            (AddedColumns::None, _) => (0, [Value::Null; 5]),
            (AddedColumns::Stream, _) => {
                let id = Value::from_text(std::str::from_utf8(&self.id).ok());
                (2, [id, extra, Value::Null, Value::Null, Value::Null])
            }
            (AddedColumns::Table, Some(change)) => {
                let at = change.at.map_or(Value::Null, Value::Timestamp);
                let operation = Value::Text(change.operation.as_str());
                (5, [operation, Value::Boolean(change.by_ttl), Value::Decimal(change.sequence), at, extra])
            }
            (AddedColumns::Table, None) => (5, [Value::Null, Value::Null, Value::Null, Value::Null, extra]),
        };
        values.into_iter().take(count)
    }
}

/// The digits of an id, as text.
fn hex_digits(id: [u8; 16]) -> [u8; 32] {
    const DIGITS: &[u8; 16] = b"0123456789abcdef";
    let mut digits = [0; 32];
    let (pairs, _) = digits.as_chunks_mut::<2>();
    for (pair, byte) in pairs.iter_mut().zip(id) {
        *pair = [DIGITS[usize::from(byte >> 4)], DIGITS[usize::from(byte & 15)]];
    }
    digits
}

/// The schema of a source's files: the columns of its contract, then the added ones. All are nullable, as Hive columns
/// are; that required columns are there was checked when the rows were made.
#[must_use]
pub fn schema(contract: &Contract, added: AddedColumns) -> SchemaRef {
    let columns = contract.columns().iter().map(|column| (column.name.as_str(), column.column_type));
    let fields =
        columns.chain(added.fields()).map(|(name, column_type)| Field::new(name, data_type(column_type), true));
    Arc::new(Schema::new(fields.collect::<Vec<_>>()))
}

pub(crate) fn data_type(column_type: ColumnType) -> DataType {
    match column_type {
        ColumnType::Boolean => DataType::Boolean,
        ColumnType::TinyInt => DataType::Int8,
        ColumnType::SmallInt => DataType::Int16,
        ColumnType::Integer => DataType::Int32,
        ColumnType::BigInt => DataType::Int64,
        ColumnType::Real => DataType::Float32,
        ColumnType::Double => DataType::Float64,
        ColumnType::Decimal { precision, scale } => {
            // The scale is at most the precision, at most 38.
            DataType::Decimal128(precision, i8::try_from(scale).unwrap_or(i8::MAX))
        }
        ColumnType::String | ColumnType::Json => DataType::Utf8,
        ColumnType::Date => DataType::Date32,
        ColumnType::Timestamp => DataType::Timestamp(TimeUnit::Microsecond, None),
        ColumnType::Binary => DataType::Binary,
    }
}
