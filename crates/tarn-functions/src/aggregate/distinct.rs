//! `approx_distinct`, and totals of distinct values.
//!
//! Distinct hashes are kept exactly up to a limit, then as a HyperLogLog of 16,384 registers: standard
//! error 0.8 %, below the 2.3 % that Trino promises. An error argument is checked and needs no further use.

use std::collections::HashSet;
use std::sync::Arc;

use arrow::array::{Array, ArrayRef, AsArray, ListArray, UInt32Array};
use arrow::buffer::OffsetBuffer;
use arrow::compute::{concat, take};
use arrow::datatypes::{DataType, Field, FieldRef, Float64Type};
use arrow::row::{RowConverter, SortField};
use datafusion::common::{Result, ScalarValue};
use datafusion::logical_expr::function::{AccumulatorArgs, StateFieldsArgs};
use datafusion::logical_expr::utils::format_state_name;
use datafusion::logical_expr::{
    Accumulator, AggregateUDF, AggregateUDFImpl, EmitTo, GroupsAccumulator, Signature, Volatility,
};
use xxhash_rust::xxh3::xxh3_64;

use super::totals::Totals;
use crate::failure::{internal, invalid_argument, no_overload};
use crate::types::normal;

const INDEX_BITS: u32 = 14;
const REGISTERS: usize = 1 << INDEX_BITS;
/// Hashes kept before the registers are cheaper.
const EXACT_LIMIT: usize = REGISTERS / 8;

pub(crate) fn functions() -> Vec<Arc<AggregateUDF>> {
    vec![Arc::new(AggregateUDF::new_from_impl(ApproxDistinct {
        signature: Signature::user_defined(Volatility::Immutable),
    }))]
}

#[derive(Debug, PartialEq, Eq, Hash)]
struct ApproxDistinct {
    signature: Signature,
}

impl AggregateUDFImpl for ApproxDistinct {
    fn name(&self) -> &str {
        "approx_distinct"
    }

    fn signature(&self) -> &Signature {
        &self.signature
    }

    fn coerce_types(&self, arguments: &[DataType]) -> Result<Vec<DataType>> {
        match arguments {
            [value] => Ok(vec![normal(value)]),
            [value, _] => Ok(vec![normal(value), DataType::Float64]),
            _ => Err(no_overload(
                "FUNCTION_NOT_FOUND: Unexpected parameters for function approx_distinct. Expected: approx_distinct(T), \
                 approx_distinct(T, double)",
            )),
        }
    }

    fn return_type(&self, _: &[DataType]) -> Result<DataType> {
        Ok(DataType::Int64)
    }

    fn is_nullable(&self) -> bool {
        false
    }

    fn default_value(&self, _: &DataType) -> Result<ScalarValue> {
        Ok(ScalarValue::Int64(Some(0)))
    }

    fn state_fields(&self, args: StateFieldsArgs<'_>) -> Result<Vec<FieldRef>> {
        Ok(vec![Arc::new(Field::new(format_state_name(args.name, "sketch"), DataType::Binary, true))])
    }

    fn accumulator(&self, args: AccumulatorArgs<'_>) -> Result<Box<dyn Accumulator>> {
        let field = args.expr_fields.first().ok_or_else(|| internal("approx_distinct takes a value"))?;
        Ok(Box::new(Sketch {
            converter: RowConverter::new(vec![SortField::new(field.data_type().clone())])?,
            hashes: HashSet::new(),
            registers: Vec::new(),
        }))
    }
}

#[derive(Debug)]
struct Sketch {
    converter: RowConverter,
    hashes: HashSet<u64>,
    /// Empty while the hashes themselves are kept.
    registers: Vec<u8>,
}

impl Sketch {
    fn insert(&mut self, hash: u64) {
        if !self.registers.is_empty() {
            self.register(hash);
            return;
        }
        self.hashes.insert(hash);
        if self.hashes.len() > EXACT_LIMIT {
            self.registers = vec![0; REGISTERS];
            for hash in std::mem::take(&mut self.hashes) {
                self.register(hash);
            }
        }
    }

    fn register(&mut self, hash: u64) {
        let index = (hash >> (64 - INDEX_BITS)) as usize;
        // The mark below the used bits bounds the count of zeros.
        let rest = (hash << INDEX_BITS) | (1 << (INDEX_BITS - 1));
        let rank = rest.leading_zeros() as u8 + 1;
        self.registers[index] = self.registers[index].max(rank);
    }

    fn estimate(&self) -> i64 {
        if self.registers.is_empty() {
            return self.hashes.len() as i64;
        }
        let size = REGISTERS as f64;
        let sum: f64 = self.registers.iter().map(|rank| 2_f64.powi(-i32::from(*rank))).sum();
        let raw = 0.7213 / (1.0 + 1.079 / size) * size * size / sum;
        let empty = self.registers.iter().filter(|rank| **rank == 0).count();
        if raw <= 2.5 * size && empty > 0 {
            return (size * (size / empty as f64).ln()).round() as i64;
        }
        raw.round() as i64
    }
}

impl Accumulator for Sketch {
    fn update_batch(&mut self, values: &[ArrayRef]) -> Result<()> {
        let Some(column) = values.first() else {
            return Ok(());
        };
        if let Some(error) = values.get(1)
            && !error.is_empty()
        {
            let error = error.as_primitive::<Float64Type>().value(0);
            if !(0.0040625..=0.26).contains(&error) {
                return Err(invalid_argument(format!("Standard error must be in [0.0040625, 0.26000]: {error}")));
            }
        }
        let nulls = column.logical_nulls();
        let rows = self.converter.convert_columns(&[Arc::clone(column)])?;
        for row in 0..rows.num_rows() {
            if nulls.as_ref().is_none_or(|nulls| nulls.is_valid(row)) {
                self.insert(xxh3_64(rows.row(row).data()));
            }
        }
        Ok(())
    }

    fn merge_batch(&mut self, states: &[ArrayRef]) -> Result<()> {
        let Some(states) = states.first() else {
            return Ok(());
        };
        for state in states.as_binary::<i32>().iter().flatten() {
            match state.split_first() {
                Some((0, hashes)) => {
                    for hash in hashes.chunks_exact(8) {
                        let bytes = <[u8; 8]>::try_from(hash).unwrap_or_default();
                        self.insert(u64::from_le_bytes(bytes));
                    }
                }
                Some((_, registers)) if registers.len() == REGISTERS => {
                    if self.registers.is_empty() {
                        self.registers = vec![0; REGISTERS];
                        for hash in std::mem::take(&mut self.hashes) {
                            self.register(hash);
                        }
                    }
                    for (known, rank) in self.registers.iter_mut().zip(registers) {
                        *known = (*known).max(*rank);
                    }
                }
                _ => return Err(internal("a sketch is broken")),
            }
        }
        Ok(())
    }

    fn state(&mut self) -> Result<Vec<ScalarValue>> {
        let mut bytes = vec![u8::from(!self.registers.is_empty())];
        bytes.extend_from_slice(&self.registers);
        for hash in &self.hashes {
            bytes.extend_from_slice(&hash.to_le_bytes());
        }
        Ok(vec![ScalarValue::Binary(Some(bytes))])
    }

    fn evaluate(&mut self) -> Result<ScalarValue> {
        Ok(ScalarValue::Int64(Some(self.estimate())))
    }

    fn size(&self) -> usize {
        size_of::<Self>() + self.hashes.capacity() * 9 + self.registers.len()
    }
}

/// A total of distinct values: the values are kept, and added when asked for.
#[derive(Debug)]
pub(crate) struct DistinctTotal {
    totals: Totals,
    chunks: Vec<ArrayRef>,
}

impl DistinctTotal {
    pub(crate) fn new(totals: Totals) -> Result<Self> {
        Ok(Self { totals, chunks: Vec::new() })
    }

    fn distinct(&mut self) -> Result<Option<ArrayRef>> {
        if self.chunks.is_empty() {
            return Ok(None);
        }
        let chunks: Vec<&dyn Array> = self.chunks.iter().map(AsRef::as_ref).collect();
        let column = concat(&chunks)?;
        let converter = RowConverter::new(vec![SortField::new(column.data_type().clone())])?;
        let rows = converter.convert_columns(&[Arc::clone(&column)])?;
        let mut seen = HashSet::new();
        let kept: UInt32Array =
            (0..rows.num_rows()).filter(|row| seen.insert(rows.row(*row))).map(|row| row as u32).collect();
        let column = take(&column, &kept, None)?;
        self.chunks = vec![Arc::clone(&column)];
        Ok(Some(column))
    }
}

impl Accumulator for DistinctTotal {
    fn update_batch(&mut self, values: &[ArrayRef]) -> Result<()> {
        self.chunks.extend(values.first().cloned());
        if self.chunks.len() > 64 {
            self.distinct()?;
        }
        Ok(())
    }

    fn merge_batch(&mut self, states: &[ArrayRef]) -> Result<()> {
        if let Some(lists) = states.first() {
            self.chunks.extend(lists.as_list::<i32>().iter().flatten());
        }
        Ok(())
    }

    fn state(&mut self) -> Result<Vec<ScalarValue>> {
        let Some(column) = self.distinct()? else {
            return Ok(vec![ScalarValue::try_from(&self.totals.state_type())?]);
        };
        let field = Arc::new(Field::new_list_field(column.data_type().clone(), true));
        let offsets = OffsetBuffer::from_lengths([column.len()]);
        let list = ListArray::try_new(field, offsets, column, None)?;
        Ok(vec![ScalarValue::List(Arc::new(list))])
    }

    fn evaluate(&mut self) -> Result<ScalarValue> {
        let mut totals = self.totals.clone();
        let column: Vec<ArrayRef> = self.distinct()?.into_iter().collect();
        let rows = column.first().map_or(0, |column| column.len());
        totals.update_batch(&column, &vec![0; rows], None, 1)?;
        ScalarValue::try_from_array(&totals.evaluate(EmitTo::All)?, 0)
    }

    fn size(&self) -> usize {
        self.chunks.iter().map(|chunk| chunk.get_array_memory_size()).sum()
    }
}
