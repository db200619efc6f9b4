//! Rows into a table, through one prepared statement.

use rusqlite::{Connection, Statement};
use tarn_pipeline::ports::ObjectStore;

use super::control::Control;
use super::fault::SqliteFault;
use super::storage::{BindFault, bind};
use crate::fault::{WithHint, refused};
use crate::refusal::{null_key, place, wrong_value};
use crate::rows::RowBatch;
use crate::types::TypedColumn;
use crate::value::Value;
use crate::version::Version;

/// What every insert of a load needs.
#[derive(Clone, Copy)]
pub(super) struct Source<'a> {
    pub(super) version: &'a Version<'a>,
    pub(super) objects: &'a dyn ObjectStore,
    pub(super) control: &'a Control,
}

impl Source<'_> {
    /// Runs `sql` for each row, its values bound in the order of the version's columns; returns how many rows there were.
    ///
    /// # Errors
    /// A null in a column of the key; a value SQLite cannot hold; a row that a unique index has already.
    pub(super) fn insert(&self, connection: &Connection, sql: &str, key: &[usize]) -> Result<u64, SqliteFault> {
        let mut inserter = Inserter {
            statement: connection.prepare(sql)?,
            columns: self.version.columns(),
            key,
            value_text: String::new(),
            bound_text: String::new(),
        };
        let mut rows = 0;
        self.version.rows(self.objects).visit(|batch| {
            for row in 0..batch.rows {
                inserter.insert(batch, row)?;
            }
            rows += batch.rows as u64;
            self.control.advance(rows)
        })?;
        Ok(rows)
    }
}

struct Inserter<'a> {
    statement: Statement<'a>,
    columns: &'a [TypedColumn],
    key: &'a [usize],
    /// Where nested values become JSON.
    value_text: String,
    /// Where dates and decimals become text.
    bound_text: String,
}

impl Inserter<'_> {
    fn insert(&mut self, batch: &RowBatch<'_>, row: usize) -> Result<(), SqliteFault> {
        for (index, values) in batch.columns.iter().enumerate() {
            let column = &self.columns[index];
            let wrong = |what: &str| wrong_value(batch, row, column, what);
            let value = values.value(row, &mut self.value_text).map_err(wrong)?;
            if value == Value::Null && self.key.contains(&index) {
                return Err(null_key(batch, row, column).into());
            }
            match bind(&mut self.statement, index + 1, value, column.value_type, &mut self.bound_text) {
                Ok(()) => {}
                Err(BindFault::Value(what)) => return Err(wrong(what).into()),
                Err(BindFault::Database(error)) => return Err(error.into()),
            }
        }
        match self.statement.raw_execute().map_err(SqliteFault::from) {
            Ok(_) => Ok(()),
            Err(fault) if fault.is_duplicate() => Err(self.duplicate(batch, row, fault)),
            Err(fault) => Err(fault),
        }
    }

    /// A row that is refused because its key is there: by our key in words, by somebody's own index as SQLite tells it.
    fn duplicate(&mut self, batch: &RowBatch<'_>, row: usize, fault: SqliteFault) -> SqliteFault {
        let SqliteFault::Database(error) = &fault else {
            return fault;
        };
        let place = place(batch.file, batch.first_row + row as u64);
        if self.key.is_empty() {
            return refused(format!("{place} is already there by a unique index: {error}"))
                .hint("drop the index, or load with mode `merge` and its columns as `key`")
                .into();
        }
        let key: Vec<String> = self
            .key
            .iter()
            .map(|index| {
                let value = batch.columns[*index].value(row, &mut self.value_text);
                format!("{} = {}", self.columns[*index].name, value.map_or_else(str::to_owned, in_words))
            })
            .collect();
        refused(format!("the load has the key `{}` more than once, again at {place}: {error}", key.join(", ")))
            .hint("make the model's rows unique by that key, and add an audit `unique` for it")
            .into()
    }
}

fn in_words(value: Value<'_>) -> String {
    use crate::value::{write_date, write_decimal, write_timestamp};
    let mut text = String::new();
    match value {
        Value::Null => text.push_str("null"),
        Value::Boolean(truth) => return truth.to_string(),
        Value::Integer(number) => return number.to_string(),
        Value::Real(number) => return format!("{number:?}"),
        Value::Decimal { unscaled, scale } => write_decimal(unscaled, scale, &mut text),
        Value::Text(value) => return value.to_owned(),
        Value::Binary(bytes) => return bytes.iter().map(|byte| format!("{byte:02x}")).collect(),
        Value::Date(days) => drop(write_date(i64::from(days), &mut text)),
        Value::Timestamp { seconds, nanoseconds } => drop(write_timestamp(seconds, nanoseconds, &mut text)),
    }
    text
}
