//! The tree: one document, parsed from events.

use std::collections::HashMap;
use std::ops::Range;

use granit_parser::{Event, Parser, ScalarStyle, ScanError};

use crate::diagnostic::{Diagnostic, SourceText};

/// Nodes of one file, aliases written out; more is an attack or an accident.
const MOST_NODES: usize = 200_000;

/// A value and the bytes of the file it was written in.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Node {
    pub(crate) value: NodeValue,
    pub(crate) span: Range<usize>,
}

#[derive(Debug, Clone, PartialEq)]
pub(crate) enum NodeValue {
    /// `plain`: written without quotes, so that it may mean a number, a boolean or null.
    Scalar { text: String, plain: bool },
    Sequence(Vec<Node>),
    Mapping(Vec<(Node, Node)>),
}

impl Node {
    pub(crate) fn is_null(&self) -> bool {
        matches!(&self.value, NodeValue::Scalar { text, plain: true } if matches!(text.as_str(), "" | "~" | "null"))
    }

    /// The text of a scalar that is not null.
    pub(crate) fn scalar(&self) -> Option<&str> {
        match &self.value {
            NodeValue::Scalar { text, .. } if !self.is_null() => Some(text),
            _ => None,
        }
    }

    /// What it is, for `expected …, found …`.
    pub(crate) fn kind(&self) -> &'static str {
        match &self.value {
            _ if self.is_null() => "nothing",
            NodeValue::Scalar { .. } => "a single value",
            NodeValue::Sequence(_) => "a list",
            NodeValue::Mapping(_) => "a mapping",
        }
    }
}

/// Parses `yaml`, a part of `source` that begins at byte `base`; `None` for a text without a document.
pub(crate) fn parse(source: &SourceText, yaml: &str, base: usize) -> Result<Option<Node>, Diagnostic> {
    let options = granit_parser::options! { emit_comments: false };
    let mut builder = Builder::new(source, yaml, base);
    for event in Parser::new_from_str_with_options(yaml, options) {
        let (event, span) = event.map_err(|error| builder.syntax_error(&error))?;
        let range = span.byte_range().unwrap_or(0..0);
        if span.tag_span().is_some() || span.tag_start().is_some() {
            return Err(source
                .error("yaml-tag", builder.shift(&range), "a tag has no meaning here")
                .with_hint("write the value without the tag; quotes make a text of it"));
        }
        builder.take(event, range)?;
    }
    Ok(builder.root)
}

enum Open {
    Sequence { items: Vec<Node>, start: usize, anchor: usize },
    Mapping { entries: Vec<(Node, Node)>, key: Option<Node>, start: usize, anchor: usize },
}

struct Builder<'a> {
    source: &'a SourceText,
    yaml: &'a str,
    base: usize,
    open: Vec<Open>,
    anchors: HashMap<usize, (Node, usize)>,
    nodes: usize,
    documents: usize,
    root: Option<Node>,
}

impl<'a> Builder<'a> {
    fn new(source: &'a SourceText, yaml: &'a str, base: usize) -> Builder<'a> {
        Builder {
            source,
            yaml,
            base,
            open: Vec::new(),
            anchors: HashMap::new(),
            nodes: 0,
            documents: 0,
            root: None,
        }
    }

    fn shift(&self, range: &Range<usize>) -> Range<usize> {
        range.start + self.base..range.end + self.base
    }

    fn syntax_error(&self, error: &ScanError) -> Diagnostic {
        let start = error.marker().byte_offset().unwrap_or(0).min(self.yaml.len());
        let end = self.yaml[self.yaml.floor_char_boundary(start)..]
            .chars()
            .next()
            .map_or(start, |character| start + character.len_utf8());
        let tab = self.yaml[..start].rsplit('\n').next().is_some_and(|line| line.trim_start_matches(' ').contains('\t'));
        self.source
            .error("yaml-syntax", self.shift(&(start..end)), format!("this is not YAML: {}", message_of(error)))
            .with_hint_if(tab.then(|| "YAML is indented with spaces, never with tabs".to_owned()))
    }

    fn take(&mut self, event: Event<'_>, range: Range<usize>) -> Result<(), Diagnostic> {
        match event {
            Event::DocumentStart(..) => {
                self.documents += 1;
                if self.documents > 1 {
                    return Err(self.source.error("yaml-documents", self.shift(&range), "a second document begins here"));
                }
            }
            Event::Scalar(text, style, anchor, _) => {
                let plain = style == ScalarStyle::Plain;
                let node = Node { value: NodeValue::Scalar { text: text.into_owned(), plain }, span: self.shift(&range) };
                self.complete(node, anchor)?;
            }
            Event::SequenceStart(_, anchor, _) => {
                self.open.push(Open::Sequence { items: Vec::new(), start: range.start, anchor });
            }
            Event::MappingStart(_, anchor, _) => {
                self.open.push(Open::Mapping { entries: Vec::new(), key: None, start: range.start, anchor });
            }
            Event::SequenceEnd | Event::MappingEnd => self.close(range.end)?,
            Event::Alias(id) => {
                let span = self.shift(&range);
                let Some(size) = self.anchors.get(&id).map(|(_, size)| *size) else {
                    return Err(self.source.error("yaml-alias", span, "an alias cannot stand inside what it names"));
                };
                // Counted before it is copied: aliases of aliases grow without bounds.
                self.count(size, &span)?;
                if let Some((node, _)) = self.anchors.get(&id) {
                    let node = Node { value: node.value.clone(), span };
                    self.place(node);
                }
            }
            _ => {}
        }
        Ok(())
    }

    fn close(&mut self, end: usize) -> Result<(), Diagnostic> {
        let (value, start, anchor) = match self.open.pop() {
            Some(Open::Sequence { items, start, anchor }) => (NodeValue::Sequence(items), start, anchor),
            Some(Open::Mapping { entries, start, anchor, .. }) => (NodeValue::Mapping(entries), start, anchor),
            None => return Ok(()),
        };
        // The end of a block collection is noticed at the next token: trailing space and comments are not part of it.
        let end = last_child_end(&value).map_or(end, |last| if self.is_flow(start) { end } else { last - self.base });
        let node = Node { value, span: self.shift(&(start..end.max(start))) };
        self.complete(node, anchor)
    }

    fn is_flow(&self, start: usize) -> bool {
        matches!(self.yaml.as_bytes().get(start), Some(b'[' | b'{'))
    }

    fn complete(&mut self, node: Node, anchor: usize) -> Result<(), Diagnostic> {
        self.count(1, &node.span)?;
        if anchor != 0 {
            self.anchors.insert(anchor, (node.clone(), size_of(&node.value)));
        }
        self.place(node);
        Ok(())
    }

    fn count(&mut self, added: usize, span: &Range<usize>) -> Result<(), Diagnostic> {
        self.nodes += added;
        if self.nodes <= MOST_NODES {
            return Ok(());
        }
        Err(self.source.error("yaml-size", span.clone(), format!("more than {MOST_NODES} values in one file")))
    }

    /// Puts a finished node where it belongs.
    fn place(&mut self, node: Node) {
        match self.open.last_mut() {
            None => self.root = Some(node),
            Some(Open::Sequence { items, .. }) => items.push(node),
            Some(Open::Mapping { entries, key, .. }) => match key.take() {
                None => *key = Some(node),
                Some(key) => entries.push((key, node)),
            },
        }
    }
}

fn last_child_end(value: &NodeValue) -> Option<usize> {
    match value {
        NodeValue::Scalar { .. } => None,
        NodeValue::Sequence(items) => items.last().map(|item| item.span.end),
        NodeValue::Mapping(entries) => entries.last().map(|(key, value)| value.span.end.max(key.span.end)),
    }
}

fn size_of(value: &NodeValue) -> usize {
    match value {
        NodeValue::Scalar { .. } => 1,
        NodeValue::Sequence(items) => 1 + items.iter().map(|item| size_of(&item.value)).sum::<usize>(),
        NodeValue::Mapping(entries) => {
            1 + entries.iter().map(|(key, value)| size_of(&key.value) + size_of(&value.value)).sum::<usize>()
        }
    }
}

/// The parser's words without the position, which the diagnostic shows itself.
fn message_of(error: &ScanError) -> String {
    error.info().trim_end_matches('.').to_owned()
}
