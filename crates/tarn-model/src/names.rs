//! All names of a lake, before anything is resolved: what `ref`, `source` and the like can mean.

use indexmap::{IndexMap, IndexSet};

use crate::diagnostic::{Diagnostics, Place};
use crate::model::DependencyKind;
use crate::name;
use crate::source::SourceKind;
use crate::template::Function;

/// Tables that Tarn itself keeps in every lake.
const RESERVED: [&str; 2] = ["tarn_queries", "tarn_runs"];

/// Names of everything that was found, also of what could not be read: a broken source is still no missing one.
#[derive(Debug, Default)]
pub(crate) struct Names {
    pub(crate) models: IndexSet<String>,
    pub(crate) seeds: IndexSet<String>,
    /// `None`: the kind is not known, because the file has mistakes.
    pub(crate) sources: IndexMap<String, Option<SourceKind>>,
    places: IndexMap<String, Place>,
}

/// A name that means nothing, and what was probably meant.
pub(crate) struct UnknownName {
    pub(crate) code: &'static str,
    pub(crate) message: String,
    pub(crate) hint: Option<String>,
}

impl Names {
    /// Takes a name; a bad or a second one is reported.
    pub(crate) fn claim(&mut self, name: &str, what: &str, place: &Place, diagnostics: &mut Diagnostics) {
        if let Some(problem) = name::problem(name) {
            let mistake = place
                .error("bad-name", format!("{what} cannot be called `{name}`: {problem}"))
                .with_hint_if(name::allowed_form(name).map(|form| format!("`{form}` would be allowed")));
            diagnostics.push(mistake);
        }
        if RESERVED.contains(&name) {
            let mistake = place
                .error("bad-name", format!("{what} cannot be called `{name}`: that is Tarn's own table of runs"))
                .with_hint("give it another name");
            diagnostics.push(mistake);
        }
        match self.places.get(name) {
            Some(first) => {
                let mistake = place
                    .error("duplicate-name", format!("the name `{name}` is taken"))
                    .with_related(first, "taken here")
                    .with_hint("models, sources, seeds and the views `<table>_current` share their names");
                diagnostics.push(mistake);
            }
            None => {
                self.places.insert(name.to_owned(), place.clone());
            }
        }
    }

    /// The source whose view of latest images has this name.
    pub(crate) fn source_of_view<'a>(&self, name: &'a str) -> Option<&'a str> {
        let source = name.strip_suffix("_current")?;
        matches!(self.sources.get(source), Some(None | Some(SourceKind::Table))).then_some(source)
    }

    /// What a name means to one of the functions.
    pub(crate) fn resolve(&self, function: Function, name: &str) -> Result<(DependencyKind, String), UnknownName> {
        match function {
            Function::Ref => self.resolve_ref(name),
            Function::Deduplicated => match self.sources.get(name) {
                Some(Some(SourceKind::Snapshot)) => Err(UnknownName {
                    code: "bad-call",
                    message: format!("`{name}` is a snapshot: nothing is delivered to it twice"),
                    hint: Some(format!("write `source('{name}')`")),
                }),
                Some(_) => Ok((DependencyKind::Source, name.to_owned())),
                None if self.source_of_view(name).is_some() => Err(UnknownName {
                    code: "bad-call",
                    message: format!("`{name}` has each item once already"),
                    hint: Some(format!("write `source('{name}')`")),
                }),
                None => self.resolve_source(name),
            },
            _ => self.resolve_source(name),
        }
    }

    fn resolve_ref(&self, name: &str) -> Result<(DependencyKind, String), UnknownName> {
        if self.models.contains(name) {
            return Ok((DependencyKind::Model, name.to_owned()));
        }
        if self.seeds.contains(name) {
            return Ok((DependencyKind::Seed, name.to_owned()));
        }
        let is_source = self.sources.contains_key(name) || self.source_of_view(name).is_some();
        Err(UnknownName {
            code: "unknown-ref",
            message: format!("there is no model or seed `{name}`"),
            hint: if is_source {
                Some(format!("`{name}` is a source: write `source('{name}')`"))
            } else {
                let names = self.models.iter().chain(&self.seeds).map(String::as_str);
                name::suggestion(name, names, "models and seeds")
            },
        })
    }

    fn resolve_source(&self, name: &str) -> Result<(DependencyKind, String), UnknownName> {
        if self.sources.contains_key(name) {
            return Ok((DependencyKind::Source, name.to_owned()));
        }
        if let Some(source) = self.source_of_view(name) {
            return Ok((DependencyKind::CurrentView, source.to_owned()));
        }
        Err(UnknownName {
            code: "unknown-source",
            message: format!("there is no source `{name}`"),
            hint: if self.models.contains(name) || self.seeds.contains(name) {
                Some(format!("write `ref('{name}')`: it is no source"))
            } else {
                name::suggestion(name, self.sources.keys().map(String::as_str), "sources")
            },
        })
    }

    /// What a name means where anything may stand.
    pub(crate) fn resolve_any(&self, name: &str) -> Result<(DependencyKind, String), UnknownName> {
        self.resolve_ref(name).or_else(|_| self.resolve_source(name)).map_err(|_| {
            let all = self.models.iter().chain(&self.seeds).chain(self.sources.keys()).map(String::as_str);
            UnknownName {
                code: "unknown-relation",
                message: format!("there is no model, seed or source `{name}`"),
                hint: name::suggestion(name, all, "relations"),
            }
        })
    }
}
