//! Which window expressions can be computed here, and by what.

use std::sync::Arc;

use arrow::array::new_empty_array;
use arrow::datatypes::{DataType, Schema};
use datafusion::common::ScalarValue;
use datafusion::functions_aggregate::count::Count as CountFunction;
use datafusion::functions_aggregate::min_max::{Max, Min};
use datafusion::functions_window::lead_lag::{WindowShift, WindowShiftKind};
use datafusion::functions_window::nth_value::NthValue;
use datafusion::functions_window::rank::Rank;
use datafusion::functions_window::row_number::RowNumber;
use datafusion::logical_expr::{WindowFrame, WindowFrameBound, WindowFrameUnits};
use datafusion::physical_expr::expressions::Literal;
use datafusion::physical_expr::window::{PlainAggregateWindowExpr, StandardWindowExpr};
use datafusion::physical_plan::windows::{WindowExpr, WindowUDFExpr};
use tarn_functions::RunningTotal;

use super::accumulated::Accumulated;
use super::column::WindowColumn;
use super::kernels::{Choice, Count, Picked};
use super::rank::{Numbering, Ranks};
use super::running::{Group, Running, ToGroupEnd, ToRow};
use super::shift::{Direction, Shift};

/// The column of a window expression before its first row; `None` where the expression is left to the engine.
pub(super) fn column_of(window: &Arc<dyn WindowExpr>, input: &Schema) -> Option<Box<dyn WindowColumn>> {
    if let Some(aggregate) = window.as_any().downcast_ref::<PlainAggregateWindowExpr>() {
        return aggregated(window, aggregate, input);
    }
    let function = window.as_any().downcast_ref::<StandardWindowExpr>()?.get_standard_func_expr();
    let function = function.as_any().downcast_ref::<WindowUDFExpr>()?;
    // `IGNORE NULLS`, and a function that the engine turned round, are told by nothing else; were the text another, everything
    // would be left to the engine.
    if !format!("{function:?}").ends_with(", is_reversed: false, ignore_nulls: false }") {
        return None;
    }
    let called = function.fun().inner();
    if called.is::<RowNumber>() {
        Some(Box::new(Ranks::new(Numbering::Row)))
    } else if called.is::<Rank>() {
        ranks(called.name())
    } else if called.is::<NthValue>() {
        picked(called.name(), window, input)
    } else {
        shifted(called.downcast_ref()?, window, function, input)
    }
}

fn ranks(name: &str) -> Option<Box<dyn WindowColumn>> {
    match name {
        "rank" => Some(Box::new(Ranks::new(Numbering::Rank))),
        "dense_rank" => Some(Box::new(Ranks::new(Numbering::Dense))),
        _ => None,
    }
}

fn picked(name: &str, window: &Arc<dyn WindowExpr>, input: &Schema) -> Option<Box<dyn WindowColumn>> {
    let choice = match name {
        "first_value" => Choice::First,
        "last_value" => Choice::Last,
        _ => return None,
    };
    following(window, Picked::new(choice, &argument(window, input)?))
}

fn shifted(
    shift: &WindowShift,
    window: &Arc<dyn WindowExpr>,
    function: &WindowUDFExpr,
    input: &Schema,
) -> Option<Box<dyn WindowColumn>> {
    let offset = match function.args().get(1) {
        None => 1,
        Some(offset) => match offset.downcast_ref::<Literal>()?.value().cast_to(&DataType::Int64).ok()? {
            ScalarValue::Int64(offset) => offset?,
            _ => return None,
        },
    };
    let (forward, backward) = match shift.kind() {
        WindowShiftKind::Lag => (Direction::Back, Direction::Ahead),
        WindowShiftKind::Lead => (Direction::Ahead, Direction::Back),
    };
    let direction = if offset > 0 { forward } else { backward };
    let distance = usize::try_from(offset.unsigned_abs()).ok().filter(|distance| *distance > 0)?;
    // The engine parses and casts the default; it is what a row beyond the rows has.
    let argument = argument(window, input)?;
    let evaluator = window.as_any().downcast_ref::<StandardWindowExpr>()?.get_standard_func_expr().create_evaluator();
    let default = evaluator.ok()?.evaluate(&[new_empty_array(&argument)], &(0..1)).ok()?.to_array_of_size(1).ok()?;
    (default.data_type() == &argument).then(|| Box::new(Shift::new(direction, distance, default)) as _)
}

fn aggregated(
    window: &Arc<dyn WindowExpr>,
    aggregate: &PlainAggregateWindowExpr,
    input: &Schema,
) -> Option<Box<dyn WindowColumn>> {
    // A filter is told by nothing else either.
    if !format!("{aggregate:?}").ends_with(", filter: None }") {
        return None;
    }
    let aggregate = aggregate.get_aggregate_expr();
    let gives = aggregate.field();
    if let Some(argument) = argument(window, input).filter(|_| !aggregate.is_distinct()) {
        let function = aggregate.fun().inner();
        if let Some(total) = RunningTotal::of(aggregate.fun(), &argument, gives.data_type()) {
            return following(window, total);
        }
        if function.is::<CountFunction>() {
            return following(window, Count::default());
        }
        if is_ordered(&argument) && argument == *gives.data_type() {
            if function.is::<Min>() {
                return following(window, Picked::new(Choice::Least, &argument));
            }
            if function.is::<Max>() {
                return following(window, Picked::new(Choice::Greatest, &argument));
            }
        }
    }
    following(window, Accumulated::new(window)?)
}

/// The type of the only argument.
fn argument(window: &Arc<dyn WindowExpr>, input: &Schema) -> Option<DataType> {
    let arguments = window.expressions();
    let [argument] = arguments.as_slice() else { return None };
    argument.data_type(input).ok()
}

/// Types whose values the engine's `min` compares as Arrow does.
fn is_ordered(argument: &DataType) -> bool {
    argument.is_numeric()
        || matches!(
            argument,
            DataType::Boolean
                | DataType::Utf8
                | DataType::LargeUtf8
                | DataType::Utf8View
                | DataType::Binary
                | DataType::LargeBinary
                | DataType::BinaryView
                | DataType::Date32
                | DataType::Date64
                | DataType::Time32(_)
                | DataType::Time64(_)
                | DataType::Timestamp(_, _)
        )
}

/// What runs along, over the window's frame: from the first row to the current one, to its peers, or to the last.
fn following(window: &Arc<dyn WindowExpr>, running: impl Running + 'static) -> Option<Box<dyn WindowColumn>> {
    let frame: &WindowFrame = window.get_window_frame();
    if !matches!(&frame.start_bound, WindowFrameBound::Preceding(distance) if distance.is_null()) {
        return None;
    }
    match (&frame.end_bound, frame.units) {
        (WindowFrameBound::CurrentRow, WindowFrameUnits::Rows) => Some(Box::new(ToRow::new(running))),
        (WindowFrameBound::CurrentRow, _) => Some(Box::new(ToGroupEnd::new(running, Group::Peers))),
        (WindowFrameBound::Following(distance), _) if distance.is_null() => {
            Some(Box::new(ToGroupEnd::new(running, Group::Partition)))
        }
        _ => None,
    }
}
