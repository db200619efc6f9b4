//! `INSERT INTO`.

use std::hash::{BuildHasher, RandomState};
use std::sync::Arc;

use arrow::datatypes::DataType;
use datafusion::common::{Column as PlanColumn, ScalarValue};
use datafusion::logical_expr::{Expr, LogicalPlan, LogicalPlanBuilder};
use tarn_dialect::Query;
use tarn_pipeline::names::{Key, RunId};
use tarn_pipeline::ports::{Catalogue, Column, EngineError, Part, QueryOutcome, TableEntry, TableKind};

use super::{LocalEngine, columns, create, errors};
use crate::tables::{Statement, schema};
use crate::writing::{Compression, Written};

impl LocalEngine {
    /// Adds rows to a table: files in its folders, and parts for partitions that it did not have.
    pub(super) async fn insert(
        &self,
        table: &str,
        into: &[String],
        query: &Query,
        run: Option<&RunId>,
    ) -> Result<QueryOutcome, EngineError> {
        let entry = self.entry(table).await?;
        errors::refuse_other_kind(&entry, false)?;
        let location = base_location(&entry)?;
        let statement = Arc::new(Statement::default());
        let plan = self.plan(&statement, query).await?;
        let plan = arrange(plan, &entry, into)?;
        let all: Vec<Column> = entry.all_columns().cloned().collect();
        // Files of several inserts lie in one folder, so their names must differ.
        let prefix = format!("insert-{:016x}", RandomState::new().hash_one(&entry.name));
        let key_count = entry.partition_keys.len();
        let written = self.write(plan, &location, &prefix, &all, key_count, Compression::Zstd(1)).await?;
        let outcome = create::outcome(&written, &statement);
        if let Some(entry) = with_new_parts(entry, written, run) {
            self.catalogue.publish(entry).await.map_err(errors::from_catalogue)?;
        }
        Ok(outcome)
    }
}

/// The folder of the whole table, above those of its partitions.
fn base_location(entry: &TableEntry) -> Result<Key, EngineError> {
    let Some(part) = entry.parts().first() else {
        return Err(errors::with_hint(
            format!("table `{}` has no partition yet, so there is no place for the rows", entry.name),
            "create it with `CREATE TABLE … AS`",
        ));
    };
    let mut folder = part.location.as_str().trim_end_matches('/');
    for key in entry.partition_keys.iter().rev() {
        match folder.rsplit_once('/') {
            Some((above, name)) if name.starts_with(&format!("{}=", key.name)) => folder = above,
            _ => {
                let message = format!("the partitions of table `{}` do not lie in one folder", entry.name);
                return Err(errors::with_hint(message, "make a new version of the table with `CREATE TABLE … AS`"));
            }
        }
    }
    Ok(Key::new(format!("{folder}/")))
}

/// The query's columns in the table's order and types; columns that are not inserted into are null.
fn arrange(plan: LogicalPlan, entry: &TableEntry, into: &[String]) -> Result<LogicalPlan, EngineError> {
    let all: Vec<&Column> = entry.all_columns().collect();
    if let Some(unknown) = into.iter().find(|name| all.iter().all(|column| column.name != **name)) {
        return Err(EngineError::permanent(format!("table `{}` has no column `{unknown}`", entry.name)));
    }
    let given = columns::of_result(&plan);
    let into: Vec<&str> = match into {
        [] => all.iter().map(|column| column.name.as_str()).collect(),
        some => some.iter().map(String::as_str).collect(),
    };
    if given.len() != into.len() {
        let (wanted, found) = (into.len(), given.len());
        return Err(EngineError::permanent(format!("the query has {found} columns, but {wanted} are inserted into")));
    }
    let fields: Vec<_> = plan.schema().iter().map(|(qualifier, field)| (qualifier.cloned(), field.clone())).collect();
    let mut arranged = Vec::with_capacity(all.len());
    for column in all {
        let wanted = schema::arrow_type(&column.column_type).unwrap_or(DataType::Null);
        let value = match into.iter().position(|name| *name == column.name) {
            None => Expr::Literal(ScalarValue::try_from(&wanted).unwrap_or(ScalarValue::Null), None),
            Some(position) => {
                let (qualifier, field) = &fields[position];
                if !fits(field.data_type(), &wanted) {
                    return Err(mismatch(column, &given[position]));
                }
                Expr::Column(PlanColumn::new(qualifier.clone(), field.name()))
            }
        };
        arranged.push(value.alias(&column.name));
    }
    LogicalPlanBuilder::from(plan).project(arranged).and_then(LogicalPlanBuilder::build).map_err(errors::from_engine)
}

fn mismatch(table: &Column, query: &Column) -> EngineError {
    errors::with_hint(
        format!(
            "column `{}` has the type `{}`, but the query gives `{}`",
            table.name, table.column_type, query.column_type
        ),
        format!("`CAST(… AS {})`", table.column_type),
    )
}

/// Whether every value of one type is one of the other.
fn fits(given: &DataType, wanted: &DataType) -> bool {
    use DataType::{
        Decimal128, Float32, Float64, Int8, Int16, Int32, Int64, LargeUtf8, Null, Timestamp, Utf8, Utf8View,
    };
    let rank = |number: &DataType| [Int8, Int16, Int32, Int64].iter().position(|integer| integer == number);
    match (given, wanted) {
        (Null, _) | (Utf8View | LargeUtf8, Utf8) | (Float32, Float64) | (Timestamp(_, None), Timestamp(_, None)) => {
            true
        }
        (Decimal128(given_precision, given_scale), Decimal128(precision, scale)) => {
            let whole = |precision: &u8, scale: &i8| i16::from(*precision) - i16::from(*scale);
            scale >= given_scale && whole(precision, scale) >= whole(given_precision, given_scale)
        }
        (integer, Float64) if rank(integer).is_some_and(|rank| rank < 3) => true,
        _ => given == wanted || matches!((rank(given), rank(wanted)), (Some(given), Some(wanted)) if given <= wanted),
    }
}

/// The entry with the partitions that the rows added; none when they added none.
fn with_new_parts(mut entry: TableEntry, written: Written, run: Option<&RunId>) -> Option<TableEntry> {
    let TableKind::Table { parts } = &mut entry.kind else { return None };
    let before = parts.len();
    for (values, location) in written.partitions {
        if !parts.iter().any(|part| part.location == location) {
            parts.push(Part { values, location, run: run.cloned() });
        }
    }
    (parts.len() > before).then_some(entry)
}
