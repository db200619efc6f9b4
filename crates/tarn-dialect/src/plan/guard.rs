//! Conditions that protect others: `b <> 0 and a / b > 1`, `case when b <> 0 then a / b > 1 else false end`.
//!
//! Athena evaluates terms from left to right and stops at the first that is false. The engine evaluates both sides
//! of `AND` on a whole batch, and turns a `CASE` of booleans into `AND` and `OR`. So a term that can fail stands
//! behind a `CASE` over those before it that cannot, and such a `CASE` counts in numbers, which the engine leaves
//! alone. The terms before stay where they are: partitions are still pruned by them.

use arrow::datatypes::DataType;
use datafusion::common::ScalarValue;
use datafusion::common::tree_node::{TreeNode, TreeNodeRecursion};
use datafusion::logical_expr::expr::Case;
use datafusion::logical_expr::utils::split_conjunction;
use datafusion::logical_expr::{BinaryExpr, Expr, Operator};

use crate::coercion::engine_cast;

/// Functions and operators whose evaluation may be an error for some values.
const FALLIBLE: [&str; 20] = [
    "$cast",
    "/",
    "%",
    "$array_subscript",
    "$map_subscript",
    "date",
    "date_parse",
    "from_base",
    "from_base32",
    "from_base64",
    "from_base64url",
    "from_hex",
    "from_iso8601_date",
    "from_iso8601_timestamp",
    "json_parse",
    "parse_datetime",
    "parse_duration",
    "split_part",
    "split_to_map",
    "url_decode",
];

/// Whether evaluating an expression may be an error for some rows.
pub(super) fn can_fail(expr: &Expr) -> bool {
    let mut found = false;
    // A walk that never fails has no error to hand on.
    let _ = expr.apply(|expr| {
        Ok(match expr {
            Expr::ScalarFunction(call) if FALLIBLE.contains(&call.func.name()) => {
                found = true;
                TreeNodeRecursion::Stop
            }
            Expr::HigherOrderFunction(_) => TreeNodeRecursion::Jump,
            _ => TreeNodeRecursion::Continue,
        })
    });
    found
}

/// `left AND right`, where `right` is evaluated only where `left` does not settle the answer.
pub(super) fn and(left: Expr, right: Expr) -> Expr {
    let conjunction =
        |left: Expr, right: Expr| Expr::BinaryExpr(BinaryExpr::new(Box::new(left), Operator::And, Box::new(right)));
    if !can_fail(&right) {
        return conjunction(left, right);
    }
    let before = split_conjunction(&left)
        .into_iter()
        .filter(|term| !can_fail(term) && !has_subquery(term))
        .cloned()
        .reduce(conjunction);
    let Some(before) = before else {
        return conjunction(left, right);
    };
    let guarded = branches(
        vec![(Expr::IsNotFalse(Box::new(before)), right)],
        Some(Expr::Literal(ScalarValue::Boolean(Some(false)), None)),
    );
    conjunction(left, guarded)
}

fn has_subquery(expr: &Expr) -> bool {
    expr.exists(|expr| {
        Ok(matches!(expr, Expr::ScalarSubquery(_) | Expr::Exists(_) | Expr::InSubquery(_) | Expr::SetComparison(_)))
    })
    .unwrap_or(true)
}

/// A `CASE` whose branches are booleans that may fail, counted in numbers.
pub(super) fn branches(branches: Vec<(Expr, Expr)>, otherwise: Option<Expr>) -> Expr {
    let number = |expr: Expr| Box::new(engine_cast(expr, &DataType::Int8));
    let case = Case::new(
        None,
        branches.into_iter().map(|(when, then)| (Box::new(when), number(then))).collect(),
        otherwise.map(number),
    );
    engine_cast(Expr::Case(case), &DataType::Boolean)
}
