//! Aggregates that need all their rows: kept as they come, put in order, computed at the end.
//!
//! A state holds each argument and each ordering expression as a list, so partial states can be merged in
//! any order and sorted once, when the result is asked for.

use std::collections::HashSet;
use std::hash::{Hash, Hasher};
use std::sync::Arc;

use arrow::array::{Array, ArrayRef, AsArray, ListArray, UInt32Array, new_empty_array};
use arrow::buffer::OffsetBuffer;
use arrow::compute::{SortColumn, SortOptions, concat, lexsort_to_indices, take};
use arrow::datatypes::{DataType, Field, FieldRef};
use arrow::row::{RowConverter, SortField};
use datafusion::common::{Result, ScalarValue};
use datafusion::logical_expr::function::{AccumulatorArgs, StateFieldsArgs};
use datafusion::logical_expr::utils::{AggregateOrderSensitivity, format_state_name};
use datafusion::logical_expr::{Accumulator, AggregateUDF, AggregateUDFImpl, Signature as EngineSignature, Volatility};

use crate::failure::{internal, no_overload};
use crate::signature::{Matched, Signature};
use crate::types::{array_of, type_name};

/// The rows of one group: a column per argument, in order.
#[derive(Debug)]
pub(crate) struct Collected<'a> {
    pub(crate) columns: &'a [ArrayRef],
    pub(crate) gives: &'a DataType,
}

impl Collected<'_> {
    pub(crate) fn column(&self, index: usize) -> Result<&ArrayRef> {
        self.columns.get(index).ok_or_else(|| internal(format!("argument {index} is missing")))
    }

    pub(crate) fn null(&self) -> Result<ScalarValue> {
        ScalarValue::try_from(self.gives)
    }
}

/// Computes a result from at least one row.
pub(crate) type Finish = fn(&Collected<'_>) -> Result<ScalarValue>;

/// An aggregate function that collects.
#[derive(Debug, Clone)]
pub(crate) struct Collecting {
    name: &'static str,
    overloads: Vec<(Signature, Finish)>,
    engine_signature: EngineSignature,
    mistake: Option<String>,
}

impl Collecting {
    pub(crate) fn new(name: &'static str) -> Self {
        Self {
            name,
            overloads: Vec::new(),
            engine_signature: EngineSignature::user_defined(Volatility::Immutable),
            mistake: None,
        }
    }

    pub(crate) fn on(mut self, signature: &'static str, finish: Finish) -> Self {
        match Signature::parse(signature) {
            Ok(signature) => self.overloads.push((signature, finish)),
            Err(error) => self.mistake = Some(error.to_string()),
        }
        self
    }

    pub(crate) fn build(self) -> Arc<AggregateUDF> {
        Arc::new(AggregateUDF::new_from_impl(self))
    }

    fn choose(&self, arguments: &[DataType]) -> Result<(Finish, Matched)> {
        if let Some(mistake) = &self.mistake {
            return Err(internal(mistake));
        }
        self.overloads
            .iter()
            .filter_map(|(signature, finish)| Some((*finish, signature.matches(arguments)?)))
            .min_by_key(|(_, matched)| matched.cost())
            .ok_or_else(|| {
                let given: Vec<String> = arguments.iter().map(type_name).collect();
                let expected: Vec<String> = self
                    .overloads
                    .iter()
                    .map(|(signature, _)| {
                        let text = signature.text();
                        format!("{}{}", self.name, text.split("->").next().unwrap_or(text).trim())
                    })
                    .collect();
                no_overload(format!(
                    "FUNCTION_NOT_FOUND: Unexpected parameters ({}) for function {}. Expected: {}",
                    given.join(", "),
                    self.name,
                    expected.join(", ")
                ))
            })
    }
}

impl PartialEq for Collecting {
    fn eq(&self, other: &Self) -> bool {
        self.name == other.name
    }
}

impl Eq for Collecting {}

impl Hash for Collecting {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.name.hash(state);
    }
}

impl AggregateUDFImpl for Collecting {
    fn name(&self) -> &str {
        self.name
    }

    fn signature(&self) -> &EngineSignature {
        &self.engine_signature
    }

    fn coerce_types(&self, arguments: &[DataType]) -> Result<Vec<DataType>> {
        self.choose(arguments).map(|(_, matched)| matched.arguments)
    }

    fn return_type(&self, arguments: &[DataType]) -> Result<DataType> {
        self.choose(arguments)?.1.result.ok_or_else(|| internal(format!("`{}` has no result type", self.name)))
    }

    fn order_sensitivity(&self) -> AggregateOrderSensitivity {
        AggregateOrderSensitivity::SoftRequirement
    }

    fn with_beneficial_ordering(self: Arc<Self>, _: bool) -> Result<Option<Arc<dyn AggregateUDFImpl>>> {
        Ok(Some(self))
    }

    fn state_fields(&self, args: StateFieldsArgs<'_>) -> Result<Vec<FieldRef>> {
        Ok(args
            .input_fields
            .iter()
            .chain(args.ordering_fields)
            .enumerate()
            .map(|(index, field)| {
                Arc::new(Field::new(
                    format_state_name(args.name, &format!("column_{index}")),
                    array_of(field.data_type().clone()),
                    true,
                ))
            })
            .collect())
    }

    fn accumulator(&self, args: AccumulatorArgs<'_>) -> Result<Box<dyn Accumulator>> {
        let mut types: Vec<DataType> = args.expr_fields.iter().map(|field| field.data_type().clone()).collect();
        let (finish, _) = self.choose(&types)?;
        let arguments = types.len();
        for order in args.order_bys {
            types.push(order.expr.data_type(args.schema)?);
        }
        Ok(Box::new(Collector {
            chunks: vec![Vec::new(); types.len()],
            types,
            arguments,
            order: args.order_bys.iter().map(|order| order.options).collect(),
            distinct: args.is_distinct,
            finish,
            gives: args.return_field.data_type().clone(),
        }))
    }
}

#[derive(Debug)]
struct Collector {
    chunks: Vec<Vec<ArrayRef>>,
    types: Vec<DataType>,
    arguments: usize,
    order: Vec<SortOptions>,
    distinct: bool,
    finish: Finish,
    gives: DataType,
}

impl Collector {
    fn columns(&self) -> Result<Vec<ArrayRef>> {
        self.chunks
            .iter()
            .zip(&self.types)
            .map(|(chunks, data_type)| {
                if chunks.is_empty() {
                    return Ok(new_empty_array(data_type));
                }
                let chunks: Vec<&dyn Array> = chunks.iter().map(AsRef::as_ref).collect();
                Ok(concat(&chunks)?)
            })
            .collect()
    }

    fn take_rows(columns: &[ArrayRef], rows: &UInt32Array) -> Result<Vec<ArrayRef>> {
        columns.iter().map(|column| Ok(take(column, rows, None)?)).collect()
    }

    /// The arguments' columns, in order, without repeats if asked for.
    fn arranged(&self) -> Result<Vec<ArrayRef>> {
        let mut columns = self.columns()?;
        if !self.order.is_empty() {
            let keys: Vec<SortColumn> = columns
                .iter()
                .skip(self.arguments)
                .zip(&self.order)
                .map(|(values, options)| SortColumn { values: Arc::clone(values), options: Some(*options) })
                .collect();
            let rows = lexsort_to_indices(&keys, None)?;
            columns = Self::take_rows(&columns, &rows)?;
        }
        columns.truncate(self.arguments);
        if self.distinct {
            let fields = columns.iter().map(|column| SortField::new(column.data_type().clone())).collect();
            let rows = RowConverter::new(fields)?.convert_columns(&columns)?;
            let mut seen = HashSet::new();
            let kept: UInt32Array =
                (0..rows.num_rows()).filter(|row| seen.insert(rows.row(*row))).map(|row| row as u32).collect();
            columns = Self::take_rows(&columns, &kept)?;
        }
        Ok(columns)
    }
}

impl Accumulator for Collector {
    fn update_batch(&mut self, values: &[ArrayRef]) -> Result<()> {
        if values.first().is_none_or(|column| column.is_empty()) {
            return Ok(());
        }
        for (chunks, column) in self.chunks.iter_mut().zip(values) {
            chunks.push(Arc::clone(column));
        }
        Ok(())
    }

    fn merge_batch(&mut self, states: &[ArrayRef]) -> Result<()> {
        for (chunks, state) in self.chunks.iter_mut().zip(states) {
            let lists = state.as_list::<i32>();
            let parts = lists.iter().flatten().filter(|part| !part.is_empty());
            chunks.extend(parts);
        }
        Ok(())
    }

    fn state(&mut self) -> Result<Vec<ScalarValue>> {
        self.columns()?
            .into_iter()
            .map(|column| {
                let field = Arc::new(Field::new_list_field(column.data_type().clone(), true));
                let offsets = OffsetBuffer::from_lengths([column.len()]);
                let list = ListArray::try_new(field, offsets, column, None)?;
                Ok(ScalarValue::List(Arc::new(list)))
            })
            .collect()
    }

    fn evaluate(&mut self) -> Result<ScalarValue> {
        let columns = self.arranged()?;
        if columns.first().is_none_or(|column| column.is_empty()) {
            return ScalarValue::try_from(&self.gives);
        }
        (self.finish)(&Collected { columns: &columns, gives: &self.gives })
    }

    fn size(&self) -> usize {
        let held = self.chunks.iter().flatten();
        // A chunk is often a slice of a batch that other groups share.
        held.map(|chunk| chunk.len() * 16 + 64).sum::<usize>() + size_of::<Self>()
    }
}
