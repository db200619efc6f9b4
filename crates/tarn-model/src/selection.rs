//! Which nodes a command means: `+sessions`, `tag:nightly,path:models/marts`, `source:site_events+`, `*`.
//!
//! An argument is a union of selectors parted by spaces; a selector is an intersection of atoms parted by commas; an
//! atom is `[n]+name+[n]`, where the name may hold `*` and may follow `tag:`, `path:`, `source:` or `mart:`. A `+`
//! before adds what it rests on, a `+` after what rests on it, a number limits the steps. Several arguments are a
//! union. A selector that can never match is a mistake, because a run of nothing looks like success.

use std::collections::HashSet;
use std::ops::Range;

use serde::Serialize;

use crate::diagnostic::{Diagnostic, Diagnostics, SourceText};
use crate::graph::NodeKind;
use crate::lake::Lake;
use crate::name;

/// The selected nodes by kind, each in graph order.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct Selected {
    /// Models.
    pub models: Vec<String>,
    /// Seeds.
    pub seeds: Vec<String>,
    /// Sources.
    pub sources: Vec<String>,
}

impl Selected {
    /// Whether nothing is selected.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.models.is_empty() && self.seeds.is_empty() && self.sources.is_empty()
    }

    /// Whether a node is selected.
    #[must_use]
    pub fn contains(&self, name: &str) -> bool {
        [&self.models, &self.seeds, &self.sources].iter().any(|names| names.iter().any(|other| other == name))
    }

    /// All names: sources, seeds, models.
    #[must_use]
    pub fn names(&self) -> Vec<String> {
        [&self.sources, &self.seeds, &self.models].into_iter().flatten().cloned().collect()
    }
}

impl Lake {
    /// The nodes that `select` means without those that `exclude` means; no selector at all means everything.
    ///
    /// Errors point into the selectors: their file is `--select` or `--exclude`.
    pub fn select(&self, select: &[String], exclude: &[String]) -> Result<Selected, Diagnostics> {
        let mut diagnostics = Diagnostics::new();
        let mut selected: HashSet<&str> = HashSet::new();
        if select.is_empty() {
            selected.extend(self.graph().order().iter().map(String::as_str));
        }
        for argument in select {
            selected.extend(self.union(argument, "--select", &mut diagnostics));
        }
        for argument in exclude {
            for name in self.union(argument, "--exclude", &mut diagnostics) {
                selected.remove(name);
            }
        }
        if diagnostics.has_errors() {
            return Err(diagnostics);
        }
        let of_kind = |kind: NodeKind| {
            let order = self.graph().order().iter();
            order
                .filter(|name| selected.contains(name.as_str()) && self.graph().kind(name) == Some(kind))
                .cloned()
                .collect()
        };
        Ok(Selected {
            models: of_kind(NodeKind::Model),
            seeds: of_kind(NodeKind::Seed),
            sources: of_kind(NodeKind::Source),
        })
    }

    fn union<'a>(&'a self, argument: &str, option: &str, diagnostics: &mut Diagnostics) -> HashSet<&'a str> {
        let source = SourceText::new(option, argument);
        let mut union = HashSet::new();
        if argument.trim().is_empty() {
            diagnostics.push(source.error("bad-selector", 0..argument.len(), "a selector cannot be empty"));
        }
        for selector in pieces(argument, 0, char::is_whitespace) {
            let mut intersection: Option<HashSet<&str>> = None;
            for atom in pieces(&argument[selector.clone()], selector.start, |character| character == ',') {
                match self.atom(&source, atom) {
                    Ok(names) => {
                        intersection = Some(match intersection {
                            None => names,
                            Some(earlier) => earlier.intersection(&names).copied().collect(),
                        });
                    }
                    Err(diagnostic) => diagnostics.push(*diagnostic),
                }
            }
            union.extend(intersection.unwrap_or_default());
        }
        union
    }

    fn atom<'a>(&'a self, source: &SourceText, span: Range<usize>) -> Result<HashSet<&'a str>, Box<Diagnostic>> {
        let atom = Atom::parse(source, span)?;
        let matched = self.matched(source, &atom)?;
        let mut names: HashSet<&str> = matched.iter().copied().collect();
        let order = self.graph().order();
        let mut add = |reached: Vec<String>| {
            let reached: HashSet<String> = reached.into_iter().collect();
            names.extend(order.iter().filter(|name| reached.contains(*name)).map(String::as_str));
        };
        for name in &matched {
            if let Some(steps) = atom.upstream {
                add(self.graph().upstream(name, steps));
            }
            if let Some(steps) = atom.downstream {
                add(self.graph().downstream(name, steps));
            }
        }
        Ok(names)
    }

    /// The nodes that an atom names, without what its `+` adds.
    fn matched<'a>(&'a self, source: &SourceText, atom: &Atom<'_>) -> Result<Vec<&'a str>, Box<Diagnostic>> {
        let pattern = atom.pattern;
        let order = self.graph().order().iter().map(String::as_str);
        let (matched, hint): (Vec<&str>, Option<String>) = match atom.method {
            None => (
                order.filter(|name| !self.sources.contains_key(*name) && matches_pattern(pattern, name)).collect(),
                self.hint_for_name(pattern),
            ),
            Some("source") => (
                order.filter(|name| self.sources.contains_key(*name) && matches_pattern(pattern, name)).collect(),
                name::suggestion(pattern, self.sources.keys().map(String::as_str), "sources"),
            ),
            Some("tag") => {
                let tags: indexmap::IndexSet<&str> =
                    self.models.values().flat_map(|model| model.tags.iter().map(String::as_str)).collect();
                let has_tag = |name: &&str| {
                    self.models
                        .get(*name)
                        .is_some_and(|model| model.tags.iter().any(|tag| matches_pattern(pattern, tag)))
                };
                (order.filter(has_tag).collect(), name::suggestion(pattern, tags, "tags"))
            }
            Some("mart") => {
                let loads = |name: &&str| {
                    let mart = self.models.get(*name).and_then(|model| model.mart.as_ref());
                    mart.is_some_and(|mart| matches_pattern(pattern, &mart.to))
                };
                let marts = self.config.marts.keys().map(String::as_str);
                (order.filter(loads).collect(), name::suggestion(pattern, marts, "marts"))
            }
            Some("path") => {
                let wanted = pattern.strip_prefix("./").unwrap_or(pattern).trim_end_matches('/');
                let is_under = |name: &&str| self.file_of(name).is_some_and(|file| is_under(wanted, file));
                let folders: indexmap::IndexSet<&str> = self
                    .graph()
                    .order()
                    .iter()
                    .filter_map(|name| self.file_of(name)?.rsplit_once('/').map(|(folder, _)| folder))
                    .collect();
                (order.filter(is_under).collect(), name::suggestion(wanted, folders, "folders"))
            }
            Some(method) => {
                let methods = ["tag", "path", "source", "mart"];
                let span = atom.method_span.clone();
                let mistake = source
                    .error("bad-selector", span, format!("there is no selector `{method}:`"))
                    .with_hint_if(name::suggestion(method, methods, "selectors"));
                return Err(Box::new(mistake));
            }
        };
        if matched.is_empty() && pattern != "*" {
            let mistake =
                source.error("unknown-selector", atom.pattern_span.clone(), format!("nothing matches `{pattern}`"));
            return Err(Box::new(mistake.with_hint_if(hint)));
        }
        Ok(matched)
    }

    fn hint_for_name(&self, pattern: &str) -> Option<String> {
        if self.sources.contains_key(pattern) {
            return Some(format!("`{pattern}` is a source: write `source:{pattern}`"));
        }
        name::suggestion(pattern, self.models.keys().chain(self.seeds.keys()).map(String::as_str), "models and seeds")
    }

    /// The file in which a node was written.
    fn file_of(&self, name: &str) -> Option<&str> {
        self.models
            .get(name)
            .map(|model| &model.file)
            .or_else(|| self.seeds.get(name).map(|seed| &seed.file))
            .or_else(|| self.sources.get(name).map(|source| &source.file))
            .map(String::as_str)
    }
}

/// One name or pattern with its `+` signs.
struct Atom<'a> {
    /// Steps upstream: `Some(None)` is all the way.
    upstream: Option<Option<usize>>,
    downstream: Option<Option<usize>>,
    method: Option<&'a str>,
    method_span: Range<usize>,
    pattern: &'a str,
    pattern_span: Range<usize>,
}

impl<'a> Atom<'a> {
    fn parse(source: &'a SourceText, span: Range<usize>) -> Result<Atom<'a>, Box<Diagnostic>> {
        let text = &source.text[span.clone()];
        let mut start = 0;
        let mut end = text.len();
        let mut upstream = None;
        let mut downstream = None;
        if let Some(plus) = text.find('+')
            && let Some(steps) = steps(&text[..plus])
        {
            upstream = Some(steps);
            start = plus + 1;
        }
        if let Some(plus) = text[start..].rfind('+').map(|plus| plus + start)
            && let Some(steps) = steps(&text[plus + 1..])
        {
            downstream = Some(steps);
            end = plus;
        }
        let name = &text[start..end];
        if name.is_empty() || name.contains('+') {
            let mistake = source
                .error("bad-selector", span, format!("`{text}` is not a selector"))
                .with_hint("write a name with `+` before or after it, like `+sessions` or `sessions+1`");
            return Err(Box::new(mistake));
        }
        let start = span.start + start;
        let (method, pattern) = match name.split_once(':') {
            Some((method, pattern)) => (Some(method), pattern),
            None => (None, name),
        };
        let method_length = method.map_or(0, str::len);
        let pattern_start = start + name.len() - pattern.len();
        Ok(Atom {
            upstream,
            downstream,
            method,
            method_span: start..start + method_length,
            pattern,
            pattern_span: pattern_start..pattern_start + pattern.len(),
        })
    }
}

/// `""` is any number of steps, `"2"` is two.
fn steps(text: &str) -> Option<Option<usize>> {
    if text.is_empty() { Some(None) } else { text.parse().ok().map(Some) }
}

/// The non-empty pieces between separators, as byte ranges shifted by `base`.
fn pieces(text: &str, base: usize, is_separator: impl Fn(char) -> bool) -> Vec<Range<usize>> {
    let mut pieces = Vec::new();
    let mut start = 0;
    for piece in text.split(is_separator) {
        if !piece.is_empty() {
            pieces.push(base + start..base + start + piece.len());
        }
        let separator = text[start + piece.len()..].chars().next().map_or(0, char::len_utf8);
        start += piece.len() + separator;
    }
    pieces
}

fn is_under(folder: &str, file: &str) -> bool {
    folder.is_empty()
        || file.strip_prefix(folder).is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
        || (folder.contains('*') && matches_pattern(folder, file))
}

/// `*` stands for any characters; the rest is taken as it is.
fn matches_pattern(pattern: &str, name: &str) -> bool {
    let Some((first, rest)) = pattern.split_once('*') else { return pattern == name };
    let Some(mut remaining) = name.strip_prefix(first) else { return false };
    let mut parts = rest.split('*').collect::<Vec<_>>();
    let last = parts.pop().unwrap_or_default();
    for part in parts {
        match remaining.find(part) {
            Some(place) => remaining = &remaining[place + part.len()..],
            None => return false,
        }
    }
    remaining.ends_with(last)
}
