//! Rows split by the values of their partition keys.

use std::collections::HashMap;

use arrow::array::{ArrayRef, UInt32Array};
use arrow::compute::take_record_batch;
use arrow::error::ArrowError;
use arrow::record_batch::RecordBatch;
use arrow::row::{OwnedRow, RowConverter, SortField};

use crate::tables::values;

/// The values of the partition keys, as text; `None` is null.
pub(super) type Values = Vec<Option<String>>;

/// Splits batches; keeps what it learned about values from one batch to the next.
pub(super) struct Splitter {
    converter: RowConverter,
    /// The texts of keys seen before.
    texts: HashMap<OwnedRow, Values>,
}

impl Splitter {
    pub(super) fn new(keys: &[ArrayRef]) -> Result<Self, ArrowError> {
        let fields = keys.iter().map(|key| SortField::new(key.data_type().clone())).collect();
        Ok(Self { converter: RowConverter::new(fields)?, texts: HashMap::new() })
    }

    /// One batch per partition, in the order in which the partitions first appear; rows keep their order.
    pub(super) fn split(
        &mut self,
        columns: &RecordBatch,
        keys: &[ArrayRef],
    ) -> Result<Vec<(Values, RecordBatch)>, ArrowError> {
        let rows = self.converter.convert_columns(keys)?;
        let mut numbers: HashMap<&[u8], usize> = HashMap::new();
        let mut members: Vec<Vec<u32>> = Vec::new();
        // Rows next to each other are often of one partition.
        let mut last: Option<(&[u8], usize)> = None;
        for (position, row) in (0_u32..).zip(rows.iter()) {
            let bytes = row.data();
            let number = match last {
                Some((same, number)) if same == bytes => number,
                _ => *numbers.entry(bytes).or_insert_with(|| {
                    members.push(Vec::new());
                    members.len() - 1
                }),
            };
            last = Some((bytes, number));
            members[number].push(position);
        }
        let whole = members.len() == 1;
        let mut parts = Vec::with_capacity(members.len());
        for positions in members {
            let first = positions[0] as usize;
            let values = match self.texts.get(&rows.row(first).owned()) {
                Some(known) => known.clone(),
                None => {
                    let texts = keys.iter().map(|key| values::format(key, first)).collect::<Result<Values, _>>()?;
                    self.texts.insert(rows.row(first).owned(), texts.clone());
                    texts
                }
            };
            let part = if whole { columns.clone() } else { take_record_batch(columns, &UInt32Array::from(positions))? };
            parts.push((values, part));
        }
        Ok(parts)
    }
}
