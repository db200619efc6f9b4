//! `max_by` and `min_by` of two arguments: the value where another is greatest or least.
//!
//! What is compared is kept as order-preserving bytes, one per group, so any type compares at the price of a
//! memory compare. The three-argument form collects and lives in `top`.

use std::sync::Arc;

use arrow::array::{Array, ArrayRef, AsArray, BinaryBuilder, BooleanArray};
use arrow::datatypes::{DataType, Field, FieldRef};
use arrow::row::{RowConverter, SortField};
use datafusion::common::{Result, ScalarValue};
use datafusion::logical_expr::function::{AccumulatorArgs, StateFieldsArgs};
use datafusion::logical_expr::utils::format_state_name;
use datafusion::logical_expr::{
    Accumulator, AggregateUDF, AggregateUDFImpl, EmitTo, GroupsAccumulator, Signature, Volatility,
};

use super::collect::Collecting;
use super::groups::{Groups, Single, rows_as_states};
use super::top;
use crate::failure::{internal, no_overload};
use crate::types::normal;

pub(crate) fn functions() -> Vec<Arc<AggregateUDF>> {
    [true, false]
        .into_iter()
        .map(|greatest| {
            Arc::new(AggregateUDF::new_from_impl(ExtremeBy {
                greatest,
                several: top::several_by(greatest),
                signature: Signature::user_defined(Volatility::Immutable),
            }))
        })
        .collect()
}

#[derive(Debug, PartialEq, Eq, Hash)]
struct ExtremeBy {
    greatest: bool,
    several: Collecting,
    signature: Signature,
}

impl AggregateUDFImpl for ExtremeBy {
    fn name(&self) -> &str {
        if self.greatest { "max_by" } else { "min_by" }
    }

    fn signature(&self) -> &Signature {
        &self.signature
    }

    fn coerce_types(&self, arguments: &[DataType]) -> Result<Vec<DataType>> {
        match arguments {
            [value, by] => Ok(vec![normal(value), normal(by)]),
            [_, _, _] => self.several.coerce_types(arguments),
            _ => Err(no_overload(format!(
                "FUNCTION_NOT_FOUND: Unexpected parameters for function {name}. Expected: {name}(V, K), {name}(V, K, bigint)",
                name = self.name()
            ))),
        }
    }

    fn return_type(&self, arguments: &[DataType]) -> Result<DataType> {
        match arguments {
            [value, _] => Ok(value.clone()),
            _ => self.several.return_type(arguments),
        }
    }

    fn state_fields(&self, args: StateFieldsArgs<'_>) -> Result<Vec<FieldRef>> {
        let [value, _] = args.input_fields else {
            return self.several.state_fields(args);
        };
        Ok(vec![
            Arc::new(Field::new(format_state_name(args.name, "value"), value.data_type().clone(), true)),
            Arc::new(Field::new(format_state_name(args.name, "by"), DataType::Binary, true)),
        ])
    }

    fn accumulator(&self, args: AccumulatorArgs<'_>) -> Result<Box<dyn Accumulator>> {
        if args.expr_fields.len() == 3 {
            return self.several.accumulator(args);
        }
        Ok(Box::new(Single(self.groups(&args)?)))
    }

    fn groups_accumulator_supported(&self, args: AccumulatorArgs<'_>) -> bool {
        args.expr_fields.len() == 2
    }

    fn create_groups_accumulator(&self, args: AccumulatorArgs<'_>) -> Result<Box<dyn GroupsAccumulator>> {
        Ok(Box::new(self.groups(&args)?))
    }
}

impl ExtremeBy {
    fn groups(&self, args: &AccumulatorArgs<'_>) -> Result<Extremes> {
        let [value, by] = args.expr_fields else {
            return Err(internal("two arguments are expected"));
        };
        Ok(Extremes {
            greatest: self.greatest,
            value_type: value.data_type().clone(),
            by_type: by.data_type().clone(),
            best: Vec::new(),
        })
    }
}

/// The bytes to compare by, and the value that goes with them.
type Best = Option<(Box<[u8]>, ScalarValue)>;

/// The best row so far of each group.
#[derive(Debug, Clone)]
struct Extremes {
    greatest: bool,
    value_type: DataType,
    by_type: DataType,
    best: Vec<Best>,
}

impl Extremes {
    fn consider<'k>(
        &mut self,
        values: &ArrayRef,
        keys: impl Fn(usize) -> Option<&'k [u8]>,
        group_indices: &[usize],
    ) -> Result<()> {
        // Only the winner of a batch is copied: a group may improve many times within one.
        let mut winners: Vec<Option<usize>> = vec![None; self.best.len()];
        for (row, group) in group_indices.iter().enumerate() {
            let Some(key) = keys(row) else { continue };
            let known: Option<&[u8]> = match winners[*group] {
                Some(winner) => keys(winner),
                None => self.best[*group].as_ref().map(|(bytes, _)| bytes.as_ref()),
            };
            let better = known.is_none_or(|known| if self.greatest { key > known } else { key < known });
            if better {
                winners[*group] = Some(row);
            }
        }
        for (group, winner) in winners.into_iter().enumerate() {
            let Some(row) = winner else { continue };
            if let Some(key) = keys(row) {
                let value = ScalarValue::try_from_array(values, row)?;
                self.best[group] = Some((key.into(), value));
            }
        }
        Ok(())
    }

    fn values(&self, best: &[Best]) -> Result<ArrayRef> {
        let null = ScalarValue::try_from(&self.value_type)?;
        let values = best.iter().map(|best| best.as_ref().map_or_else(|| null.clone(), |(_, value)| value.clone()));
        if best.is_empty() {
            return Ok(arrow::array::new_empty_array(&self.value_type));
        }
        ScalarValue::iter_to_array(values)
    }
}

impl Groups for Extremes {
    fn fresh(&self) -> Self {
        Self { best: Vec::new(), ..self.clone() }
    }
}

impl GroupsAccumulator for Extremes {
    fn update_batch(
        &mut self,
        values: &[ArrayRef],
        group_indices: &[usize],
        filter: Option<&BooleanArray>,
        total_num_groups: usize,
    ) -> Result<()> {
        self.best.resize(total_num_groups.max(self.best.len()), None);
        let [column, by, ..] = values else {
            return Ok(());
        };
        let converter = RowConverter::new(vec![SortField::new(self.by_type.clone())])?;
        let rows = converter.convert_columns(&[Arc::clone(by)])?;
        let nulls = by.logical_nulls();
        self.consider(
            column,
            |row| {
                let wanted = nulls.as_ref().is_none_or(|nulls| nulls.is_valid(row))
                    && filter.is_none_or(|filter| filter.is_valid(row) && filter.value(row));
                wanted.then(|| rows.row(row).data())
            },
            group_indices,
        )
    }

    fn evaluate(&mut self, emit_to: EmitTo) -> Result<ArrayRef> {
        let best = emit_to.take_needed(&mut self.best);
        self.values(&best)
    }

    fn state(&mut self, emit_to: EmitTo) -> Result<Vec<ArrayRef>> {
        let best = emit_to.take_needed(&mut self.best);
        let mut keys = BinaryBuilder::new();
        for best in &best {
            keys.append_option(best.as_ref().map(|(key, _)| key));
        }
        Ok(vec![self.values(&best)?, Arc::new(keys.finish())])
    }

    fn merge_batch(&mut self, values: &[ArrayRef], group_indices: &[usize], total_num_groups: usize) -> Result<()> {
        self.best.resize(total_num_groups.max(self.best.len()), None);
        let [column, keys] = values else {
            return Err(internal("a state of two columns is expected"));
        };
        let keys = keys.as_binary::<i32>();
        self.consider(column, |row| keys.is_valid(row).then(|| keys.value(row)), group_indices)
    }

    fn convert_to_state(&self, values: &[ArrayRef], filter: Option<&BooleanArray>) -> Result<Vec<ArrayRef>> {
        rows_as_states(self, values, filter)
    }

    fn size(&self) -> usize {
        let of_each: usize = self.best.iter().flatten().map(|(key, value)| key.len() + value.size()).sum();
        of_each + self.best.capacity() * size_of::<Best>()
    }
}
