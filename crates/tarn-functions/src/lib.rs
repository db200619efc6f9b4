//! Athena's functions on Arrow arrays.
//!
//! Each family is a module that declares its functions by signature, as Trino's manual writes them, and a
//! body; `function` turns that into what the engine calls, `signature` chooses among overloads by Trino's rules of coercion,
//! and `call` gives bodies typed access to their arguments. Results and errors are Trino's.

mod aggregate;
mod array;
mod binary;
mod call;
mod datetime;
mod failure;
mod function;
mod identity;
mod json;
mod map;
mod math;
mod regex;
mod signature;
mod string;
mod types;
mod web;

use std::sync::Arc;

use datafusion::logical_expr::{AggregateUDF, ScalarUDF, WindowUDF};

pub use aggregate::RunningTotal;
pub use datetime::text::cast_text_to_date;
pub use datetime::zoned::local_variant;
pub use function::TYPE_METADATA_KEY;
pub use json::canonical::json_parse;
pub use string::number::{decimal_text, double_text, real_text};
pub use types::type_name;

/// All scalar functions.
pub fn scalar_functions() -> Vec<Arc<ScalarUDF>> {
    let mut functions = datetime::functions();
    functions.extend(json::functions());
    functions.extend(string::functions());
    functions.extend(math::functions());
    functions.extend(regex::functions());
    functions.extend(web::functions());
    functions.extend(binary::functions());
    functions.extend(identity::functions());
    functions.extend(array::functions());
    functions.extend(map::functions());
    functions.into_iter().map(function::Function::build).collect()
}

/// All aggregate functions of this crate.
pub fn aggregate_functions() -> Vec<Arc<AggregateUDF>> {
    aggregate::functions()
}

/// Scalar, aggregate and window functions of the engine.
pub type EngineFunctions = (Vec<Arc<ScalarUDF>>, Vec<Arc<AggregateUDF>>, Vec<Arc<WindowUDF>>);

/// Functions of the engine that behave as Trino's.
pub fn verified_builtins() -> EngineFunctions {
    use datafusion::functions_window as window;
    let windows = vec![
        window::row_number::row_number_udwf(),
        window::rank::rank_udwf(),
        window::rank::dense_rank_udwf(),
        window::rank::percent_rank_udwf(),
        window::cume_dist::cume_dist_udwf(),
        window::ntile::ntile_udwf(),
        window::lead_lag::lead_udwf(),
        window::lead_lag::lag_udwf(),
        window::nth_value::first_value_udwf(),
        window::nth_value::last_value_udwf(),
        window::nth_value::nth_value_udwf(),
    ];
    (Vec::new(), aggregate::verified(), windows)
}

/// Names that only the planner of the dialect uses.
const PLANNER_NAMES: [&str; 3] = ["btrim", "max_n", "min_n"];

/// The names of all functions, for hints: this crate's and the engine's verified ones, in order.
pub fn function_names() -> Vec<String> {
    let (scalars, aggregates, windows) = verified_builtins();
    let named = |name: &str, aliases: &[String]| {
        let mut names = vec![name.to_owned()];
        names.extend_from_slice(aliases);
        names
    };
    let mut names: Vec<String> = scalar_functions()
        .iter()
        .chain(&scalars)
        .flat_map(|function| named(function.name(), function.aliases()))
        .chain(
            aggregate_functions()
                .iter()
                .chain(&aggregates)
                .flat_map(|function| named(function.name(), function.aliases())),
        )
        .chain(windows.iter().flat_map(|function| named(function.name(), function.aliases())))
        .collect();
    names.retain(|name| !PLANNER_NAMES.contains(&name.as_str()));
    names.sort_unstable();
    names.dedup();
    names
}

#[cfg(test)]
mod tests;
