//! `greatest` and `least`: null as soon as one argument is null.

use std::sync::Arc;

use arrow::array::ArrayRef;
use arrow::compute::interleave;
use datafusion::common::Result;

use crate::array::list::comparable;
use crate::call::Call;
use crate::function::Function;

pub(crate) fn functions() -> Vec<Function> {
    vec![
        Function::new("greatest").on("(T...) -> T", |call| pick(call, true)),
        Function::new("least").on("(T...) -> T", |call| pick(call, false)),
    ]
}

fn pick(call: &Call, greatest: bool) -> Result<ArrayRef> {
    let keys = call.arguments.iter().map(|argument| comparable(&argument.array)).collect::<Result<Vec<_>>>()?;
    // The last column gives the nulls.
    let null = arrow::array::new_null_array(&call.gives, 1);
    let mut columns: Vec<&dyn arrow::array::Array> =
        call.arguments.iter().map(|argument| argument.array.as_ref()).collect();
    columns.push(null.as_ref());
    let choices: Vec<(usize, usize)> = (0..call.rows)
        .map(|row| {
            let mut best: Option<(usize, usize)> = None;
            for (index, (argument, rows)) in call.arguments.iter().zip(&keys).enumerate() {
                if argument.is_null(row) {
                    return (columns.len() - 1, 0);
                }
                let place = argument.position(row);
                let better = best.is_none_or(|(column, position)| {
                    let known = keys[column].row(position);
                    if greatest { rows.row(place) > known } else { rows.row(place) < known }
                });
                if better {
                    best = Some((index, place));
                }
            }
            best.unwrap_or((columns.len() - 1, 0))
        })
        .collect();
    Ok(Arc::clone(&interleave(&columns, &choices)?))
}
