//! A reader of JSON text that steps over what is not wanted without building it.
//!
//! It checks all it passes and stops where the answer is found, like the streaming parser behind Trino's
//! functions: text broken before that point gives nothing. It does not recurse, so no nesting is too deep.

use std::borrow::Cow;

use super::path::JsonPath;

/// A position in JSON text.
#[derive(Debug, Clone)]
pub(crate) struct Scanner<'t> {
    text: &'t str,
    position: usize,
}

/// What begins at a position.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Kind {
    Object,
    Array,
    Text,
    Number,
    True,
    False,
    Null,
}

/// Receives the tokens of a value in order, without white space.
pub(crate) trait Sink {
    /// Punctuation, a number or a word, as written.
    fn raw(&mut self, text: &str);
    /// The inside of a string, as written.
    fn string(&mut self, inside: &str);
}

/// Drops everything.
struct Skip;

impl Sink for Skip {
    fn raw(&mut self, _: &str) {}
    fn string(&mut self, _: &str) {}
}

/// Writes compact JSON; escapes become the shortest form.
struct Compact<'o>(&'o mut String);

impl Sink for Compact<'_> {
    fn raw(&mut self, text: &str) {
        self.0.push_str(text);
    }

    fn string(&mut self, inside: &str) {
        write_string(&decode(inside), self.0);
    }
}

impl<'t> Scanner<'t> {
    pub(crate) fn new(text: &'t str) -> Self {
        Self { text, position: 0 }
    }

    fn peek(&self) -> Option<u8> {
        self.text.as_bytes().get(self.position).copied()
    }

    fn skip_space(&mut self) {
        while let Some(b' ' | b'\t' | b'\n' | b'\r') = self.peek() {
            self.position += 1;
        }
    }

    fn eat(&mut self, byte: u8) -> bool {
        self.skip_space();
        let found = self.peek() == Some(byte);
        self.position += usize::from(found);
        found
    }

    /// Whether only white space is left.
    pub(crate) fn at_end(&mut self) -> bool {
        self.skip_space();
        self.position == self.text.len()
    }

    /// What the next value is.
    pub(crate) fn kind(&mut self) -> Option<Kind> {
        self.skip_space();
        Some(match self.peek()? {
            b'{' => Kind::Object,
            b'[' => Kind::Array,
            b'"' => Kind::Text,
            b'-' | b'0'..=b'9' => Kind::Number,
            b't' => Kind::True,
            b'f' => Kind::False,
            b'n' => Kind::Null,
            _ => return None,
        })
    }

    /// Takes a string; gives its inside as written.
    fn string(&mut self) -> Option<&'t str> {
        if !self.eat(b'"') {
            return None;
        }
        let bytes = self.text.as_bytes();
        let start = self.position;
        loop {
            match bytes.get(self.position)? {
                b'"' => break,
                b'\\' => {
                    let escape = bytes.get(self.position + 1)?;
                    let length = if *escape == b'u' { 6 } else { 2 };
                    let valid = match escape {
                        b'u' => bytes.get(self.position + 2..self.position + 6)?.iter().all(u8::is_ascii_hexdigit),
                        other => b"\"\\/bfnrt".contains(other),
                    };
                    if !valid {
                        return None;
                    }
                    self.position += length;
                }
                0..=0x1f => return None,
                _ => self.position += 1,
            }
        }
        let inside = self.text.get(start..self.position)?;
        self.position += 1;
        Some(inside)
    }

    fn digits(&mut self) -> Option<()> {
        let start = self.position;
        while let Some(b'0'..=b'9') = self.peek() {
            self.position += 1;
        }
        (self.position > start).then_some(())
    }

    /// Takes a number; gives it as written.
    fn number(&mut self) -> Option<&'t str> {
        let start = self.position;
        if self.peek() == Some(b'-') {
            self.position += 1;
        }
        if self.peek() == Some(b'0') {
            self.position += 1;
        } else {
            self.digits()?;
        }
        if self.peek() == Some(b'.') {
            self.position += 1;
            self.digits()?;
        }
        if let Some(b'e' | b'E') = self.peek() {
            self.position += 1;
            if let Some(b'+' | b'-') = self.peek() {
                self.position += 1;
            }
            self.digits()?;
        }
        // `01` or `1a` is not a number followed by something: it is broken.
        match self.peek() {
            None | Some(b',' | b']' | b'}' | b' ' | b'\t' | b'\n' | b'\r') => self.text.get(start..self.position),
            _ => None,
        }
    }

    fn word(&mut self, word: &'static str) -> Option<&'static str> {
        let rest = self.text.get(self.position..)?;
        let after = rest.strip_prefix(word)?;
        if after.bytes().next().is_some_and(|b| b.is_ascii_alphanumeric()) {
            return None;
        }
        self.position += word.len();
        Some(word)
    }

    /// Takes a scalar that is no string.
    fn bare(&mut self, kind: Kind) -> Option<&'t str> {
        match kind {
            Kind::Number => self.number(),
            Kind::True => self.word("true"),
            Kind::False => self.word("false"),
            Kind::Null => self.word("null"),
            _ => None,
        }
    }

    /// Takes one value of any depth and tells the sink.
    fn walk(&mut self, sink: &mut impl Sink) -> Option<()> {
        let mut open: Vec<Kind> = Vec::new();
        loop {
            match self.kind()? {
                Kind::Object => {
                    self.position += 1;
                    sink.raw("{");
                    if self.eat(b'}') {
                        sink.raw("}");
                    } else {
                        open.push(Kind::Object);
                        self.key(sink)?;
                        continue;
                    }
                }
                Kind::Array => {
                    self.position += 1;
                    sink.raw("[");
                    if self.eat(b']') {
                        sink.raw("]");
                    } else {
                        open.push(Kind::Array);
                        continue;
                    }
                }
                Kind::Text => sink.string(self.string()?),
                other => sink.raw(self.bare(other)?),
            }
            // A value has ended: go on within what is open, or close it.
            loop {
                let Some(container) = open.last() else {
                    return Some(());
                };
                if self.eat(b',') {
                    sink.raw(",");
                    if *container == Kind::Object {
                        self.key(sink)?;
                    }
                    break;
                }
                let (byte, text) = match container {
                    Kind::Object => (b'}', "}"),
                    _ => (b']', "]"),
                };
                if !self.eat(byte) {
                    return None;
                }
                sink.raw(text);
                open.pop();
            }
        }
    }

    fn key(&mut self, sink: &mut impl Sink) -> Option<()> {
        self.skip_space();
        sink.string(self.string()?);
        if !self.eat(b':') {
            return None;
        }
        sink.raw(":");
        Some(())
    }

    /// Steps over one value.
    pub(crate) fn skip(&mut self) -> Option<()> {
        self.walk(&mut Skip)
    }

    /// Appends one value as compact JSON.
    pub(crate) fn copy(&mut self, out: &mut String) -> Option<()> {
        self.walk(&mut Compact(out))
    }

    /// Takes a scalar as plain text: strings without quotes, numbers as written. Null and structures give nothing.
    pub(crate) fn scalar(&mut self) -> Option<Cow<'t, str>> {
        match self.kind()? {
            Kind::Text => self.string().map(decode),
            Kind::Object | Kind::Array | Kind::Null => None,
            other => self.bare(other).map(Cow::Borrowed),
        }
    }

    /// Enters an object; then call [`Self::next_key`] and take a value, until there is none.
    pub(crate) fn enter(&mut self, kind: Kind) -> Option<()> {
        let byte = if kind == Kind::Object { b'{' } else { b'[' };
        self.eat(byte).then_some(())
    }

    /// The next key of the object entered, `Some(None)` at its end, `None` if broken.
    pub(crate) fn next_key(&mut self, first: bool) -> Option<Option<Cow<'t, str>>> {
        if !self.more(first, b'}')? {
            return Some(None);
        }
        self.skip_space();
        let key = decode(self.string()?);
        self.eat(b':').then_some(Some(key))
    }

    /// Whether the array entered has another element; `None` if broken.
    pub(crate) fn next_element(&mut self, first: bool) -> Option<bool> {
        self.more(first, b']')
    }

    fn more(&mut self, first: bool, close: u8) -> Option<bool> {
        if self.eat(close) {
            return Some(false);
        }
        (first || self.eat(b',')).then_some(true)
    }

    /// Goes to the value a path leads to.
    pub(crate) fn seek(&mut self, path: &JsonPath) -> Option<()> {
        'steps: for step in &path.steps {
            match self.kind()? {
                Kind::Object => {
                    self.enter(Kind::Object)?;
                    let mut first = true;
                    while let Some(key) = self.next_key(first)? {
                        if key == step.key.as_str() {
                            continue 'steps;
                        }
                        self.skip()?;
                        first = false;
                    }
                    return None;
                }
                Kind::Array => {
                    let wanted = step.index?;
                    self.enter(Kind::Array)?;
                    let mut position = 0;
                    while self.next_element(position == 0)? {
                        if position == wanted {
                            continue 'steps;
                        }
                        self.skip()?;
                        position += 1;
                    }
                    return None;
                }
                _ => return None,
            }
        }
        Some(())
    }

    /// Counts the members of an object or the elements of an array; a scalar has none.
    pub(crate) fn count(&mut self) -> Option<i64> {
        let mut count = 0;
        match self.kind()? {
            Kind::Object => {
                self.enter(Kind::Object)?;
                while self.next_key(count == 0)?.is_some() {
                    self.skip()?;
                    count += 1;
                }
            }
            Kind::Array => {
                self.enter(Kind::Array)?;
                while self.next_element(count == 0)? {
                    self.skip()?;
                    count += 1;
                }
            }
            _ => self.skip()?,
        }
        Some(count)
    }
}

/// The text that a string stands for. An unpaired surrogate becomes the replacement character.
fn decode(inside: &str) -> Cow<'_, str> {
    if !inside.contains('\\') {
        return Cow::Borrowed(inside);
    }
    let mut out = String::with_capacity(inside.len());
    let mut rest = inside;
    while let Some(position) = rest.find('\\') {
        out.push_str(&rest[..position]);
        rest = &rest[position + 1..];
        let escape = rest.bytes().next().unwrap_or(b'\\');
        rest = rest.get(1..).unwrap_or_default();
        match escape {
            b'b' => out.push('\u{8}'),
            b'f' => out.push('\u{c}'),
            b'n' => out.push('\n'),
            b'r' => out.push('\r'),
            b't' => out.push('\t'),
            b'u' => {
                let (unit, after) = take_unit(rest);
                rest = after;
                if (0xd800..0xdc00).contains(&unit)
                    && let Some((low, after)) = rest.strip_prefix("\\u").map(take_unit)
                    && (0xdc00..0xe000).contains(&low)
                {
                    rest = after;
                    let combined = 0x10000 + ((unit - 0xd800) << 10) + (low - 0xdc00);
                    out.push(char::from_u32(combined).unwrap_or('\u{fffd}'));
                } else {
                    out.push(char::from_u32(unit).unwrap_or('\u{fffd}'));
                }
            }
            other => out.push(char::from(other)),
        }
    }
    out.push_str(rest);
    Cow::Owned(out)
}

fn take_unit(text: &str) -> (u32, &str) {
    match (text.get(..4), text.get(4..)) {
        (Some(digits), Some(after)) => (u32::from_str_radix(digits, 16).unwrap_or(0xfffd), after),
        _ => (0xfffd, ""),
    }
}

/// Appends text as a JSON string.
pub(crate) fn write_string(text: &str, out: &mut String) {
    out.push('"');
    let mut start = 0;
    for (position, byte) in text.bytes().enumerate() {
        let escape = match byte {
            b'"' => "\\\"",
            b'\\' => "\\\\",
            b'\n' => "\\n",
            b'\r' => "\\r",
            b'\t' => "\\t",
            0x08 => "\\b",
            0x0c => "\\f",
            0..=0x1f => "",
            _ => continue,
        };
        out.push_str(&text[start..position]);
        start = position + 1;
        if escape.is_empty() {
            out.push_str(&format!("\\u{byte:04X}"));
        } else {
            out.push_str(escape);
        }
    }
    out.push_str(&text[start..]);
    out.push('"');
}
