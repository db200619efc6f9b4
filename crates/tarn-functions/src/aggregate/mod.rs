//! Aggregate functions.
//!
//! Sums, averages and `max_by` keep one small state per group. Whatever needs the values themselves (maps,
//! lists, percentiles) collects them, with what they are ordered by, and computes at the end: `collect`.

use std::sync::Arc;

use datafusion::functions_aggregate as engine;
use datafusion::logical_expr::AggregateUDF;

mod checksum;
mod collect;
mod conditional;
mod distinct;
mod extreme;
mod groups;
mod maps;
mod numeric;
mod percentile;
mod text;
mod top;
mod totals;

pub use totals::RunningTotal;

/// Aggregates of this crate.
pub(crate) fn functions() -> Vec<Arc<AggregateUDF>> {
    let mut functions = totals::functions();
    functions.extend(extreme::functions());
    functions.extend(conditional::functions());
    functions.extend(distinct::functions());
    let collecting = maps::functions()
        .into_iter()
        .chain(top::functions())
        .chain(percentile::functions())
        .chain(numeric::functions())
        .chain(text::functions())
        .chain(checksum::functions());
    functions.extend(collecting.map(collect::Collecting::build));
    functions
}

/// Aggregates of the engine that behave as Trino's.
pub(crate) fn verified() -> Vec<Arc<AggregateUDF>> {
    let aliased = |function: Arc<AggregateUDF>, names: &'static [&'static str]| {
        Arc::new(function.as_ref().clone().with_aliases(names.iter().copied()))
    };
    vec![
        engine::count::count_udaf(),
        engine::min_max::min_udaf(),
        engine::min_max::max_udaf(),
        engine::array_agg::array_agg_udaf(),
        engine::grouping::grouping_udaf(),
        aliased(engine::any_value::any_value_udaf(), &["arbitrary"]),
        aliased(engine::bool_and_or::bool_and_udaf(), &["every"]),
        engine::bool_and_or::bool_or_udaf(),
        engine::stddev::stddev_udaf(),
        engine::stddev::stddev_pop_udaf(),
        aliased(engine::variance::var_samp_udaf(), &["variance"]),
        engine::variance::var_pop_udaf(),
        engine::correlation::corr_udaf(),
        engine::covariance::covar_samp_udaf(),
        engine::covariance::covar_pop_udaf(),
        engine::regr::regr_slope_udaf(),
        engine::regr::regr_intercept_udaf(),
    ]
}
