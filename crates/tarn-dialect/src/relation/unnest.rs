//! `UNNEST(a, b, …) [WITH ORDINALITY]`.
//!
//! The relation is planned apart from the one it is joined with, so its arguments refer to outer columns. It becomes
//! a node that knows its columns; once the whole query is planned, `lateral` merges the node into the join.

use std::cmp::Ordering;
use std::fmt;
use std::hash::{Hash, Hasher};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering as MemoryOrdering};

use arrow::datatypes::{DataType, Field, FieldRef, Schema};
use datafusion::common::Column;
use datafusion::common::{DFSchema, DFSchemaRef, NullHandling, Result, UnnestOptions};
use datafusion::logical_expr::expr::ScalarFunction;
use datafusion::logical_expr::planner::{PlannedRelation, RelationPlanner, RelationPlannerContext, RelationPlanning};
use datafusion::logical_expr::{
    Expr, Extension, LogicalPlan, LogicalPlanBuilder, ScalarUDF, UserDefinedLogicalNodeCore,
};
use datafusion::sql::sqlparser::ast::{Spanned, TableFactor};

use crate::coercion::Typed;
use crate::error::SqlError;
use crate::form::FormTable;
use crate::relation::spread::{Part, Spread, columns_of};
use crate::rewrite::ANONYMOUS;
use crate::types::athena_field_type;

/// Plans `UNNEST`.
#[derive(Debug)]
pub(crate) struct UnnestPlanner {
    forms: Arc<FormTable>,
    planned: AtomicUsize,
}

impl UnnestPlanner {
    pub(crate) fn new(forms: Arc<FormTable>) -> Self {
        Self { forms, planned: AtomicUsize::new(0) }
    }
}

impl RelationPlanner for UnnestPlanner {
    fn plan_relation(
        &self,
        relation: TableFactor,
        context: &mut dyn RelationPlannerContext,
    ) -> Result<RelationPlanning> {
        let TableFactor::UNNEST { alias, array_exprs, with_ordinality, with_offset: false, .. } = relation else {
            return Ok(RelationPlanning::Original(Box::new(relation)));
        };
        let number = self.planned.fetch_add(1, MemoryOrdering::Relaxed);
        let schema = DFSchema::empty();
        let mut columns: Vec<(Field, Expr)> = Vec::new();
        let mut arguments = Vec::new();
        for argument in array_exprs {
            let place = match self.forms.of(&argument) {
                Some(entry) => entry.place,
                None => argument.span().start,
            };
            let planned = context.sql_to_expr(argument, &schema)?;
            let Typed { expr, field } = Typed::of(planned, &schema)?;
            let Some(parts) = columns_of(&field) else {
                return Err(SqlError::types(format!("Cannot unnest type: {}", athena_field_type(&field)))
                    .at(place)
                    .into());
            };
            for (name, field, part) in parts {
                push(&mut columns, number, name, &field, spread(part, vec![expr.clone()]));
            }
            arguments.push(expr);
        }
        if with_ordinality {
            let field = Field::new("", DataType::Int64, true);
            let field: FieldRef = Arc::new(field);
            push(&mut columns, number, None, &field, spread(Part::Ordinality, arguments));
        }
        if let Some(alias) = &alias
            && !alias.columns.is_empty()
            && alias.columns.len() != columns.len()
        {
            return Err(SqlError::types(format!(
                "Column alias list has {} entries but '{}' has {} columns available",
                alias.columns.len(),
                alias.name.value,
                columns.len()
            ))
            .at(alias.name.span.start)
            .into());
        }
        let (fields, lists): (Vec<Field>, Vec<Expr>) = columns.into_iter().unzip();
        let node = UnnestNode { number, lists, schema: Arc::new(DFSchema::try_from(Schema::new(fields))?) };
        let plan = LogicalPlan::Extension(Extension { node: Arc::new(node) });
        Ok(RelationPlanning::Planned(Box::new(PlannedRelation::new(plan, alias))))
    }
}

fn spread(part: Part, arguments: Vec<Expr>) -> Expr {
    Expr::ScalarFunction(ScalarFunction::new_udf(Arc::new(ScalarUDF::from(Spread::new(part))), arguments))
}

/// Notes a column; those without a name, or with one that is taken, get a name no query can write.
fn push(columns: &mut Vec<(Field, Expr)>, number: usize, name: Option<String>, field: &FieldRef, list: Expr) {
    let taken = |name: &str| columns.iter().any(|(field, _)| field.name() == name);
    let name = match name {
        Some(name) if !taken(&name) => name,
        _ => format!("{ANONYMOUS}u{number}_{}", columns.len()),
    };
    columns.push((field.as_ref().clone().with_name(name), list));
}

/// The relation on its own: one array per column, to be unnested side by side.
#[derive(Debug, Clone)]
pub(super) struct UnnestNode {
    number: usize,
    pub(super) lists: Vec<Expr>,
    schema: DFSchemaRef,
}

impl PartialEq for UnnestNode {
    fn eq(&self, other: &Self) -> bool {
        self.number == other.number && self.lists == other.lists
    }
}

impl Eq for UnnestNode {}

impl Hash for UnnestNode {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.number.hash(state);
        self.lists.hash(state);
    }
}

impl PartialOrd for UnnestNode {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        (self == other).then_some(Ordering::Equal)
    }
}

impl UserDefinedLogicalNodeCore for UnnestNode {
    fn name(&self) -> &str {
        "Unnest"
    }

    fn inputs(&self) -> Vec<&LogicalPlan> {
        Vec::new()
    }

    fn schema(&self) -> &DFSchemaRef {
        &self.schema
    }

    fn expressions(&self) -> Vec<Expr> {
        self.lists.clone()
    }

    fn fmt_for_explain(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Unnest")
    }

    fn with_exprs_and_inputs(&self, exprs: Vec<Expr>, _inputs: Vec<LogicalPlan>) -> Result<Self> {
        Ok(Self { lists: exprs, ..self.clone() })
    }
}

impl UnnestNode {
    /// Unnests over the rows of another plan; columns of that plan come first, then those named in `output`.
    pub(super) fn over(
        &self,
        input: LogicalPlan,
        lists: Vec<Expr>,
        output: &DFSchema,
        keep_empty: bool,
    ) -> Result<LogicalPlan> {
        let left: Vec<Expr> = input.schema().columns().into_iter().map(Expr::Column).collect();
        let names: Vec<String> = (0..lists.len()).map(|index| format!("$unnest{}_{index}", self.number)).collect();
        let mut before = left.clone();
        before.extend(lists.into_iter().zip(&names).map(|(list, name)| list.alias(name)));
        let handling = if keep_empty { NullHandling::PreserveAndExpandEmpty } else { NullHandling::Drop };
        let columns = names.iter().map(Column::new_unqualified).collect();
        let mut after = left;
        after.extend(names.iter().zip(output.iter()).map(|(name, (qualifier, field))| {
            Expr::Column(Column::new_unqualified(name)).alias_qualified(qualifier.cloned(), field.name())
        }));
        LogicalPlanBuilder::from(input)
            .project(before)?
            .unnest_columns_with_options(columns, UnnestOptions::new().with_null_handling(handling))?
            .project(after)?
            .build()
    }
}
