//! From a place in rendered SQL back to the template.
//!
//! The template is rendered a second time with marks in it: one before the first visible character of every line of
//! plain text, and one before every `{{`. Marks never touch the white space that `{%-` and `-%}` strip, so the text
//! around them is the same; where it is not (a filter over a block counts characters, say), there is no map and no
//! harm. Exact for plain text; inside the output of an expression every place leads to the expression.

use std::ops::Range;

use minijinja::machinery::{Token, tokenize};
use minijinja::syntax::SyntaxConfig;

/// Two noncharacters of Unicode: they cannot stand in a text that anybody exchanges.
const MARK_START: char = '\u{FDD0}';
const MARK_END: char = '\u{FDD1}';

/// A stretch of rendered text and where it comes from.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Segment {
    rendered_start: usize,
    template_start: usize,
    /// Bytes for which both run in step; 0 for the output of an expression.
    length: usize,
}

/// Leads from bytes of rendered text to bytes of the template.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct SourceMap {
    segments: Vec<Segment>,
}

struct Mark {
    offset: usize,
    length: usize,
}

impl SourceMap {
    /// The map of `rendered`, given a way to render a marked template again; empty when none can be made.
    pub(crate) fn build(
        template: &str,
        rendered: &str,
        render_again: impl FnOnce(&str) -> Option<String>,
    ) -> SourceMap {
        if template.contains([MARK_START, MARK_END]) || rendered.contains([MARK_START, MARK_END]) {
            return SourceMap::default();
        }
        let marks = marks(template);
        let mut marked = String::with_capacity(template.len() + marks.len() * 8);
        let mut from = 0;
        for (place, mark) in marks.iter().enumerate() {
            marked.push_str(&template[from..mark.offset]);
            marked.push_str(&format!("{MARK_START}{place}{MARK_END}"));
            from = mark.offset;
        }
        marked.push_str(&template[from..]);
        let Some(marked) = render_again(&marked) else { return SourceMap::default() };
        let (text, segments) = read_marks(&marked, &marks);
        if text == rendered { SourceMap { segments } } else { SourceMap::default() }
    }

    /// The byte of the template that a byte of the rendered text comes from.
    pub(crate) fn template_offset(&self, rendered: usize) -> Option<usize> {
        let after = self.segments.partition_point(|segment| segment.rendered_start <= rendered);
        let segment = self.segments.get(after.checked_sub(1)?)?;
        Some(segment.template_start + (rendered - segment.rendered_start).min(segment.length))
    }
}

/// Where marks go, in order.
fn marks(template: &str) -> Vec<Mark> {
    let mut marks = Vec::new();
    for token in tokenize(template, false, SyntaxConfig::default()) {
        // A template that was rendered can be read; what cannot is left without marks.
        let Ok((token, span)) = token else { break };
        match token {
            Token::TemplateData(data) => {
                let start = data.as_ptr() as usize - template.as_ptr() as usize;
                mark_lines(data, start, &mut marks);
            }
            Token::VariableStart => {
                let Range { start, end } = span.start_offset as usize..span.end_offset as usize;
                // `{{-` strips what stands before it: a mark there would be in the way.
                if template.get(start..end).is_some_and(|text| text == "{{") && !template[end..].starts_with('-') {
                    marks.push(Mark { offset: start, length: 0 });
                }
            }
            _ => {}
        }
    }
    marks
}

fn mark_lines(data: &str, start: usize, marks: &mut Vec<Mark>) {
    let mut line_start = 0;
    for line in data.split_inclusive('\n') {
        let visible = line.trim_start();
        if !visible.is_empty() {
            let offset = start + line_start + line.len() - visible.len();
            marks.push(Mark { offset, length: visible.len() });
        }
        line_start += line.len();
    }
}

/// The text without its marks, and what they said.
fn read_marks(marked: &str, marks: &[Mark]) -> (String, Vec<Segment>) {
    let mut text = String::with_capacity(marked.len());
    let mut segments = Vec::new();
    let mut pieces = marked.split(MARK_START);
    text.push_str(pieces.next().unwrap_or_default());
    for piece in pieces {
        let (place, rest) = piece.split_once(MARK_END).unwrap_or(("", piece));
        if let Some(mark) = place.parse::<usize>().ok().and_then(|place| marks.get(place)) {
            segments.push(Segment { rendered_start: text.len(), template_start: mark.offset, length: mark.length });
        }
        text.push_str(rest);
    }
    (text, segments)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)] // a test fails by panicking

    use proptest::prelude::*;

    use super::*;
    use crate::template::render::{Scope, render};

    fn rendered(template: &str) -> Option<String> {
        render(template, Scope::default()).ok().map(|rendered| rendered.text)
    }

    /// Pieces of a template; `word` becomes a word of its own, so that it can be found again.
    fn piece() -> impl Strategy<Value = &'static str> {
        prop_oneof![
            Just("word"),
            Just("word "),
            Just(" "),
            Just("\n"),
            Just("\n    "),
            Just("{{ 'a\nb' }}"),
            Just("{{- 5 }}"),
            Just("{{ 5 -}}"),
            Just("{# note\n #}"),
            Just("{%- if true %}"),
            Just("{% if true -%}"),
            Just("{% if false %}\nlost{% endif %}"),
            Just("名前 "),
        ]
    }

    proptest! {
        #[test]
        fn every_word_leads_back_to_where_it_was_written(pieces in proptest::collection::vec(piece(), 0..24)) {
            let opened = pieces.iter().filter(|piece| piece.contains("if true")).count();
            let numbered = pieces.iter().enumerate().map(|(at, piece)| piece.replace("word", &format!("word{at}x")));
            let template = numbered.collect::<String>() + &"{% endif %}".repeat(opened);
            let text = rendered(&template).unwrap();
            let map = SourceMap::build(&template, &text, rendered);
            for (at, _) in pieces.iter().enumerate().filter(|(_, piece)| piece.contains("word")) {
                let word = format!("word{at}x");
                let place = map.template_offset(text.find(&word).unwrap());
                prop_assert_eq!(place, template.find(&word), "{} in {:?}", word, template);
                let end = map.template_offset(text.find(&word).unwrap() + word.len() - 1);
                prop_assert_eq!(end, template.find(&word).map(|start| start + word.len() - 1));
            }
        }
    }

    #[test]
    fn a_template_that_marks_would_change_has_no_map() {
        let template = "{% set text %}a\nb{% endset %}select {{ text | length }}";
        let text = rendered(template).unwrap();
        assert_eq!(text, "select 3");
        assert_eq!(SourceMap::build(template, &text, rendered), SourceMap::default());
    }
}
