//! `TABLESAMPLE BERNOULLI (p)`: each row stays with a probability of p percent.

use datafusion::common::Result;
use datafusion::functions::math::random;
use datafusion::logical_expr::expr::ScalarFunction;
use datafusion::logical_expr::planner::{PlannedRelation, RelationPlanner, RelationPlannerContext, RelationPlanning};
use datafusion::logical_expr::{Expr, LogicalPlanBuilder, lit};
use datafusion::sql::sqlparser::ast::{Expr as SqlExpr, TableFactor, TableSample, TableSampleKind, TableSampleMethod};

use crate::error::SqlError;

/// Plans table samples.
#[derive(Debug)]
pub(crate) struct SamplePlanner;

impl RelationPlanner for SamplePlanner {
    fn plan_relation(
        &self,
        mut relation: TableFactor,
        context: &mut dyn RelationPlannerContext,
    ) -> Result<RelationPlanning> {
        let (sample, alias) = match &mut relation {
            TableFactor::Table { sample, alias, .. } | TableFactor::Derived { sample, alias, .. } => {
                match sample.take() {
                    Some(sample) => (sample, alias.take()),
                    None => return Ok(RelationPlanning::Original(Box::new(relation))),
                }
            }
            _ => return Ok(RelationPlanning::Original(Box::new(relation))),
        };
        let (TableSampleKind::BeforeTableAlias(sample) | TableSampleKind::AfterTableAlias(sample)) = sample;
        let percent = percentage(&sample, context)?;
        let plan = context.plan(relation)?;
        let draw = Expr::ScalarFunction(ScalarFunction::new_udf(random(), Vec::new()));
        let plan = LogicalPlanBuilder::from(plan).filter(draw.lt(lit(percent / 100.0)))?.build()?;
        Ok(RelationPlanning::Planned(Box::new(PlannedRelation::new(plan, alias))))
    }
}

fn percentage(sample: &TableSample, context: &mut dyn RelationPlannerContext) -> Result<f64> {
    match sample.name {
        Some(TableSampleMethod::Bernoulli | TableSampleMethod::System) => {}
        _ => {
            return Err(SqlError::syntax("expected `BERNOULLI` or `SYSTEM` after `TABLESAMPLE`").into());
        }
    }
    let invalid = || SqlError::types("Sample percentage must be between 0 and 100");
    let value = sample.quantity.as_ref().map(|quantity| quantity.value.clone()).ok_or_else(invalid)?;
    let value: SqlExpr = value;
    let schema = datafusion::common::DFSchema::empty();
    let planned = context.sql_expr_to_logical_expr(value, &schema)?;
    let Expr::Literal(number, _) = planned else {
        return Err(invalid().into());
    };
    let number = number.cast_to(&arrow::datatypes::DataType::Float64)?;
    match number {
        datafusion::common::ScalarValue::Float64(Some(percent)) if (0.0..=100.0).contains(&percent) => Ok(percent),
        _ => Err(invalid().into()),
    }
}
