//! Reads fields out of a tree: a value of the wanted shape, or a report with the place and what was wanted.

use std::ops::Range;
use std::str::FromStr;

use indexmap::IndexMap;

use super::{Node, NodeValue};
use crate::diagnostic::{Diagnostic, Diagnostics, Place, SourceText};
use crate::name;

/// A value and where it was written.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Spanned<T> {
    pub(crate) value: T,
    pub(crate) span: Range<usize>,
}

/// Reads one file; mistakes gather in it.
pub(crate) struct Reader {
    pub(crate) source: SourceText,
    pub(crate) diagnostics: Diagnostics,
}

/// The known keys of a mapping.
pub(crate) struct Fields<'n> {
    entries: IndexMap<&'n str, (&'n Node, &'n Node)>,
    /// Known keys that an unknown one was probably meant to be.
    misspelt: Vec<String>,
    span: Range<usize>,
}

impl<'n> Fields<'n> {
    /// The value of a key, unless it is missing or null.
    pub(crate) fn get(&self, key: &str) -> Option<&'n Node> {
        self.entries.get(key).map(|(_, value)| *value).filter(|value| !value.is_null())
    }

    /// The key itself, to point at.
    pub(crate) fn key_span(&self, key: &str) -> Option<Range<usize>> {
        self.entries.get(key).map(|(key, _)| key.span.clone())
    }

    /// The place to point at when something is missing: the first key, so that one line is marked and not a block.
    pub(crate) fn span(&self) -> Range<usize> {
        self.entries.first().map_or_else(|| self.span.clone(), |(_, (key, _))| key.span.clone())
    }
}

impl Reader {
    pub(crate) fn new(source: SourceText) -> Reader {
        Reader { source, diagnostics: Diagnostics::new() }
    }

    pub(crate) fn place(&self, span: Range<usize>) -> Place {
        self.source.at(span)
    }

    pub(crate) fn report(&mut self, diagnostic: Diagnostic) {
        self.diagnostics.push(diagnostic);
    }

    pub(crate) fn error(&mut self, code: &'static str, span: Range<usize>, message: impl Into<String>) {
        self.report(self.source.error(code, span, message));
    }

    /// Parses a whole file; `None` (reported) when it is not YAML, `None` (silent) when it holds nothing.
    pub(crate) fn parse(&mut self) -> Option<Node> {
        let text = self.source.text.clone();
        self.parse_part(&text, 0)
    }

    /// Parses a part of the file that begins at byte `base`.
    pub(crate) fn parse_part(&mut self, yaml: &str, base: usize) -> Option<Node> {
        match super::parse(&self.source, yaml, base) {
            Ok(root) => root.filter(|node| !node.is_null()),
            Err(diagnostic) => {
                self.report(*diagnostic);
                None
            }
        }
    }

    /// A mapping with these keys only; unknown and repeated ones are reported, the others can still be read.
    pub(crate) fn fields<'n>(&mut self, node: &'n Node, what: &str, known: &[&str]) -> Option<Fields<'n>> {
        let mut fields = self.entries(node, what)?;
        for (key, (key_node, _)) in &fields.entries {
            if !known.contains(key) {
                fields.misspelt.extend(name::nearest(key, known.iter().copied()).map(str::to_owned));
                let mistake = self
                    .source
                    .error("unknown-key", key_node.span.clone(), format!("{what} has no key `{key}`"))
                    .with_hint_if(name::suggestion(key, known.iter().copied(), "keys"));
                self.report(mistake);
            }
        }
        Some(fields)
    }

    /// A mapping with any keys.
    pub(crate) fn entries<'n>(&mut self, node: &'n Node, what: &str) -> Option<Fields<'n>> {
        let NodeValue::Mapping(entries) = &node.value else {
            self.wrong_type(node, &format!("{what} is a mapping (`key: value`)"));
            return None;
        };
        let mut by_key: IndexMap<&'n str, (&'n Node, &'n Node)> = IndexMap::new();
        for (key, value) in entries {
            let NodeValue::Scalar { text, .. } = &key.value else {
                self.wrong_type(key, "a key is a single value");
                continue;
            };
            if let Some((first, _)) = by_key.get(text.as_str()) {
                let first = self.place(first.span.clone());
                let mistake = self
                    .source
                    .error("duplicate-key", key.span.clone(), format!("the key `{text}` stands twice"))
                    .with_related(&first, "first here");
                self.report(mistake);
                continue;
            }
            by_key.insert(text, (key, value));
        }
        Some(Fields { entries: by_key, misspelt: Vec::new(), span: node.span.clone() })
    }

    /// All entries of a mapping whose keys the user chooses.
    pub(crate) fn named<'n>(&mut self, node: &'n Node, what: &str) -> Vec<(Spanned<String>, &'n Node)> {
        let entries = self.entries(node, what).map(|fields| fields.entries).unwrap_or_default();
        entries
            .into_iter()
            .map(|(key, (node, value))| (Spanned { value: key.to_owned(), span: node.span.clone() }, value))
            .collect()
    }

    pub(crate) fn wrong_type(&mut self, node: &Node, expected: &str) {
        let mistake =
            self.source.error("wrong-type", node.span.clone(), expected).with_label(format!("this is {}", node.kind()));
        self.report(mistake);
    }

    /// Text, kept as written: `no` is `no` and `007` is `007`.
    pub(crate) fn text(&mut self, node: &Node, what: &str) -> Option<String> {
        let text = node.scalar().map(str::to_owned);
        if text.is_none() {
            self.wrong_type(node, &format!("{what} is text"));
        }
        text
    }

    pub(crate) fn spanned_text(&mut self, node: &Node, what: &str) -> Option<Spanned<String>> {
        self.text(node, what).map(|value| Spanned { value, span: node.span.clone() })
    }

    /// Text under a key that may be missing.
    pub(crate) fn optional_text(&mut self, fields: &Fields<'_>, key: &str) -> Option<String> {
        self.text(fields.get(key)?, &format!("`{key}`"))
    }

    /// The value of a key that must be there.
    pub(crate) fn required<'n>(&mut self, fields: &Fields<'n>, key: &str, what: &str) -> Option<&'n Node> {
        let node = fields.get(key);
        // A misspelt key is reported already; that the right one is missing follows from it.
        if node.is_none() && !fields.misspelt.iter().any(|meant| meant == key) {
            let span = fields.key_span(key).unwrap_or_else(|| fields.span());
            self.error("missing-key", span, format!("{what} needs the key `{key}`"));
        }
        node
    }

    pub(crate) fn boolean(&mut self, node: &Node, what: &str) -> Option<bool> {
        match &node.value {
            NodeValue::Scalar { text, plain: true } if text == "true" => Some(true),
            NodeValue::Scalar { text, plain: true } if text == "false" => Some(false),
            _ => {
                self.error("wrong-type", node.span.clone(), format!("{what} is `true` or `false`"));
                None
            }
        }
    }

    /// A whole number within bounds.
    pub(crate) fn integer<N>(&mut self, node: &Node, what: &str, least: N, most: N) -> Option<N>
    where
        N: FromStr + PartialOrd + std::fmt::Display,
    {
        let number = node.scalar().and_then(|text| text.parse::<N>().ok());
        match number {
            Some(number) if number >= least && number <= most => Some(number),
            _ => {
                let mistake = self.source.error(
                    "bad-value",
                    node.span.clone(),
                    format!("{what} is a whole number from {least} to {most}"),
                );
                self.report(mistake);
                None
            }
        }
    }

    /// One word of a few.
    pub(crate) fn one_of<T: Clone>(&mut self, node: &Node, what: &str, choices: &[(&str, T)]) -> Option<T> {
        let text = self.text(node, what)?;
        let choice = choices.iter().find(|(word, _)| *word == text).map(|(_, choice)| choice.clone());
        if choice.is_none() {
            let words = choices.iter().map(|(word, _)| *word);
            let mistake = self
                .source
                .error("bad-value", node.span.clone(), format!("{what} cannot be `{text}`"))
                .with_hint_if(name::suggestion(&text, words, "possible values"));
            self.report(mistake);
        }
        choice
    }

    /// The items of a list.
    pub(crate) fn items<'n>(&mut self, node: &'n Node, what: &str) -> &'n [Node] {
        match &node.value {
            NodeValue::Sequence(items) => items,
            _ => {
                self.wrong_type(node, &format!("{what} is a list"));
                &[]
            }
        }
    }

    /// A list of texts; a single text is a list of one. Repeated ones are reported.
    pub(crate) fn texts(&mut self, node: &Node, what: &str) -> Vec<Spanned<String>> {
        let nodes = match &node.value {
            NodeValue::Sequence(items) => items.as_slice(),
            NodeValue::Scalar { .. } => std::slice::from_ref(node),
            NodeValue::Mapping(_) => {
                self.wrong_type(node, &format!("{what} is a list of texts"));
                &[]
            }
        };
        let mut texts: Vec<Spanned<String>> = Vec::with_capacity(nodes.len());
        for node in nodes {
            let Some(text) = self.spanned_text(node, &format!("an item of {what}")) else { continue };
            match texts.iter().find(|earlier| earlier.value == text.value) {
                Some(first) => {
                    let first = self.place(first.span.clone());
                    let mistake = self
                        .source
                        .error("duplicate-value", text.span, format!("`{}` stands twice in {what}", text.value))
                        .with_related(&first, "first here");
                    self.report(mistake);
                }
                None => texts.push(text),
            }
        }
        texts
    }
}

/// The values without their places.
pub(crate) fn values(spanned: Vec<Spanned<String>>) -> Vec<String> {
    spanned.into_iter().map(|text| text.value).collect()
}
