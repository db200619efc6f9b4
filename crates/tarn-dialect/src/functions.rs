//! The functions a query may call, and no others.
//!
//! The engine's own functions are not registered wholesale: many share a name with one of Athena's and mean
//! something else. What is here is either written for Athena or was checked to agree with it.

use std::collections::HashMap;
use std::sync::Arc;

use datafusion::logical_expr::{AggregateUDF, HigherOrderUDF, ScalarUDF, WindowUDF};

use crate::error::{SqlError, SqlErrorKind, similar};

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
        functions.add_checked();
        for function in crate::lambda::higher_order_functions() {
            for name in names(function.name(), function.aliases()) {
                functions.higher_order.insert(name, Arc::clone(&function));
            }
        }
        functions
    }

    fn add_scalar(&mut self, function: &Arc<ScalarUDF>) {
        for name in names(function.name(), function.aliases()) {
            self.scalar.insert(name, Arc::clone(function));
        }
    }


    /// The engine's functions that were checked against Athena's manual; Athena's own win.
    fn add_checked(&mut self) {
        let checked: Vec<&str> = CHECKED.to_vec();
        let nested = datafusion::functions_nested::all_default_nested_functions();
        for function in datafusion::functions::all_default_functions()
            .iter()
            .chain(&nested)
        {
            for name in names(function.name(), function.aliases()) {
                if checked.contains(&name.as_str()) {
                    self.scalar
                        .entry(name)
                        .or_insert_with(|| Arc::clone(function));
                }
            }
        }
        for function in datafusion::functions_aggregate::all_default_aggregate_functions() {
            for name in names(function.name(), function.aliases()) {
                if checked.contains(&name.as_str()) || name == "grouping" {
                    self.aggregate
                        .entry(name)
                        .or_insert_with(|| Arc::clone(&function));
                }
            }
        }
        for function in datafusion::functions_window::all_default_window_functions() {
            if WINDOW.contains(&function.name()) {
                self.window
                    .insert(function.name().to_owned(), Arc::clone(&function));
            }
        }
    }

    /// The refusal of a name that is no function here.
    pub(crate) fn unknown(&self, name: &str) -> SqlError {
        let error = SqlError::new(
            SqlErrorKind::UnknownFunction,
            format!("function '{name}' does not exist"),
        );
        match similar(name, self.all_names()) {
            Some(near) => error.hint(format!("did you mean `{near}`?")),
            None => match foreign(name) {
                Some(hint) => error.hint(hint),
                None => error,
            },
        }
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

const CHECKED: [&str; 12] = [
    "sum", "count", "min", "max", "avg", "array_agg", "bool_and", "bool_or", "stddev", "corr", "ceil", "floor",
];

/// Window functions of the engine that agree with Athena's.
const WINDOW: [&str; 11] = [
    "cume_dist",
    "dense_rank",
    "first_value",
    "lag",
    "last_value",
    "lead",
    "nth_value",
    "ntile",
    "percent_rank",
    "rank",
    "row_number",
];

fn names<'a>(name: &'a str, aliases: &'a [String]) -> impl Iterator<Item = String> + 'a {
    std::iter::once(name)
        .chain(aliases.iter().map(String::as_str))
        .map(str::to_lowercase)
}

/// What Athena calls a function that other databases have.
fn foreign(name: &str) -> Option<&'static str> {
    Some(match name {
        "ifnull" | "nvl" | "isnull" => "in Athena: `coalesce`",
        "datediff" => "in Athena: `date_diff('day', a, b)`",
        "dateadd" => "in Athena: `date_add('day', n, a)`",
        "getdate" | "sysdate" => "in Athena: `now()`",
        "to_date" => "in Athena: `date_parse` or `cast(… as date)`",
        "to_char" => "in Athena: `date_format` or `format_datetime`",
        "instr" | "charindex" | "locate" => "in Athena: `strpos`",
        "len" => "in Athena: `length`",
        "group_concat" | "string_agg" => "in Athena: `listagg` or `array_join(array_agg(…), ',')`",
        "percentile" | "percentile_cont" | "median" => "in Athena: `approx_percentile`",
        "get_json_object" => "in Athena: `json_extract_scalar`",
        "collect_list" => "in Athena: `array_agg`",
        "collect_set" => "in Athena: `array_distinct(array_agg(…))`",
        "size" => "in Athena: `cardinality`",
        "explode" => "in Athena: `cross join unnest(…)`",
        "substring_index" => "in Athena: `split_part`",
        "decode" => "in Athena: `case`",
        _ => return None,
    })
}
