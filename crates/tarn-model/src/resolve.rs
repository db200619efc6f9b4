//! What a model reads: its template and its audits against the names of the lake.

use std::collections::HashMap;
use std::ops::Range;
use std::sync::Arc;

use chrono::{DateTime, NaiveDate};
use indexmap::{IndexMap, IndexSet};
use minijinja::Value;

use crate::audit::{Audit, AuditCheck};
use crate::compile::{template_diagnostic, template_value};
use crate::config::LakeConfig;
use crate::diagnostic::{Diagnostic, Diagnostics, Place};
use crate::model::{Dependency, Model};
use crate::name;
use crate::names::Names;
use crate::source::Source;
use crate::sql_text::identifier;
use crate::template::Function;
use crate::template::analysis::{Analysis, TemplateMistake, analyse};
use crate::template::render::{Rendered, Scope, render};
use crate::template::source_map::SourceMap;
use crate::unit_test::skip_blank;

/// Everything that resolving a model needs to know of the lake.
pub(crate) struct Resolver<'a> {
    pub(crate) config: &'a LakeConfig,
    pub(crate) names: &'a Names,
    /// A text for every call that can be made.
    relations: Arc<HashMap<(Function, String), String>>,
    vars: HashMap<String, Value>,
}

/// Where a dependency was first written.
pub(crate) type DependencyPlaces = IndexMap<String, Place>;

impl<'a> Resolver<'a> {
    pub(crate) fn new(config: &'a LakeConfig, names: &'a Names, sources: &IndexMap<String, Source>) -> Resolver<'a> {
        let mut relations = HashMap::new();
        let mut add = |function: Function, name: &str| {
            relations.insert((function, name.to_owned()), identifier(name));
        };
        names.models.iter().chain(&names.seeds).for_each(|name| add(Function::Ref, name));
        for name in names.sources.keys() {
            add(Function::Source, name);
            if names.resolve(Function::Deduplicated, name).is_ok() {
                add(Function::Deduplicated, name);
            }
            if let Some(view) = sources.get(name).and_then(Source::current_view) {
                add(Function::Source, &view);
            }
        }
        // Any day will do: only the shape of the text matters here.
        let today = DateTime::UNIX_EPOCH.date_naive();
        let value = |declared: &crate::variable::VarDeclaration, today: NaiveDate| {
            template_value(&declared.default.clone().unwrap_or_else(|| declared.var_type.sample()), today)
        };
        let vars = config.vars.iter().map(|(name, declared)| (name.clone(), value(declared, today))).collect();
        Resolver { config, names, relations: Arc::new(relations), vars }
    }

    /// Fills in what the model and its audits read.
    pub(crate) fn resolve(&self, model: &mut Model, diagnostics: &mut Diagnostics) -> DependencyPlaces {
        let mut places = DependencyPlaces::new();
        self.resolve_template(model, &mut places, diagnostics);
        let name = model.name.clone();
        let mut depends_on = std::mem::take(&mut model.depends_on);
        for audit in &mut model.audits {
            self.resolve_audit(audit, &name, diagnostics);
            for dependency in &audit.depends_on {
                let is_known = depends_on.iter().any(|known| known.kind == dependency.kind && known.name == dependency.name);
                if !is_known {
                    places.entry(dependency.name.clone()).or_insert_with(|| audit.place.detail_place());
                    depends_on.push(Dependency { audits_only: true, ..dependency.clone() });
                }
            }
        }
        model.depends_on = depends_on;
        places
    }

    fn resolve_template(&self, model: &mut Model, places: &mut DependencyPlaces, diagnostics: &mut Diagnostics) {
        let source = model.source_text.clone();
        let offset = model.sql_offset;
        let at = |mistake: TemplateMistake| template_diagnostic(&source, offset, mistake);
        if model.sql.trim().is_empty() {
            let end = source.text.trim_end().len();
            let mistake = source.error("empty-model", end..end, format!("the model `{}` is empty", model.name));
            diagnostics.push(mistake.with_hint("write a `select`"));
            return;
        }
        let analysis = match analyse(&model.sql) {
            Ok(analysis) => analysis,
            Err(mistake) => {
                diagnostics.push(at(mistake));
                return;
            }
        };
        let mut mistakes = self.static_mistakes(&analysis, &model.name);
        mistakes.extend(this_mistakes(&analysis, model));
        let mut used = Used::default();
        for call in &analysis.calls {
            if let Some(name) = &call.name {
                self.use_name(call.function, &name.value, &name.span, &mut used);
            }
        }
        let dynamic = analysis.calls.iter().find(|call| call.name.is_none() && call.function != Function::IsIncremental);
        let dynamic = dynamic.map_or(0..0, |call| call.span.clone());
        if mistakes.is_empty() {
            for incremental in [false, true] {
                if incremental && !model.is_incremental() {
                    continue;
                }
                match self.run(&model.sql, incremental, incremental.then(|| identifier(&model.name))) {
                    Ok(rendered) => {
                        for (function, name) in &rendered.calls {
                            self.use_name(*function, name, &dynamic, &mut used);
                        }
                        mistakes.extend(self.statement_mistake(model, incremental, &rendered));
                    }
                    Err(mistake) if self.is_certain(&mistake) => mistakes.push(mistake),
                    Err(_) => {}
                }
            }
        }
        diagnostics.extend(mistakes.into_iter().map(at).collect());
        diagnostics.extend(incremental_warnings(&analysis, model).collect());
        for (dependency, span) in used.dependencies {
            let place = source.at(span.start + offset..span.end + offset);
            places.entry(dependency.name.clone()).or_insert(place);
            model.depends_on.push(dependency);
        }
        model.vars = used.vars.into_iter().collect();
    }

    fn run(&self, text: &str, incremental: bool, this: Option<String>) -> Result<Rendered, TemplateMistake> {
        let scope = Scope { relations: self.relations.clone(), vars: self.vars.clone(), this, incremental };
        render(text, scope)
    }

    /// Whether a failed run is a mistake for certain: a variable without a value was run with a sample, and another
    /// value might have passed.
    fn is_certain(&self, mistake: &TemplateMistake) -> bool {
        mistake.code != "template-failure" || self.config.vars.values().all(|declared| declared.default.is_some())
    }

    /// Notes what a call reads, if it is known.
    fn use_name(&self, function: Function, name: &str, span: &Range<usize>, used: &mut Used) {
        if function == Function::Var {
            if self.config.vars.contains_key(name) {
                used.vars.insert(name.to_owned());
            }
            return;
        }
        if let Ok((kind, name)) = self.names.resolve(function, name)
            && !used.dependencies.iter().any(|(known, _)| known.kind == kind && known.name == name)
        {
            used.dependencies.push((Dependency { kind, name, audits_only: false }, span.clone()));
        }
    }

    /// Mistakes that the syntax tree shows.
    fn static_mistakes(&self, analysis: &Analysis, model: &str) -> Vec<TemplateMistake> {
        let mut mistakes = analysis.mistakes.clone();
        for call in &analysis.calls {
            let Some(name) = &call.name else { continue };
            let mistake = if call.function == Function::Var {
                if call.has_default || self.config.vars.contains_key(&name.value) {
                    continue;
                }
                let vars = self.config.vars.keys().map(String::as_str);
                TemplateMistake {
                    code: "unknown-var",
                    message: format!("there is no variable `{}`", name.value),
                    hint: name::suggestion(&name.value, vars, "variables"),
                    span: name.span.clone(),
                }
            } else if call.function == Function::Ref && name.value == model {
                TemplateMistake {
                    code: "cycle",
                    message: format!("the model `{model}` reads itself"),
                    hint: Some("an incremental model reads its own table as `{{ this }}`".to_owned()),
                    span: name.span.clone(),
                }
            } else {
                match self.names.resolve(call.function, &name.value) {
                    Ok(_) => continue,
                    Err(unknown) => TemplateMistake {
                        code: unknown.code,
                        message: unknown.message,
                        hint: unknown.hint,
                        span: name.span.clone(),
                    },
                }
            };
            mistakes.push(mistake);
        }
        mistakes
    }

    /// What is wrong with the statement as a whole.
    fn statement_mistake(&self, model: &Model, incremental: bool, rendered: &Rendered) -> Option<TemplateMistake> {
        let text = rendered.text.as_str();
        let mut begin = text;
        loop {
            begin = begin.trim_start();
            match begin.strip_prefix("--") {
                Some(comment) => begin = comment.find('\n').map_or("", |newline| &comment[newline + 1..]),
                None => break,
            }
        }
        let end = text.trim_end();
        let after_comments = skip_blank(begin).trim_start_matches('(');
        let after_comments = skip_blank(after_comments);
        let word = after_comments
            .split(|character: char| !character.is_alphanumeric() && character != '_')
            .next()
            .unwrap_or_default();
        let (code, message, hint, offset, length) = if begin.starts_with("/*") {
            let message = "the statement begins with a block comment, which Athena refuses";
            ("bad-statement", message.to_owned(), "write the comment with `--`, or as `{# … #}`", text.len() - begin.len(), 2)
        } else if begin.is_empty() {
            ("empty-model", "nothing is left of the statement".to_owned(), "write a `select`", text.len(), 0)
        } else if !["select", "with", "values", "table"].iter().any(|start| word.eq_ignore_ascii_case(start)) {
            let message = "a model is a query: it begins with `select` or `with`".to_owned();
            let hint = "what is done with the result stands in the header, not in the SQL";
            let offset = text.len() - after_comments.len();
            ("bad-statement", message, hint, offset, word.len().max(1))
        } else if end.ends_with(';') {
            let message = "a model is one query without `;`".to_owned();
            ("bad-statement", message, "take the `;` away", end.len() - 1, 1)
        } else {
            return None;
        };
        let this = || incremental.then(|| identifier(&model.name));
        let map = SourceMap::build(&model.sql, text, |marked| {
            self.run(marked, incremental, this()).ok().map(|again| again.text)
        });
        let start = map.template_offset(offset).unwrap_or(0);
        Some(TemplateMistake { code, message, hint: Some(hint.to_owned()), span: start..start + length })
    }

    fn resolve_audit(&self, audit: &mut Audit, model: &str, diagnostics: &mut Diagnostics) {
        match audit.check.clone() {
            AuditCheck::Relationships { to, .. } if to != model => match self.names.resolve_any(&to) {
                Ok((kind, name)) => audit.depends_on.push(Dependency { kind, name, audits_only: true }),
                Err(unknown) => {
                    let place = audit.place.detail_place();
                    diagnostics.push(place.error(unknown.code, unknown.message).with_hint_if(unknown.hint));
                }
            },
            AuditCheck::Sql { query, .. } => self.resolve_query(audit, &query, model, diagnostics),
            _ => {}
        }
    }

    fn resolve_query(&self, audit: &mut Audit, query: &str, model: &str, diagnostics: &mut Diagnostics) {
        let analysis = match analyse(query) {
            Ok(analysis) => analysis,
            Err(mistake) => {
                diagnostics.push(audit.place.template_diagnostic(query, mistake));
                return;
            }
        };
        let mut mistakes = self.static_mistakes(&analysis, model);
        if mistakes.is_empty() {
            match self.run(query, true, Some(identifier(model))) {
                Ok(rendered) => {
                    let mut used = Used::default();
                    let named = analysis.calls.iter().filter_map(|call| Some((call.function, call.name.clone()?.value)));
                    for (function, name) in named.chain(rendered.calls) {
                        self.use_name(function, &name, &(0..0), &mut used);
                    }
                    audit.depends_on.extend(used.dependencies.into_iter().map(|(dependency, _)| dependency));
                }
                Err(mistake) if self.is_certain(&mistake) => mistakes.push(mistake),
                Err(_) => {}
            }
        }
        for mistake in mistakes {
            diagnostics.push(audit.place.template_diagnostic(query, mistake));
        }
    }
}

#[derive(Default)]
struct Used {
    dependencies: Vec<(Dependency, Range<usize>)>,
    vars: IndexSet<String>,
}

/// `this` outside incremental models; inside, running the template as a first run tells.
fn this_mistakes(analysis: &Analysis, model: &Model) -> Vec<TemplateMistake> {
    if model.is_incremental() {
        return Vec::new();
    }
    let mistake = |span: &Range<usize>| TemplateMistake {
        code: "bad-this",
        message: "`this` is for incremental models: this model is made anew by every run".to_owned(),
        hint: Some("write `materialized: incremental` and a `strategy` in the header".to_owned()),
        span: span.clone(),
    };
    analysis.this.iter().map(mistake).collect()
}

fn incremental_warnings<'a>(analysis: &'a Analysis, model: &'a Model) -> impl Iterator<Item = Diagnostic> + 'a {
    analysis
        .calls
        .iter()
        .filter(move |call| call.function == Function::IsIncremental && !model.is_incremental())
        .map(|call| {
            let span = call.span.start + model.sql_offset..call.span.end + model.sql_offset;
            model
                .source_text
                .error("never-incremental", span, "`is_incremental()` is never true here: the model is not incremental")
                .as_warning()
        })
}
