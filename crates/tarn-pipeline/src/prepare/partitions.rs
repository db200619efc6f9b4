//! Which partitions a statement will write, asked before it is paid for.

use crate::error::StepError;

use super::identifier;

/// A partition that a query has rows for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PartitionRows {
    /// One value for each partition column, as Athena prints it; `None` is SQL null.
    pub values: Vec<Option<String>>,
    /// How many rows.
    pub rows: u64,
}

/// A query that returns the partition values a query has rows for, and how many rows each.
///
/// Athena reads no more than the columns that the partition columns are computed from.
pub fn partitions(query: &str, partitioned_by: &[String]) -> String {
    let names: Vec<String> = partitioned_by.iter().map(|column| identifier(column)).collect();
    format!(
        "select\n  {columns},\n  count(*) as \"_tarn_rows\"\nfrom (\n{query}\n) as version\ngroup by {names}\norder by {names}",
        columns = names.join(",\n  "),
        query = query.trim_end(),
        names = names.join(", "),
    )
}

/// What the query of [`partitions`] answered.
pub fn read_partitions(rows: &[Vec<Option<String>>]) -> Result<Vec<PartitionRows>, StepError> {
    rows.iter()
        .map(|row| {
            let counted = row.split_last().and_then(|(rows, values)| {
                let rows = rows.as_deref()?.parse().ok()?;
                Some(PartitionRows { values: values.to_vec(), rows })
            });
            counted.ok_or_else(|| StepError::permanent(format!("the query of the partitions answered `{row:?}`")))
        })
        .collect()
}
