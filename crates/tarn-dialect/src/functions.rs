//! The functions a query may call, and no others.
//!
//! The engine's own functions are not registered wholesale: many share a name with one of Athena's and mean
//! something else. What is here is either written for Athena or was checked to agree with it.

use std::collections::HashMap;
use std::sync::Arc;

use datafusion::logical_expr::{AggregateUDF, HigherOrderUDF, ScalarUDF, WindowUDF};

use crate::absent;
use crate::error::{SqlError, SqlErrorKind};

/// Functions by their names in lower case, second names included.
#[derive(Debug, Clone, Default)]
pub(crate) struct Functions {
    pub(crate) scalar: HashMap<String, Arc<ScalarUDF>>,
    pub(crate) aggregate: HashMap<String, Arc<AggregateUDF>>,
    pub(crate) window: HashMap<String, Arc<WindowUDF>>,
    pub(crate) higher_order: HashMap<String, Arc<HigherOrderUDF>>,
}

/// Forms that look like function calls.
pub(crate) const SPECIAL_FORMS: [&str; 20] = [
    "array",
    "cast",
    "coalesce",
    "current_date",
    "current_time",
    "current_timestamp",
    "current_timezone",
    "extract",
    "grouping",
    "if",
    "localtime",
    "localtimestamp",
    "now",
    "nullif",
    "position",
    "row",
    "substring",
    "trim",
    "try",
    "typeof",
];

impl Functions {
    /// All functions of Athena that run here.
    pub(crate) fn athena() -> Self {
        let mut functions = Self::default();
        for function in tarn_functions::scalar_functions() {
            functions.add_scalar(&function);
        }
        for function in tarn_functions::aggregate_functions() {
            functions.add_aggregate(&function);
        }
        let (scalars, aggregates, windows) = tarn_functions::verified_builtins();
        for function in scalars {
            functions.add_scalar(&function);
        }
        for function in aggregates {
            functions.add_aggregate(&function);
        }
        functions.add_aggregate(&datafusion::functions_aggregate::grouping::grouping_udaf());
        for function in windows {
            functions.window.insert(function.name().to_lowercase(), function);
        }
        for function in crate::lambda::higher_order_functions() {
            for name in names(function.name(), function.aliases()) {
                functions.higher_order.insert(name, Arc::clone(&function));
            }
        }
        functions
    }

    fn add_scalar(&mut self, function: &Arc<ScalarUDF>) {
        for name in names(function.name(), function.aliases()) {
            self.scalar.entry(name).or_insert_with(|| Arc::clone(function));
        }
    }

    /// A name that was not taken before: Athena's own functions come first.
    fn add_aggregate(&mut self, function: &Arc<AggregateUDF>) {
        for name in names(function.name(), function.aliases()) {
            self.aggregate.entry(name).or_insert_with(|| Arc::clone(function));
        }
    }

    /// The refusal of a name that is no function here.
    pub(crate) fn unknown(&self, name: &str) -> SqlError {
        let error = SqlError::new(SqlErrorKind::UnknownFunction, format!("function '{name}' does not exist"));
        if let Some(hint) = absent::instead_of(name) {
            return error.hint(hint);
        }
        if absent::is_athenas(name) {
            return SqlError::not_supported(format!(
                "`{name}` is a function of Athena that does not run on the laptop"
            ));
        }
        error.suggest(name, self.all_names())
    }

    fn all_names(&self) -> impl Iterator<Item = &str> {
        self.scalar
            .keys()
            .chain(self.aggregate.keys())
            .chain(self.window.keys())
            .chain(self.higher_order.keys())
            .map(String::as_str)
            .chain(SPECIAL_FORMS)
    }
}

fn names<'a>(name: &'a str, aliases: &'a [String]) -> impl Iterator<Item = String> + 'a {
    std::iter::once(name).chain(aliases.iter().map(String::as_str)).map(str::to_lowercase)
}
