//! A version with more partitions than one statement may write.
//!
//! Athena keeps a file open for each partition, or for each bucket of each partition, and stops a statement that needs more than
//! 100 of them, after it was paid for. The partitions are known before ([`super::partitions()`]), so a version is written by as
//! many statements as it needs: one that creates the table with the first partitions, and inserts for the others. Each partition
//! is named by exactly one of them.
//!
//! Every statement reads the query anew, so the query must answer the same each time: where that is dear or not sure, its rows
//! are kept in a plain table first ([`TableProperties::passing`]), and the batches read that.

use std::collections::BTreeSet;

use crate::error::StepError;
use crate::ports::{Column, ObjectStore};

use super::{LONGEST, STATEMENT_LIMIT, Statement, TableProperties, create_table_as, insert_into, length, predicate};

/// Partitions, or buckets of partitions, that one statement of Athena may write.
pub const WRITER_LIMIT: usize = 100;

/// One value for each partition column; `None` is SQL null.
type Combination = Vec<Option<String>>;

/// A statement and the partitions that it writes, and no other does.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Batch {
    /// The statement.
    pub statement: Statement,
    /// The values of its partitions.
    pub partitions: Vec<Combination>,
}

/// Partition values in batches: each value in exactly one, none with more writers than Athena takes, none whose predicate has
/// more than `longest_predicate` bytes. Values stand in order; the same values make the same batches in whatever order they come.
///
/// # Errors
/// When one partition alone is too much: more buckets than [`WRITER_LIMIT`], or a value that is too long.
pub fn batches(
    columns: &[Column],
    values: &[Combination],
    buckets: usize,
    longest_predicate: usize,
) -> Result<Vec<Vec<Combination>>, StepError> {
    let at_a_time = WRITER_LIMIT / buckets.max(1);
    if at_a_time == 0 {
        return Err(StepError::permanent(format!(
            "a table with {buckets} buckets cannot be written: Athena writes at most {WRITER_LIMIT} at a time"
        ))
        .with_hint(format!("write `count: {WRITER_LIMIT}` or less in `bucketed_by`")));
    }
    let mut batches: Vec<Vec<Combination>> = Vec::new();
    let mut batch: Vec<Combination> = Vec::new();
    for value in values.iter().collect::<BTreeSet<_>>() {
        batch.push(value.clone());
        if batch.len() <= at_a_time && predicate(columns, &batch).len() <= longest_predicate {
            continue;
        }
        batch.pop();
        let alone = vec![value.clone()];
        if predicate(columns, &alone).len() > longest_predicate {
            return Err(StepError::permanent(format!(
                "a value of the partition columns is too long for a statement of {STATEMENT_LIMIT} bytes"
            ))
            .with_hint("shorten the model's SQL, or partition by another column"));
        }
        batches.push(std::mem::replace(&mut batch, alone));
    }
    if !batch.is_empty() {
        batches.push(batch);
    }
    Ok(batches)
}

/// The statements that write a version with these partition values: one, where Athena can do it in one; else a
/// `CREATE TABLE … AS` and inserts. `keys` are the partition columns with their types.
///
/// # Errors
/// When the version has buckets and needs more than one statement: Athena cannot insert into a table with buckets. When a
/// statement would be too long.
pub fn batched(
    properties: TableProperties<'_>,
    query: &str,
    keys: &[Column],
    values: &[Combination],
    objects: &dyn ObjectStore,
) -> Result<Vec<Batch>, StepError> {
    let buckets = properties.buckets();
    let fits = values.len().max(1).saturating_mul(buckets) <= WRITER_LIMIT;
    if keys.is_empty() || fits {
        let statement = refuse_long(create_table_as(properties, query, objects))?;
        return Ok(vec![Batch { statement, partitions: values.to_vec() }]);
    }
    // What a statement is without its predicate; an insert is shorter than the statement that creates the table.
    let around = refuse_long(create_table_as(properties, &batch_rows(query, ""), objects))?.text.len();
    let longest_predicate = LONGEST.saturating_sub(around);
    let batches = batches(keys, values, buckets, longest_predicate)?;
    if properties.bucketed_by.is_some() && batches.len() > 1 {
        return Err(too_many_buckets(values.len(), buckets));
    }
    let statement = |(number, batch): (usize, &Vec<Combination>)| {
        let rows = batch_rows(query, &predicate(keys, batch));
        let statement = match number {
            0 => create_table_as(properties, &rows, objects),
            _ => insert_into(properties.table, &rows),
        };
        let statement = refuse_long(statement.below(LINES_BEFORE_QUERY))?;
        Ok(Batch { statement, partitions: batch.clone() })
    };
    batches.iter().enumerate().map(statement).collect()
}

/// Lines of [`batch_rows`] before the query.
const LINES_BEFORE_QUERY: usize = 1;

pub(super) fn batch_rows(query: &str, predicate: &str) -> String {
    format!("with version as (\n{}\n)\nselect *\nfrom version\nwhere {predicate}", query.trim_end())
}

fn refuse_long(statement: Statement) -> Result<Statement, StepError> {
    length::refuse_long(&statement.text)?;
    Ok(statement)
}

fn too_many_buckets(partitions: usize, buckets: usize) -> StepError {
    let at_a_time = (WRITER_LIMIT / buckets.max(1)).max(1);
    StepError::permanent(format!(
        "the version has {partitions} partitions of {buckets} buckets; Athena writes at most {WRITER_LIMIT} buckets in one \
         statement, and cannot insert more into a table with buckets"
    ))
    .with_hint(match WRITER_LIMIT / partitions.max(1) {
        0 | 1 => format!("take away `bucketed_by`, or compute at most {at_a_time} partitions at a time: `tarn backfill`"),
        count => format!("write `count: {count}` in `bucketed_by`, or take it away"),
    })
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use proptest::prelude::*;

    use super::*;

    fn value() -> impl Strategy<Value = Option<String>> {
        proptest::option::weighted(0.9, prop_oneof!["[a-c']{0,3}", "\\PC{0,20}", Just("東京".to_owned())])
    }

    proptest! {
        #[test]
        fn every_value_is_in_exactly_one_batch(
            values in proptest::collection::vec(proptest::collection::vec(value(), 2), 0..300),
            buckets in 1_usize..=100,
            longest in 100_usize..5_000,
        ) {
            let columns = [Column::new("region", "string"), Column::new("kind", "string")];
            let Ok(batches) = batches(&columns, &values, buckets, longest) else {
                let longest_value = values.iter().map(|value| predicate(&columns, std::slice::from_ref(value)).len()).max();
                prop_assert!(longest_value > Some(longest));
                return Ok(());
            };
            let mut seen: BTreeMap<Combination, usize> = BTreeMap::new();
            for batch in &batches {
                prop_assert!(!batch.is_empty() && batch.len() * buckets <= WRITER_LIMIT);
                prop_assert!(predicate(&columns, batch).len() <= longest);
                batch.iter().for_each(|value| *seen.entry(value.clone()).or_default() += 1);
            }
            prop_assert!(seen.values().all(|count| *count == 1));
            prop_assert_eq!(seen.into_keys().collect::<BTreeSet<_>>(), values.iter().cloned().collect::<BTreeSet<_>>());
            let mut turned = values.clone();
            turned.reverse();
            prop_assert_eq!(super::batches(&columns, &turned, buckets, longest).unwrap(), batches);
        }
    }
}
