//! The last step: rows of the stage become rows of the table.

use std::collections::BTreeMap;
use std::time::Duration;

use tarn_pipeline::ports::{GoneRows, LoadMode, MartError};

use super::schema::{self, literal, quoted, quoted_list};
use super::session::MysqlSession;
use crate::fault::{WithHint, refused};
use crate::ledger;
use crate::server::{Change, ExistingColumn, Fault, Notation, Plan, RowWriter, changes, stage_prefix};
use crate::version::Version;

/// Partitions emptied by one statement.
const PARTITIONS_PER_DELETE: usize = 200;
/// Tries to change a table that somebody reads, and the pauses between them in which waiting readers get their turn.
const SWAPS: u32 = 20;
const PAUSE: Duration = Duration::from_secs(1);

/// An index of a table that is there.
struct Index {
    name: String,
    is_unique: bool,
    /// Its columns as SQL writes them; `None` for one that is not made of columns alone.
    columns: Option<Vec<String>>,
    names: Vec<String>,
    is_bytewise: bool,
}

impl MysqlSession {
    pub(super) async fn make_visible(
        &mut self,
        plan: &Plan,
        existing: Option<&[ExistingColumn]>,
        prepared: &[Change],
        rows: u64,
    ) -> Result<(), Fault> {
        let Some(existing) = existing else {
            return self.swap(plan, rows, false).await;
        };
        let indexes = self.indexes(plan.table()).await?;
        if plan.replaces() {
            if !self.is_bound(plan.table(), &indexes).await? {
                self.keep_indexes(plan, &indexes).await?;
                return self.swap(plan, rows, true).await;
            }
            let changes = changes(plan.table(), existing, &plan.columns, plan.load.options.drift)?;
            self.alter(plan, &changes).await?;
        } else {
            self.alter(plan, prepared).await?;
        }
        self.check_key(plan, existing, &indexes).await?;
        self.add_indexes(plan.table(), plan).await?;
        self.in_one_transaction(plan, existing, rows).await
    }

    /// Puts the stage in the place of the table.
    async fn swap(&mut self, plan: &Plan, rows: u64, is_there: bool) -> Result<(), Fault> {
        let (table, stage) = (quoted(plan.table()), quoted(&plan.stage));
        self.add_indexes(&plan.stage, plan).await?;
        self.settle(plan.table()).await?;
        self.run(note(plan, rows, false)).await?;
        let load = self.connection().last_insert_id().unwrap_or_default();
        let description = plan.load.options.description.as_deref().unwrap_or_default();
        // 2,048 characters is what a comment may have.
        let description: String = description.chars().filter(|character| *character != '\0').take(1_900).collect();
        let comment = format!("{description}{}[tarn load {load}]", if description.is_empty() { "" } else { " " });
        self.run(format!("ALTER TABLE {stage} COMMENT = {}", literal(&comment))).await?;
        let old = quoted(&format!("{}old", stage_prefix(plan.table())));
        if is_there {
            self.run(format!("DROP TABLE IF EXISTS {old}")).await?;
            self.patiently(&format!("RENAME TABLE {table} TO {old}, {stage} TO {table}")).await?;
        } else {
            self.run(format!("RENAME TABLE {stage} TO {table}")).await?;
        }
        // From here on the load is there: what follows is repeated by the next one if it fails.
        let _ = self.settle(plan.table()).await;
        let _ = self.run(format!("DROP TABLE IF EXISTS {old}")).await;
        Ok(())
    }

    /// Makes the ledger say what the table's comment says, and forgets loads that never became visible.
    async fn settle(&mut self, table: &str) -> Result<(), Fault> {
        let of_table = format!("table_name = {}", literal(table));
        let ledger = ledger::TABLE;
        if let Some(load) = self.load_in_comment(table).await? {
            self.run(format!("UPDATE {ledger} SET is_visible = 1 WHERE id = {load} AND {of_table}")).await?;
        }
        self.run(format!("DELETE FROM {ledger} WHERE {of_table} AND is_visible = 0")).await?;
        Ok(())
    }

    /// Runs a change of a table that somebody may be reading.
    ///
    /// While it waits for readers, new readers wait behind it. So it waits for seconds only (`lock_wait_timeout`), lets them pass,
    /// and tries again.
    async fn patiently(&mut self, sql: &str) -> Result<(), Fault> {
        for _ in 1..SWAPS {
            match self.run(sql).await {
                Err(Fault::Passing(error)) if error.message.contains("(error 1205)") => {
                    tracing::info!(mart = %self.name, "the table is being read; the change is tried again");
                    tokio::time::sleep(PAUSE).await;
                }
                other => return other.map(|_| ()),
            }
        }
        self.run(sql).await.map(|_| ())
    }

    async fn alter(&mut self, plan: &Plan, changes: &[Change]) -> Result<(), Fault> {
        let mut clauses = Vec::new();
        for change in changes {
            let (verb, place) = match change {
                Change::Add(place) => ("ADD", *place),
                Change::Widen(place) => ("MODIFY", *place),
            };
            let Some(column) = plan.columns.get(place) else { continue };
            let is_key = plan.key.contains(&place);
            if verb == "ADD" && is_key {
                return Err(refused(format!("key column `{}` is not in table `{}`", column.name, plan.table()))
                    .hint("load with mode `replace` to build the table anew")
                    .into());
            }
            let comment = plan.comments.get(place).and_then(Option::as_deref);
            let declaration = schema::declaration(column, comment, is_key, self.flavour);
            clauses.push(format!("{verb} COLUMN {} {declaration}", quoted(&column.name)));
        }
        if clauses.is_empty() {
            return Ok(());
        }
        self.patiently(&format!("ALTER TABLE {} {}", quoted(plan.table()), clauses.join(", "))).await
    }

    async fn indexes(&mut self, table: &str) -> Result<Vec<Index>, Fault> {
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
            });
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
    async fn is_bound(&mut self, table: &str, indexes: &[Index]) -> Result<bool, Fault> {
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
    async fn keep_indexes(&mut self, plan: &Plan, indexes: &[Index]) -> Result<(), Fault> {
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
    async fn add_indexes(&mut self, table: &str, plan: &Plan) -> Result<(), Fault> {
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
    async fn check_key(&mut self, plan: &Plan, existing: &[ExistingColumn], indexes: &[Index]) -> Result<(), Fault> {
        if !plan.merges() {
            return Ok(());
        }
        let key: Vec<&str> = plan.names(&plan.key).collect();
        let is_key = |index: &&Index| {
            index.is_unique
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

    /// Changes the rows and notes the load.
    async fn in_one_transaction(&mut self, plan: &Plan, existing: &[ExistingColumn], rows: u64) -> Result<(), Fault> {
        let mut statements = vec!["START TRANSACTION".to_owned()];
        statements.extend(deletions(plan, existing)?);
        statements.push(insertion(plan));
        statements.push(note(plan, rows, true));
        statements.push("COMMIT".to_owned());
        for statement in statements {
            if let Err(fault) = self.run(statement).await {
                self.roll_back().await;
                return Err(fault);
            }
        }
        Ok(())
    }
}

/// The row of the ledger.
fn note(plan: &Plan, rows: u64, is_visible: bool) -> String {
    format!(
        "INSERT INTO {} (table_name, run, mode, `rows`, loaded_at, is_visible) VALUES ({}, {}, '{}', {rows}, UTC_TIMESTAMP(3), {})",
        ledger::TABLE,
        literal(plan.table()),
        literal(plan.load.run.as_str()),
        ledger::mode_name(&plan.load.mode),
        u8::from(is_visible)
    )
}

fn insertion(plan: &Plan) -> String {
    let (table, stage) = (quoted(plan.table()), quoted(&plan.stage));
    let names = quoted_list(plan.columns.iter().map(|column| column.name.as_str()));
    let mut sql = format!("INSERT INTO {table} ({names}) SELECT {names} FROM {stage}");
    if plan.merges() {
        let is_value = |(place, _): &(usize, _)| !plan.key.contains(place);
        let mut assignments: Vec<String> = plan
            .columns
            .iter()
            .enumerate()
            .filter(is_value)
            .map(|(_, column)| quoted(&column.name))
            .map(|name| format!("{table}.{name} = {stage}.{name}"))
            .collect();
        if assignments.is_empty() {
            assignments.extend(plan.names(&plan.key).take(1).map(|name| {
                let name = quoted(name);
                format!("{table}.{name} = {table}.{name}")
            }));
        }
        sql.push_str(&format!(" ON DUPLICATE KEY UPDATE {}", assignments.join(", ")));
    }
    sql
}

fn deletions(plan: &Plan, existing: &[ExistingColumn]) -> Result<Vec<String>, MartError> {
    let table = quoted(plan.table());
    let load = &plan.load;
    match &load.mode {
        LoadMode::Replace => return Ok(vec![format!("DELETE FROM {table}")]),
        LoadMode::Partition { .. } => {}
        LoadMode::Merge { .. } if load.options.gone == GoneRows::Delete => {}
        LoadMode::Merge { .. } | LoadMode::Append => return Ok(vec![]),
    }
    let version = Version::of(load)?;
    let keys = version.partition_keys();
    let mut conditions = Vec::new();
    for values in version.partitions()? {
        let mut parts = Vec::new();
        for (column, values) in keys.iter().zip(&values) {
            let mut text = String::new();
            let wrong = |what: &str| {
                refused(format!("partition key `{}` of type `{}` holds {what}", column.name, column.hive_type))
            };
            let value = values.value(0, &mut text).map_err(wrong)?;
            let mut writer = RowWriter::new(Notation::MysqlLiteral, 32);
            writer.value(value, column.value_type).map_err(wrong)?;
            let written = String::from_utf8_lossy(&writer.bytes).into_owned();
            let name = quoted(&column.name);
            let folds = existing.iter().any(|old| old.name.eq_ignore_ascii_case(&column.name) && !old.is_bytewise);
            parts.push(if folds {
                format!("CAST({name} AS BINARY) <=> CAST({written} AS BINARY)")
            } else {
                format!("{name} <=> {written}")
            });
        }
        conditions.push(format!("({})", parts.join(" AND ")));
    }
    Ok(conditions
        .chunks(PARTITIONS_PER_DELETE)
        .map(|conditions| format!("DELETE FROM {table} WHERE {}", conditions.join(" OR ")))
        .collect())
}
