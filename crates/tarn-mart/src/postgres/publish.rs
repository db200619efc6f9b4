//! The last step: rows of the stage become rows of the table, in one transaction.

use std::time::Duration;

use tarn_pipeline::ports::{GoneRows, LoadMode, MartError};

use super::schema::{declaration, literal, quoted, quoted_list};
use super::session::{PARTS, PostgresSession};
use crate::fault::{WithHint, refused};
use crate::ledger;
use crate::server::{Change, ExistingColumn, Fault, Notation, Plan, RowWriter, changes};
use crate::value::Value;
use crate::version::Version;

/// Partitions emptied by one statement.
const PARTITIONS_PER_DELETE: usize = 200;
/// Equal keys that a refusal names.
const KEYS_NAMED: usize = 3;
/// Tries to change a table that somebody reads, and the pauses between them in which waiting readers get their turn.
const SWAPS: u32 = 20;
const PAUSE: Duration = Duration::from_secs(1);

/// An index of a table that is there.
struct Index {
    is_unique: bool,
    /// Its columns; none for one that is partial or not made of columns alone.
    columns: Vec<String>,
}

impl PostgresSession {
    pub(super) async fn make_visible(
        &self,
        plan: &Plan,
        existing: Option<&[ExistingColumn]>,
        prepared: &[Change],
        rows: u64,
    ) -> Result<(), Fault> {
        let Some(existing) = existing else {
            return self.swap(plan, rows, false).await;
        };
        let mut statements = Vec::new();
        if plan.replaces() {
            if !self.has_dependants(plan.table()).await? {
                return self.swap(plan, rows, true).await;
            }
            // Worked out again: something may have been bound to the table since its rows began to come, and then nothing is prepared.
            let changes = changes(plan.table(), existing, &plan.columns, plan.load.options.drift)?;
            statements.extend(alterations(plan, &changes)?);
        } else {
            statements.extend(alterations(plan, prepared)?);
        }
        let present = self.indexes(plan.table()).await?;
        statements.extend(self.missing_indexes(plan.table(), plan, &present));
        statements.extend(key(plan, existing, &present)?);
        statements.extend(comments(plan));
        statements.extend(deletions(plan)?);
        self.in_one_transaction(&statements, plan, rows).await
    }

    /// Puts the stage in the place of the table.
    async fn swap(&self, plan: &Plan, rows: u64, is_there: bool) -> Result<(), Fault> {
        let (table, stage) = (quoted(plan.table()), quoted(&plan.stage));
        let number = self.number(&plan.stage).await?;
        // A stage without a log is empty after its server was killed, and nothing else tells.
        let counted = self.text(format!("SELECT count(*) FROM {stage}")).await?;
        if counted != rows.to_string() {
            return Err(self.incomplete(plan, &counted, rows).await);
        }
        if self.text(format!("SELECT relpersistence FROM pg_class WHERE oid = {number}")).await? == "u" {
            self.run(format!("ALTER TABLE {stage} SET LOGGED")).await?;
        }
        // Readers do not wait for this: the stage is not theirs yet.
        let present = self.indexes(&plan.stage).await?;
        for statement in self.missing_indexes(&plan.stage, plan, &present) {
            self.run(statement).await?;
        }
        if !plan.key.is_empty() && !present.iter().any(|index| index.is_unique) {
            let names = quoted_list(plan.names(&plan.key));
            self.run(format!("ALTER TABLE {stage} ADD PRIMARY KEY ({names})")).await.map_err(equal_keys(plan))?;
        }
        self.run(format!("ANALYZE {stage}")).await?;
        let mut statements = Vec::new();
        if is_there {
            statements.extend(self.grants(plan).await?);
            statements.push(format!("DROP TABLE {table}"));
        }
        statements.push(format!("ALTER TABLE {stage} RENAME TO {table}"));
        statements.extend(comments(plan));
        statements.push(note(plan, rows));
        for _ in 1..SWAPS {
            match self.all_or_none(&statements).await {
                Err(Fault::Passing(error)) if error.message.contains("(55P03)") => {
                    tracing::info!(mart = %self.name, "the table is being read; the change is tried again");
                    tokio::time::sleep(PAUSE).await;
                }
                other => return other,
            }
        }
        self.all_or_none(&statements).await
    }

    /// The stage does not hold what was put into it. It is emptied, so that its rows come again.
    async fn incomplete(&self, plan: &Plan, counted: &str, rows: u64) -> Fault {
        let (stage, name) = (quoted(&plan.stage), literal(&plan.stage));
        let emptied = self.run(format!("BEGIN; DELETE FROM {PARTS} WHERE stage = {name}; TRUNCATE {stage}; COMMIT"));
        match emptied.await {
            Err(fault) => {
                self.roll_back().await;
                fault
            }
            Ok(()) => Fault::passing(format!("the stage of table `{}` holds {counted} of {rows} rows", plan.table())),
        }
    }

    async fn all_or_none(&self, statements: &[String]) -> Result<(), Fault> {
        let done = self.run(format!("BEGIN;\n{};\nCOMMIT", statements.join(";\n"))).await;
        if done.is_err() {
            self.roll_back().await;
        }
        done
    }

    /// Changes the rows and notes the load.
    async fn in_one_transaction(&self, before: &[String], plan: &Plan, rows: u64) -> Result<(), Fault> {
        let work = async {
            self.run("BEGIN").await?;
            for statement in before {
                self.run(statement).await?;
            }
            let changed = self.change(insertion(plan)).await?;
            if changed != rows {
                self.roll_back().await;
                return Err(self.incomplete(plan, &changed.to_string(), rows).await);
            }
            self.run(note(plan, rows)).await?;
            self.run("COMMIT").await
        };
        match work.await {
            Err(Fault::Refused(error)) if error.message.contains("(21000)") => {
                self.roll_back().await;
                Err(self.named_keys(plan, error).await.into())
            }
            Err(fault) => {
                self.roll_back().await;
                Err(fault)
            }
            Ok(()) => Ok(()),
        }
    }

    /// Whether something hangs on the table that would not follow its name: then its rows are changed in place.
    pub(super) async fn has_dependants(&self, table: &str) -> Result<bool, Fault> {
        let number = self.number(table).await?;
        let found = self
            .text(format!(
                "SELECT EXISTS (SELECT FROM pg_depend d JOIN pg_rewrite r ON d.classid = 'pg_rewrite'::regclass AND d.objid = r.oid \
                   WHERE d.refclassid = 'pg_class'::regclass AND d.refobjid = {number} AND r.ev_class <> {number}) \
                 OR EXISTS (SELECT FROM pg_depend d JOIN pg_type t ON d.refclassid = 'pg_type'::regclass AND d.refobjid = t.oid \
                   WHERE t.typrelid = {number} AND d.deptype = 'n') \
                 OR EXISTS (SELECT FROM pg_trigger WHERE tgrelid = {number} AND NOT tgisinternal) \
                 OR EXISTS (SELECT FROM pg_constraint WHERE confrelid = {number} \
                   OR (conrelid = {number} AND contype NOT IN ('p', 'n'))) \
                 OR EXISTS (SELECT FROM pg_index i JOIN pg_class x ON x.oid = i.indexrelid \
                   WHERE i.indrelid = {number} AND NOT i.indisprimary AND x.relname NOT LIKE 'tarn\\_index\\_%') \
                 OR EXISTS (SELECT FROM pg_inherits WHERE inhrelid = {number} OR inhparent = {number}) \
                 OR EXISTS (SELECT FROM pg_publication_rel WHERE prrelid = {number}) \
                 OR EXISTS (SELECT FROM pg_attribute WHERE attrelid = {number} AND attacl IS NOT NULL) \
                 OR EXISTS (SELECT FROM pg_statistic_ext WHERE stxrelid = {number}) \
                 OR EXISTS (SELECT FROM pg_class c WHERE c.oid = {number} AND (c.relrowsecurity OR c.relkind = 'p' \
                   OR c.relowner <> (SELECT oid FROM pg_roles WHERE rolname = current_user)))"
            ))
            .await?;
        Ok(found == "t")
    }

    async fn indexes(&self, table: &str) -> Result<Vec<Index>, Fault> {
        let number = self.number(table).await?;
        let rows = self
            .rows(format!(
                "SELECT i.indisunique, string_agg(a.attname::text, chr(31) ORDER BY k.place) \
                 FROM pg_index i CROSS JOIN LATERAL unnest(i.indkey) WITH ORDINALITY AS k (number, place) \
                 LEFT JOIN pg_attribute a ON a.attrelid = i.indrelid AND a.attnum = k.number \
                 WHERE i.indrelid = {number} AND i.indisvalid AND i.indpred IS NULL AND i.indexprs IS NULL \
                 AND k.place <= i.indnkeyatts GROUP BY i.indexrelid, i.indisunique"
            ))
            .await?;
        let index = |row: Vec<Option<String>>| {
            let mut values = row.into_iter().flatten();
            let is_unique = values.next()? == "t";
            Some(Index { is_unique, columns: values.next()?.split('\u{1f}').map(str::to_owned).collect() })
        };
        Ok(rows.into_iter().filter_map(index).collect())
    }

    /// The statements for the declared indexes that are not there.
    fn missing_indexes(&self, table: &str, plan: &Plan, present: &[Index]) -> Vec<String> {
        let is_missing = |places: &&Vec<usize>| {
            let wanted: Vec<&str> = plan.names(places).collect();
            !present.iter().any(|index| index.columns == wanted)
        };
        // Names of indexes are names of the schema, and the table that is replaced still has its own.
        let suffix = xxhash_rust::xxh3::xxh3_64(plan.stage.as_bytes());
        let statement = |places: &Vec<usize>| {
            let name = quoted(&format!("{}_{suffix:016x}", plan.index_name(places)));
            let columns = quoted_list(plan.names(places));
            format!("CREATE INDEX IF NOT EXISTS {name} ON {} ({columns})", quoted(table))
        };
        plan.indexes.iter().filter(is_missing).map(statement).collect()
    }

    /// The statements that give the stage the rights that people have on the table.
    async fn grants(&self, plan: &Plan) -> Result<Vec<String>, Fault> {
        let number = self.number(plan.table()).await?;
        let rows = self
            .rows(format!(
                "SELECT 'GRANT ' || a.privilege_type || ' ON {} TO ' \
                 || CASE a.grantee WHEN 0 THEN 'PUBLIC' ELSE quote_ident(r.rolname) END \
                 || CASE WHEN a.is_grantable THEN ' WITH GRANT OPTION' ELSE '' END \
                 FROM pg_class c CROSS JOIN LATERAL aclexplode(c.relacl) a LEFT JOIN pg_roles r ON r.oid = a.grantee \
                 WHERE c.oid = {number} AND a.grantee <> c.relowner",
                quoted(&plan.stage).replace('\'', "''")
            ))
            .await?;
        Ok(rows.into_iter().flatten().flatten().collect())
    }

    /// The refusal of a load with equal keys, with some of them.
    async fn named_keys(&self, plan: &Plan, error: MartError) -> MartError {
        let names = quoted_list(plan.names(&plan.key));
        let sql = format!(
            "SELECT row_to_json(k)::text FROM (SELECT {names}, count(*) AS times FROM {} GROUP BY {names} \
             HAVING count(*) > 1 LIMIT {KEYS_NAMED}) k",
            quoted(&plan.stage)
        );
        let Ok(found) = self.rows(sql).await else {
            return error;
        };
        let found: Vec<String> = found.into_iter().flatten().flatten().map(|key| format!("`{key}`")).collect();
        refused(format!("the load has the key {} more than once", found.join(", ")))
            .hint("make the model's rows unique by that key, and add an audit `unique` for it")
    }
}

fn equal_keys(plan: &Plan) -> impl Fn(Fault) -> Fault {
    let key = plan.names(&plan.key).collect::<Vec<_>>().join(", ");
    move |fault| match fault {
        Fault::Refused(error) if error.message.contains("(23505)") => Fault::Refused(
            refused(format!("the load has a key ({key}) more than once: {}", error.message))
                .hint("make the model's rows unique by that key, and add an audit `unique` for it"),
        ),
        other => other,
    }
}

fn alterations(plan: &Plan, changes: &[Change]) -> Result<Vec<String>, MartError> {
    let mut clauses = Vec::new();
    for change in changes {
        let (Change::Add(place) | Change::Widen(place)) = *change;
        let Some(column) = plan.columns.get(place) else { continue };
        let (name, declared) = (quoted(&column.name), declaration(column.value_type));
        match change {
            Change::Add(_) if plan.merges() && plan.key.contains(&place) => {
                return Err(refused(format!("key column `{}` is not in table `{}`", column.name, plan.table()))
                    .hint("load with mode `replace` to build the table anew"));
            }
            Change::Add(_) => clauses.push(format!("ADD COLUMN {name} {declared}")),
            Change::Widen(_) => clauses.push(format!("ALTER COLUMN {name} TYPE {declared}")),
        }
    }
    if clauses.is_empty() {
        return Ok(vec![]);
    }
    Ok(vec![format!("ALTER TABLE {} {}", quoted(plan.table()), clauses.join(", "))])
}

/// What makes sure that a merge finds rows by the key.
fn key(plan: &Plan, existing: &[ExistingColumn], present: &[Index]) -> Result<Option<String>, MartError> {
    if !plan.merges() {
        return Ok(None);
    }
    let key: Vec<&str> = plan.names(&plan.key).collect();
    let folds = |name: &&&str| existing.iter().any(|column| column.name == **name && !column.is_bytewise);
    if let Some(name) = key.iter().find(folds) {
        return Err(refused(format!(
            "key column `{name}` of table `{}` takes different texts for equal: keys that differ would be one",
            plan.table()
        ))
        .hint("give it a deterministic collation, or load with mode `replace`"));
    }
    let is_key = |index: &&Index| {
        index.is_unique
            && index.columns.len() == key.len()
            && key.iter().all(|name| index.columns.iter().any(|c| c == name))
    };
    if present.iter().any(|index| is_key(&index)) {
        return Ok(None);
    }
    let names = quoted_list(key.iter().copied());
    let hash = xxhash_rust::xxh3::xxh3_64(format!("{}|{names}", plan.table()).as_bytes());
    Ok(Some(format!("CREATE UNIQUE INDEX tarn_index_{hash:016x}_key ON {} ({names})", quoted(plan.table()))))
}

fn comments(plan: &Plan) -> Vec<String> {
    let table = quoted(plan.table());
    let mut statements = Vec::new();
    if let Some(description) = &plan.load.options.description {
        statements.push(format!("COMMENT ON TABLE {table} IS {}", literal(&description.replace('\0', ""))));
    }
    for (column, comment) in plan.columns.iter().zip(&plan.comments) {
        if let Some(comment) = comment {
            let comment = literal(&comment.replace('\0', ""));
            statements.push(format!("COMMENT ON COLUMN {table}.{} IS {comment}", quoted(&column.name)));
        }
    }
    statements
}

fn insertion(plan: &Plan) -> String {
    let names = quoted_list(plan.columns.iter().map(|column| column.name.as_str()));
    let mut sql = format!("INSERT INTO {} ({names}) SELECT {names} FROM {}", quoted(plan.table()), quoted(&plan.stage));
    if plan.merges() {
        let key = quoted_list(plan.names(&plan.key));
        let assignments: Vec<String> = plan
            .columns
            .iter()
            .enumerate()
            .filter(|(place, _)| !plan.key.contains(place))
            .map(|(_, column)| format!("{0} = EXCLUDED.{0}", quoted(&column.name)))
            .collect();
        if assignments.is_empty() {
            // A row whose key is all there is changes nothing, but it is counted.
            let first = quoted_list(plan.names(&plan.key).take(1));
            sql.push_str(&format!(" ON CONFLICT ({key}) DO UPDATE SET {first} = EXCLUDED.{first}"));
        } else {
            sql.push_str(&format!(" ON CONFLICT ({key}) DO UPDATE SET {}", assignments.join(", ")));
        }
    }
    sql
}

/// The row of the ledger; the slices of the stage are forgotten with it.
fn note(plan: &Plan, rows: u64) -> String {
    format!(
        "INSERT INTO {} (table_name, run, mode, rows) VALUES ({}, {}, '{}', {rows}); DELETE FROM {PARTS} WHERE stage = {}",
        ledger::TABLE,
        literal(plan.table()),
        literal(plan.load.run.as_str()),
        ledger::mode_name(&plan.load.mode),
        literal(&plan.stage)
    )
}

fn deletions(plan: &Plan) -> Result<Vec<String>, MartError> {
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
            let written = match values.value(0, &mut text).map_err(wrong)? {
                Value::Null => None,
                Value::Text(text) => Some(text.to_owned()),
                value => {
                    let mut writer = RowWriter::new(Notation::PostgresText, 32);
                    writer.value(value, column.value_type).map_err(wrong)?;
                    Some(String::from_utf8_lossy(&writer.bytes).into_owned())
                }
            };
            let name = quoted(&column.name);
            parts.push(match written {
                None => format!("{name} IS NULL"),
                Some(text) => format!("{name} = {}::{}", literal(&text), declaration(column.value_type)),
            });
        }
        conditions.push(format!("({})", parts.join(" AND ")));
    }
    Ok(conditions
        .chunks(PARTITIONS_PER_DELETE)
        .map(|conditions| format!("DELETE FROM {table} WHERE {}", conditions.join(" OR ")))
        .collect())
}
