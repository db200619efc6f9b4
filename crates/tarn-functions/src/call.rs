//! A call on a batch: typed access to the arguments row by row, and building of the result.
//!
//! Constants are kept as arrays of one value that is read for every row, so a row function neither knows
//! nor pays for the difference. [`map_rows`] is the loop nearly all functions share: null in, null out.

use std::sync::Arc;

use arrow::array::{
    Array, ArrayRef, ArrowPrimitiveType, BinaryArray, BinaryBuilder, BooleanArray, BooleanBuilder, PrimitiveArray,
    PrimitiveBuilder, StringArray, StringBuilder,
};
use arrow::buffer::NullBuffer;
use arrow::compute::cast;
use arrow::datatypes::{
    DataType, Decimal128Type, FieldRef, Float32Type, Float64Type, Int8Type, Int16Type, Int32Type, Int64Type,
};
use datafusion::common::Result;
use datafusion::logical_expr::{ColumnarValue, ScalarFunctionArgs};

use crate::failure::{internal, out_of_range};

/// One argument: a column, or a constant as an array of one.
#[derive(Debug)]
pub(crate) struct Argument {
    pub(crate) array: ArrayRef,
    stride: usize,
    nulls: Option<NullBuffer>,
    pub(crate) field: Option<FieldRef>,
}

impl Argument {
    /// The position in [`Self::array`] that holds the value of `row`.
    pub(crate) fn position(&self, row: usize) -> usize {
        row * self.stride
    }

    pub(crate) fn is_null(&self, row: usize) -> bool {
        self.nulls.as_ref().is_some_and(|nulls| nulls.is_null(row * self.stride))
    }

    /// The argument as one value per row.
    pub(crate) fn column(&self, rows: usize) -> Result<ArrayRef> {
        if self.stride == 1 {
            return Ok(Arc::clone(&self.array));
        }
        let indices = arrow::array::UInt32Array::from_value(0, rows);
        Ok(arrow::compute::take(&self.array, &indices, None)?)
    }

    /// The array as its concrete type.
    pub(crate) fn typed<T: 'static>(&self) -> Result<&T> {
        self.array
            .as_any()
            .downcast_ref::<T>()
            .ok_or_else(|| internal(format!("argument has the unexpected type `{}`", self.array.data_type())))
    }
}

/// A function call on a batch of rows.
#[derive(Debug)]
pub(crate) struct Call {
    pub(crate) arguments: Vec<Argument>,
    pub(crate) rows: usize,
    pub(crate) gives: DataType,
}

impl Call {
    /// Brings the arguments of an engine call to the types that an overload works on.
    pub(crate) fn new(args: ScalarFunctionArgs, types: &[DataType], rows: usize) -> Result<Self> {
        let gives = args.return_field.data_type().clone();
        let mut fields = args.arg_fields.into_iter();
        let arguments = args
            .args
            .into_iter()
            .zip(types)
            .map(|(value, wanted)| {
                let (array, stride) = match value {
                    ColumnarValue::Array(array) => (array, 1),
                    ColumnarValue::Scalar(scalar) => (scalar.to_array()?, 0),
                };
                let array = if array.data_type() == wanted { array } else { cast(&array, wanted)? };
                Ok(Argument { nulls: array.logical_nulls(), array, stride, field: fields.next() })
            })
            .collect::<Result<Vec<_>>>()?;
        Ok(Self { arguments, rows, gives })
    }

    /// The argument at `index`.
    pub(crate) fn argument(&self, index: usize) -> Result<&Argument> {
        self.arguments.get(index).ok_or_else(|| internal(format!("argument {index} is missing")))
    }

    /// An all-null result.
    pub(crate) fn nulls(&self) -> ArrayRef {
        arrow::array::new_null_array(&self.gives, self.rows)
    }
}

/// A Rust type that a row function reads an argument as.
pub(crate) trait Input<'a>: Sized {
    /// What reading needs besides the row number.
    type Reader;
    fn reader(argument: &'a Argument) -> Result<Self::Reader>;
    fn read(reader: &Self::Reader, position: usize) -> Self;
}

macro_rules! primitive_input {
    ($($native:ty => $arrow:ty),*) => {$(
        impl<'a> Input<'a> for $native {
            type Reader = &'a PrimitiveArray<$arrow>;
            fn reader(argument: &'a Argument) -> Result<Self::Reader> {
                argument.typed()
            }
            fn read(reader: &Self::Reader, position: usize) -> Self {
                reader.value(position)
            }
        }
    )*};
}

primitive_input!(i8 => Int8Type, i16 => Int16Type, i32 => Int32Type, i64 => Int64Type,
    f32 => Float32Type, f64 => Float64Type, i128 => Decimal128Type);

impl<'a> Input<'a> for &'a str {
    type Reader = &'a StringArray;
    fn reader(argument: &'a Argument) -> Result<Self::Reader> {
        argument.typed()
    }
    fn read(reader: &Self::Reader, position: usize) -> Self {
        reader.value(position)
    }
}

impl<'a> Input<'a> for &'a [u8] {
    type Reader = &'a BinaryArray;
    fn reader(argument: &'a Argument) -> Result<Self::Reader> {
        argument.typed()
    }
    fn read(reader: &Self::Reader, position: usize) -> Self {
        reader.value(position)
    }
}

impl<'a> Input<'a> for bool {
    type Reader = &'a BooleanArray;
    fn reader(argument: &'a Argument) -> Result<Self::Reader> {
        argument.typed()
    }
    fn read(reader: &Self::Reader, position: usize) -> Self {
        reader.value(position)
    }
}

/// The arguments of one row, as a tuple of [`Input`]s.
pub(crate) trait Inputs<'a>: Sized {
    const COUNT: usize;
    type Readers;
    fn readers(call: &'a Call) -> Result<Self::Readers>;
    fn read(call: &'a Call, readers: &Self::Readers, row: usize) -> Self;
}

macro_rules! inputs {
    ($count:literal: $($name:ident $index:tt),*) => {
        impl<'a, $($name: Input<'a>),*> Inputs<'a> for ($($name,)*) {
            const COUNT: usize = $count;
            type Readers = ($($name::Reader,)*);
            fn readers(call: &'a Call) -> Result<Self::Readers> {
                Ok(($($name::reader(call.argument($index)?)?,)*))
            }
            fn read(call: &'a Call, readers: &Self::Readers, row: usize) -> Self {
                ($($name::read(&readers.$index, call.arguments[$index].position(row)),)*)
            }
        }
    };
}

inputs!(1: A 0);
inputs!(2: A 0, B 1);
inputs!(3: A 0, B 1, C 2);
inputs!(4: A 0, B 1, C 2, D 3);

/// A Rust type that a row function gives.
pub(crate) trait Output: Sized {
    type Builder;
    fn builder(rows: usize, gives: &DataType) -> Result<Self::Builder>;
    fn append(builder: &mut Self::Builder, value: Self) -> Result<()>;
    fn append_null(builder: &mut Self::Builder);
    fn finish(builder: Self::Builder) -> ArrayRef;
}

macro_rules! primitive_output {
    ($($native:ty => $arrow:ty),*) => {$(
        impl Output for $native {
            type Builder = PrimitiveBuilder<$arrow>;
            fn builder(rows: usize, _gives: &DataType) -> Result<Self::Builder> {
                Ok(PrimitiveBuilder::with_capacity(rows))
            }
            fn append(builder: &mut Self::Builder, value: Self) -> Result<()> {
                builder.append_value(value);
                Ok(())
            }
            fn append_null(builder: &mut Self::Builder) {
                builder.append_null();
            }
            fn finish(mut builder: Self::Builder) -> ArrayRef {
                Arc::new(builder.finish())
            }
        }
    )*};
}

primitive_output!(i8 => Int8Type, i16 => Int16Type, i32 => Int32Type, i64 => Int64Type,
    f32 => Float32Type, f64 => Float64Type);

macro_rules! text_output {
    ($($text:ty),*) => {$(
        impl Output for $text {
            type Builder = StringBuilder;
            fn builder(rows: usize, _gives: &DataType) -> Result<Self::Builder> {
                Ok(StringBuilder::with_capacity(rows, rows * 16))
            }
            fn append(builder: &mut Self::Builder, value: Self) -> Result<()> {
                builder.append_value(value);
                Ok(())
            }
            fn append_null(builder: &mut Self::Builder) {
                builder.append_null();
            }
            fn finish(mut builder: Self::Builder) -> ArrayRef {
                Arc::new(builder.finish())
            }
        }
    )*};
}

text_output!(String, &str, std::borrow::Cow<'_, str>);

macro_rules! bytes_output {
    ($($bytes:ty),*) => {$(
        impl Output for $bytes {
            type Builder = BinaryBuilder;
            fn builder(rows: usize, _gives: &DataType) -> Result<Self::Builder> {
                Ok(BinaryBuilder::with_capacity(rows, rows * 16))
            }
            fn append(builder: &mut Self::Builder, value: Self) -> Result<()> {
                builder.append_value(value);
                Ok(())
            }
            fn append_null(builder: &mut Self::Builder) {
                builder.append_null();
            }
            fn finish(mut builder: Self::Builder) -> ArrayRef {
                Arc::new(builder.finish())
            }
        }
    )*};
}

bytes_output!(Vec<u8>, &[u8]);

impl Output for bool {
    type Builder = BooleanBuilder;
    fn builder(rows: usize, _gives: &DataType) -> Result<Self::Builder> {
        Ok(BooleanBuilder::with_capacity(rows))
    }
    fn append(builder: &mut Self::Builder, value: Self) -> Result<()> {
        builder.append_value(value);
        Ok(())
    }
    fn append_null(builder: &mut Self::Builder) {
        builder.append_null();
    }
    fn finish(mut builder: Self::Builder) -> ArrayRef {
        Arc::new(builder.finish())
    }
}

/// A decimal's unscaled value, in the scale of the result type.
impl Output for i128 {
    type Builder = (PrimitiveBuilder<Decimal128Type>, u8);
    fn builder(rows: usize, gives: &DataType) -> Result<Self::Builder> {
        let DataType::Decimal128(precision, _) = gives else {
            return Err(internal(format!("`{gives}` is no decimal")));
        };
        Ok((PrimitiveBuilder::with_capacity(rows).with_data_type(gives.clone()), *precision))
    }
    fn append((builder, precision): &mut Self::Builder, value: Self) -> Result<()> {
        if value.unsigned_abs() >= 10_u128.pow(u32::from(*precision)) {
            return Err(out_of_range(format!("Decimal overflow: {value}")));
        }
        builder.append_value(value);
        Ok(())
    }
    fn append_null((builder, _): &mut Self::Builder) {
        builder.append_null();
    }
    fn finish((mut builder, _): Self::Builder) -> ArrayRef {
        Arc::new(builder.finish())
    }
}

/// Evaluates `row` on every row; a null argument gives null without calling it.
pub(crate) fn map_rows<'a, I: Inputs<'a>, O: Output>(
    call: &'a Call,
    mut row: impl FnMut(I) -> Result<Option<O>>,
) -> Result<ArrayRef> {
    let readers = I::readers(call)?;
    let mut builder = O::builder(call.rows, &call.gives)?;
    let arguments = &call.arguments[..I::COUNT];
    let nullable = arguments.iter().any(|argument| argument.nulls.is_some());
    for index in 0..call.rows {
        if nullable && arguments.iter().any(|argument| argument.is_null(index)) {
            O::append_null(&mut builder);
            continue;
        }
        match row(I::read(call, &readers, index))? {
            Some(value) => O::append(&mut builder, value)?,
            None => O::append_null(&mut builder),
        }
    }
    Ok(O::finish(builder))
}

/// Keeps the last thing compiled from a key, so that a constant pattern is compiled once per batch.
#[derive(Debug)]
pub(crate) struct Memo<V> {
    last: Option<(String, V)>,
}

impl<V> Memo<V> {
    pub(crate) fn new() -> Self {
        Self { last: None }
    }

    /// The value for `key`, made by `compile` if the key is new.
    pub(crate) fn get(&mut self, key: &str, compile: impl FnOnce(&str) -> Result<V>) -> Result<&V> {
        if self.last.as_ref().is_none_or(|(known, _)| known != key) {
            self.last = Some((key.to_owned(), compile(key)?));
        }
        match &self.last {
            Some((_, value)) => Ok(value),
            None => Err(internal("memo is empty")),
        }
    }
}

/// Builds a primitive result of an Arrow type from row values.
pub(crate) fn primitive<T: ArrowPrimitiveType>(values: impl Iterator<Item = Option<T::Native>>) -> ArrayRef {
    Arc::new(values.collect::<PrimitiveArray<T>>())
}
