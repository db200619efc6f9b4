//! How a file's columns become a table's.
//!
//! DataFusion's own adapter fills missing columns with null and casts types. Two rules of Athena are added:
//! - A column is found in the file whatever its letters' case, as table columns are always lower case.
//! - A finer timestamp is rounded half up to milliseconds, not cut (Trino, `hive.timestamp-precision`). A comparison with a
//!   constant is put in the file's unit instead, so that row groups and pages can still be skipped by it.

use std::sync::Arc;

use arrow::datatypes::{DataType, Field, Schema, SchemaRef};
use datafusion::common::tree_node::{Transformed, TransformedResult, TreeNode, TreeNodeRecursion};
use datafusion::common::{Result, ScalarValue};
use datafusion::physical_expr::PhysicalExpr;
use datafusion::physical_expr::expressions::{BinaryExpr, Column, Literal};
use datafusion::physical_expr_adapter::{
    DefaultPhysicalExprAdapterFactory, PhysicalExprAdapter, PhysicalExprAdapterFactory,
};

use super::rounding::{self, Rounded};
use super::schema::TIMESTAMP;

/// Makes an adapter for each file.
#[derive(Debug)]
pub(crate) struct TableColumns;

impl PhysicalExprAdapterFactory for TableColumns {
    fn create(&self, table: SchemaRef, file: SchemaRef) -> Result<Arc<dyn PhysicalExprAdapter>> {
        let found = match_columns(&table, &file);
        let inner = DefaultPhysicalExprAdapterFactory.create(Arc::clone(&found), file)?;
        Ok(Arc::new(FileColumns { table, found, inner }))
    }
}

/// The table's schema with the names that this file has for its columns, and the file's type for timestamps that are finer.
pub(crate) fn match_columns(table: &Schema, file: &Schema) -> SchemaRef {
    let found = table.fields().iter().map(|column| {
        let column = column.as_ref().clone();
        let Some(field) = find(file, column.name()) else { return column };
        let finer = *column.data_type() == TIMESTAMP && rounding::per_millisecond(field.data_type()).is_some();
        let data_type = if finer { field.data_type() } else { column.data_type() }.clone();
        column.with_name(field.name()).with_data_type(data_type)
    });
    Arc::new(Schema::new(found.collect::<Vec<Field>>()))
}

fn find<'a>(file: &'a Schema, name: &str) -> Option<&'a Field> {
    let folded = || file.fields().iter().find(|field| field.name().to_lowercase() == name).map(AsRef::as_ref);
    file.field_with_name(name).ok().or_else(folded)
}

/// Rewrites expressions over the table's columns to expressions over the file's.
#[derive(Debug)]
struct FileColumns {
    table: SchemaRef,
    /// The same columns as `table`, under the file's names.
    found: SchemaRef,
    inner: Arc<dyn PhysicalExprAdapter>,
}

impl PhysicalExprAdapter for FileColumns {
    fn rewrite(&self, expression: Arc<dyn PhysicalExpr>) -> Result<Arc<dyn PhysicalExpr>> {
        if self.table == self.found {
            return self.inner.rewrite(expression);
        }
        self.inner.rewrite(expression.transform_down(|part| Ok(self.rewrite_part(part))).data()?)
    }
}

impl FileColumns {
    fn rewrite_part(&self, part: Arc<dyn PhysicalExpr>) -> Transformed<Arc<dyn PhysicalExpr>> {
        let rewritten = if let Some(column) = part.downcast_ref::<Column>() {
            self.column(column).map(|(column, finer)| if finer { Arc::new(Rounded::new(column)) as _ } else { column })
        } else if let Some(comparison) = part.downcast_ref::<BinaryExpr>() {
            self.comparison(comparison)
        } else {
            None
        };
        match rewritten {
            // What was rewritten has columns of the file below, which are not to be looked up again.
            Some(rewritten) => Transformed::new(rewritten, true, TreeNodeRecursion::Jump),
            None => Transformed::no(part),
        }
    }

    /// The file's column, and whether it holds finer timestamps than the table.
    fn column(&self, column: &Column) -> Option<(Arc<dyn PhysicalExpr>, bool)> {
        let position = self.table.index_of(column.name()).ok()?;
        let found = self.found.field(position);
        let finer = found.data_type() != self.table.field(position).data_type();
        Some((Arc::new(Column::new(found.name(), column.index())), finer))
    }

    fn comparison(&self, comparison: &BinaryExpr) -> Option<Arc<dyn PhysicalExpr>> {
        let (left, right) = (comparison.left(), comparison.right());
        let (column, literal, operator) = match (left.downcast_ref::<Column>(), right.downcast_ref::<Column>()) {
            (Some(column), None) => (column, right, *comparison.op()),
            (None, Some(column)) => (column, left, comparison.op().swap()?),
            _ => return None,
        };
        let &ScalarValue::TimestampMillisecond(Some(milliseconds), None) = literal.downcast_ref::<Literal>()?.value()
        else {
            return None;
        };
        let (column, finer) = self.column(column)?;
        let finer_type: &DataType =
            self.found.field_with_name(column.downcast_ref::<Column>()?.name()).ok()?.data_type();
        finer.then(|| rounding::compare(&column, finer_type, operator, milliseconds))?
    }
}
