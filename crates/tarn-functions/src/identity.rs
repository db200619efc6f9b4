//! `typeof` and `uuid`.

use std::sync::Arc;

use arrow::array::StringArray;
use rand::Rng;

use crate::function::{Function, TYPE_METADATA_KEY};
use crate::types::type_name;

pub(crate) fn functions() -> Vec<Function> {
    vec![
        Function::new("typeof").on("(T) -> varchar", |call| {
            let argument = call.argument(0)?;
            let marked = argument.field.as_ref().and_then(|field| field.metadata().get(TYPE_METADATA_KEY).cloned());
            let name = marked.unwrap_or_else(|| type_name(argument.array.data_type()));
            Ok(Arc::new(StringArray::from(vec![name; call.rows])))
        }),
        Function::new("uuid").volatile().on("() -> varchar", |call| {
            let mut source = rand::rng();
            let texts = (0..call.rows).map(|_| uuid(source.random()));
            Ok(Arc::new(StringArray::from_iter_values(texts)))
        }),
    ]
}

/// Random bits as a version 4 UUID.
fn uuid(bits: u128) -> String {
    let bits = bits & !(0xf << 76) & !(0b11 << 62) | (4 << 76) | (0b10 << 62);
    let digits = format!("{bits:032x}");
    format!("{}-{}-{}-{}-{}", &digits[..8], &digits[8..12], &digits[12..16], &digits[16..20], &digits[20..])
}
