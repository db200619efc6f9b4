//! The modes of a load, each within the transaction it is called in.

use rusqlite::{Connection, params_from_iter};
use tarn_pipeline::ports::LoadMode;

use super::fault::SqliteFault;
use super::insert::Source;
use super::schema::{self, ExistingColumn, quoted, quoted_list};
use super::storage::{BindFault, bind};
use crate::fault::{WithHint, refused};
use crate::types::TypedColumn;

/// Partitions emptied by one statement, and so by one pass over the table.
const PARTITIONS_PER_DELETE: usize = 200;
/// Equal keys that a refusal names.
const KEYS_NAMED: usize = 3;

/// The load and the table it goes to.
pub(super) struct TableLoad<'a> {
    pub(super) connection: &'a Connection,
    pub(super) table: &'a str,
    pub(super) source: Source<'a>,
    /// The table's columns; `None` when it is not there.
    pub(super) existing: Option<Vec<ExistingColumn>>,
}

impl TableLoad<'_> {
    /// Loads; returns how many rows came.
    pub(super) fn run(&self, mode: &LoadMode) -> Result<u64, SqliteFault> {
        match mode {
            LoadMode::Replace => self.replace(),
            LoadMode::Merge { key } => self.merge(&self.source.version.positions(key)?),
            LoadMode::Append | LoadMode::Partition { .. } => {
                let key = self.source.version.key()?;
                self.prepare(&key)?;
                if self.source.version.empties_partitions() {
                    self.empty_partitions()?;
                }
                self.insert(&key)
            }
        }
    }

    /// The old table goes first: readers keep seeing it until the commit, and its pages are used again.
    fn replace(&self) -> Result<u64, SqliteFault> {
        let additions = schema::additions(self.connection, self.table)?;
        if self.existing.is_some() {
            self.connection.execute_batch(&format!("DROP TABLE {}", quoted(self.table)))?;
        }
        let key = self.source.version.key()?;
        self.create(&key)?;
        let rows = self.insert(&key)?;
        self.add_indexes()?;
        // After the rows: an index is built faster at once, and a trigger is for what people change.
        for addition in additions {
            self.source.control.check()?;
            self.connection.execute_batch(&addition.statement).map_err(|error| {
                let (kind, name) = (&addition.kind, &addition.name);
                refused(format!("{kind} `{name}` of table `{}` does not fit the new version: {error}", self.table))
                    .hint(format!("drop it with `drop {kind} {}`, then load again", quoted(name)))
            })?;
        }
        Ok(rows)
    }

    fn merge(&self, key: &[usize]) -> Result<u64, SqliteFault> {
        self.prepare(key)?;
        if self.source.version.empties_partitions() {
            self.empty_partitions()?;
        }
        let is_empty: bool = self.connection.query_row(
            &format!("select not exists (select 1 from {})", quoted(self.table)),
            [],
            |row| row.get(0),
        )?;
        if is_empty { self.insert(key) } else { self.merge_into_rows(key) }
    }

    /// Makes the table, or brings it in line with the version.
    fn prepare(&self, key: &[usize]) -> Result<(), SqliteFault> {
        let Some(existing) = &self.existing else {
            return self.create(key);
        };
        let columns = self.source.version.columns();
        let drift = self.source.version.load().options.drift;
        for column in schema::missing_columns(self.table, existing, columns, drift)? {
            self.connection.execute_batch(&schema::add_column(self.table, column))?;
        }
        self.add_indexes()?;
        let names = self.names(key);
        if !key.is_empty() && !schema::has_unique_index(self.connection, self.table, existing, &names)? {
            self.add_unique_index(&names)?;
        }
        Ok(())
    }

    fn create(&self, key: &[usize]) -> Result<(), SqliteFault> {
        let sql = schema::create_table(self.table, self.source.version.columns(), key);
        self.connection.execute_batch(&sql)?;
        if matches!(self.source.version.load().mode, LoadMode::Replace) { Ok(()) } else { self.add_indexes() }
    }

    /// The indexes of the model's header. A replaced table gets them after its rows.
    fn add_indexes(&self) -> Result<(), SqliteFault> {
        for index in self.source.version.indexes()? {
            let columns = self.names(&index);
            let sql = format!(
                "CREATE INDEX IF NOT EXISTS {} ON {} ({})",
                quoted(&format!("tarn_index_{}_{}", self.table, columns.join("_"))),
                quoted(self.table),
                quoted_list(columns)
            );
            self.connection.execute_batch(&sql)?;
        }
        Ok(())
    }

    fn add_unique_index(&self, key: &[&str]) -> Result<(), SqliteFault> {
        let sql = format!(
            "CREATE UNIQUE INDEX IF NOT EXISTS {} ON {} ({})",
            quoted(&format!("tarn_key_{}_{}", self.table, key.join("_"))),
            quoted(self.table),
            quoted_list(key.iter().copied())
        );
        match self.connection.execute_batch(&sql).map_err(SqliteFault::from) {
            Err(fault) if fault.is_duplicate() => {
                let message =
                    format!("table `{}` holds several rows with the same key ({})", self.table, key.join(", "));
                return Err(refused(message).hint("remove all but one of them, or load with mode `replace`").into());
            }
            other => other?,
        }
        // The index compares as its columns are declared to compare: a column that folds letters would merge `a` and `A`.
        let existing = schema::existing(self.connection, self.table)?.unwrap_or_default();
        if schema::has_unique_index(self.connection, self.table, &existing, key)? {
            return Ok(());
        }
        let message = format!("table `{}` does not compare its key ({}) byte by byte", self.table, key.join(", "));
        Err(refused(message).hint("declare its columns without `collate`, or load with mode `replace`").into())
    }

    fn names(&self, positions: &[usize]) -> Vec<&str> {
        let columns = self.source.version.columns();
        positions.iter().map(|position| columns[*position].name.as_str()).collect()
    }

    fn insert(&self, key: &[usize]) -> Result<u64, SqliteFault> {
        let columns = self.source.version.columns();
        let sql = format!(
            "INSERT INTO {} ({}) VALUES ({})",
            quoted(self.table),
            quoted_list(columns.iter().map(|column| column.name.as_str())),
            vec!["?"; columns.len()].join(", ")
        );
        self.source.insert(self.connection, &sql, key)
    }

    /// The rows go to a temporary table first. There their keys are looked through before a row of the mart changes, and from
    /// there they go to the mart in the order of the key, which is several times faster than the order they came in.
    fn merge_into_rows(&self, key: &[usize]) -> Result<u64, SqliteFault> {
        let columns = self.source.version.columns();
        let staged: Vec<String> = (0..columns.len()).map(|index| format!("c{index}")).collect();
        let staged_key: Vec<&str> = key.iter().map(|index| staged[*index].as_str()).collect();
        // Without declared types, so that values stay as they are bound.
        self.connection.execute_batch(&format!("CREATE TEMP TABLE tarn_stage ({})", staged.join(", ")))?;
        let insert = format!("INSERT INTO temp.tarn_stage VALUES ({})", vec!["?"; columns.len()].join(", "));
        let rows = self.source.insert(self.connection, &insert, key)?;
        self.refuse_equal_keys(key, &staged_key.join(", "))?;
        self.source.control.check()?;
        self.connection.execute(&self.upsert(key, &staged, &staged_key), [])?;
        self.connection.execute_batch("DROP TABLE temp.tarn_stage")?;
        Ok(rows)
    }

    fn upsert(&self, key: &[usize], staged: &[String], staged_key: &[&str]) -> String {
        let columns = self.source.version.columns();
        let assignments: Vec<String> = columns
            .iter()
            .enumerate()
            .filter(|(index, _)| !key.contains(index))
            .map(|(_, column)| format!("{0} = excluded.{0}", quoted(&column.name)))
            .collect();
        let action = if assignments.is_empty() {
            "DO NOTHING".to_owned()
        } else {
            format!("DO UPDATE SET {}", assignments.join(", "))
        };
        // `WHERE true` keeps SQLite from reading `ON CONFLICT` as the condition of a join.
        format!(
            "INSERT INTO main.{} ({}) SELECT {} FROM temp.tarn_stage WHERE true ORDER BY {} ON CONFLICT ({}) {action}",
            quoted(self.table),
            quoted_list(columns.iter().map(|column| column.name.as_str())),
            staged.join(", "),
            staged_key.join(", "),
            quoted_list(self.names(key)),
        )
    }

    fn refuse_equal_keys(&self, key: &[usize], staged_key: &str) -> Result<(), SqliteFault> {
        let sql = format!(
            "SELECT {staged_key}, count(*) FROM temp.tarn_stage GROUP BY {staged_key} HAVING count(*) > 1 LIMIT {KEYS_NAMED}"
        );
        let mut statement = self.connection.prepare(&sql)?;
        let names = self.names(key);
        let mut found = statement.query([])?;
        let mut keys = Vec::new();
        while let Some(row) = found.next()? {
            let mut parts = Vec::new();
            for (place, name) in names.iter().enumerate() {
                let value = super::query::as_text(row.get_ref(place)?).unwrap_or_default();
                parts.push(format!("{name} = {value}"));
            }
            keys.push(format!("`{}` ({} times)", parts.join(", "), row.get::<_, i64>(names.len())?));
        }
        if keys.is_empty() {
            return Ok(());
        }
        let refusal = refused(format!("the load has the key {} more than once", keys.join(", ")))
            .hint("make the model's rows unique by that key, and add an audit `unique` for it");
        Err(refusal.into())
    }

    fn empty_partitions(&self) -> Result<(), SqliteFault> {
        let columns = self.source.version.partition_keys();
        let one =
            columns.iter().map(|column| format!("{} IS ?", quoted(&column.name))).collect::<Vec<_>>().join(" AND ");
        for partitions in self.source.version.partitions()?.chunks(PARTITIONS_PER_DELETE) {
            self.source.control.check()?;
            let condition = vec![format!("({one})"); partitions.len()].join(" OR ");
            let mut statement =
                self.connection.prepare(&format!("DELETE FROM {} WHERE {condition}", quoted(self.table)))?;
            let mut parameter = 0;
            let (mut value_text, mut bound_text) = (String::new(), String::new());
            for (values, column) in partitions.iter().flat_map(|values| values.iter().zip(columns)) {
                parameter += 1;
                let value = values.value(0, &mut value_text).map_err(|what| wrong_partition(column, what))?;
                bind(&mut statement, parameter, value, column.value_type, &mut bound_text).map_err(
                    |fault| match fault {
                        BindFault::Value(what) => wrong_partition(column, what),
                        BindFault::Database(error) => error.into(),
                    },
                )?;
            }
            statement.raw_execute()?;
        }
        Ok(())
    }

    /// Notes the load in the ledger.
    pub(super) fn note(&self, run: &str, mode: &str, rows: u64) -> Result<(), SqliteFault> {
        let rows = rows.to_string();
        self.connection.execute(
            "INSERT INTO tarn_loads (table_name, run, mode, rows) VALUES (?, ?, ?, ?)",
            params_from_iter([self.table, run, mode, rows.as_str()]),
        )?;
        Ok(())
    }
}

fn wrong_partition(column: &TypedColumn, what: &str) -> SqliteFault {
    refused(format!("partition key `{}` of type `{}` holds {what}", column.name, column.hive_type)).into()
}
