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
    Scalar {
        text: String,
        plain: bool,
    },
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
pub(crate) fn parse(source: &SourceText, yaml: &str, base: usize) -> Result<Option<Node>, Box<Diagnostic>> {
    let options = granit_parser::options! { emit_comments: false };
    let mut builder = Builder::new(source, yaml, base);
    for event in Parser::new_from_str_with_options(yaml, options) {
        let (event, span) = event.map_err(|error| Box::new(builder.syntax_error(&error)))?;
        let range = span.byte_range().unwrap_or(0..0);
        if span.tag_span().is_some() || span.tag_start().is_some() {
            let mistake = source.error("yaml-tag", builder.shift(&range), "a tag has no meaning here");
            return Err(Box::new(mistake.with_hint("write the value without the tag; quotes make a text of it")));
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
        Builder { source, yaml, base, open: Vec::new(), anchors: HashMap::new(), nodes: 0, documents: 0, root: None }
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
        let tab =
            self.yaml[..start].rsplit('\n').next().is_some_and(|line| line.trim_start_matches(' ').contains('\t'));
        self.source
            .error("yaml-syntax", self.shift(&(start..end)), format!("this is not YAML: {}", message_of(error)))
            .with_hint_if(tab.then(|| "YAML is indented with spaces, never with tabs".to_owned()))
    }

    fn take(&mut self, event: Event<'_>, range: Range<usize>) -> Result<(), Box<Diagnostic>> {
        match event {
            Event::DocumentStart(..) => {
                self.documents += 1;
                if self.documents > 1 {
                    let span = self.shift(&range);
                    return Err(Box::new(self.source.error("yaml-documents", span, "a second document begins here")));
                }
            }
            Event::Scalar(text, style, anchor, _) => {
                let plain = style == ScalarStyle::Plain;
                let node =
                    Node { value: NodeValue::Scalar { text: text.into_owned(), plain }, span: self.shift(&range) };
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
                    let message = "an alias cannot stand inside what it names";
                    return Err(Box::new(self.source.error("yaml-alias", span, message)));
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

    fn close(&mut self, end: usize) -> Result<(), Box<Diagnostic>> {
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

    fn complete(&mut self, node: Node, anchor: usize) -> Result<(), Box<Diagnostic>> {
        self.count(1, &node.span)?;
        if anchor != 0 {
            self.anchors.insert(anchor, (node.clone(), size_of(&node.value)));
        }
        self.place(node);
        Ok(())
    }

    fn count(&mut self, added: usize, span: &Range<usize>) -> Result<(), Box<Diagnostic>> {
        self.nodes += added;
        if self.nodes <= MOST_NODES {
            return Ok(());
        }
        let message = format!("more than {MOST_NODES} values in one file");
        Err(Box::new(self.source.error("yaml-size", span.clone(), message)))
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

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)] // a test fails by panicking

    use super::*;

    fn parsed(yaml: &str) -> Result<Option<Node>, Box<Diagnostic>> {
        parse(&SourceText::new("a.yaml", yaml), yaml, 0)
    }

    /// Checks the spans of all plain scalars against the text.
    fn check(node: &Node, yaml: &str) {
        let text = &yaml[node.span.clone()];
        match &node.value {
            NodeValue::Scalar { text: scalar, plain: true } => assert_eq!(text, scalar),
            NodeValue::Scalar { text: scalar, .. } => {
                let first = scalar.lines().next().unwrap();
                assert!(text.trim_start_matches(['"', '\'']).starts_with(first), "{text}");
            }
            NodeValue::Sequence(items) => items.iter().for_each(|item| check(item, yaml)),
            NodeValue::Mapping(entries) => entries.iter().for_each(|(key, value)| {
                check(key, yaml);
                check(value, yaml);
            }),
        }
    }

    #[test]
    fn every_node_knows_its_bytes() {
        let yaml = "# 名前\nname: 店\nlist:\n  - a   # note\n  - {b: 'c d', é: \"x\"}\n\n\nblock: |\n  two\n  lines\nlast: [1, 2]\n";
        let root = parsed(yaml).unwrap().unwrap();
        check(&root, yaml);
        let NodeValue::Mapping(entries) = &root.value else { panic!("no mapping") };
        let texts: Vec<&str> = entries.iter().map(|(_, value)| &yaml[value.span.clone()]).collect();
        assert_eq!(texts[0], "店");
        assert_eq!(texts[1], "- a   # note\n  - {b: 'c d', é: \"x\"}");
        assert_eq!(texts[3], "[1, 2]");
    }

    #[test]
    fn scalars_keep_their_text() {
        let root = parsed("[no, 007, 1.10, 0x1F, '~', ~, 2026-10-01 10:00:00, 1_000]").unwrap().unwrap();
        let NodeValue::Sequence(items) = &root.value else { panic!("no sequence") };
        let texts: Vec<Option<&str>> = items.iter().map(Node::scalar).collect();
        let expected = [
            Some("no"),
            Some("007"),
            Some("1.10"),
            Some("0x1F"),
            Some("~"),
            None,
            Some("2026-10-01 10:00:00"),
            Some("1_000"),
        ];
        assert_eq!(texts, expected);
    }

    #[test]
    fn aliases_are_written_out_up_to_a_limit() {
        let root = parsed("a: &x [1, 2]\nb: *x\n").unwrap().unwrap();
        let NodeValue::Mapping(entries) = &root.value else { panic!("no mapping") };
        assert!(matches!(&entries[1].1.value, NodeValue::Sequence(items) if items.len() == 2));
        let mut bomb = String::from("a0: &a0 [1,1,1,1,1,1,1,1,1,1]\n");
        for level in 1..20 {
            let before = format!("*a{}", level - 1);
            bomb.push_str(&format!("a{level}: &a{level} [{}]\n", vec![before; 10].join(",")));
        }
        assert_eq!(parsed(&bomb).unwrap_err().code, "yaml-size");
    }

    #[test]
    fn any_depth_is_refused_without_a_crash() {
        assert!(parsed(&"[".repeat(100_000)).is_err());
        assert!(parsed(&"- ".repeat(100_000)).is_err());
        assert!(parsed(&"{a: ".repeat(100_000)).is_err());
    }

    proptest::proptest! {
        #[test]
        fn any_text_is_read_or_refused_with_a_place_inside_it(yaml in "[a-b:,'\"\\[\\]{}&*!|>#\\-? \t\né]{0,60}") {
            match parsed(&yaml) {
                Ok(Some(node)) => proptest::prop_assert!(yaml.get(node.span.clone()).is_some(), "{:?}", node.span),
                Ok(None) => {}
                Err(diagnostic) => {
                    proptest::prop_assert!(diagnostic.span.start <= yaml.len());
                    proptest::prop_assert!(!crate::Diagnostics::from(*diagnostic).render(false).is_empty());
                }
            }
        }
    }
}
