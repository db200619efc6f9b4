//! The statements of a model as they would be sent, without sending those that cost.
//!
//! What a statement will say may depend on what an earlier one answers: a version with more partitions than one statement writes is
//! shown as one statement, and what is deleted from an Iceberg table as all of it, with a note in place of the partitions.

use tarn_model::{Materialization, Strategy};

use super::make::Prepared;
use super::{ModelStep, empty_record};
use crate::audit;
use crate::context::RunContext;
use crate::error::StepError;
use crate::layout;
use crate::names::Key;
use crate::prepare::{self, Merge, Rows, TableProperties};
use crate::record::Status;

/// A statement and what it is for.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize)]
pub struct Previewed {
    /// What it is for: `prepare`, `convert`, `audit`.
    pub purpose: &'static str,
    /// The statement as the engine gets it, who asks included.
    pub statement: String,
}

/// The statements that a model would need now, in their order. The engine is asked for the columns of the query, which costs nothing.
///
/// # Errors
/// As preparing the model would have them: a mistake in its SQL, columns that cannot join the table, a limit that is passed.
pub async fn statements(context: RunContext, model: &str) -> Result<Vec<Previewed>, StepError> {
    let found = context.lake.models.get(model).cloned();
    let model = found.ok_or_else(|| StepError::permanent(format!("there is no model `{model}`")))?;
    let mut step = ModelStep { record: empty_record(&model, Status::Done), model, context };
    let published = step.context.ports.catalogue.get(&step.model.name).await?;
    let prepared = step.prepare(published).await?;
    step.record.full_refresh = prepared.onto.is_none();
    let mut preview = Preview { step: &step, prepared: &prepared, statements: Vec::new() };
    preview.convert();
    let checks = step.checks()?;
    if !checks.is_empty() {
        preview.add("audit", audit::counts(&checks));
    }
    Ok(preview.statements)
}

struct Preview<'a> {
    step: &'a ModelStep,
    prepared: &'a Prepared,
    statements: Vec<Previewed>,
}

impl Preview<'_> {
    fn add(&mut self, purpose: &'static str, text: String) {
        let statement = prepare::attributed(&text, &self.step.attribution(purpose));
        self.statements.push(Previewed { purpose, statement });
    }

    fn convert(&mut self) {
        let (step, prepared) = (self.step, self.prepared);
        match (&step.model.materialization, &prepared.onto) {
            (Materialization::View, _) => {
                self.add("convert", prepare::create_view(&step.staging_table(), &prepared.compiled.sql).text);
            }
            (Materialization::Incremental(strategy), Some(onto)) => self.onto(strategy, &onto.name),
            _ => self.write(&prepared.rows),
        }
    }

    fn onto(&mut self, strategy: &Strategy, published: &str) {
        let (staging, delta) = (self.step.staging_table(), self.step.delta_table());
        let of_delta = Rows::of(&format!("select *\nfrom {}", prepare::identifier(&delta)));
        let is_iceberg = self.step.is_iceberg();
        match strategy {
            Strategy::Merge { unique_key, order } => {
                let order = order.as_ref().map(|order| order.column.as_str());
                self.add_delta(&delta);
                self.add("convert", prepare::unmergeable_keys(&delta, unique_key, order));
                let (columns, added) = (&self.prepared.columns, &self.prepared.added);
                let merge = Merge { published, delta: &delta, columns, added, key: unique_key, order };
                let in_place =
                    is_iceberg.then(|| prepare::merge_into(Merge { published: &staging, ..merge })).flatten();
                match in_place {
                    Some(text) => {
                        self.add_partitions(&of_delta);
                        self.add("convert", text);
                    }
                    None => self.write(&Rows::of(&prepare::merged_rows(merge))),
                }
            }
            Strategy::InsertOverwrite if is_iceberg => {
                self.add_delta(&delta);
                self.add_partitions(&of_delta);
                let table = prepare::identifier(&staging);
                self.add("convert", format!("delete from {table}\nwhere true -- the partitions of the new rows"));
                self.add("convert", prepare::insert_into(&staging, &of_delta.sql).text);
            }
            Strategy::Append if is_iceberg => {
                let rows = self.prepared.rows.clone();
                self.add_partitions(&rows);
                self.add("convert", prepare::insert_into(&staging, &rows.sql).text);
            }
            _ => self.write(&self.prepared.rows.clone()),
        }
    }

    fn add_delta(&mut self, delta: &str) {
        let folder = layout::delta(&self.step.model.name, &self.step.context.settings.run);
        let properties = TableProperties::passing(&self.step.model, delta, &folder);
        self.create(properties, &self.prepared.rows.sql.clone());
    }

    fn add_partitions(&mut self, rows: &Rows) {
        if self.step.may_need_batches() {
            self.add("prepare", prepare::partitions(&rows.sql, &self.step.model.partitioned_by));
        }
    }

    /// A version of these rows.
    fn write(&mut self, rows: &Rows) {
        self.add_partitions(rows);
        let (name, run) = (&self.step.model.name, &self.step.context.settings.run);
        let (table, folder): (String, Key) = (self.step.staging_table(), layout::version(name, run));
        let held = self.step.as_held(rows, &self.prepared.columns);
        let model = self.step.model.clone();
        self.create(TableProperties::of(&model, &table, &folder), &held.sql);
    }

    fn create(&mut self, properties: TableProperties<'_>, query: &str) {
        let objects = std::sync::Arc::clone(&self.step.context.ports.objects);
        self.add("convert", prepare::create_table_as(properties, query, objects.as_ref()).text);
    }
}
