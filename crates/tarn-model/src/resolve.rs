//! What a model reads: its template and its audits against the names of the lake.

use std::collections::HashMap;
use std::ops::Range;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use chrono::DateTime;
use indexmap::{IndexMap, IndexSet};
use minijinja::Value;

use crate::audit::{Audit, AuditCheck};
use crate::compile::{template_diagnostic, template_value};
use crate::config::LakeConfig;
use crate::diagnostic::{Diagnostic, Diagnostics, Place};
use crate::model::{Dependency, Model};
use crate::name;
use crate::names::Names;
use crate::query_shape;
use crate::source::Source;
use crate::sql_text::identifier;
use crate::template::Function;
use crate::template::analysis::{Analysis, Call, TemplateMistake, analyse};
use crate::template::render::{Rendered, Scope, render};
use crate::template::source_map::SourceMap;

/// Everything that resolving a model needs to know of the lake.
pub(crate) struct Resolver<'a> {
    pub(crate) config: &'a LakeConfig,
    pub(crate) names: &'a Names,
    /// A text for every call that can be made.
    relations: Arc<HashMap<(Function, String), String>>,
    vars: HashMap<String, Value>,
    samples: HashMap<String, Value>,
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
        let mut vars = HashMap::new();
        let mut samples = HashMap::new();
        for (name, declared) in &config.vars {
            match &declared.default {
                Some(value) => vars.insert(name.clone(), template_value(value, today)),
                None => samples.insert(name.clone(), template_value(&declared.var_type.sample(), today)),
            };
        }
        Resolver { config, names, relations: Arc::new(relations), vars, samples }
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
                let is_known =
                    depends_on.iter().any(|known| known.kind == dependency.kind && known.name == dependency.name);
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
        if model.sql.trim().is_empty() {
            let end = source.text.trim_end().len();
            let mistake = source.error("empty-model", end..end, format!("the model `{}` is empty", model.name));
            diagnostics.push(mistake.with_hint("write a `select`"));
            return;
        }
        let analysis = match analyse(&model.sql) {
            Ok(analysis) => analysis,
            Err(mistake) => {
                diagnostics.push(template_diagnostic(&source, offset, mistake));
                return;
            }
        };
        let mut used = Used::default();
        for call in &analysis.calls {
            if let Some(name) = &call.name {
                self.use_name(call.function, &name.value, &name.span, &mut used);
            }
        }
        let mut mistakes = self.static_mistakes(&analysis, &model.name);
        mistakes.extend(this_mistakes(&analysis, model));
        if mistakes.is_empty() {
            mistakes = self.trial_mistakes(&analysis, model, &mut used);
        }
        for mistake in mistakes {
            diagnostics.push(template_diagnostic(&source, offset, mistake));
        }
        diagnostics.extend(incremental_warnings(&analysis, model).collect());
        for (dependency, span) in used.dependencies {
            let place = source.at(span.start + offset..span.end + offset);
            places.entry(dependency.name.clone()).or_insert(place);
            model.depends_on.push(dependency);
        }
        model.vars = used.vars.into_iter().collect();
    }

    /// Mistakes that only running the template shows, as a first run and as a later one; what it reads is noted.
    fn trial_mistakes(&self, analysis: &Analysis, model: &Model, used: &mut Used) -> Vec<TemplateMistake> {
        let is_computed = |call: &&Call| call.name.is_none() && call.function != Function::IsIncremental;
        let computed = analysis.calls.iter().find(is_computed).map_or(0..0, |call| call.span.clone());
        let modes: &[bool] = if model.is_incremental() { &[false, true] } else { &[false] };
        let mut mistakes = Vec::new();
        for incremental in modes.iter().copied() {
            let this = || incremental.then(|| identifier(&model.name));
            let (rendered, is_uncertain) = self.run(&model.sql, this());
            for (function, name) in rendered.iter().flat_map(|rendered| &rendered.calls) {
                self.use_name(*function, name, &computed, used);
            }
            match rendered {
                _ if is_uncertain => {}
                Ok(rendered) => {
                    if rendered.calls.contains(&(Function::Ref, model.name.clone())) {
                        mistakes.push(self_reference(&model.name, computed.clone()));
                    }
                    if let Some(shape) = query_shape::mistake(&rendered.text) {
                        let again = |marked: &str| self.run(marked, this()).0.ok().map(|again| again.text);
                        let map = SourceMap::build(&model.sql, &rendered.text, again);
                        let start = map.template_offset(shape.offset).unwrap_or(0);
                        let span = start..start + shape.length;
                        mistakes.push(TemplateMistake::new(shape.code, span, shape.message).with_hint(shape.hint));
                    }
                }
                Err(mistake) => mistakes.push(mistake),
            }
        }
        mistakes
    }

    /// Runs a template on the defaults of the variables. The flag tells whether one without a value was met and a
    /// sample stood in: what is wrong then may be right with another value.
    fn run(&self, text: &str, this: Option<String>) -> (Result<Rendered, TemplateMistake>, bool) {
        let sampled = Arc::new(AtomicBool::new(self.config.is_unreadable));
        let scope = Scope {
            relations: self.relations.clone(),
            vars: self.vars.clone(),
            samples: self.samples.clone(),
            sampled: sampled.clone(),
            incremental: this.is_some(),
            this,
        };
        let rendered = render(text, scope).map_err(|mistake| self.explained(mistake));
        (rendered, sampled.load(Ordering::Relaxed))
    }

    /// The mistake in the words that the same name written as text would get.
    fn explained(&self, mistake: TemplateMistake) -> TemplateMistake {
        match &mistake.call {
            Some((Function::Var, name)) if !self.config.may_have_var(name) => self.unknown_var(name, mistake.span),
            Some((function, name)) if *function != Function::Var => match self.names.resolve(*function, name) {
                Ok(_) => mistake,
                Err(unknown) => {
                    TemplateMistake::new(unknown.code, mistake.span, unknown.message).with_hint_if(unknown.hint)
                }
            },
            _ => mistake,
        }
    }

    fn unknown_var(&self, name: &str, span: Range<usize>) -> TemplateMistake {
        let vars = self.config.vars.keys().map(String::as_str);
        TemplateMistake::new("unknown-var", span, format!("there is no variable `{name}`"))
            .with_hint_if(name::suggestion(name, vars, "variables"))
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
                if call.has_default || self.config.may_have_var(&name.value) {
                    continue;
                }
                self.unknown_var(&name.value, name.span.clone())
            } else if call.function == Function::Ref && name.value == model {
                self_reference(model, name.span.clone())
            } else {
                match self.names.resolve(call.function, &name.value) {
                    Ok(_) => continue,
                    Err(unknown) => TemplateMistake::new(unknown.code, name.span.clone(), unknown.message)
                        .with_hint_if(unknown.hint),
                }
            };
            mistakes.push(mistake);
        }
        mistakes
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
            match self.run(query, Some(identifier(model))) {
                (Ok(rendered), _) => {
                    let mut used = Used::default();
                    let named =
                        analysis.calls.iter().filter_map(|call| Some((call.function, call.name.clone()?.value)));
                    for (function, name) in named.chain(rendered.calls) {
                        self.use_name(function, &name, &(0..0), &mut used);
                    }
                    audit.depends_on.extend(used.dependencies.into_iter().map(|(dependency, _)| dependency));
                }
                (Err(_), true) => {}
                (Err(mistake), false) => mistakes.push(mistake),
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

fn self_reference(model: &str, span: Range<usize>) -> TemplateMistake {
    TemplateMistake::new("cycle", span, format!("the model `{model}` reads itself"))
        .with_hint("an incremental model reads its own table as `{{ this }}`")
}

/// `this` outside incremental models; inside, running the template as a first run tells.
fn this_mistakes(analysis: &Analysis, model: &Model) -> Vec<TemplateMistake> {
    if model.is_incremental() || model.has_broken_header {
        return Vec::new();
    }
    let mistake = |span: &Range<usize>| {
        TemplateMistake::new(
            "bad-this",
            span.clone(),
            "`this` is for incremental models: this model is made anew by every run",
        )
        .with_hint("write `materialized: incremental` and a `strategy` in the header")
    };
    analysis.this.iter().map(mistake).collect()
}

fn incremental_warnings<'a>(analysis: &'a Analysis, model: &'a Model) -> impl Iterator<Item = Diagnostic> + 'a {
    let is_silent = model.is_incremental() || model.has_broken_header;
    analysis.calls.iter().filter(move |call| call.function == Function::IsIncremental && !is_silent).map(|call| {
        let span = call.span.start + model.sql_offset..call.span.end + model.sql_offset;
        model
            .source_text
            .error("never-incremental", span, "`is_incremental()` is never true here: the model is not incremental")
            .as_warning()
    })
}
