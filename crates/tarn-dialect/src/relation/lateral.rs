//! Merges relations that refer to their neighbours into the joins they stand in.
//!
//! The engine decorrelates lateral joins whose subquery filters or aggregates a table. `UNNEST(t.array)` and
//! `LATERAL (SELECT t.x + 1)` have no table of their own: they add columns to the rows on the left.

use datafusion::common::tree_node::{Transformed, TreeNode, TreeNodeRecursion};
use datafusion::common::{DFSchema, Result, ScalarValue};
use datafusion::logical_expr::{
    EmptyRelation, Expr, Join, JoinType, LogicalPlan, LogicalPlanBuilder, Subquery, SubqueryAlias,
};

use crate::error::SqlError;
use crate::relation::unnest::UnnestNode;

/// Replaces every relation of this module in a plan.
pub(crate) fn expand(plan: LogicalPlan) -> Result<LogicalPlan> {
    let plan = plan
        .transform_down_with_subqueries(|plan| match plan {
            LogicalPlan::Join(join) => merge(join),
            other => Ok(Transformed::no(other)),
        })?
        .data;
    let plan = plan
        .transform_down_with_subqueries(|plan| match unnest_of(&plan) {
            Some(node) => alone(&node, &plan).map(Transformed::yes),
            None => Ok(Transformed::no(plan)),
        })?
        .data;
    Ok(plan)
}

fn unnest_of(plan: &LogicalPlan) -> Option<UnnestNode> {
    match plan {
        LogicalPlan::Extension(extension) => extension.node.as_any().downcast_ref::<UnnestNode>().cloned(),
        _ => None,
    }
}

/// An `UNNEST` of constants is a relation of its own.
fn alone(node: &UnnestNode, plan: &LogicalPlan) -> Result<LogicalPlan> {
    if node.lists.iter().any(Expr::contains_outer) {
        return Err(SqlError::not_supported(
            "`UNNEST` of an outer query's column in a subquery does not run on the laptop: join it in the outer query, or use `reduce`, `filter`, `transform`",
        )
        .into());
    }
    let one_row = LogicalPlan::EmptyRelation(EmptyRelation {
        produce_one_row: true,
        schema: std::sync::Arc::new(DFSchema::empty()),
    });
    node.over(one_row, node.lists.clone(), plan.schema(), false)
}

fn merge(join: Join) -> Result<Transformed<LogicalPlan>> {
    let Some(relation) = lateral_relation(&join.right) else {
        return Ok(Transformed::no(LogicalPlan::Join(join)));
    };
    let outer = match join.join_type {
        JoinType::Inner => false,
        JoinType::Left => true,
        _ => return Ok(Transformed::no(LogicalPlan::Join(join))),
    };
    let filter = join.filter.clone().filter(|filter| !is_true(filter));
    if outer && (filter.is_some() || !join.on.is_empty()) {
        return match relation {
            Relation::Unnest(_) => {
                Err(SqlError::not_supported("LEFT JOIN involving UNNEST is only supported with condition ON TRUE")
                    .into())
            }
            Relation::Row(_) => Ok(Transformed::no(LogicalPlan::Join(join))),
        };
    }
    let left = join.left.as_ref().clone();
    let output = join.right.schema();
    let merged = match relation {
        Relation::Unnest(node) => {
            let lists = node.lists.iter().map(|list| inner(list.clone(), left.schema())).collect::<Result<Vec<_>>>()?;
            node.over(left, lists, output, outer)?
        }
        Relation::Row(expressions) => {
            let mut columns: Vec<Expr> = left.schema().columns().into_iter().map(Expr::Column).collect();
            for (expression, (qualifier, field)) in expressions.into_iter().zip(output.iter()) {
                columns.push(inner(expression, left.schema())?.alias_qualified(qualifier.cloned(), field.name()));
            }
            LogicalPlanBuilder::from(left).project(columns)?.build()?
        }
    };
    let merged = match filter {
        Some(filter) => LogicalPlanBuilder::from(merged).filter(filter)?.build()?,
        None => merged,
    };
    Ok(Transformed::new(merged, true, TreeNodeRecursion::Continue))
}

fn is_true(filter: &Expr) -> bool {
    matches!(filter, Expr::Literal(ScalarValue::Boolean(Some(true)), _))
}

/// What stands on the right of a lateral join.
enum Relation {
    Unnest(UnnestNode),
    Row(Vec<Expr>),
}

/// Looks through aliases and projections that only rename.
fn lateral_relation(plan: &LogicalPlan) -> Option<Relation> {
    match plan {
        LogicalPlan::SubqueryAlias(SubqueryAlias { input, .. }) => lateral_relation(input),
        LogicalPlan::Subquery(Subquery { subquery, .. }) => under(subquery),
        _ => None,
    }
}

fn under(plan: &LogicalPlan) -> Option<Relation> {
    match plan {
        LogicalPlan::SubqueryAlias(SubqueryAlias { input, .. }) => under(input),
        LogicalPlan::Extension(_) => unnest_of(plan).map(Relation::Unnest),
        LogicalPlan::Projection(projection) => match projection.input.as_ref() {
            LogicalPlan::EmptyRelation(EmptyRelation { produce_one_row: true, .. }) => {
                Some(Relation::Row(projection.expr.iter().map(|expr| expr.clone().unalias()).collect()))
            }
            input => {
                let columns: Option<Vec<usize>> = projection
                    .expr
                    .iter()
                    .map(|expr| match expr.clone().unalias() {
                        Expr::Column(column) => input.schema().maybe_index_of_column(&column),
                        _ => None,
                    })
                    .collect();
                let columns = columns?;
                let renames = columns.iter().enumerate().all(|(index, from)| index == *from)
                    && columns.len() == input.schema().fields().len();
                match under(input)? {
                    relation if renames => Some(relation),
                    Relation::Row(expressions) => columns
                        .iter()
                        .map(|from| expressions.get(*from).cloned())
                        .collect::<Option<Vec<_>>>()
                        .map(Relation::Row),
                    Relation::Unnest(_) => None,
                }
            }
        },
        _ => None,
    }
}

/// References to the left side become its columns.
fn inner(expr: Expr, left: &DFSchema) -> Result<Expr> {
    Ok(expr
        .transform(|expr| {
            Ok(match expr {
                Expr::OuterReferenceColumn(field, column) => {
                    if left.has_column(&column) {
                        Transformed::yes(Expr::Column(column))
                    } else {
                        Transformed::no(Expr::OuterReferenceColumn(field, column))
                    }
                }
                other => Transformed::no(other),
            })
        })?
        .data)
}
