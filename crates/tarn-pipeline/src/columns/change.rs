//! Columns of an incremental model that are no longer those of its table: what happens is decided before the query is paid for.
//!
//! A table's files keep the columns they were written with, and readers find columns by name: a file without a column reads as
//! null there, and a column that no table names any more is not read. So a change touches the catalogue only, and the rows of the
//! version are put into the table's order. Old files can be read as a wider type where every engine does so; any other change of a
//! type needs the whole table computed anew.
//!
//! A column that `sync` dropped is still in the files of older partitions: if it comes back later, so do their values.

use tarn_model::{Model, SchemaChange};

use crate::error::StepError;
use crate::ports::{Column, TableEntry};
use crate::prepare::{Rows, identifier};

/// How a table's columns change, and how the version's rows are put into its order.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TableChange {
    /// All columns of the table afterwards, partition keys last.
    pub columns: Vec<Column>,
    /// Names of those that the table did not have; null in older rows.
    pub added: Vec<String>,
    /// Names of those that the table has no more.
    pub dropped: Vec<String>,
    /// Names of those that are a wider type than before.
    pub widened: Vec<String>,
    /// For each of `columns`, what stands for it in a `select` from the model's query; none when that is the query as it is.
    expressions: Option<Vec<String>>,
}

impl TableChange {
    /// The model's query with its columns as the table has them afterwards.
    pub fn arrange(&self, query: &str) -> Rows {
        match &self.expressions {
            None => Rows::of(query),
            Some(expressions) => Rows::selected(expressions.iter().cloned(), query),
        }
    }
}

/// What becomes of a version whose columns may differ from its table's.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Decision {
    /// The table keeps its columns; the version's may stand in another order.
    Same(TableChange),
    /// The table gets other columns.
    Change(TableChange),
    /// The version cannot join the table: each difference, as `+ name type`, `- name type` or `name: type -> type`.
    Refuse(Vec<String>),
}

/// Decides what becomes of `new` columns that join a table with the `published` ones. Both have `key_count` partition keys at
/// their end, which never change.
pub fn decide(policy: SchemaChange, published: &[Column], new: &[Column], key_count: usize) -> Decision {
    let (published, published_keys) = published.split_at(published.len().saturating_sub(key_count));
    let (new_columns, new_keys) = new.split_at(new.len().saturating_sub(key_count));
    let mut refused = keys_that_differ(published_keys, new_keys);
    let mut change =
        TableChange { columns: vec![], added: vec![], dropped: vec![], widened: vec![], expressions: None };
    let mut expressions = Vec::new();
    let mut differs = false;
    for column in published {
        let name = identifier(&column.name);
        let Some(found) = new_columns.iter().find(|found| found.name == column.name) else {
            differs = true;
            match policy {
                SchemaChange::Fail => refused.push(format!("- {} {}", column.name, column.column_type)),
                SchemaChange::AppendNewColumns => {
                    expressions.push(format!("cast(null as {}) as {name}", sql_type(&column.column_type)));
                    change.columns.push(column.clone());
                }
                SchemaChange::Sync => change.dropped.push(column.name.clone()),
            }
            continue;
        };
        let (was, is) = (column.column_type.as_str(), found.column_type.as_str());
        let strict = policy == SchemaChange::Fail;
        if was == is {
            expressions.push(name);
            change.columns.push(column.clone());
        } else if !strict && is_wider(is, was) {
            differs = true;
            expressions.push(format!("cast({name} as {}) as {name}", sql_type(was)));
            change.columns.push(column.clone());
        } else if !strict && is_wider(was, is) {
            differs = true;
            expressions.push(name);
            change.widened.push(column.name.clone());
            change.columns.push(found.clone());
        } else {
            refused.push(format!("{}: {was} -> {is}", column.name));
        }
    }
    for column in new_columns.iter().filter(|column| published.iter().all(|before| before.name != column.name)) {
        differs = true;
        if policy == SchemaChange::Fail {
            refused.push(format!("+ {} {}", column.name, column.column_type));
            continue;
        }
        expressions.push(identifier(&column.name));
        change.added.push(column.name.clone());
        change.columns.push(column.clone());
    }
    if !refused.is_empty() {
        return Decision::Refuse(refused);
    }
    for key in new_keys {
        expressions.push(identifier(&key.name));
        change.columns.push(key.clone());
    }
    if differs || names(&change.columns) != names(new) {
        change.expressions = Some(expressions);
    }
    if change.added.is_empty() && change.dropped.is_empty() && change.widened.is_empty() {
        Decision::Same(change)
    } else {
        Decision::Change(change)
    }
}

/// How the version of a model joins its published table.
///
/// # Errors
/// When the model's `on_schema_change` does not allow it.
pub fn onto(model: &Model, table: &TableEntry, columns: &[Column]) -> Result<TableChange, StepError> {
    let published: Vec<Column> = table.all_columns().cloned().collect();
    let key_count = model.partitioned_by.len().max(table.partition_keys.len());
    match decide(model.on_schema_change, &published, columns, key_count) {
        Decision::Same(change) | Decision::Change(change) => Ok(change),
        Decision::Refuse(differences) => Err(StepError::permanent(format!(
            "the columns of incremental model `{}` differ from its published table:\n  {}",
            model.name,
            differences.join("\n  ")
        ))
        .with_hint(match model.on_schema_change {
            SchemaChange::Fail => {
                "compute it anew from all its input with `--full-refresh`, or say in its header what is to happen: \
                 `on_schema_change: append_new_columns`, or `sync`"
            }
            _ => "compute it anew from all its input with `--full-refresh`",
        })),
    }
}

fn names(columns: &[Column]) -> Vec<&str> {
    columns.iter().map(|column| column.name.as_str()).collect()
}

fn keys_that_differ(published: &[Column], new: &[Column]) -> Vec<String> {
    let line = |sign: &str, column: &Column| format!("{sign} {} {} (partition key)", column.name, column.column_type);
    let same = |left: &Column, right: &Column| left.name == right.name && left.column_type == right.column_type;
    if published.len() == new.len() && published.iter().zip(new).all(|(left, right)| same(left, right)) {
        return Vec::new();
    }
    published.iter().map(|column| line("-", column)).chain(new.iter().map(|column| line("+", column))).collect()
}

/// Whether files with the type `narrow` can be read as `wide`, and every value is kept (Athena: integers, `float` to `double`,
/// and texts of limited length to longer ones).
fn is_wider(narrow: &str, wide: &str) -> bool {
    let integers = ["tinyint", "smallint", "int", "bigint"];
    let rank = |name: &str| integers.iter().position(|integer| *integer == name);
    let length = |name: &str| -> Option<u32> { name.strip_prefix("varchar(")?.strip_suffix(')')?.parse().ok() };
    match (rank(narrow), rank(wide)) {
        (Some(narrow), Some(wide)) => narrow < wide,
        _ => match (length(narrow), length(wide)) {
            (Some(narrow), Some(wide)) => narrow < wide,
            (Some(_), None) => wide == "string" || wide == "varchar",
            _ => (narrow, wide) == ("float", "double"),
        },
    }
}

/// A Hive type as a `cast` names it.
pub(crate) fn sql_type(column_type: &str) -> String {
    match column_type {
        "int" => "integer".to_owned(),
        "float" => "real".to_owned(),
        "string" => "varchar".to_owned(),
        "binary" => "varbinary".to_owned(),
        other => nested_type(other),
    }
}

/// `array<…>`, `map<…>` and `struct<…>` as Trino writes them; other types have the same name in both.
fn nested_type(column_type: &str) -> String {
    let inside = |name: &str| {
        column_type.strip_prefix(name).and_then(|rest| rest.strip_prefix('<')).and_then(|rest| rest.strip_suffix('>'))
    };
    if let Some(item) = inside("array") {
        return format!("array({})", sql_type(item));
    }
    if let Some(items) = inside("map") {
        let items: Vec<String> = split_types(items).into_iter().map(sql_type).collect();
        return format!("map({})", items.join(", "));
    }
    if let Some(fields) = inside("struct") {
        let fields: Vec<String> = split_types(fields)
            .into_iter()
            .map(|field| match field.split_once(':') {
                Some((name, kind)) => format!("{} {}", identifier(name), sql_type(kind)),
                None => sql_type(field),
            })
            .collect();
        return format!("row({})", fields.join(", "));
    }
    column_type.to_owned()
}

/// The types between the outermost commas.
fn split_types(types: &str) -> Vec<&str> {
    let mut depth = 0_usize;
    types
        .split(|character: char| {
            match character {
                '<' | '(' => depth += 1,
                '>' | ')' => depth = depth.saturating_sub(1),
                _ => {}
            }
            character == ',' && depth == 0
        })
        .map(str::trim)
        .collect()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn columns(text: &str) -> Vec<Column> {
        text.split_terminator(", ")
            .map(|column| column.split_once(' ').map(|(name, kind)| Column::new(name, kind)).unwrap())
            .collect()
    }

    fn decided(policy: SchemaChange, published: &str, new: &str) -> String {
        match decide(policy, &columns(published), &columns(new), 1) {
            Decision::Same(change) => format!("same: {}", change.arrange("q").sql.replace('\n', " ")),
            Decision::Change(change) => format!(
                "+{:?} -{:?} ~{:?}: {}",
                change.added,
                change.dropped,
                change.widened,
                change.arrange("q").sql.replace('\n', " ")
            ),
            Decision::Refuse(differences) => format!("refused: {}", differences.join("; ")),
        }
    }

    #[test]
    fn each_policy_has_its_answer() {
        use SchemaChange::{AppendNewColumns, Fail, Sync};
        let table = "id bigint, note string, day date";
        for (policy, new, expected) in [
            (Fail, table, "same: q"),
            (
                Fail,
                "note string, id bigint, day date",
                "same: with version as ( q ) select   id,   note,   day from version",
            ),
            (Fail, "id bigint, day date", "refused: - note string"),
            (Fail, "id int, note string, day date", "refused: id: bigint -> int"),
            (Fail, "id bigint, note string, extra array<int>, day date", "refused: + extra array<int>"),
            (
                AppendNewColumns,
                "extra array<int>, id bigint, note string, day date",
                r#"+["extra"] -[] ~[]: with version as ( q ) select   id,   note,   extra,   day from version"#,
            ),
            (
                AppendNewColumns,
                "id int, day date",
                "same: with version as ( q ) select   cast(id as bigint) as id,   cast(null as varchar) as note,   day from version",
            ),
            (
                Sync,
                "id bigint, day date",
                r#"+[] -["note"] ~[]: with version as ( q ) select   id,   day from version"#,
            ),
            (Sync, "id bigint, note int, day date", "refused: note: string -> int"),
            (
                Sync,
                "id bigint, note string, day string",
                "refused: - day date (partition key); + day string (partition key)",
            ),
        ] {
            assert_eq!(decided(policy, table, new), expected, "{policy:?} {new}");
        }
        let widened = decided(Sync, "n int, day date", "n bigint, day date");
        assert_eq!(widened, r#"+[] -[] ~["n"]: with version as ( q ) select   n,   day from version"#);
    }

    #[test]
    fn types_are_named_as_a_cast_names_them() {
        for (hive, sql) in [
            ("decimal(10,2)", "decimal(10,2)"),
            ("array<struct<a:int,b:map<string,float>>>", "array(row(a integer, b map(varchar, real)))"),
            ("binary", "varbinary"),
        ] {
            assert_eq!(sql_type(hive), sql);
        }
    }

    proptest! {
        /// Whatever is decided, the version has the table's columns in its order, each exactly once, and only wider types.
        #[test]
        fn a_version_has_the_columns_of_its_table(
            published in proptest::collection::btree_map("[a-f]", 0_usize..5, 1..6),
            new in proptest::collection::btree_map("[a-f]", 0_usize..5, 1..6),
            reversed in any::<bool>(),
            policy in prop_oneof![Just(SchemaChange::Fail), Just(SchemaChange::AppendNewColumns), Just(SchemaChange::Sync)],
        ) {
            let types = ["int", "bigint", "string", "float", "double"];
            let table = |columns: &std::collections::BTreeMap<String, usize>| -> Vec<Column> {
                columns.iter().map(|(name, kind)| Column::new(name.clone(), types[*kind])).collect()
            };
            let (published, mut new) = (table(&published), table(&new));
            if reversed {
                new.reverse();
            }
            let change = match decide(policy, &published, &new, 0) {
                Decision::Refuse(differences) => {
                    prop_assert!(!differences.is_empty());
                    return Ok(());
                }
                Decision::Same(change) => {
                    prop_assert_eq!(&change.columns, &published);
                    change
                }
                Decision::Change(change) => change,
            };
            let kept: Vec<&Column> = published.iter().filter(|column| !change.dropped.contains(&column.name)).collect();
            for (column, before) in change.columns.iter().zip(&kept) {
                prop_assert_eq!(&column.name, &before.name);
                prop_assert!(column == *before || is_wider(&before.column_type, &column.column_type));
            }
            prop_assert_eq!(change.columns.len(), kept.len() + change.added.len());
            if policy == SchemaChange::Sync {
                prop_assert_eq!(change.columns.len(), new.len());
            }
            if let Some(expressions) = &change.expressions {
                prop_assert_eq!(expressions.len(), change.columns.len());
            }
        }
    }
}
