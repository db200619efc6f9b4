//! Functions that take lambdas, and `try`, which takes its argument as one.

mod attempt;

use std::sync::Arc;

use datafusion::logical_expr::HigherOrderUDF;

/// The name under which `try(x)` reaches the planner.
pub(crate) const TRY: &str = "$try";

/// All functions that take lambdas.
pub(crate) fn higher_order_functions() -> Vec<Arc<HigherOrderUDF>> {
    vec![Arc::new(HigherOrderUDF::new_from_impl(attempt::Attempt::new()))]
}
