//! Checking the SQL of every model before anything runs: each is planned against empty tables of the columns that the models
//! before it yield, so that a column that is not there is found at the desk and not at night.

use std::collections::BTreeMap;

use indexmap::IndexMap;
use serde::Serialize;
use tarn_model::{
    CompileContext, CompiledModel, Diagnostic, Diagnostics, Lake, Materialization, Model, Severity, SourceKind,
};

use crate::audit;
use crate::columns;
use crate::context::Ports;
use crate::convert::CatalogueNames;
use crate::error::StepError;
use crate::layout;
use crate::names::RunId;
use crate::ports::{Attribution, Catalogue, Column, TableEntry, TableKind};
use crate::prepare::{self, Known};
use crate::{seeds, sources, sql_error};

/// A mistake in the lake's files or in a model's SQL.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Mistake {
    /// The model, where it was found when the model was planned.
    pub model: Option<String>,
    /// The file, relative to the lake's folder.
    pub file: String,
    /// The line, from 1, where one is known.
    pub line: Option<usize>,
    /// The column in characters, from 1, where one is known.
    pub column: Option<usize>,
    /// Short stable name of the kind of mistake.
    pub code: &'static str,
    /// What is wrong.
    pub message: String,
    /// What to do about it.
    pub hint: Option<String>,
    /// The same with the lines of the file, for people.
    #[serde(skip)]
    pub shown: Option<Diagnostic>,
}

impl Mistake {
    /// A mistake whose place is known.
    #[must_use]
    pub fn at(model: Option<&Model>, diagnostic: Diagnostic) -> Self {
        Self {
            model: model.map(|model| model.name.clone()),
            file: diagnostic.file.clone(),
            line: Some(diagnostic.line),
            column: Some(diagnostic.column),
            code: diagnostic.code,
            message: diagnostic.message.clone(),
            hint: diagnostic.hint.clone(),
            shown: Some(diagnostic),
        }
    }

    fn all_of(model: &Model, error: StepError) -> Vec<Self> {
        if let Some(diagnostics) = error.mistakes {
            return (*diagnostics).into_iter().map(|diagnostic| Self::at(Some(model), diagnostic)).collect();
        }
        vec![Self {
            model: Some(model.name.clone()),
            file: model.file.clone(),
            line: None,
            column: None,
            code: "sql",
            message: error.message,
            hint: error.hint,
            shown: None,
        }]
    }
}

/// What a check found.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct Checked {
    /// All mistakes, in graph order.
    pub mistakes: Vec<Mistake>,
    /// Models that could not be checked, because what they read has a mistake or has no columns yet.
    pub unchecked: Vec<String>,
}

/// Plans all models but those in files with mistakes, which are not what their author means. `scratch` is an empty catalogue and an engine over it; `known` is the lake's own catalogue, which knows the
/// columns of sources that have no contract.
pub async fn check(
    lake: &Lake,
    vars: &IndexMap<String, String>,
    scratch: &Ports,
    known: Option<&dyn Catalogue>,
    found: &Diagnostics,
) -> Result<Checked, StepError> {
    let wrong = |file: &str| found.iter().any(|one| one.severity == Severity::Error && one.file == file);
    let mut check = Check { lake, vars, scratch, checked: Checked::default() };
    check.register_inputs(known).await?;
    for name in lake.graph().order() {
        if let Some(model) = lake.models.get(name)
            && !wrong(&model.file)
        {
            check.model(model).await?;
        }
    }
    Ok(check.checked)
}

struct Check<'a> {
    lake: &'a Lake,
    vars: &'a IndexMap<String, String>,
    scratch: &'a Ports,
    checked: Checked,
}

impl Check<'_> {
    async fn register_inputs(&self, known: Option<&dyn Catalogue>) -> Result<(), StepError> {
        let catalogue = self.scratch.catalogue.as_ref();
        for source in self.lake.sources.values() {
            let discovered = match (known, source.columns.is_none() || source.kind == SourceKind::Snapshot) {
                (Some(known), true) => known.get(&source.name).await?.map(|entry| entry.columns).unwrap_or_default(),
                _ => Vec::new(),
            };
            if source.columns.is_some() || !discovered.is_empty() {
                sources::register(source, catalogue).await?;
                sources::add(source, &[], &discovered, catalogue).await?;
            }
        }
        for seed in self.lake.seeds.values() {
            publish_empty(&seed.name, seeds::columns(seed), &[], catalogue).await?;
        }
        Ok(())
    }

    async fn model(&mut self, model: &Model) -> Result<(), StepError> {
        let missing = self.missing_input(model).await?;
        if missing {
            self.checked.unchecked.push(model.name.clone());
            return Ok(());
        }
        let Some(columns) = self.plan(model, false).await else {
            return Ok(());
        };
        publish_empty(&model.name, columns, &model.partitioned_by, self.scratch.catalogue.as_ref()).await?;
        if matches!(model.materialization, Materialization::Incremental(_)) {
            self.plan(model, true).await;
        }
        Ok(())
    }

    /// Whether something the model reads has no columns: it had a mistake itself, or nothing came in yet.
    async fn missing_input(&self, model: &Model) -> Result<bool, StepError> {
        for dependency in model.depends_on.iter().filter(|dependency| !dependency.audits_only) {
            if self.scratch.catalogue.get(&dependency.name).await?.is_none() {
                return Ok(true);
            }
        }
        Ok(false)
    }

    /// The columns the model yields, or `None` with the mistake noted.
    async fn plan(&mut self, model: &Model, incremental: bool) -> Option<Vec<Column>> {
        let context = CompileContext {
            vars: self.vars.clone(),
            incremental,
            relations: &CatalogueNames,
            logical_time: self.scratch.clock.now(),
        };
        let planned = match self.lake.compile(&model.name, &context) {
            Ok(compiled) => self.columns_of(model, &compiled, &context).await,
            Err(diagnostics) => Err(diagnostics.into()),
        };
        match planned {
            Ok(columns) => Some(columns),
            Err(error) => {
                for mistake in Mistake::all_of(model, error) {
                    // An incremental model is planned twice, and is wrong once.
                    if !self.checked.mistakes.contains(&mistake) {
                        self.checked.mistakes.push(mistake);
                    }
                }
                None
            }
        }
    }

    async fn columns_of(
        &self,
        model: &Model,
        compiled: &CompiledModel,
        context: &CompileContext<'_>,
    ) -> Result<Vec<Column>, StepError> {
        // One that is too long as it is needs no planning.
        prepare::check_length(Known { model, sql: &compiled.sql, columns: &[], audits: None })?;
        let columns = self
            .scratch
            .engine
            .columns(&compiled.sql, &Attribution::default())
            .await
            .map_err(|error| sql_error::in_model(model, compiled, error, 0))?;
        columns::check(model, &columns)?;
        let audits = audit::of_model(model, &prepare::identifier(&longest_name(model)), self.lake, context)?;
        let audits = (!audits.is_empty()).then(|| audit::counts(&audits));
        let known = Known { model, sql: &compiled.sql, columns: &columns, audits: audits.as_deref() };
        prepare::check_length(known)?;
        Ok(columns)
    }
}

/// A name as long as that of a version's table can be.
fn longest_name(model: &Model) -> String {
    layout::staging_table(&model.name, &RunId::longest())
}

/// An entry without files, so that what reads it can be planned.
async fn publish_empty(
    name: &str,
    columns: Vec<Column>,
    partitioned_by: &[String],
    catalogue: &dyn Catalogue,
) -> Result<(), StepError> {
    let (partition_keys, columns) = columns.into_iter().partition(|column| partitioned_by.contains(&column.name));
    catalogue
        .publish(TableEntry {
            name: name.to_owned(),
            kind: TableKind::Table { parts: Vec::new() },
            columns,
            partition_keys,
            description: None,
            run: None,
            parameters: BTreeMap::new(),
            version: 0,
        })
        .await?;
    Ok(())
}
