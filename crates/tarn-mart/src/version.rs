//! A load, checked: types understood, names usable, key and partitions of columns that are there.
//!
//! What fails here fails before the database is asked anything, and alike for every database.

use std::collections::HashSet;

use tarn_pipeline::ports::{GoneRows, Load, LoadMode, MartError, ObjectStore};

use crate::fault::{WithHint, refused};
use crate::ledger;
use crate::rows::{ColumnValues, VersionRows, partition_value};
use crate::types::TypedColumn;

/// What a load brings.
pub(crate) struct Version<'a> {
    load: &'a Load,
    columns: Vec<TypedColumn>,
    file_columns: usize,
}

impl<'a> Version<'a> {
    /// Checks a load.
    pub(crate) fn of(load: &'a Load) -> Result<Self, MartError> {
        check_table_name(&load.table)?;
        let columns =
            load.columns.iter().chain(&load.partition_keys).map(TypedColumn::of).collect::<Result<Vec<_>, _>>()?;
        if columns.is_empty() {
            return Err(refused(format!("table `{}` has no columns to load", load.table)));
        }
        let mut names = HashSet::new();
        for column in &columns {
            if column.name.is_empty() || column.name.contains('\0') {
                return Err(refused(format!("table `{}` has a column without a usable name", load.table)));
            }
            if !names.insert(column.name.to_ascii_lowercase()) {
                return Err(refused(format!("column `{}` is there twice", column.name)));
            }
        }
        let version = Self { load, columns, file_columns: load.columns.len() };
        version.check_files()?;
        version.check_mode()?;
        version.check_options()?;
        Ok(version)
    }

    /// All columns, partition keys last.
    pub(crate) fn columns(&self) -> &[TypedColumn] {
        &self.columns
    }

    /// The partition keys.
    pub(crate) fn partition_keys(&self) -> &[TypedColumn] {
        &self.columns[self.file_columns..]
    }

    /// The rows, to be read from `objects`.
    pub(crate) fn rows<'b>(&'b self, objects: &'b dyn ObjectStore) -> VersionRows<'b> {
        VersionRows {
            columns: &self.columns[..self.file_columns],
            partition_keys: self.partition_keys(),
            files: &self.load.files,
            objects,
        }
    }

    /// Where the columns of a key are among all columns, in the order of the key.
    ///
    /// # Errors
    /// The name of a column that is not there.
    pub(crate) fn positions(&self, names: &[String]) -> Result<Vec<usize>, MartError> {
        self.positions_of("key", names)
    }

    fn positions_of(&self, what: &str, names: &[String]) -> Result<Vec<usize>, MartError> {
        names
            .iter()
            .map(|name| {
                self.columns.iter().position(|column| column.name.eq_ignore_ascii_case(name)).ok_or_else(|| {
                    refused(format!("{what} column `{name}` is not a column of table `{}`", self.load.table)).hint(
                        format!(
                            "its columns are {}",
                            self.columns
                                .iter()
                                .map(|column| format!("`{}`", column.name))
                                .collect::<Vec<_>>()
                                .join(", ")
                        ),
                    )
                })
            })
            .collect()
    }

    /// The typed values of the partitions to empty.
    pub(crate) fn partitions(&self) -> Result<Vec<Vec<ColumnValues>>, MartError> {
        self.load
            .partitions
            .iter()
            .map(|values| {
                let columns = self.partition_keys().iter().zip(values);
                columns.map(|(column, value)| partition_value(column, value.as_deref())).collect()
            })
            .collect()
    }

    /// The load itself.
    pub(crate) fn load(&self) -> &Load {
        self.load
    }

    /// Where the columns of the primary key are; none for a table without one.
    pub(crate) fn key(&self) -> Result<Vec<usize>, MartError> {
        match &self.load.mode {
            LoadMode::Merge { key } => self.positions(key),
            _ => self.positions(&self.load.options.key),
        }
    }

    /// The declared indexes, each as positions of columns.
    pub(crate) fn indexes(&self) -> Result<Vec<Vec<usize>>, MartError> {
        self.load.options.indexes.iter().map(|columns| self.positions_of("index", columns)).collect()
    }

    /// Whether the rows of the loaded partitions go before the new ones come.
    ///
    /// In a merge that deletes what is gone they all go: a key that comes again comes with all its columns.
    pub(crate) fn empties_partitions(&self) -> bool {
        match &self.load.mode {
            LoadMode::Partition { .. } => true,
            LoadMode::Merge { .. } => self.load.options.gone == GoneRows::Delete,
            LoadMode::Replace | LoadMode::Append => false,
        }
    }

    fn check_options(&self) -> Result<(), MartError> {
        self.indexes()?;
        if !self.empties_partitions() {
            return Ok(());
        }
        let keys = self.partition_keys().len();
        if keys == 0 {
            return Err(refused(format!("table `{}` has no partitions in which rows could be gone", self.load.table))
                .hint("add `partitioned_by` to the model, or leave `gone: delete` out"));
        }
        if self.load.partitions.iter().any(|values| values.len() != keys) {
            return Err(refused(format!(
                "a partition to empty in table `{}` has not one value for each partition key",
                self.load.table
            )));
        }
        Ok(())
    }

    fn check_files(&self) -> Result<(), MartError> {
        let keys = self.partition_keys();
        for file in &self.load.files {
            if file.partition_values.len() != keys.len() {
                return Err(refused(format!(
                    "file `{}` comes with {} partition values, table `{}` has {} partition keys",
                    file.key,
                    file.partition_values.len(),
                    self.load.table,
                    keys.len()
                )));
            }
        }
        Ok(())
    }

    fn check_mode(&self) -> Result<(), MartError> {
        match &self.load.mode {
            LoadMode::Replace | LoadMode::Append => Ok(()),
            LoadMode::Merge { key } if key.is_empty() => {
                Err(refused(format!("table `{}` cannot be merged without a key", self.load.table))
                    .hint("name the columns that identify a row in `key`, or choose the mode `replace`"))
            }
            LoadMode::Merge { key } => {
                let positions = self.positions(key)?;
                let distinct: HashSet<_> = positions.iter().collect();
                if distinct.len() < positions.len() {
                    return Err(refused(format!("the key of table `{}` names a column twice", self.load.table)));
                }
                Ok(())
            }
            LoadMode::Partition { columns } => self.check_partitions(columns),
        }
    }

    fn check_partitions(&self, columns: &[String]) -> Result<(), MartError> {
        let keys = self.partition_keys();
        let table = &self.load.table;
        let are_the_keys = columns.len() == keys.len()
            && columns.iter().zip(keys).all(|(column, key)| column.eq_ignore_ascii_case(&key.name));
        if columns.is_empty() || !are_the_keys {
            return Err(refused(format!("table `{table}` is loaded by partition, but not by its partition keys"))
                .hint("add `partitioned_by` to the model, or choose another mode"));
        }
        let emptied: HashSet<&Vec<Option<String>>> = self.load.partitions.iter().collect();
        // Otherwise its rows would be there twice after the next load.
        match self.load.files.iter().find(|file| !emptied.contains(&file.partition_values)) {
            Some(file) => Err(refused(format!("file `{}` lies in a partition that is not emptied", file.key))),
            None => Ok(()),
        }
    }
}

fn check_table_name(table: &str) -> Result<(), MartError> {
    let lower = table.to_ascii_lowercase();
    if table.is_empty() || table.contains('\0') {
        return Err(refused("the table in the mart has no usable name"));
    }
    if lower == ledger::TABLE || lower.starts_with("sqlite_") {
        return Err(
            refused(format!("a mart cannot have a table of its own named `{table}`")).hint("choose another table name")
        );
    }
    Ok(())
}
