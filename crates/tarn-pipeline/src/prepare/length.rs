//! How long a statement may be, and how long those of a model will be: told at the desk, where it can still be mended.
//!
//! What is sent is longer than what the user wrote: around it stands what makes a table or a view of it, puts its columns into the
//! published table's order, chooses partitions, or counts the rows that fail an audit, and behind it who asks.

use tarn_model::{Materialization, Model, Strategy, TableType};

use crate::columns::sql_type;
use crate::error::StepError;
use crate::layout;
use crate::names::{Key, RunId};
use crate::ports::Column;

use super::table::create_table_at;
use super::{
    ATTRIBUTION_ROOM, Merge, Rows, STATEMENT_LIMIT, TableProperties, WrittenKeys, batches, create_view, iceberg_rows,
    identifier, merge_into, merged_rows, partitions, shape,
};

/// The most bytes of a statement before it is told who asks.
pub(super) const LONGEST: usize = STATEMENT_LIMIT - ATTRIBUTION_ROOM;

/// Bytes kept for the values of partitions in a statement that writes some of them.
const PREDICATE_ROOM: usize = 2_048;
/// Bytes of a bucket's name, at most.
const LONGEST_BUCKET: usize = 63;

/// A model as it is known before anything is sent.
#[derive(Debug, Clone, Copy)]
pub struct Known<'a> {
    /// The model.
    pub model: &'a Model,
    /// Its query, compiled.
    pub sql: &'a str,
    /// The columns it yields, partition columns last.
    pub columns: &'a [Column],
    /// The one query of its audits, where it has some.
    pub audits: Option<&'a str>,
}

/// The longest statement that a model will need, whatever stands around its query by then: what it does, and its bytes.
fn longest_statement(known: Known<'_>) -> (&'static str, usize) {
    let statements = [Some(of_columns(known)), Some(of_rows(known)), of_partitions(known), of_merge(known)];
    let audits = known.audits.map(|audits| ("counts the failing rows of the audits", audits.len()));
    statements.into_iter().flatten().chain(audits).max_by_key(|(_, bytes)| *bytes).unwrap_or_default()
}

/// Refuses a model that will need a statement longer than Athena takes.
///
/// # Errors
/// Says which statement, and how long it would be.
pub fn check_length(known: Known<'_>) -> Result<(), StepError> {
    match longest_statement(known) {
        (_, bytes) if bytes <= LONGEST => Ok(()),
        (does, bytes) => Err(too_long(&format!("the statement that {does} of model `{}`", known.model.name), bytes)),
    }
}

/// Refuses a statement that Athena would refuse once it is told who asks.
///
/// # Errors
/// When it is longer than Athena takes with that.
pub fn refuse_long(statement: &str) -> Result<(), StepError> {
    match statement.len() {
        bytes if bytes <= LONGEST => Ok(()),
        bytes => Err(too_long("the statement", bytes)),
    }
}

fn too_long(what: &str, bytes: usize) -> StepError {
    StepError::permanent(format!(
        "{what} has {bytes} bytes; Athena takes at most {STATEMENT_LIMIT}, and {ATTRIBUTION_ROOM} are kept to name who asks"
    ))
    .with_hint("cut the model into two, of which one reads the other")
}

/// The longest place that a key can have.
fn place(key: &Key) -> String {
    format!("s3://{}/{key}", "b".repeat(LONGEST_BUCKET))
}

fn of_columns(known: Known<'_>) -> (&'static str, usize) {
    let table = format!("tarn_shape_{:032x}", 0);
    let folder = layout::shapes().join(&table).join("");
    ("learns the columns", shape(&table, &place(&folder), known.sql).len())
}

fn of_rows(known: Known<'_>) -> (&'static str, usize) {
    let Known { model, sql, columns, .. } = known;
    let run = RunId::longest();
    let table = layout::delta_table(&model.name, &run);
    if model.materialization == Materialization::View {
        return ("creates the view", create_view(&table, sql).text.len());
    }
    let folder = layout::passing(&model.name, &run);
    let properties = TableProperties::of(model, &table, &folder);
    let rows = written(model, &held(model, &arranged(model, sql, columns), columns), columns);
    let (rows, room) = match model.partitioned_by.is_empty() {
        true => (rows, 0),
        false => (batches::batch_rows(&rows, ""), PREDICATE_ROOM),
    };
    ("creates the table", create_table_at(properties, &rows, &place(&folder)).text.len() + room)
}

fn of_partitions(known: Known<'_>) -> Option<(&'static str, usize)> {
    let Known { model, sql, columns, .. } = known;
    let rows = arranged(model, sql, columns);
    let statement = || partitions(&rows, &model.partitioned_by);
    (!model.partitioned_by.is_empty()).then(|| ("asks for the partitions", statement().len()))
}

/// What merges, which has no word of the user's: it grows with the columns.
fn of_merge(known: Known<'_>) -> Option<(&'static str, usize)> {
    let Known { model, columns, .. } = known;
    let Materialization::Incremental(Strategy::Merge { unique_key, order }) = &model.materialization else {
        return None;
    };
    let run = RunId::longest();
    let (published, delta) = (layout::staging_table(&model.name, &run), layout::delta_table(&model.name, &run));
    let added: Vec<String> = columns.iter().map(|column| column.name.clone()).collect();
    let order = order.as_ref().map(|order| order.column.as_str());
    let merge = Merge { published: &published, delta: &delta, columns, added: &added, key: unique_key, order };
    let folder = layout::version(&model.name, &run);
    let rows = held(model, &merged_rows(merge), columns);
    let anew = create_table_at(TableProperties::of(model, &published, &folder), &rows, &place(&folder)).text.len();
    let in_place = merge_into(Merge { added: &[], ..merge }).map_or(0, |statement| statement.len());
    Some(("merges the rows", anew.max(in_place)))
}

/// The query with each column in another order and of a wider type, where a table may ask for that.
fn arranged(model: &Model, sql: &str, columns: &[Column]) -> String {
    if !model.is_incremental() && model.partitioned_by.is_empty() {
        return sql.to_owned();
    }
    let cast = |column: &Column| {
        let name = identifier(&column.name);
        format!("cast({name} as {}) as {name}", sql_type(&column.column_type))
    };
    Rows::selected(columns.iter().map(cast), sql).sql
}

/// The rows where something stands for every key of text.
fn written(model: &Model, sql: &str, columns: &[Column]) -> String {
    let keys = columns.get(columns.len().saturating_sub(model.partitioned_by.len())..).unwrap_or_default();
    let odd = |key: &Column| Some("\u{7f}".to_owned()).filter(|_| !matches!(key.column_type.as_str(), "date" | "int"));
    let values: Vec<Option<String>> = keys.iter().map(odd).collect();
    match WrittenKeys::of(keys, &[values]) {
        Ok(written) => written.rows(&Rows::of(sql), columns).sql,
        Err(_) => sql.to_owned(),
    }
}

fn held(model: &Model, sql: &str, columns: &[Column]) -> String {
    match model.table_type {
        TableType::Iceberg => iceberg_rows(sql, columns).sql,
        TableType::Hive => sql.to_owned(),
    }
}
