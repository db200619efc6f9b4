//! `concat` of arrays, and of arrays with elements.

use arrow::array::{Array, ArrayRef};
use datafusion::common::Result;

use super::list::{Gather, Lists, as_given};
use crate::call::{Argument, Call};
use crate::function::Function;

/// Adds the overloads of `concat` that take arrays.
pub(crate) fn overloads(function: Function) -> Function {
    function
        .on("(array(E)...) -> array(E)", |call| parts(call, |_| true))
        .on("(array(E), E) -> array(E)", |call| parts(call, |index| index == 0))
        .on("(E, array(E)) -> array(E)", |call| parts(call, |index| index == 1))
}

enum Part<'a> {
    Array(Lists<'a>),
    Element(&'a Argument),
}

/// Joins all arguments; a null array gives null, a null element is an element.
fn parts(call: &Call, is_array: fn(usize) -> bool) -> Result<ArrayRef> {
    let parts = (0..call.arguments.len())
        .map(|index| {
            Ok(if is_array(index) {
                Part::Array(Lists::of(call, index)?)
            } else {
                Part::Element(call.argument(index)?)
            })
        })
        .collect::<Result<Vec<_>>>()?;
    let columns: Vec<&dyn Array> = parts
        .iter()
        .map(|part| match part {
            Part::Array(lists) => lists.values().as_ref(),
            Part::Element(argument) => argument.array.as_ref(),
        })
        .collect();
    let values = arrow::compute::concat(&columns)?;
    let mut gather = Gather::new(call.rows);
    'rows: for row in 0..call.rows {
        for part in &parts {
            if let Part::Array(lists) = part
                && lists.range(row).is_none()
            {
                gather.null();
                continue 'rows;
            }
        }
        let mut offset = 0;
        for (part, column) in parts.iter().zip(&columns) {
            match part {
                Part::Array(lists) => {
                    for index in lists.range(row).unwrap_or_default() {
                        gather.push(offset + index);
                    }
                }
                Part::Element(argument) => gather.push(offset + argument.position(row)),
            }
            offset += column.len();
        }
        gather.end();
    }
    as_given(gather.finish(&values)?, &call.gives)
}
