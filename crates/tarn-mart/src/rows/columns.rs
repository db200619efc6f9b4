//! One column of a batch: Arrow arrays on one side, values on the other.
//!
//! Which array may stand for which type is decided here, once per batch; what a row then costs is one match.

use arrow::array::{
    Array, ArrayRef, AsArray, BinaryArray, BinaryViewArray, BooleanArray, Decimal128Array, FixedSizeBinaryArray,
    Float32Array, Float64Array, Int8Array, Int16Array, Int32Array, Int64Array, LargeBinaryArray, LargeStringArray,
    StringArray, StringViewArray, UInt8Array, UInt16Array, UInt32Array,
};
use arrow::datatypes::{
    DataType, Date32Type, Decimal128Type, Float32Type, Float64Type, Int8Type, Int16Type, Int32Type, Int64Type,
    TimeUnit, TimestampMicrosecondType, TimestampMillisecondType, TimestampNanosecondType, TimestampSecondType,
    UInt8Type, UInt16Type, UInt32Type,
};

use super::json;
use crate::types::ValueType;
use crate::value::Value;

/// The values of one column in one batch.
pub(crate) enum ColumnValues {
    /// Null in every row: the file was written before the column was there.
    Nulls,
    /// The one value of an array of one, in every row: a partition key.
    Constant(Box<ColumnValues>),
    Boolean(BooleanArray),
    Int8(Int8Array),
    Int16(Int16Array),
    Int32(Int32Array),
    Int64(Int64Array),
    UInt8(UInt8Array),
    UInt16(UInt16Array),
    UInt32(UInt32Array),
    Float32(Float32Array),
    Float64(Float64Array),
    Decimal(Decimal128Array, u8),
    Text(StringArray),
    TextView(StringViewArray),
    LargeText(LargeStringArray),
    /// Text that its writer did not mark as such.
    TextBytes(BinaryViewArray),
    Date(arrow::array::Date32Array),
    Timestamp(Int64Array, TimeUnit),
    Binary(BinaryArray),
    BinaryView(BinaryViewArray),
    LargeBinary(LargeBinaryArray),
    FixedBinary(FixedSizeBinaryArray),
    Json(ArrayRef),
}

impl ColumnValues {
    /// The values of an array as a column of this type; `None` when the array's values are not all values of the type.
    ///
    /// Whole numbers of any width are whole numbers; a decimal fits when no digit on either side of the point is lost.
    pub(crate) fn of(array: &ArrayRef, value_type: ValueType) -> Option<Self> {
        use DataType as Arrow;
        use ValueType as Wanted;
        Some(match (value_type, array.data_type()) {
            (_, Arrow::Null) => Self::Nulls,
            (Wanted::Boolean, Arrow::Boolean) => Self::Boolean(array.as_boolean().clone()),
            (Wanted::TinyInt | Wanted::SmallInt | Wanted::Integer | Wanted::BigInt, _) => Self::integers(array)?,
            (Wanted::Real | Wanted::Double, Arrow::Float32) => {
                Self::Float32(array.as_primitive::<Float32Type>().clone())
            }
            (Wanted::Real | Wanted::Double, Arrow::Float64) => {
                Self::Float64(array.as_primitive::<Float64Type>().clone())
            }
            (Wanted::Decimal { precision, scale }, Arrow::Decimal128(file_precision, file_scale)) => {
                let file_scale = u8::try_from(*file_scale).ok()?;
                let fits = file_scale <= scale && file_precision.saturating_sub(file_scale) <= precision - scale;
                fits.then(|| Self::Decimal(array.as_primitive::<Decimal128Type>().clone(), file_scale))?
            }
            (Wanted::Text { .. }, Arrow::Utf8) => Self::Text(array.as_string::<i32>().clone()),
            (Wanted::Text { .. }, Arrow::LargeUtf8) => Self::LargeText(array.as_string::<i64>().clone()),
            (Wanted::Text { .. }, Arrow::Utf8View) => Self::TextView(array.as_string_view().clone()),
            (Wanted::Text { .. }, Arrow::BinaryView) => Self::TextBytes(array.as_binary_view().clone()),
            (Wanted::Date, Arrow::Date32) => Self::Date(array.as_primitive::<Date32Type>().clone()),
            (Wanted::Timestamp | Wanted::ZonedTimestamp, Arrow::Timestamp(unit, _)) => {
                Self::Timestamp(ticks(array, *unit), *unit)
            }
            (Wanted::Binary, Arrow::Binary) => Self::Binary(array.as_binary::<i32>().clone()),
            (Wanted::Binary, Arrow::BinaryView) => Self::BinaryView(array.as_binary_view().clone()),
            (Wanted::Binary, Arrow::LargeBinary) => Self::LargeBinary(array.as_binary::<i64>().clone()),
            (Wanted::Binary, Arrow::FixedSizeBinary(_)) => Self::FixedBinary(array.as_fixed_size_binary().clone()),
            (Wanted::Json, nested) if nested.is_nested() && json::is_supported(nested) => Self::Json(array.clone()),
            _ => return None,
        })
    }

    fn integers(array: &ArrayRef) -> Option<Self> {
        Some(match array.data_type() {
            DataType::Int8 => Self::Int8(array.as_primitive::<Int8Type>().clone()),
            DataType::Int16 => Self::Int16(array.as_primitive::<Int16Type>().clone()),
            DataType::Int32 => Self::Int32(array.as_primitive::<Int32Type>().clone()),
            DataType::Int64 => Self::Int64(array.as_primitive::<Int64Type>().clone()),
            DataType::UInt8 => Self::UInt8(array.as_primitive::<UInt8Type>().clone()),
            DataType::UInt16 => Self::UInt16(array.as_primitive::<UInt16Type>().clone()),
            DataType::UInt32 => Self::UInt32(array.as_primitive::<UInt32Type>().clone()),
            _ => return None,
        })
    }

    /// The value of a row; `text` is where a value is written that does not lie in the batch as text.
    ///
    /// # Errors
    /// What the value is, when it cannot be a value of the column.
    pub(crate) fn value<'a>(&'a self, row: usize, text: &'a mut String) -> Result<Value<'a>, &'static str> {
        macro_rules! unless_null {
            ($array:expr, $value:expr) => {
                if $array.is_null(row) { Value::Null } else { $value }
            };
        }
        Ok(match self {
            Self::Nulls => Value::Null,
            Self::Constant(only) => return only.value(0, text),
            Self::Boolean(array) => unless_null!(array, Value::Boolean(array.value(row))),
            Self::Int8(array) => unless_null!(array, Value::Integer(i64::from(array.value(row)))),
            Self::Int16(array) => unless_null!(array, Value::Integer(i64::from(array.value(row)))),
            Self::Int32(array) => unless_null!(array, Value::Integer(i64::from(array.value(row)))),
            Self::Int64(array) => unless_null!(array, Value::Integer(array.value(row))),
            Self::UInt8(array) => unless_null!(array, Value::Integer(i64::from(array.value(row)))),
            Self::UInt16(array) => unless_null!(array, Value::Integer(i64::from(array.value(row)))),
            Self::UInt32(array) => unless_null!(array, Value::Integer(i64::from(array.value(row)))),
            Self::Float32(array) => unless_null!(array, Value::Real(f64::from(array.value(row)))),
            Self::Float64(array) => unless_null!(array, Value::Real(array.value(row))),
            Self::Decimal(array, scale) => {
                unless_null!(array, Value::Decimal { unscaled: array.value(row), scale: *scale })
            }
            Self::Text(array) => unless_null!(array, Value::Text(array.value(row))),
            Self::TextView(array) => unless_null!(array, Value::Text(array.value(row))),
            Self::LargeText(array) => unless_null!(array, Value::Text(array.value(row))),
            Self::TextBytes(array) => unless_null!(
                array,
                Value::Text(std::str::from_utf8(array.value(row)).map_err(|_| "text that is not utf-8")?)
            ),
            Self::Date(array) => unless_null!(array, Value::Date(array.value(row))),
            Self::Timestamp(array, unit) => unless_null!(array, {
                let (seconds, nanoseconds) = moment(array.value(row), *unit);
                Value::Timestamp { seconds, nanoseconds }
            }),
            Self::Binary(array) => unless_null!(array, Value::Binary(array.value(row))),
            Self::BinaryView(array) => unless_null!(array, Value::Binary(array.value(row))),
            Self::LargeBinary(array) => unless_null!(array, Value::Binary(array.value(row))),
            Self::FixedBinary(array) => unless_null!(array, Value::Binary(array.value(row))),
            Self::Json(array) => unless_null!(array, {
                text.clear();
                json::write(array.as_ref(), row, text)?;
                Value::Text(text)
            }),
        })
    }
}

/// Seconds (rounded down) and nanoseconds of one timestamp; `None` when the array holds none.
pub(super) fn timestamp_parts(array: &dyn Array, row: usize) -> Option<(i64, u32)> {
    let (value, unit) = match array.data_type() {
        DataType::Timestamp(TimeUnit::Second, _) => {
            (array.as_primitive::<TimestampSecondType>().value(row), TimeUnit::Second)
        }
        DataType::Timestamp(TimeUnit::Millisecond, _) => {
            (array.as_primitive::<TimestampMillisecondType>().value(row), TimeUnit::Millisecond)
        }
        DataType::Timestamp(TimeUnit::Microsecond, _) => {
            (array.as_primitive::<TimestampMicrosecondType>().value(row), TimeUnit::Microsecond)
        }
        DataType::Timestamp(TimeUnit::Nanosecond, _) => {
            (array.as_primitive::<TimestampNanosecondType>().value(row), TimeUnit::Nanosecond)
        }
        _ => return None,
    };
    Some(moment(value, unit))
}

fn ticks(array: &ArrayRef, unit: TimeUnit) -> Int64Array {
    match unit {
        TimeUnit::Second => array.as_primitive::<TimestampSecondType>().reinterpret_cast::<Int64Type>(),
        TimeUnit::Millisecond => array.as_primitive::<TimestampMillisecondType>().reinterpret_cast::<Int64Type>(),
        TimeUnit::Microsecond => array.as_primitive::<TimestampMicrosecondType>().reinterpret_cast::<Int64Type>(),
        TimeUnit::Nanosecond => array.as_primitive::<TimestampNanosecondType>().reinterpret_cast::<Int64Type>(),
    }
}

fn moment(ticks: i64, unit: TimeUnit) -> (i64, u32) {
    let per_second: i64 = match unit {
        TimeUnit::Second => 1,
        TimeUnit::Millisecond => 1_000,
        TimeUnit::Microsecond => 1_000_000,
        TimeUnit::Nanosecond => 1_000_000_000,
    };
    let fraction = ticks.rem_euclid(per_second) * (1_000_000_000 / per_second);
    // Always below a second.
    (ticks.div_euclid(per_second), u32::try_from(fraction).unwrap_or(0))
}
