//! Mistakes in a lake's files, with the place where they were made.
//!
//! A [`Diagnostic`] names one mistake, the bytes it concerns and, where one can be guessed, the way out. They are
//! collected in [`Diagnostics`], never thrown at the first: a user mends a lake in one go, not one error per run.

use std::fmt;
use std::ops::Range;
use std::sync::Arc;

use annotate_snippets::renderer::DecorStyle;
use annotate_snippets::{AnnotationKind, Group, Level, Renderer, Snippet};
use serde::Serialize;

/// How bad it is: an error stops the lake from loading, a warning does not.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Severity {
    /// The lake cannot be used as written.
    Error,
    /// The lake works, probably not as its author thinks.
    Warning,
}

/// One mistake at one place.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Diagnostic {
    /// Error or warning.
    pub severity: Severity,
    /// Short stable name of the kind of mistake, for scripts and searches, like `unknown-key`.
    pub code: &'static str,
    /// What is wrong: one line, lower case, values in backticks.
    pub message: String,
    /// Path of the file, relative to the lake's folder.
    pub file: String,
    /// Bytes of the file concerned; may be empty (a place between two characters).
    pub span: Range<usize>,
    /// Line of the first byte, from 1.
    pub line: usize,
    /// Column of the first byte in characters, from 1.
    pub column: usize,
    /// A few words under the marked text, where the message alone does not say it.
    pub label: Option<String>,
    /// What to do about it.
    pub hint: Option<String>,
    /// Other places that belong to it, with what they are: the first use of a name, the other end of a cycle.
    pub related: Vec<Related>,
    #[serde(skip)]
    text: Arc<str>,
}

/// A second place that explains a [`Diagnostic`].
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Related {
    /// Path of the file, relative to the lake's folder.
    pub file: String,
    /// Bytes of the file concerned.
    pub span: Range<usize>,
    /// Line of the first byte, from 1.
    pub line: usize,
    /// What this place is.
    pub label: String,
    #[serde(skip)]
    text: Arc<str>,
}

impl Diagnostic {
    /// The same with a few words under the marked text.
    #[must_use]
    pub fn with_label(mut self, label: impl Into<String>) -> Diagnostic {
        self.label = Some(label.into());
        self
    }

    /// The same with advice.
    #[must_use]
    pub fn with_hint(mut self, hint: impl Into<String>) -> Diagnostic {
        self.hint = Some(hint.into());
        self
    }

    /// The same with advice, where there is any.
    #[must_use]
    pub fn with_hint_if(mut self, hint: Option<String>) -> Diagnostic {
        self.hint = hint.or(self.hint);
        self
    }

    /// The same as a warning.
    #[must_use]
    pub fn as_warning(mut self) -> Diagnostic {
        self.severity = Severity::Warning;
        self
    }

    /// The same with a second place.
    #[must_use]
    pub(crate) fn with_related(mut self, place: &Place, label: impl Into<String>) -> Diagnostic {
        let (line, _) = place.source.line_and_column(place.span.start);
        self.related.push(Related {
            file: place.source.path.to_string(),
            span: place.span.clone(),
            line,
            label: label.into(),
            text: place.source.text.clone(),
        });
        self
    }

    fn report(&self) -> Vec<Group<'_>> {
        let level = match self.severity {
            Severity::Error => Level::ERROR,
            Severity::Warning => Level::WARNING,
        };
        let title = level.primary_title(self.message.as_str()).id(self.code);
        let mut annotation = AnnotationKind::Primary.span(visible_span(&self.text, &self.span));
        if let Some(label) = &self.label {
            annotation = annotation.label(label.as_str());
        }
        let mut snippet = Snippet::source(self.text.as_ref()).path(self.file.as_str()).annotation(annotation);
        for related in self.related.iter().filter(|related| related.file == self.file) {
            snippet = snippet.annotation(related.annotation());
        }
        let mut group = title.element(snippet);
        for related in self.related.iter().filter(|related| related.file != self.file) {
            group = group.element(
                Snippet::source(related.text.as_ref()).path(related.file.as_str()).annotation(related.annotation()),
            );
        }
        if let Some(hint) = &self.hint {
            group = group.element(Level::HELP.with_name("hint").message(hint.as_str()));
        }
        vec![group]
    }
}

impl Related {
    fn annotation(&self) -> annotate_snippets::Annotation<'_> {
        AnnotationKind::Context.span(visible_span(&self.text, &self.span)).label(self.label.as_str())
    }
}

impl fmt::Display for Diagnostic {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{}:{}:{}: {}", self.file, self.line, self.column, self.message)?;
        match &self.hint {
            Some(hint) => write!(formatter, " ({hint})"),
            None => Ok(()),
        }
    }
}

/// A span as the renderer wants it: inside the text, on character boundaries, at most to the end of its first line
/// when it covers many (the beginning of a block says enough; twenty underlined lines hide it).
fn visible_span(text: &str, span: &Range<usize>) -> Range<usize> {
    let start = text.floor_char_boundary(span.start.min(text.len()));
    let end = text.ceil_char_boundary(span.end.clamp(start, text.len()));
    match text[start..end].find('\n') {
        Some(0) | None => start..end,
        Some(length) => start..start + length,
    }
}

/// Mistakes in the order they are shown: by file, then by place.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, thiserror::Error)]
#[serde(transparent)]
#[error("{}", self.summary())]
pub struct Diagnostics {
    list: Vec<Diagnostic>,
}

impl Diagnostics {
    /// No mistakes yet.
    #[must_use]
    pub fn new() -> Diagnostics {
        Diagnostics::default()
    }

    /// Adds one.
    pub fn push(&mut self, diagnostic: Diagnostic) {
        self.list.push(diagnostic);
    }

    /// Adds all of another collection.
    pub fn extend(&mut self, other: Diagnostics) {
        self.list.extend(other.list);
    }

    /// Whether there is nothing at all, not even a warning.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.list.is_empty()
    }

    /// How many there are, warnings included.
    #[must_use]
    pub fn len(&self) -> usize {
        self.list.len()
    }

    /// Whether at least one is an error.
    #[must_use]
    pub fn has_errors(&self) -> bool {
        self.list.iter().any(|diagnostic| diagnostic.severity == Severity::Error)
    }

    /// In order of file and place, once [`Diagnostics::sorted`].
    pub fn iter(&self) -> std::slice::Iter<'_, Diagnostic> {
        self.list.iter()
    }

    /// By file (`tarn.yaml`, sources, seeds, models, tests: a cause before what follows from it) and place; what was
    /// found twice stands once.
    #[must_use]
    pub fn sorted(mut self) -> Diagnostics {
        self.list.sort_by(|left, right| {
            let rank = |file: &str| (folder_rank(file), file.to_owned());
            let place = |one: &Diagnostic| (rank(&one.file), one.span.start, one.span.end, one.severity);
            place(left).cmp(&place(right)).then_with(|| left.message.cmp(&right.message))
        });
        self.list.dedup();
        self
    }

    /// For people: each with its lines of the file, the offending text underlined, and the hint; ends with a line break.
    #[must_use]
    pub fn render(&self, colour: bool) -> String {
        let renderer = if colour { Renderer::styled() } else { Renderer::plain() };
        let renderer = renderer.decor_style(DecorStyle::Ascii);
        let mut rendered = String::new();
        for diagnostic in &self.list {
            if !rendered.is_empty() {
                rendered.push('\n');
            }
            rendered.push_str(&renderer.render(&diagnostic.report()));
            rendered.push('\n');
        }
        rendered
    }

    /// One line: `2 mistakes, 1 warning`.
    #[must_use]
    pub fn summary(&self) -> String {
        let errors = self.list.iter().filter(|diagnostic| diagnostic.severity == Severity::Error).count();
        let warnings = self.list.len() - errors;
        let counted = |count: usize, word: &str| format!("{count} {word}{}", if count == 1 { "" } else { "s" });
        match (errors, warnings) {
            (errors, 0) => counted(errors, "mistake"),
            (0, warnings) => counted(warnings, "warning"),
            (errors, warnings) => format!("{}, {}", counted(errors, "mistake"), counted(warnings, "warning")),
        }
    }
}

impl From<Diagnostic> for Diagnostics {
    fn from(diagnostic: Diagnostic) -> Diagnostics {
        Diagnostics { list: vec![diagnostic] }
    }
}

impl FromIterator<Diagnostic> for Diagnostics {
    fn from_iter<I: IntoIterator<Item = Diagnostic>>(diagnostics: I) -> Diagnostics {
        Diagnostics { list: diagnostics.into_iter().collect() }
    }
}

impl IntoIterator for Diagnostics {
    type Item = Diagnostic;
    type IntoIter = std::vec::IntoIter<Diagnostic>;

    fn into_iter(self) -> Self::IntoIter {
        self.list.into_iter()
    }
}

impl<'a> IntoIterator for &'a Diagnostics {
    type Item = &'a Diagnostic;
    type IntoIter = std::slice::Iter<'a, Diagnostic>;

    fn into_iter(self) -> Self::IntoIter {
        self.list.iter()
    }
}

fn folder_rank(file: &str) -> usize {
    ["tarn.yaml", "sources/", "seeds/", "models/"].iter().position(|start| file.starts_with(start)).unwrap_or(4)
}

/// A file's path and text; cheap to clone.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct SourceText {
    pub(crate) path: Arc<str>,
    pub(crate) text: Arc<str>,
}

impl SourceText {
    pub(crate) fn new(path: impl Into<Arc<str>>, text: impl Into<Arc<str>>) -> SourceText {
        SourceText { path: path.into(), text: text.into() }
    }

    /// Line and column (in characters) of a byte, both from 1.
    pub(crate) fn line_and_column(&self, offset: usize) -> (usize, usize) {
        let offset = self.text.floor_char_boundary(offset.min(self.text.len()));
        let before = &self.text[..offset];
        let line_start = before.rfind('\n').map_or(0, |newline| newline + 1);
        (before.matches('\n').count() + 1, before[line_start..].chars().count() + 1)
    }

    pub(crate) fn at(&self, span: Range<usize>) -> Place {
        Place { source: self.clone(), span }
    }

    /// An error about some bytes of this file.
    pub(crate) fn error(&self, code: &'static str, span: Range<usize>, message: impl Into<String>) -> Diagnostic {
        let (line, column) = self.line_and_column(span.start);
        Diagnostic {
            severity: Severity::Error,
            code,
            message: message.into(),
            file: self.path.to_string(),
            span,
            line,
            column,
            label: None,
            hint: None,
            related: Vec::new(),
            text: self.text.clone(),
        }
    }
}

/// Some bytes of one file: where a thing was written.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Place {
    pub(crate) source: SourceText,
    pub(crate) span: Range<usize>,
}

impl Place {
    /// An error about this place.
    pub(crate) fn error(&self, code: &'static str, message: impl Into<String>) -> Diagnostic {
        self.source.error(code, self.span.clone(), message)
    }
}
