//! The tables that are there, and the statements that make or change them.

use rusqlite::{Connection, OptionalExtension as _};
use tarn_pipeline::ports::{Drift, MartError};

use super::fault::SqliteFault;
use super::storage::{declaration, keeps};
use crate::fault::{WithHint, refused};
use crate::types::TypedColumn;

/// A column of a table that is there.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct ExistingColumn {
    pub(super) name: String,
    pub(super) declared: String,
    is_generated: bool,
    /// 1-based place in the primary key, 0 outside.
    key_place: i64,
}

/// An identifier as SQL writes it.
pub(super) fn quoted(name: &str) -> String {
    format!("\"{}\"", name.replace('"', "\"\""))
}

/// Identifiers, separated by commas.
pub(super) fn quoted_list<'a>(names: impl IntoIterator<Item = &'a str>) -> String {
    names.into_iter().map(quoted).collect::<Vec<_>>().join(", ")
}

/// The columns of a table; `None` when it is not there.
///
/// # Errors
/// Something else has that name.
pub(super) fn existing(connection: &Connection, table: &str) -> Result<Option<Vec<ExistingColumn>>, SqliteFault> {
    let kind: Option<String> = connection
        .query_row("select type from main.sqlite_schema where lower(name) = lower(?1)", [table], |row| row.get(0))
        .optional()?;
    match kind.as_deref() {
        None => return Ok(None),
        Some("table") => {}
        Some(kind) => {
            let error = refused(format!("the mart has a {kind} named `{table}`, not a table"))
                .hint("drop it, or load under another name");
            return Err(error.into());
        }
    }
    let mut statement = connection.prepare("select name, type, hidden, pk from pragma_table_xinfo(?1, 'main')")?;
    let columns = statement.query_map([table], |row| {
        Ok(ExistingColumn {
            name: row.get(0)?,
            declared: row.get(1)?,
            is_generated: row.get::<_, i64>(2)? > 1,
            key_place: row.get(3)?,
        })
    })?;
    Ok(Some(columns.collect::<Result<_, _>>()?))
}

/// The statement that makes a table; with a key it is the primary key.
pub(super) fn create_table(table: &str, columns: &[TypedColumn], key: &[usize]) -> String {
    // This very declaration makes the key the row's number: one B-tree instead of two.
    let is_row_number = |index: usize| key == [index] && columns[index].value_type.is_integer();
    let mut lines: Vec<String> = columns
        .iter()
        .enumerate()
        .map(|(index, column)| {
            let name = quoted(&column.name);
            if is_row_number(index) {
                return format!("  {name} INTEGER PRIMARY KEY");
            }
            let not_null = if key.contains(&index) { " NOT NULL" } else { "" };
            format!("  {name}{}{not_null}", declaration(column.value_type))
        })
        .collect();
    if !key.is_empty() && !key.iter().any(|index| is_row_number(*index)) {
        let names = quoted_list(key.iter().map(|index| columns[*index].name.as_str()));
        lines.push(format!("  PRIMARY KEY ({names})"));
    }
    format!("CREATE TABLE {} (\n{}\n)", quoted(table), lines.join(",\n"))
}

/// The statement that adds a column.
pub(super) fn add_column(table: &str, column: &TypedColumn) -> String {
    format!("ALTER TABLE {} ADD COLUMN {}{}", quoted(table), quoted(&column.name), declaration(column.value_type))
}

/// The columns of the version that the table lacks.
///
/// # Errors
/// A column that the version lacks, or one whose values the table would change: with column and both types.
pub(super) fn missing_columns<'a>(
    table: &str,
    existing: &[ExistingColumn],
    version: &'a [TypedColumn],
    drift: Drift,
) -> Result<Vec<&'a TypedColumn>, MartError> {
    const HINT: &str = "load with mode `replace` to build the table anew, or bring the table in line";
    let in_version =
        |column: &ExistingColumn| version.iter().find(|candidate| candidate.name.eq_ignore_ascii_case(&column.name));
    for column in existing {
        match in_version(column) {
            _ if column.is_generated => {}
            None if drift == Drift::Ignore => {}
            None => {
                let message = format!("column `{}` of table `{table}` is missing in the version", column.name);
                return Err(refused(message).hint(HINT));
            }
            Some(new) if !keeps(&column.declared, new.value_type) => {
                let declared = if column.declared.is_empty() { "any" } else { &column.declared };
                let message = format!(
                    "column `{}` of table `{table}` is `{declared}`, which does not keep the version's `{}`",
                    column.name, new.hive_type
                );
                return Err(refused(message).hint(HINT));
            }
            Some(_) => {}
        }
    }
    let is_there =
        |column: &TypedColumn| existing.iter().any(|candidate| candidate.name.eq_ignore_ascii_case(&column.name));
    if let Some(column) = version.iter().find(|column| {
        existing.iter().any(|candidate| candidate.is_generated && candidate.name.eq_ignore_ascii_case(&column.name))
    }) {
        return Err(refused(format!("column `{}` of table `{table}` is generated by the mart", column.name)).hint(HINT));
    }
    Ok(version.iter().filter(|column| !is_there(column)).collect())
}

/// Whether a primary key or unique index is on exactly these columns, comparing bytes.
pub(super) fn has_unique_index(
    connection: &Connection,
    table: &str,
    columns: &[ExistingColumn],
    key: &[&str],
) -> Result<bool, SqliteFault> {
    let same = |found: &[String]| {
        found.len() == key.len() && key.iter().all(|name| found.iter().any(|other| other.eq_ignore_ascii_case(name)))
    };
    let row_number: Vec<String> =
        columns.iter().filter(|column| column.key_place > 0).map(|column| column.name.clone()).collect();
    if let [only] = row_number.as_slice()
        && columns.iter().any(|column| column.name == *only && column.declared.eq_ignore_ascii_case("INTEGER"))
        && same(&row_number)
    {
        return Ok(true);
    }
    let mut indexes =
        connection.prepare("select name from pragma_index_list(?1, 'main') where \"unique\" = 1 and partial = 0")?;
    let names = indexes.query_map([table], |row| row.get::<_, String>(0))?.collect::<Result<Vec<_>, _>>()?;
    let mut parts =
        connection.prepare("select coalesce(name, ''), coll from pragma_index_xinfo(?1, 'main') where key = 1")?;
    for index in names {
        let found = parts
            .query_map([index], |row| Ok((row.get::<_, String>(0)?, row.get::<_, String>(1)?)))?
            .collect::<Result<Vec<_>, _>>()?;
        let (columns, collations): (Vec<String>, Vec<String>) = found.into_iter().unzip();
        if same(&columns) && collations.iter().all(|collation| collation == "BINARY") {
            return Ok(true);
        }
    }
    Ok(false)
}

/// The statements of the indexes and triggers that people added to a table.
pub(super) fn additions(connection: &Connection, table: &str) -> Result<Vec<Addition>, SqliteFault> {
    let mut statement = connection.prepare(
        "select type, name, sql from main.sqlite_schema \
         where lower(tbl_name) = lower(?1) and type in ('index', 'trigger') and sql is not null \
         and name not like 'tarn!_index!_%' escape '!' order by type, name",
    )?;
    let additions = statement
        .query_map([table], |row| Ok(Addition { kind: row.get(0)?, name: row.get(1)?, statement: row.get(2)? }))?;
    Ok(additions.collect::<Result<_, _>>()?)
}

/// An index or trigger.
pub(super) struct Addition {
    pub(super) kind: String,
    pub(super) name: String,
    pub(super) statement: String,
}
