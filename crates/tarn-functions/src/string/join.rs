//! `concat` of text and bytes, `concat_ws`. Arrays join `concat` in the module on arrays.

use std::sync::Arc;

use arrow::array::{Array, ArrayRef, AsArray, BinaryBuilder, StringBuilder};
use datafusion::common::Result;

use crate::call::{Call, Input};
use crate::failure::invalid_argument;
use crate::function::Function;

pub(crate) fn functions() -> Vec<Function> {
    vec![
        crate::array::concat::overloads(Function::new("concat"))
            .on("(varchar...) -> varchar", concat)
            .on("(varbinary...) -> varbinary", concat_bytes),
        Function::new("concat_ws")
            .on("(varchar, varchar...) -> varchar", concat_ws)
            .on("(varchar, array(varchar)) -> varchar", concat_ws_array),
    ]
}

fn two_or_more(call: &Call) -> Result<()> {
    if call.arguments.len() < 2 {
        return Err(invalid_argument("There must be two or more concatenation arguments"));
    }
    Ok(())
}

fn concat(call: &Call) -> Result<ArrayRef> {
    two_or_more(call)?;
    let texts = call.arguments.iter().map(<&str>::reader).collect::<Result<Vec<_>>>()?;
    let mut builder = StringBuilder::with_capacity(call.rows, call.rows * 16);
    for row in 0..call.rows {
        if call.arguments.iter().any(|argument| argument.is_null(row)) {
            builder.append_null();
            continue;
        }
        for (argument, texts) in call.arguments.iter().zip(&texts) {
            // Writing to a string builder cannot fail.
            let _ = std::fmt::Write::write_str(&mut builder, texts.value(argument.position(row)));
        }
        builder.append_value("");
    }
    Ok(Arc::new(builder.finish()))
}

fn concat_bytes(call: &Call) -> Result<ArrayRef> {
    two_or_more(call)?;
    let bytes = call.arguments.iter().map(<&[u8]>::reader).collect::<Result<Vec<_>>>()?;
    let mut builder = BinaryBuilder::with_capacity(call.rows, call.rows * 16);
    let mut joined = Vec::new();
    for row in 0..call.rows {
        if call.arguments.iter().any(|argument| argument.is_null(row)) {
            builder.append_null();
            continue;
        }
        joined.clear();
        for (argument, bytes) in call.arguments.iter().zip(&bytes) {
            joined.extend_from_slice(bytes.value(argument.position(row)));
        }
        builder.append_value(&joined);
    }
    Ok(Arc::new(builder.finish()))
}

/// Joins what is not null; a null separator gives null.
fn concat_ws(call: &Call) -> Result<ArrayRef> {
    let texts = call.arguments.iter().map(<&str>::reader).collect::<Result<Vec<_>>>()?;
    let mut builder = StringBuilder::with_capacity(call.rows, call.rows * 16);
    let mut joined = String::new();
    for row in 0..call.rows {
        let mut parts = call
            .arguments
            .iter()
            .zip(&texts)
            .map(|(argument, texts)| (!argument.is_null(row)).then(|| texts.value(argument.position(row))));
        let Some(separator) = parts.next().flatten() else {
            builder.append_null();
            continue;
        };
        joined.clear();
        for (index, part) in parts.flatten().enumerate() {
            if index > 0 {
                joined.push_str(separator);
            }
            joined.push_str(part);
        }
        builder.append_value(&joined);
    }
    Ok(Arc::new(builder.finish()))
}

fn concat_ws_array(call: &Call) -> Result<ArrayRef> {
    let separators = call.argument(0)?;
    let texts = <&str>::reader(separators)?;
    let lists = call.argument(1)?;
    let list = lists.array.as_list::<i32>();
    let mut builder = StringBuilder::with_capacity(call.rows, call.rows * 16);
    for row in 0..call.rows {
        if separators.is_null(row) || lists.is_null(row) {
            builder.append_null();
            continue;
        }
        let elements = list.value(lists.position(row));
        let parts: Vec<&str> = if elements.data_type().is_null() {
            Vec::new()
        } else {
            elements.as_string::<i32>().iter().flatten().collect()
        };
        builder.append_value(parts.join(texts.value(separators.position(row))));
    }
    Ok(Arc::new(builder.finish()))
}
