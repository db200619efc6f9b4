//! Types of whole relations: the columns of set operations, the rows of `VALUES`, keys of joins, `IN (SELECT …)`.
//!
//! The engine coerces these on its own, and more freely than Athena; so Athena's rules are applied before it gets to.

use datafusion::common::tree_node::{Transformed, TreeNode, TreeNodeRecursion};
use datafusion::common::{Column, Result};
use datafusion::logical_expr::expr::{Cast, InSubquery};
use datafusion::logical_expr::{Expr, ExprSchemable, Join, LogicalPlan, Projection, Union, Values};
use std::sync::Arc;

use arrow::datatypes::FieldRef;

use crate::coercion::{coerce, common_type};
use crate::error::SqlError;
use crate::types::{athena_field_type, plain, plain_field};

/// Gives set operations their common types; refuses what has none.
pub(crate) fn check(plan: LogicalPlan) -> Result<LogicalPlan> {
    let plan = plan
        .transform_up_with_subqueries(|plan| match plan {
            LogicalPlan::Union(union) => unite(union).map(Transformed::yes),
            other => Ok(Transformed::no(other)),
        })?
        .data;
    plan.apply_with_subqueries(|plan| {
        match plan {
            LogicalPlan::Values(values) => rows(values)?,
            LogicalPlan::Join(join) => keys(join)?,
            _ => {}
        }
        memberships(plan)?;
        Ok(TreeNodeRecursion::Continue)
    })?;
    Ok(plan)
}

fn unite(union: Union) -> Result<LogicalPlan> {
    let Some(first) = union.inputs.first() else {
        return Ok(LogicalPlan::Union(union));
    };
    let mut fields: Vec<FieldRef> = first.schema().fields().iter().cloned().collect();
    for input in &union.inputs[1..] {
        for (index, other) in input.schema().fields().iter().enumerate() {
            let Some(field) = fields.get_mut(index) else {
                continue;
            };
            let common = common_type(field, other).ok_or_else(|| {
                SqlError::types(format!(
                    "column {} in UNION query has incompatible types: {}, {}",
                    index + 1,
                    athena_field_type(field),
                    athena_field_type(other)
                ))
            })?;
            *field = common;
        }
    }
    let names: Vec<Column> = first.schema().columns();
    let inputs = union
        .inputs
        .iter()
        .map(|input| cast_columns(input, &fields, &names).map(Arc::new))
        .collect::<Result<Vec<_>>>()?;
    Ok(LogicalPlan::Union(Union::try_new_with_loose_types(inputs)?))
}

fn cast_columns(input: &Arc<LogicalPlan>, fields: &[FieldRef], names: &[Column]) -> Result<LogicalPlan> {
    let schema = input.schema();
    let same = schema.fields().iter().zip(fields).all(|(from, to)| from.data_type() == to.data_type());
    if same {
        return Ok(input.as_ref().clone());
    }
    let columns = schema
        .columns()
        .into_iter()
        .zip(schema.fields())
        .zip(fields.iter().zip(names))
        .map(|((column, from), (to, name))| {
            coerce(Expr::Column(column), &plain(from.data_type()), to.data_type())
                .alias_qualified(name.relation.clone(), &name.name)
        })
        .collect();
    Ok(LogicalPlan::Projection(Projection::try_new(columns, Arc::clone(input))?))
}

/// The engine has cast the rows of `VALUES` to one type; a cast that Athena would not make is a mistake.
fn rows(values: &Values) -> Result<()> {
    let empty = datafusion::common::DFSchema::empty();
    for expr in values.values.iter().flatten() {
        let Expr::Cast(Cast { expr, field }) = expr else {
            continue;
        };
        let (_, from) = expr.to_field(&empty)?;
        let common = common_type(&from, field);
        if common.is_none_or(|common| common.data_type() != &plain(field.data_type())) {
            return Err(SqlError::types(format!(
                "Values rows have mismatched types: {} and {}",
                athena_field_type(&from),
                athena_field_type(field)
            ))
            .into());
        }
    }
    Ok(())
}

fn keys(join: &Join) -> Result<()> {
    for (left, right) in &join.on {
        let (_, a) = left.to_field(join.left.schema())?;
        let (_, b) = right.to_field(join.right.schema())?;
        if common_type(&a, &b).is_none() {
            return Err(SqlError::types(format!(
                "Cannot apply operator: {} = {}",
                athena_field_type(&a),
                athena_field_type(&b)
            ))
            .into());
        }
    }
    Ok(())
}

fn memberships(plan: &LogicalPlan) -> Result<()> {
    let Some(schema) = merged_schema(plan) else {
        return Ok(());
    };
    plan.apply_expressions(|expr| {
        expr.apply(|expr| {
            let (value, subquery) = match expr {
                Expr::InSubquery(InSubquery { expr, subquery, .. }) => (expr, subquery),
                Expr::SetComparison(comparison) => (&comparison.expr, &comparison.subquery),
                _ => return Ok(TreeNodeRecursion::Continue),
            };
            let Ok((_, field)) = value.to_field(&schema) else {
                return Ok(TreeNodeRecursion::Continue);
            };
            let columns = subquery.subquery.schema().fields();
            if let [only] = &columns[..]
                && common_type(&plain_field(&field), only).is_none()
            {
                return Err(SqlError::types(format!(
                    "value and result of subquery must be of the same type for IN expression: {} vs {}",
                    athena_field_type(&field),
                    athena_field_type(only)
                ))
                .into());
            }
            Ok(TreeNodeRecursion::Continue)
        })
    })?;
    Ok(())
}

/// The columns that the expressions of a node refer to.
fn merged_schema(plan: &LogicalPlan) -> Option<datafusion::common::DFSchema> {
    let inputs = plan.inputs();
    let (first, rest) = inputs.split_first()?;
    let mut schema = first.schema().as_ref().clone();
    for input in rest {
        schema.merge(input.schema());
    }
    Some(schema)
}
