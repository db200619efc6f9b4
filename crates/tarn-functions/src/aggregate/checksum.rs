//! `checksum`: a sum of hashes that does not depend on order.
//!
//! The hashes are xxHash64 of what Trino hashes for these types, so sums agree for booleans, integers,
//! dates, doubles, text and bytes. Other types are refused.

use arrow::array::{Array, AsArray};
use arrow::compute::cast;
use arrow::datatypes::{DataType, Float64Type, Int64Type};
use datafusion::common::{Result, ScalarValue};
use xxhash_rust::xxh64::xxh64;

use super::collect::{Collected, Collecting};
use crate::failure::not_supported;

const PRIME: u64 = 0x9E37_79B1_85EB_CA87;

pub(crate) fn functions() -> Vec<Collecting> {
    vec![Collecting::new("checksum").on("(T) -> varbinary", checksum)]
}

fn checksum(rows: &Collected<'_>) -> Result<ScalarValue> {
    let column = rows.column(0)?;
    let hashes: Vec<Option<u64>> = match column.data_type() {
        DataType::Utf8 => {
            column.as_string::<i32>().iter().map(|text| text.map(|text| xxh64(text.as_bytes(), 0))).collect()
        }
        DataType::Binary => column.as_binary::<i32>().iter().map(|bytes| bytes.map(|bytes| xxh64(bytes, 0))).collect(),
        DataType::Float64 => column
            .as_primitive::<Float64Type>()
            .iter()
            .map(|value| value.map(|value| xxh64(&value.to_bits().to_le_bytes(), 0)))
            .collect(),
        DataType::Boolean | DataType::Int8 | DataType::Int16 | DataType::Int32 | DataType::Int64 | DataType::Date32 => {
            let widened = match column.data_type() {
                DataType::Date32 => cast(&cast(column, &DataType::Int32)?, &DataType::Int64)?,
                _ => cast(column, &DataType::Int64)?,
            };
            widened
                .as_primitive::<Int64Type>()
                .iter()
                .map(|value| value.map(|value| xxh64(&value.to_le_bytes(), 0)))
                .collect()
        }
        DataType::Null => vec![None; column.len()],
        other => {
            return Err(not_supported(format!("checksum of {}", crate::types::type_name(other))));
        }
    };
    let sum = hashes
        .into_iter()
        .fold(0_u64, |sum, hash| sum.wrapping_add(hash.map_or(PRIME, |hash| hash.wrapping_mul(PRIME))));
    Ok(ScalarValue::Binary(Some(sum.to_le_bytes().to_vec())))
}
