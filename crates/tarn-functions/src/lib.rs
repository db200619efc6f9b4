//! Athena's functions on Arrow arrays.
//!
//! Each family is a module that declares its functions by signature, as Trino's manual writes them, and a
//! body; `function` turns that into what the engine calls, `signature` chooses among overloads by Trino's rules of coercion,
//! and `call` gives bodies typed access to their arguments. Results and errors are Trino's.

mod call;
mod datetime;
mod failure;
mod function;
mod json;
mod math;
mod signature;
mod string;
mod types;

use std::sync::Arc;

use datafusion::logical_expr::ScalarUDF;

pub use datetime::text::cast_text_to_date;
pub use json::canonical::json_parse;
pub use function::TYPE_METADATA_KEY;

/// All scalar functions.
pub fn scalar_functions() -> Vec<Arc<ScalarUDF>> {
    let mut functions = datetime::functions();
    functions.extend(json::functions());
    functions.extend(string::functions());
    functions.extend(math::functions());
    functions.into_iter().map(function::Function::build).collect()
}

#[cfg(test)]
mod tests;
