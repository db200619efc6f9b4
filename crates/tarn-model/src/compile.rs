//! From a model to the SQL that an engine runs.

use std::collections::HashMap;
use std::fmt;
use std::sync::Arc;

use chrono::{DateTime, NaiveDate, Utc};
use indexmap::IndexMap;
use minijinja::Value;
use serde::Serialize;

use crate::diagnostic::{Diagnostic, Diagnostics, SourceText};
use crate::lake::Lake;
use crate::model::{Dependency, DependencyKind, Model};
use crate::name;
use crate::source::{Source, SourceKind};
use crate::sql_text;
use crate::template::Function;
use crate::template::analysis::TemplateMistake;
use crate::template::render::{Scope, render};
use crate::template::source_map::SourceMap;
use crate::variable::{self, VarValue};

/// What kind of thing a relation is, so that the caller can name it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum RelationKind {
    /// A source's table.
    Source,
    /// The view of the latest images of a table source.
    CurrentView,
    /// A seed.
    Seed,
    /// A published model.
    Model,
    /// The published table of the model being compiled.
    This,
}

/// Something that SQL reads from.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub struct Relation<'a> {
    /// What kind of thing it is.
    pub kind: RelationKind,
    /// Its name in the lake; of a view of the latest images, the view's (`orders_current`).
    pub name: &'a str,
}

/// How relations are written in SQL.
pub trait RelationNames {
    /// The SQL of a relation after `from`, quoted as needed: `"shop"."sessions"`.
    fn relation(&self, relation: Relation<'_>) -> String;
}

/// Every relation under its own name in quotes: `"sessions"`.
#[derive(Debug, Clone, Copy, Default)]
pub struct QuotedNames;

impl RelationNames for QuotedNames {
    fn relation(&self, relation: Relation<'_>) -> String {
        sql_text::identifier(relation.name)
    }
}

/// What a compilation depends on besides the lake.
#[derive(Clone)]
pub struct CompileContext<'a> {
    /// Variables of this run, as text; they win over the defaults of `tarn.yaml`.
    pub vars: IndexMap<String, String>,
    /// Whether the model's table exists and a run adds to it: what `is_incremental()` answers.
    pub incremental: bool,
    /// How relations are written.
    pub relations: &'a dyn RelationNames,
    /// The time that the run is for; `today` is its day in the lake's zone.
    pub logical_time: DateTime<Utc>,
}

impl fmt::Debug for CompileContext<'_> {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter
            .debug_struct("CompileContext")
            .field("vars", &self.vars)
            .field("incremental", &self.incremental)
            .field("logical_time", &self.logical_time)
            .finish_non_exhaustive()
    }
}

/// The SQL of a model.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub struct CompiledModel {
    /// The model.
    pub name: String,
    /// One `SELECT`, without white space around it.
    pub sql: String,
    source: SourceText,
    sql_offset: usize,
    /// Bytes of rendered text before `sql`.
    trimmed: usize,
    map: SourceMap,
}

impl CompiledModel {
    /// Line and column in the model's file (both from 1) that a place in [`CompiledModel::sql`] comes from (both from
    /// 1); exact in plain SQL, the beginning of `{{ … }}` inside its output.
    #[must_use]
    pub fn template_position(&self, line: usize, column: usize) -> (usize, usize) {
        self.source.line_and_column(self.template_offset(line, column))
    }

    /// A mistake that an engine found at a place in [`CompiledModel::sql`] (line and column from 1), shown in the model's file.
    #[must_use]
    pub fn diagnostic(&self, code: &'static str, line: usize, column: usize, message: &str) -> Diagnostic {
        let start = self.template_offset(line, column);
        let rest = self.source.text.get(start..).unwrap_or_default();
        let length = if rest.starts_with("{{") {
            rest.find("}}").map_or(2, |end| end + 2)
        } else {
            rest.find(|character: char| !character.is_alphanumeric() && character != '_').unwrap_or(rest.len())
        };
        let first = rest.chars().next().map_or(0, char::len_utf8);
        self.source.error(code, start..start + length.max(first), message)
    }

    fn template_offset(&self, line: usize, column: usize) -> usize {
        let line_start: usize = self.sql.split_inclusive('\n').take(line.saturating_sub(1)).map(str::len).sum();
        let in_line = self.sql[line_start..]
            .char_indices()
            .nth(column.saturating_sub(1))
            .map_or(self.sql.len() - line_start, |(offset, _)| offset);
        self.map
            .template_offset(self.trimmed + line_start + in_line)
            .map_or(self.sql_offset, |offset| self.sql_offset + offset)
    }
}

impl Lake {
    /// Compiles a model; every mistake points into its file.
    pub fn compile(&self, model: &str, context: &CompileContext<'_>) -> Result<CompiledModel, Diagnostics> {
        let Some(model) = self.models.get(model) else {
            let hint = name::suggestion(model, self.models.keys().map(String::as_str), "models");
            let mistake =
                SourceText::new("<model>", model).error("unknown-model", 0..model.len(), "there is no such model");
            return Err(mistake.with_hint_if(hint).into());
        };
        let vars = self.check_vars(&context.vars)?;
        let this = || context.relations.relation(Relation { kind: RelationKind::This, name: &model.name });
        let scope = || Scope {
            relations: Arc::new(self.relation_texts(&model.depends_on, context.relations)),
            vars: self.var_values(&vars, context.logical_time),
            this: context.incremental.then(this),
            incremental: context.incremental,
            ..Scope::default()
        };
        let rendered = render(&model.sql, scope()).map_err(|mistake| self.compile_mistake(model, mistake))?;
        let map =
            SourceMap::build(&model.sql, &rendered.text, |marked| render(marked, scope()).ok().map(|again| again.text));
        let sql = rendered.text.trim();
        Ok(CompiledModel {
            name: model.name.clone(),
            sql: sql.to_owned(),
            source: model.source_text.clone(),
            sql_offset: model.sql_offset,
            trimmed: rendered.text.len() - rendered.text.trim_start().len(),
            map,
        })
    }

    /// Checks variables given from outside: that they are declared and of the declared type.
    ///
    /// Errors point into the argument: their file is `--var`, their text `name=value`.
    pub fn check_vars(&self, given: &IndexMap<String, String>) -> Result<IndexMap<String, VarValue>, Diagnostics> {
        let mut diagnostics = Diagnostics::new();
        let mut values = IndexMap::new();
        for (name, text) in given {
            let argument = SourceText::new("--var", format!("{name}={text}"));
            let Some(declaration) = self.config.vars.get(name) else {
                let hint = name::suggestion(name, self.config.vars.keys().map(String::as_str), "variables");
                let mistake = argument.error("unknown-var", 0..name.len(), format!("there is no variable `{name}`"));
                diagnostics.push(mistake.with_hint_if(hint));
                continue;
            };
            match declaration.var_type.value(text) {
                Some(value) => {
                    values.insert(name.clone(), value);
                }
                None => {
                    let span = name.len() + 1..argument.text.len();
                    let message = variable::wrong_value(name, declaration.var_type, text);
                    diagnostics.push(argument.error("bad-value", span, message));
                }
            }
        }
        if diagnostics.has_errors() { Err(diagnostics) } else { Ok(values) }
    }

    /// The day that `today` means.
    pub(crate) fn today(&self, logical_time: DateTime<Utc>) -> NaiveDate {
        logical_time.with_timezone(&self.config.timezone).date_naive()
    }

    /// Values for `var()`: what is given, else the defaults.
    pub(crate) fn var_values(
        &self,
        given: &IndexMap<String, VarValue>,
        logical_time: DateTime<Utc>,
    ) -> HashMap<String, Value> {
        let today = self.today(logical_time);
        let values = self.config.vars.iter().filter_map(|(name, declaration)| {
            let value = given.get(name).or(declaration.default.as_ref())?;
            Some((name.clone(), template_value(value, today)))
        });
        values.collect()
    }

    /// SQL of everything that a template may name.
    pub(crate) fn relation_texts(
        &self,
        dependencies: &[Dependency],
        names: &dyn RelationNames,
    ) -> HashMap<(Function, String), String> {
        let mut texts = HashMap::new();
        for dependency in dependencies {
            let relation = self.relation_name(dependency);
            let text = self.relation_text(dependency, names);
            if dependency.kind == DependencyKind::Source
                && let Some(source) = self.sources.get(&dependency.name)
            {
                texts.insert((Function::Deduplicated, relation.clone()), deduplicated(source, &text));
            }
            let function = match dependency.kind {
                DependencyKind::Model | DependencyKind::Seed => Function::Ref,
                DependencyKind::Source | DependencyKind::CurrentView => Function::Source,
            };
            texts.insert((function, relation), text);
        }
        texts
    }

    /// SQL of one dependency.
    pub(crate) fn relation_text(&self, dependency: &Dependency, names: &dyn RelationNames) -> String {
        let name = self.relation_name(dependency);
        names.relation(Relation { kind: relation_kind(dependency.kind), name: &name })
    }

    /// The name under which a dependency is read.
    pub(crate) fn relation_name(&self, dependency: &Dependency) -> String {
        match dependency.kind {
            DependencyKind::CurrentView => format!("{}_current", dependency.name),
            _ => dependency.name.clone(),
        }
    }

    /// A mistake that shows only when the values of this run are known.
    pub(crate) fn compile_mistake(&self, model: &Model, mistake: TemplateMistake) -> Diagnostic {
        let diagnostic = template_diagnostic(&model.source_text, model.sql_offset, mistake);
        match diagnostic.code {
            "unknown-relation" => diagnostic.with_hint(
                "the graph must know it before the run: write the name as text, or choose between texts with `{% if %}`",
            ),
            "missing-value" => {
                diagnostic.with_hint("give it with `--var name=value`, or write a `default` in `tarn.yaml`")
            }
            _ => diagnostic,
        }
    }
}

/// A mistake in a template as a mistake in its file.
pub(crate) fn template_diagnostic(source: &SourceText, offset: usize, mistake: TemplateMistake) -> Diagnostic {
    let span = mistake.span.start + offset..mistake.span.end + offset;
    source.error(mistake.code, span, mistake.message).with_hint_if(mistake.hint)
}

fn relation_kind(kind: DependencyKind) -> RelationKind {
    match kind {
        DependencyKind::Model => RelationKind::Model,
        DependencyKind::Seed => RelationKind::Seed,
        DependencyKind::Source => RelationKind::Source,
        DependencyKind::CurrentView => RelationKind::CurrentView,
    }
}

/// A value as templates see it: numbers can be added and flags tested, dates and text are text.
pub(crate) fn template_value(value: &VarValue, today: NaiveDate) -> Value {
    match value {
        VarValue::Boolean(flag) => Value::from(*flag),
        VarValue::Number(text) => match text.parse::<i128>() {
            // `+5` and `007` must render as they were written.
            Ok(number) if number.to_string() == *text => Value::from(number),
            _ => Value::from(text.as_str()),
        },
        _ => Value::from(value.rendered(today)),
    }
}

/// One row per record, however often it was delivered: the same record of a stream has the same `_id`, the same change of a table
/// the same key and `_seq`.
fn deduplicated(source: &Source, relation: &str) -> String {
    let columns = source.table_columns().map_or_else(
        || "*".to_owned(),
        |columns| columns.iter().map(|(name, _)| sql_text::identifier(name)).collect::<Vec<_>>().join(", "),
    );
    let (identity, order) = match source.kind {
        SourceKind::Table => {
            let key: Vec<String> = source.key.iter().map(|column| sql_text::identifier(column)).collect();
            (format!("{}, \"_seq\"", key.join(", ")), "\"_seq\"")
        }
        SourceKind::Stream | SourceKind::Snapshot => ("\"_id\"".to_owned(), "\"_id\""),
    };
    format!(
        "(\n    select {columns}\n    from (\n        select *, row_number() over (partition by {identity} order by {order}) as \"_copy\"\n        \
         from {relation}\n    )\n    where \"_copy\" = 1\n)"
    )
}
