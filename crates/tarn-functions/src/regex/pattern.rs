//! Patterns and replacements in Java's notation, on an engine that runs in linear time.
//!
//! What that engine cannot do (look-around, back-references, atomic groups, possessive repetition) is refused by name.

use datafusion::common::{DataFusionError, Result};
use regex::{Match, Regex};

use crate::failure::{invalid_argument, not_supported};

/// A compiled pattern.
#[derive(Debug)]
pub(crate) struct Expression {
    pub(crate) regex: Regex,
}

impl Expression {
    pub(crate) fn compile(pattern: &str) -> Result<Self> {
        let translated = translate(pattern)?;
        let regex = regex::RegexBuilder::new(&translated)
            .size_limit(64 << 20)
            .build()
            .map_err(|error| invalid_argument(format!("Invalid regular expression `{pattern}`: {error}")))?;
        Ok(Self { regex })
    }

    /// Checks a group number.
    pub(crate) fn group(&self, group: i64) -> Result<usize> {
        let last = self.regex.captures_len() - 1;
        if group < 0 {
            return Err(invalid_argument("Group cannot be negative"));
        }
        usize::try_from(group)
            .ok()
            .filter(|group| *group <= last)
            .ok_or_else(|| invalid_argument(format!("Pattern has {last} groups. Cannot access group {group}")))
    }

    /// All matches from a byte on. As in Java, an empty match may follow right after another match.
    pub(crate) fn matches<'t>(&self, text: &'t str, from: usize) -> impl Iterator<Item = Match<'t>> {
        let mut next = Some(from);
        std::iter::from_fn(move || {
            let found = self.regex.find_at(text, next?)?;
            next = if found.is_empty() {
                text[found.end()..].chars().next().map(|character| found.end() + character.len_utf8())
            } else {
                Some(found.end())
            };
            Some(found)
        })
    }
}

/// Rewrites what Java writes otherwise, and refuses what cannot be run.
fn translate(pattern: &str) -> Result<String> {
    let refuse =
        |what: &str| -> DataFusionError { not_supported(format!("{what} in the regular expression `{pattern}`")) };
    let mut out = String::with_capacity(pattern.len());
    let mut rest = pattern;
    let mut in_class = 0_usize;
    // Whether the last thing written was a repetition, to which `+` would be possessive.
    let mut repeated = false;
    while let Some(character) = rest.chars().next() {
        let after = &rest[character.len_utf8()..];
        let was_repeated = std::mem::take(&mut repeated);
        match character {
            '\\' => {
                let Some(escaped) = after.chars().next() else {
                    return Err(invalid_argument(format!(
                        "Invalid regular expression `{pattern}`: it ends in a backslash"
                    )));
                };
                rest = &after[escaped.len_utf8()..];
                match escaped {
                    'Q' => {
                        let (literal, tail) = rest.split_once("\\E").unwrap_or((rest, ""));
                        out.push_str(&regex::escape(literal));
                        rest = tail;
                    }
                    '1'..='9' if in_class == 0 => return Err(refuse("back-reference")),
                    'k' => return Err(refuse("back-reference")),
                    'G' => return Err(refuse("`\\G`")),
                    'R' => out.push_str(r"(?:\r\n|[\n\x0B\x0C\r\x{85}\x{2028}\x{2029}])"),
                    'h' if in_class == 0 => out.push_str("[0-9a-fA-F]"),
                    'Z' => out.push_str(r"(?:\n?\z)"),
                    'e' => out.push_str(r"\x1B"),
                    '<' | '>' => out.push(escaped),
                    other if !other.is_ascii() || other == '_' || other == ' ' => out.push(other),
                    other => {
                        out.push('\\');
                        out.push(other);
                    }
                }
                continue;
            }
            '[' => {
                in_class += 1;
                out.push('[');
                rest = after;
                // A bracket that comes first is a member.
                if let Some(tail) = rest.strip_prefix('^') {
                    out.push('^');
                    rest = tail;
                }
                if let Some(tail) = rest.strip_prefix(']') {
                    out.push_str("\\]");
                    rest = tail;
                }
                continue;
            }
            ']' if in_class > 0 => {
                in_class -= 1;
                out.push(']');
            }
            '(' if in_class == 0 => {
                let refused = [
                    ("?=", "look-ahead"),
                    ("?!", "look-ahead"),
                    ("?<=", "look-behind"),
                    ("?<!", "look-behind"),
                    ("?>", "atomic group"),
                ];
                if let Some((_, what)) = refused.iter().find(|(start, _)| after.starts_with(start)) {
                    return Err(refuse(what));
                }
                out.push('(');
            }
            '+' if in_class == 0 && was_repeated => return Err(refuse("possessive repetition")),
            '*' | '+' | '?' if in_class == 0 => {
                // `??`, `*?` and `+?` are lazy; the `?` after a repetition ends it.
                repeated = !(character == '?' && was_repeated);
                out.push(character);
            }
            '{' if in_class == 0 => {
                if is_repetition(after) {
                    out.push('{');
                } else {
                    out.push_str("\\{");
                }
            }
            '}' if in_class == 0 => {
                let opened = out.rfind('{').is_some_and(|at| {
                    !out[..at].ends_with('\\') && out[at + 1..].bytes().all(|b| b.is_ascii_digit() || b == b',')
                });
                if opened {
                    out.push('}');
                    repeated = true;
                } else {
                    out.push_str("\\}");
                }
            }
            // Doubled marks are set operators only here.
            '~' | '-' if in_class > 0 && after.starts_with(character) => {
                out.push('\\');
                out.push(character);
            }
            other => out.push(other),
        }
        rest = after;
    }
    Ok(out)
}

fn is_repetition(after: &str) -> bool {
    after.split_once('}').is_some_and(|(inside, _)| {
        inside.starts_with(|c: char| c.is_ascii_digit())
            && inside.bytes().all(|b| b.is_ascii_digit() || b == b',')
            && inside.matches(',').count() <= 1
    })
}

#[derive(Debug)]
enum Piece {
    Text(String),
    Group(usize),
}

/// A compiled replacement: `$1`, `${name}`, `\$`.
#[derive(Debug)]
pub(crate) struct Replacement {
    pieces: Vec<Piece>,
}

impl Replacement {
    pub(crate) fn compile(text: &str, expression: &Expression) -> Result<Self> {
        let refuse = |what: String| invalid_argument(format!("Illegal replacement sequence: {what}"));
        let groups = expression.regex.captures_len() - 1;
        let mut pieces = Vec::new();
        let mut literal = String::new();
        let mut rest = text;
        while let Some(character) = rest.chars().next() {
            rest = &rest[character.len_utf8()..];
            match character {
                '\\' => {
                    let Some(escaped) = rest.chars().next() else {
                        return Err(refuse(text.to_owned()));
                    };
                    rest = &rest[escaped.len_utf8()..];
                    literal.push(escaped);
                    continue;
                }
                '$' => {}
                other => {
                    literal.push(other);
                    continue;
                }
            }
            let group = if let Some(named) = rest.strip_prefix('{') {
                let (name, tail) = named.split_once('}').ok_or_else(|| refuse(text.to_owned()))?;
                rest = tail;
                expression
                    .regex
                    .capture_names()
                    .position(|known| known == Some(name))
                    .ok_or_else(|| refuse(format!("unknown group {{ {name} }}")))?
            } else {
                let (group, used) = take_group(rest, groups).ok_or_else(|| refuse(text.to_owned()))?;
                if group > groups {
                    return Err(refuse(format!("unknown group {group}")));
                }
                rest = &rest[used..];
                group
            };
            if !literal.is_empty() {
                pieces.push(Piece::Text(std::mem::take(&mut literal)));
            }
            pieces.push(Piece::Group(group));
        }
        if !literal.is_empty() {
            pieces.push(Piece::Text(literal));
        }
        Ok(Self { pieces })
    }

    /// Appends `text` with all matches replaced.
    pub(crate) fn apply(&self, expression: &Expression, text: &str, out: &mut String) {
        let needs_groups = self.pieces.iter().any(|piece| matches!(piece, Piece::Group(group) if *group > 0));
        let mut end = 0;
        for found in expression.matches(text, 0) {
            out.push_str(&text[end..found.start()]);
            end = found.end();
            let captures = needs_groups.then(|| expression.regex.captures_at(text, found.start())).flatten();
            for piece in &self.pieces {
                match piece {
                    Piece::Text(literal) => out.push_str(literal),
                    Piece::Group(0) => out.push_str(found.as_str()),
                    Piece::Group(group) => {
                        if let Some(part) = captures.as_ref().and_then(|c| c.get(*group)) {
                            out.push_str(part.as_str());
                        }
                    }
                }
            }
        }
        out.push_str(&text[end..]);
    }
}

/// Takes a group number: further digits belong to it while such a group exists.
fn take_group(text: &str, groups: usize) -> Option<(usize, usize)> {
    let digit = |byte: &u8| byte.is_ascii_digit().then(|| usize::from(byte - b'0'));
    let bytes = text.as_bytes();
    let mut group = bytes.first().and_then(digit)?;
    let mut used = 1;
    while let Some(next) = bytes.get(used).and_then(digit) {
        let longer = group * 10 + next;
        if longer > groups {
            break;
        }
        group = longer;
        used += 1;
    }
    Some((group, used))
}
