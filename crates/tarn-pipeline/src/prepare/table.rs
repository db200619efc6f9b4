//! Statements that create a table or a view, or add to a table.

use tarn_model::{Bucketing, Compression, Format, Model, TableType};

use crate::names::Key;
use crate::ports::{Column, ObjectStore};

use super::{Statement, identifier, literal, predicate};

/// What a `CREATE TABLE … AS` needs to know besides its query.
#[derive(Debug, Clone, Copy)]
pub struct TableProperties<'a> {
    /// The catalogue's name of the new table.
    pub table: &'a str,
    /// The folder, empty so far.
    pub location: &'a Key,
    /// The partition columns, last in the query.
    pub partitioned_by: &'a [String],
    /// How the files are compressed.
    pub compression: Compression,
    /// What the files are.
    pub format: Format,
    /// Hive, or Iceberg.
    pub table_type: TableType,
    /// The buckets of each partition.
    pub bucketed_by: Option<&'a Bucketing>,
}

impl<'a> TableProperties<'a> {
    /// A table for a model's version, as the model's header describes it.
    pub fn of(model: &'a Model, table: &'a str, location: &'a Key) -> Self {
        Self {
            table,
            location,
            partitioned_by: &model.partitioned_by,
            compression: model.compression,
            format: model.format,
            table_type: model.table_type,
            bucketed_by: model.bucketed_by.as_ref(),
        }
    }

    /// A plain table for rows that are on their way into another: Hive, without partitions or buckets.
    pub fn passing(model: &'a Model, table: &'a str, location: &'a Key) -> Self {
        let plain = Self::of(model, table, location);
        Self { partitioned_by: &[], format: Format::Parquet, table_type: TableType::Hive, bucketed_by: None, ..plain }
    }

    /// Buckets of each partition; 1 for a table without.
    pub(super) fn buckets(&self) -> usize {
        self.bucketed_by.map_or(1, |bucketing| bucketing.count as usize)
    }

    fn lines(&self, location: &str) -> Vec<String> {
        let location = literal(location);
        let format = match self.format {
            Format::Parquet => "PARQUET",
            Format::Orc => "ORC",
        };
        let compression = match self.compression {
            Compression::Zstd => "ZSTD",
            Compression::Snappy => "SNAPPY",
        };
        let mut lines = Vec::new();
        if self.table_type == TableType::Iceberg {
            lines.push("table_type = 'ICEBERG'".to_owned());
            lines.push("is_external = false".to_owned());
        }
        lines.push(format!("format = '{format}'"));
        lines.push(format!("write_compression = '{compression}'"));
        let (place, partitions) = match self.table_type {
            TableType::Hive => ("external_location", "partitioned_by"),
            TableType::Iceberg => ("location", "partitioning"),
        };
        lines.push(format!("{place} = {location}"));
        if !self.partitioned_by.is_empty() {
            lines.push(format!("{partitions} = {}", texts(self.partitioned_by)));
        }
        if let Some(bucketing) = self.bucketed_by {
            lines.push(format!("bucketed_by = {}", texts(&bucketing.columns)));
            lines.push(format!("bucket_count = {}", bucketing.count));
        }
        lines
    }
}

fn texts(texts: &[String]) -> String {
    let texts: Vec<String> = texts.iter().map(|text| literal(text)).collect();
    format!("array[{}]", texts.join(", "))
}

/// `CREATE TABLE … AS` for a version.
pub fn create_table_as(properties: TableProperties<'_>, query: &str, objects: &dyn ObjectStore) -> Statement {
    create_table_at(properties, query, &objects.uri(properties.location))
}

/// The same at a place as Athena names it.
pub(super) fn create_table_at(properties: TableProperties<'_>, query: &str, location: &str) -> Statement {
    let lines: Vec<String> = properties.lines(location).into_iter().map(|line| format!("  {line}")).collect();
    let head = format!("create table {} with (\n{}\n) as\n", identifier(properties.table), lines.join(",\n"));
    Statement { lines_before: head.lines().count(), text: format!("{head}{}\n", query.trim_end()) }
}

/// Lines of [`shape`] before the query.
pub const SHAPE_LINES: usize = 4;

/// A table with the columns of a query and no rows: it costs nothing to make, and a mistake in the query is found by it.
pub fn shape(table: &str, uri: &str, query: &str) -> String {
    let query = query.trim_end();
    format!(
        "create table {} with (\n  format = 'PARQUET',\n  external_location = {}\n) as\n{query}\nwith no data\n",
        identifier(table),
        literal(uri)
    )
}

/// `INSERT INTO` a table that this run has created and nobody reads yet. The query has the table's columns in its order.
pub fn insert_into(table: &str, query: &str) -> Statement {
    Statement { text: format!("insert into {}\n{}\n", identifier(table), query.trim_end()), lines_before: 1 }
}

/// `DELETE FROM` an Iceberg table the rows of these partitions; none says that there is nothing to delete.
pub fn delete_partitions(table: &str, keys: &[Column], values: &[Vec<Option<String>>]) -> Option<String> {
    let table = identifier(table);
    (!values.is_empty()).then(|| format!("delete from {table}\nwhere {}\n", predicate(keys, values)))
}

/// `CREATE VIEW` for a version of a view.
pub fn create_view(name: &str, query: &str) -> Statement {
    Statement {
        text: format!("create or replace view {} as\n{}\n", identifier(name), query.trim_end()),
        lines_before: 1,
    }
}

/// Types that Iceberg does not have, what holds their values there as a cast names it, and as the catalogue does.
fn iceberg_type(column: &Column) -> Option<(&'static str, &'static str)> {
    match column.column_type.as_str() {
        // No time finer or coarser than microseconds, and no integer below 32 bits.
        "timestamp" => Some(("timestamp(6)", "timestamp")),
        "tinyint" | "smallint" => Some(("integer", "int")),
        char if char.starts_with("char(") => Some(("varchar", "string")),
        _ => None,
    }
}

/// The columns of an Iceberg table for a query with these.
pub fn iceberg_columns(columns: &[Column]) -> Vec<Column> {
    let held = |column: &Column| match iceberg_type(column) {
        Some((_, column_type)) => Column { column_type: column_type.to_owned(), ..column.clone() },
        None => column.clone(),
    };
    columns.iter().map(held).collect()
}

/// A query as Iceberg can hold it.
pub fn iceberg_rows(query: &str, columns: &[Column]) -> Rows {
    let cast = |column: &Column| iceberg_type(column).map(|(cast, _)| cast);
    if columns.iter().all(|column| cast(column).is_none()) {
        return Rows::of(query);
    }
    let selected = columns.iter().map(|column| {
        let name = identifier(&column.name);
        cast(column).map_or_else(|| name.clone(), |wanted| format!("cast({name} as {wanted}) as {name}"))
    });
    Rows::selected(selected, query)
}

/// A query around a model's own, and where the model's SQL stands in it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Rows {
    /// The query.
    pub sql: String,
    /// How many lines come before the first line of the user's SQL.
    pub lines_before: usize,
}

impl Rows {
    /// The model's query itself.
    pub fn of(query: &str) -> Self {
        Self { sql: query.trim_end().to_owned(), lines_before: 0 }
    }

    /// The same around `inner`, whose query this one holds.
    pub(crate) fn around(mut self, inner: &Self) -> Self {
        self.lines_before += inner.lines_before;
        self
    }

    /// Expressions over the columns of the model's query.
    pub(crate) fn selected(expressions: impl Iterator<Item = String>, query: &str) -> Self {
        let expressions: Vec<String> = expressions.collect();
        let sql = format!(
            "with version as (\n{}\n)\nselect\n  {}\nfrom version",
            query.trim_end(),
            expressions.join(",\n  ")
        );
        Self { sql, lines_before: 1 }
    }
}
