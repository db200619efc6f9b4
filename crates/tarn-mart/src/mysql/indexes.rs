//! The indexes of a table that is there, and what else hangs on it.

use std::collections::BTreeMap;

use super::schema::{literal, quoted, quoted_list};
use super::session::MysqlSession;
use crate::fault::{WithHint, refused};
use crate::server::{ExistingColumn, Fault, Plan};

/// An index of a table that is there.
pub(super) struct Index {
    name: String,
    is_unique: bool,
    /// Its columns as SQL writes them; `None` for one that is not made of columns alone.
    columns: Option<Vec<String>>,
    names: Vec<String>,
    is_bytewise: bool,
    /// Whether it looks at all of its columns' values, not at their beginnings only.
    is_whole: bool,
}

impl Index {
    /// How an index is dropped that is there for searches alone; `None` for one that keeps keys apart.
    pub(super) fn of_search(&self) -> Option<String> {
        (!self.is_unique).then(|| format!("DROP INDEX {}", quoted(&self.name)))
    }
}

impl MysqlSession {
    pub(super) async fn indexes(&mut self, table: &str) -> Result<Vec<Index>, Fault> {
        type Row = (String, i64, Option<String>, Option<i64>, String, Option<String>);
        let found: Vec<Row> = self
            .rows(format!(
                "SELECT s.INDEX_NAME, s.NON_UNIQUE, s.COLUMN_NAME, s.SUB_PART, s.INDEX_TYPE, c.COLLATION_NAME \
                 FROM information_schema.STATISTICS s LEFT JOIN information_schema.COLUMNS c \
                 ON c.TABLE_SCHEMA = s.TABLE_SCHEMA AND c.TABLE_NAME = s.TABLE_NAME AND c.COLUMN_NAME = s.COLUMN_NAME \
                 WHERE s.TABLE_SCHEMA = DATABASE() AND s.TABLE_NAME = {} ORDER BY s.INDEX_NAME, s.SEQ_IN_INDEX",
                literal(table)
            ))
            .await?;
        let mut indexes: BTreeMap<String, Index> = BTreeMap::new();
        for (name, non_unique, column, part, kind, collation) in found {
            let index = indexes.entry(name.clone()).or_insert_with(|| Index {
                name,
                is_unique: non_unique == 0,
                columns: Some(Vec::new()),
                names: Vec::new(),
                is_bytewise: true,
                is_whole: true,
            });
            index.is_whole &= part.is_none();
            index.is_bytewise &= collation.is_none_or(|name| name == self.flavour.collation());
            match (&mut index.columns, column) {
                (Some(columns), Some(column)) if kind == "BTREE" => {
                    let length = part.map(|length| format!("({length})")).unwrap_or_default();
                    columns.push(format!("{}{length}", quoted(&column)));
                    index.names.push(column);
                }
                _ => index.columns = None,
            }
        }
        Ok(indexes.into_values().collect())
    }

    /// Whether something hangs on the table that would not follow its name: then its rows are changed in place.
    pub(super) async fn has_dependants(&mut self, table: &str, indexes: &[Index]) -> Result<bool, Fault> {
        if indexes.iter().any(|index| index.columns.is_none()) {
            return Ok(true);
        }
        let table = literal(table);
        let found: Vec<(String,)> = self
            .rows(format!(
                "SELECT 'trigger' FROM information_schema.TRIGGERS \
                 WHERE EVENT_OBJECT_SCHEMA = DATABASE() AND EVENT_OBJECT_TABLE = {table} \
                 UNION ALL SELECT 'key' FROM information_schema.KEY_COLUMN_USAGE \
                 WHERE TABLE_SCHEMA = DATABASE() AND TABLE_NAME = {table} AND REFERENCED_TABLE_NAME IS NOT NULL \
                 UNION ALL SELECT 'key' FROM information_schema.KEY_COLUMN_USAGE \
                 WHERE REFERENCED_TABLE_SCHEMA = DATABASE() AND REFERENCED_TABLE_NAME = {table} \
                 UNION ALL SELECT 'partitions' FROM information_schema.TABLES \
                 WHERE TABLE_SCHEMA = DATABASE() AND TABLE_NAME = {table} AND CREATE_OPTIONS LIKE '%partitioned%'"
            ))
            .await?;
        Ok(!found.is_empty())
    }

    /// Gives the stage the indexes that people added to the table, after its rows: that is faster.
    pub(super) async fn keep_indexes(&mut self, plan: &Plan, indexes: &[Index]) -> Result<(), Fault> {
        let is_column = |name: &String| plan.columns.iter().any(|column| column.name.eq_ignore_ascii_case(name));
        let kept = indexes.iter().filter(|index| {
            index.name != "PRIMARY" && !index.name.starts_with("tarn_index_") && index.names.iter().all(is_column)
        });
        let present: Vec<String> = self.indexes(&plan.stage).await?.into_iter().map(|index| index.name).collect();
        let clauses: Vec<String> = kept
            .filter(|index| !present.contains(&index.name))
            .map(|index| {
                let unique = if index.is_unique { "UNIQUE " } else { "" };
                let columns = index.columns.as_deref().unwrap_or_default().join(", ");
                format!("ADD {unique}INDEX {} ({columns})", quoted(&index.name))
            })
            .collect();
        if clauses.is_empty() {
            return Ok(());
        }
        let sql = format!("ALTER TABLE {} {}", quoted(&plan.stage), clauses.join(", "));
        self.run(sql).await.map(|_| ()).map_err(|fault| match fault {
            Fault::Refused(error) => Fault::Refused(
                refused(format!(
                    "an index of table `{}` does not fit the new version: {}",
                    plan.table(),
                    error.message
                ))
                .hint("drop the index in the mart, then load again"),
            ),
            other => other,
        })
    }

    /// Adds the declared indexes that are not there.
    pub(super) async fn add_indexes(&mut self, table: &str, plan: &Plan) -> Result<(), Fault> {
        if plan.indexes.is_empty() {
            return Ok(());
        }
        let present: Vec<String> = self.indexes(table).await?.into_iter().map(|index| index.name).collect();
        let mut clauses: Vec<String> = plan
            .indexes
            .iter()
            .map(|places| (plan.index_name(places), places))
            .filter(|(name, _)| !present.contains(name))
            .map(|(name, places)| format!("ADD INDEX {} ({})", quoted(&name), quoted_list(plan.names(places))))
            .collect();
        clauses.dedup();
        if clauses.is_empty() {
            return Ok(());
        }
        self.patiently(&format!("ALTER TABLE {} {}", quoted(table), clauses.join(", "))).await
    }

    /// Makes sure that a merge finds rows by the key, and by nothing else.
    pub(super) async fn check_key(
        &mut self,
        plan: &Plan,
        existing: &[ExistingColumn],
        indexes: &[Index],
    ) -> Result<(), Fault> {
        if !plan.merges() {
            return Ok(());
        }
        let key: Vec<&str> = plan.names(&plan.key).collect();
        let is_key = |index: &&Index| {
            index.is_unique
                && index.is_whole
                && index.names.len() == key.len()
                && key.iter().all(|name| index.names.iter().any(|other| other.eq_ignore_ascii_case(name)))
        };
        let of_key = indexes.iter().find(is_key);
        if let Some(other) = indexes.iter().find(|index| index.is_unique && !is_key(index)) {
            return Err(refused(format!(
                "table `{}` has another unique index, `{}`: a row could replace one of another key",
                plan.table(),
                other.name
            ))
            .hint("drop that index, or load with another mode")
            .into());
        }
        let folds =
            |name: &&&str| existing.iter().any(|column| column.name.eq_ignore_ascii_case(name) && !column.is_bytewise);
        if let Some(name) = key.iter().find(folds) {
            return Err(refused(format!(
                "key column `{name}` of table `{}` does not compare its text byte by byte: keys that differ would be one",
                plan.table()
            ))
            .hint(format!("give it the collation `{}`, or load with mode `replace`", self.flavour.collation()))
            .into());
        }
        if of_key.is_some_and(|index| index.is_bytewise) {
            return Ok(());
        }
        let sql = format!(
            "ALTER TABLE {} ADD UNIQUE INDEX tarn_key ({})",
            quoted(plan.table()),
            quoted_list(key.iter().copied())
        );
        self.patiently(&sql).await.map_err(|fault| match fault {
            Fault::Refused(error) if error.message.contains("(error 1062)") => Fault::Refused(
                refused(format!(
                    "table `{}` holds several rows with the same key ({}): {}",
                    plan.table(),
                    key.join(", "),
                    error.message
                ))
                .hint("remove all but one of them, or load with mode `replace`"),
            ),
            other => other,
        })
    }
}
