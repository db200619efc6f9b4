//! The words of a statement: enough to see which columns and days it names, not to understand it.

use std::collections::BTreeSet;

use crate::ports::TableEntry;

/// A piece of a statement.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Word {
    /// A name or keyword, folded to lower case, quotes taken away.
    Name(String),
    /// A text literal.
    Text(String),
    /// Digits, perhaps with a point.
    Number(String),
    /// Anything else: `=`, `<=`, `(`, `,`.
    Sign(String),
}

impl Word {
    pub(super) fn is(&self, keyword: &str) -> bool {
        matches!(self, Self::Name(name) if name == keyword)
    }

    pub(super) fn is_sign(&self, wanted: &str) -> bool {
        matches!(self, Self::Sign(sign) if sign == wanted)
    }
}

/// The words of one or several statements.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Words(pub(super) Vec<Word>);

impl Words {
    /// The words of a statement, without comments.
    pub(super) fn of(sql: &str) -> Self {
        let mut words = Vec::new();
        let mut rest = sql;
        while let Some(first) = rest.chars().next() {
            let length = if rest.starts_with("--") {
                rest.find('\n').unwrap_or(rest.len())
            } else if rest.starts_with("/*") {
                rest.find("*/").map_or(rest.len(), |end| end + 2)
            } else if first == '\'' || first == '"' {
                let (inside, length) = quoted(rest, first);
                words.push(if first == '"' { Word::Name(inside.to_lowercase()) } else { Word::Text(inside) });
                length
            } else if first.is_alphabetic() || first == '_' {
                let length = span(rest, |character| character.is_alphanumeric() || character == '_');
                words.push(Word::Name(rest[..length].to_lowercase()));
                length
            } else if first.is_ascii_digit() {
                let length = span(rest, |character| character.is_ascii_digit() || character == '.');
                words.push(Word::Number(rest[..length].to_owned()));
                length
            } else if first.is_whitespace() {
                first.len_utf8()
            } else {
                let two = rest.get(..2).filter(|sign| matches!(*sign, "<=" | ">=" | "<>" | "!=" | "||"));
                let length = two.map_or(first.len_utf8(), str::len);
                words.push(Word::Sign(rest[..length].to_owned()));
                length
            };
            rest = &rest[length..];
        }
        Self(words)
    }

    /// The words of both.
    pub(super) fn and(&self, other: &Self) -> Self {
        Self(self.0.iter().chain([&Word::Sign(";".to_owned())]).chain(&other.0).cloned().collect())
    }

    /// The table's columns that are named; `None` when all of them are, by `* from <table>`.
    pub(super) fn columns_of(&self, entry: &TableEntry) -> Option<BTreeSet<String>> {
        let takes_all =
            self.0.windows(3).any(|words| words[0].is_sign("*") && words[1].is("from") && words[2].is(&entry.name));
        if takes_all {
            return None;
        }
        let names: BTreeSet<&str> = self
            .0
            .iter()
            .filter_map(|word| if let Word::Name(name) = word { Some(name.as_str()) } else { None })
            .collect();
        Some(
            entry
                .columns
                .iter()
                .map(|column| &column.name)
                .filter(|name| names.contains(name.as_str()))
                .cloned()
                .collect(),
        )
    }
}

/// The text within quotes, and its length with them.
fn quoted(text: &str, quote: char) -> (String, usize) {
    let mut inside = String::new();
    let mut characters = text.char_indices().skip(1).peekable();
    while let Some((place, character)) = characters.next() {
        if character != quote {
            inside.push(character);
        } else if characters.peek().is_some_and(|(_, next)| *next == quote) {
            inside.push(quote);
            characters.next();
        } else {
            return (inside, place + quote.len_utf8());
        }
    }
    (inside, text.len())
}

fn span(text: &str, belongs: impl Fn(char) -> bool) -> usize {
    text.find(|character| !belongs(character)).unwrap_or(text.len())
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn words_are_found() {
        let words = Words::of("select \"A\"\"b\", x.日 -- no\n/* no */ >= 'it''s' 1.5");
        let shown: Vec<String> = words.0.iter().map(|word| format!("{word:?}")).collect();
        assert_eq!(
            shown.join(" "),
            r#"Name("select") Name("a\"b") Sign(",") Name("x") Sign(".") Name("日") Sign(">=") Text("it's") Number("1.5")"#
        );
    }

    proptest! {
        #[test]
        fn any_text_has_words(text in any::<String>(), sql in "[a-z'\"/*-<>= \n]{0,40}") {
            let _ = Words::of(&text);
            let _ = Words::of(&sql);
        }
    }
}
