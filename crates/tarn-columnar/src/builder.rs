//! Rows to columns.

use std::sync::Arc;

use arrow::array::{
    ArrayRef, BinaryBuilder, BooleanBuilder, Date32Builder, Decimal128Builder, Float32Builder, Float64Builder,
    Int8Builder, Int16Builder, Int32Builder, Int64Builder, RecordBatch, StringBuilder, TimestampMicrosecondBuilder,
};
use arrow::datatypes::{DataType, SchemaRef, TimeUnit};
use arrow::error::ArrowError;
use tarn_flatten::{Row, Value};

use crate::column::{AddedColumns, AddedValues};

/// Bytes set aside per text value of the first batch; later ones have the room that the batch before needed.
const TEXT_BYTES: usize = 24;

/// One column in the making.
#[derive(Debug)]
enum ColumnBuilder {
    Boolean(BooleanBuilder),
    TinyInt(Int8Builder),
    SmallInt(Int16Builder),
    Integer(Int32Builder),
    BigInt(Int64Builder),
    Real(Float32Builder),
    Double(Float64Builder),
    Decimal(Decimal128Builder),
    Text(StringBuilder),
    Date(Date32Builder),
    Timestamp(TimestampMicrosecondBuilder),
    Binary(BinaryBuilder),
}

impl ColumnBuilder {
    fn new(data_type: &DataType, rows: usize, text_bytes: usize) -> Self {
        match data_type {
            DataType::Boolean => Self::Boolean(BooleanBuilder::with_capacity(rows)),
            DataType::Int8 => Self::TinyInt(Int8Builder::with_capacity(rows)),
            DataType::Int16 => Self::SmallInt(Int16Builder::with_capacity(rows)),
            DataType::Int32 => Self::Integer(Int32Builder::with_capacity(rows)),
            DataType::Int64 => Self::BigInt(Int64Builder::with_capacity(rows)),
            DataType::Float32 => Self::Real(Float32Builder::with_capacity(rows)),
            DataType::Float64 => Self::Double(Float64Builder::with_capacity(rows)),
            DataType::Decimal128(..) => {
                Self::Decimal(Decimal128Builder::with_capacity(rows).with_data_type(data_type.clone()))
            }
            DataType::Date32 => Self::Date(Date32Builder::with_capacity(rows)),
            DataType::Timestamp(TimeUnit::Microsecond, _) => {
                Self::Timestamp(TimestampMicrosecondBuilder::with_capacity(rows))
            }
            DataType::Binary => Self::Binary(BinaryBuilder::with_capacity(rows, text_bytes)),
            _ => Self::Text(StringBuilder::with_capacity(rows, text_bytes)),
        }
    }

    #[inline]
    fn append(&mut self, value: Value<'_>) {
        match (self, value) {
            (Self::Text(builder), Value::Text(text)) => builder.append_value(text),
            (Self::BigInt(builder), Value::Integer(value)) => builder.append_value(value),
            // The cast to the column's type kept these within range.
            (Self::Integer(builder), Value::Integer(value)) => builder.append_option(i32::try_from(value).ok()),
            (Self::SmallInt(builder), Value::Integer(value)) => builder.append_option(i16::try_from(value).ok()),
            (Self::TinyInt(builder), Value::Integer(value)) => builder.append_option(i8::try_from(value).ok()),
            (Self::Boolean(builder), Value::Boolean(value)) => builder.append_value(value),
            (Self::Double(builder), Value::Double(value)) => builder.append_value(value),
            (Self::Real(builder), Value::Real(value)) => builder.append_value(value),
            (Self::Decimal(builder), Value::Decimal(value)) => builder.append_value(value),
            (Self::Date(builder), Value::Date(value)) => builder.append_value(value),
            (Self::Timestamp(builder), Value::Timestamp(value)) => builder.append_value(value),
            (Self::Binary(builder), Value::Binary(value)) => builder.append_value(value),
            (builder, _) => builder.append_null(),
        }
    }

    fn append_null(&mut self) {
        match self {
            Self::Boolean(builder) => builder.append_null(),
            Self::TinyInt(builder) => builder.append_null(),
            Self::SmallInt(builder) => builder.append_null(),
            Self::Integer(builder) => builder.append_null(),
            Self::BigInt(builder) => builder.append_null(),
            Self::Real(builder) => builder.append_null(),
            Self::Double(builder) => builder.append_null(),
            Self::Decimal(builder) => builder.append_null(),
            Self::Text(builder) => builder.append_null(),
            Self::Date(builder) => builder.append_null(),
            Self::Timestamp(builder) => builder.append_null(),
            Self::Binary(builder) => builder.append_null(),
        }
    }

    /// Bytes of text or binary so far.
    fn text_bytes(&self) -> usize {
        match self {
            Self::Text(builder) => builder.values_slice().len(),
            Self::Binary(builder) => builder.values_slice().len(),
            _ => 0,
        }
    }

    /// The values so far; room for as many more of the same kind is set aside at once, because growing from nothing in each
    /// batch copies everything twice.
    fn finish(&mut self, rows: usize) -> ArrayRef {
        let text_bytes = self.text_bytes();
        let array = self.take();
        *self = Self::new(array.data_type(), rows, text_bytes + text_bytes / 8);
        array
    }

    fn take(&mut self) -> ArrayRef {
        match self {
            Self::Boolean(builder) => Arc::new(builder.finish()),
            Self::TinyInt(builder) => Arc::new(builder.finish()),
            Self::SmallInt(builder) => Arc::new(builder.finish()),
            Self::Integer(builder) => Arc::new(builder.finish()),
            Self::BigInt(builder) => Arc::new(builder.finish()),
            Self::Real(builder) => Arc::new(builder.finish()),
            Self::Double(builder) => Arc::new(builder.finish()),
            Self::Decimal(builder) => Arc::new(builder.finish()),
            Self::Text(builder) => Arc::new(builder.finish()),
            Self::Date(builder) => Arc::new(builder.finish()),
            Self::Timestamp(builder) => Arc::new(builder.finish()),
            Self::Binary(builder) => Arc::new(builder.finish()),
        }
    }
}

/// A batch in the making.
#[derive(Debug)]
pub(crate) struct BatchBuilder {
    schema: SchemaRef,
    capacity: usize,
    added: AddedColumns,
    columns: Vec<ColumnBuilder>,
    rows: usize,
}

impl BatchBuilder {
    /// A builder for rows of `schema`, whose last columns are the added ones.
    pub(crate) fn new(schema: SchemaRef, added: AddedColumns, capacity: usize) -> Self {
        let columns = schema.fields().iter();
        let columns =
            columns.map(|field| ColumnBuilder::new(field.data_type(), capacity, capacity * TEXT_BYTES)).collect();
        Self { schema, capacity, added, columns, rows: 0 }
    }

    pub(crate) fn rows(&self) -> usize {
        self.rows
    }

    #[inline]
    pub(crate) fn append(&mut self, row: &Row<'_>) {
        let added = AddedValues::new(self.added, || row.id());
        let values = row.values.iter().copied().chain(added.values(row.change, row.extra));
        for (column, value) in self.columns.iter_mut().zip(values) {
            column.append(value);
        }
        self.rows += 1;
    }

    /// The rows so far as a batch; the builder is empty afterwards.
    pub(crate) fn finish(&mut self) -> Result<RecordBatch, ArrowError> {
        self.rows = 0;
        let columns = self.columns.iter_mut().map(|column| column.finish(self.capacity)).collect();
        RecordBatch::try_new(Arc::clone(&self.schema), columns)
    }
}
