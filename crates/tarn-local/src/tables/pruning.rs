//! Which parts of a table a query needs.
//!
//! A filter over partition keys alone is evaluated on the parts' values, one row per part, so every kind of expression prunes.

use std::sync::Arc;

use arrow::array::{Array, AsArray, RecordBatch};
use arrow::datatypes::{Schema, SchemaRef};
use datafusion::catalog::Session;
use datafusion::common::{DFSchema, Result, ScalarValue};
use datafusion::logical_expr::Expr;
use datafusion::logical_expr::utils::conjunction;

use super::files::ScannedPart;

/// Whether the filter can be decided by partition values alone.
pub(crate) fn decides(filter: &Expr, keys: &Schema) -> bool {
    let columns = filter.column_refs();
    !columns.is_empty()
        && !filter.is_volatile()
        && !has_subquery(filter)
        && columns.iter().all(|column| keys.field_with_name(&column.name).is_ok())
}

fn has_subquery(filter: &Expr) -> bool {
    use datafusion::common::tree_node::TreeNode;
    let subquery = |expression: &Expr| {
        Ok(matches!(
            expression,
            Expr::ScalarSubquery(_) | Expr::InSubquery(_) | Expr::Exists(_) | Expr::OuterReferenceColumn(_, _)
        ))
    };
    filter.exists(subquery).unwrap_or(true)
}

/// The parts that may have rows for all filters that partition values decide.
pub(crate) fn surviving(
    state: &dyn Session,
    keys: &SchemaRef,
    filters: &[Expr],
    parts: Vec<ScannedPart>,
) -> Result<Vec<ScannedPart>> {
    let deciding =
        filters.iter().filter(|filter| decides(filter, keys)).map(unqualified).collect::<Result<Vec<_>>>()?;
    let Some(filter) = conjunction(deciding) else { return Ok(parts) };
    if parts.is_empty() {
        return Ok(parts);
    }
    let column = |key: usize| ScalarValue::iter_to_array(parts.iter().map(|part| part.values[key].clone()));
    let columns = (0..keys.fields().len()).map(column).collect::<Result<Vec<_>>>()?;
    let batch = RecordBatch::try_new(Arc::clone(keys), columns)?;
    let filter = state.create_physical_expr(filter, &DFSchema::try_from(Arc::clone(keys))?)?;
    let verdicts = filter.evaluate(&batch)?.into_array(batch.num_rows())?;
    let verdicts = verdicts.as_boolean();
    let survives = |row: usize| verdicts.is_valid(row) && verdicts.value(row);
    Ok(parts.into_iter().enumerate().filter(|(row, _)| survives(*row)).map(|(_, part)| part).collect())
}

/// The filter without the table's name in front of its columns.
fn unqualified(filter: &Expr) -> Result<Expr> {
    use datafusion::common::tree_node::{Transformed, TransformedResult, TreeNode};
    let bare = |expression: Expr| match expression {
        Expr::Column(column) => {
            Ok(Transformed::yes(Expr::Column(datafusion::common::Column::new_unqualified(column.name))))
        }
        other => Ok(Transformed::no(other)),
    };
    filter.clone().transform(bare).data()
}
