//! CSV as RFC 4180 has it, and nothing looser: a stray quote is a mistake, not a character.

use std::ops::Range;

/// A field of a row.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Field {
    pub(crate) text: String,
    /// Whether it stands in quotes: `""` is empty text, nothing at all is null.
    pub(crate) quoted: bool,
    pub(crate) span: Range<usize>,
}

/// A row that could be read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Record {
    pub(crate) fields: Vec<Field>,
    pub(crate) span: Range<usize>,
}

/// Why a row could not be read, and where.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct QuoteMistake {
    pub(crate) message: &'static str,
    pub(crate) hint: &'static str,
    pub(crate) span: Range<usize>,
}

/// Reads all rows; after a mistake reading goes on with the next line.
pub(crate) fn read(text: &str) -> (Vec<Record>, Vec<QuoteMistake>) {
    // A byte order mark is not part of the first name.
    let start = if text.starts_with('\u{FEFF}') { '\u{FEFF}'.len_utf8() } else { 0 };
    let mut scanner = Scanner { text, offset: start };
    let mut records = Vec::new();
    let mut mistakes = Vec::new();
    while scanner.offset < text.len() {
        match scanner.record() {
            Ok(record) => records.push(record),
            Err(mistake) => {
                mistakes.push(mistake);
                scanner.skip_line();
            }
        }
    }
    (records, mistakes)
}

struct Scanner<'a> {
    text: &'a str,
    offset: usize,
}

impl Scanner<'_> {
    fn rest(&self) -> &str {
        &self.text[self.offset..]
    }

    fn record(&mut self) -> Result<Record, QuoteMistake> {
        let start = self.offset;
        let mut fields = Vec::new();
        loop {
            fields.push(if self.rest().starts_with('"') { self.quoted()? } else { self.plain()? });
            let end = self.offset;
            if self.rest().starts_with(',') {
                self.offset += 1;
                continue;
            }
            self.offset += self.line_break_length();
            return Ok(Record { fields, span: start..end });
        }
    }

    fn line_break_length(&self) -> usize {
        match self.rest().as_bytes() {
            [b'\r', b'\n', ..] => 2,
            [b'\n' | b'\r', ..] => 1,
            _ => 0,
        }
    }

    fn plain(&mut self) -> Result<Field, QuoteMistake> {
        let start = self.offset;
        let length = self.rest().find([',', '\n', '\r', '"']).unwrap_or(self.rest().len());
        let end = start + length;
        self.offset = end;
        if self.rest().starts_with('"') {
            return Err(QuoteMistake {
                message: "a quote stands inside a field that does not begin with one",
                hint: "put the whole field in quotes and double the quotes inside: `\"6\"\" nails\"`",
                span: end..end + 1,
            });
        }
        Ok(Field { text: self.text[start..end].to_owned(), quoted: false, span: start..end })
    }

    fn quoted(&mut self) -> Result<Field, QuoteMistake> {
        let start = self.offset;
        let mut text = String::new();
        self.offset += 1;
        loop {
            let Some(length) = self.rest().find('"') else {
                self.offset = start;
                return Err(QuoteMistake {
                    message: "this quote is never closed",
                    hint: "close it, or double it if it is part of the text",
                    span: start..start + 1,
                });
            };
            text.push_str(&self.rest()[..length]);
            self.offset += length + 1;
            match self.rest().as_bytes().first() {
                Some(b'"') => {
                    text.push('"');
                    self.offset += 1;
                }
                None | Some(b',' | b'\n' | b'\r') => {
                    return Ok(Field { text, quoted: true, span: start..self.offset });
                }
                Some(_) => {
                    return Err(QuoteMistake {
                        message: "the field goes on after its closing quote",
                        hint: "double a quote that is part of the text",
                        span: self.offset - 1..self.offset,
                    });
                }
            }
        }
    }

    fn skip_line(&mut self) {
        self.offset = self.rest().find('\n').map_or(self.text.len(), |newline| self.offset + newline + 1);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn texts(csv: &str) -> Vec<Vec<(String, bool)>> {
        let (records, mistakes) = read(csv);
        assert_eq!(mistakes, []);
        records
            .into_iter()
            .map(|record| record.fields.into_iter().map(|field| (field.text, field.quoted)).collect())
            .collect()
    }

    fn plain(text: &str) -> (String, bool) {
        (text.to_owned(), false)
    }

    fn quoted(text: &str) -> (String, bool) {
        (text.to_owned(), true)
    }

    #[test]
    fn quotes_commas_and_line_breaks_inside_quotes_are_text() {
        assert_eq!(
            texts("a,b\r\n\"x, \"\"y\"\"\nz\",\"\"\n,\n"),
            [vec![plain("a"), plain("b")], vec![quoted("x, \"y\"\nz"), quoted("")], vec![plain(""), plain("")]]
        );
        assert_eq!(texts("\u{FEFF}a\n1"), [vec![plain("a")], vec![plain("1")]]);
        assert_eq!(texts("a,"), [vec![plain("a"), plain("")]]);
        assert_eq!(texts(""), Vec::<Vec<(String, bool)>>::new());
    }

    #[test]
    fn a_stray_quote_is_a_mistake_at_its_place_and_other_rows_are_read() {
        let (records, mistakes) = read("a,b\n1,6\" nails\n2,\"x\"y\n3,ok\n4,\"open\n5,x\n");
        assert_eq!(records.iter().map(|record| record.fields[0].text.as_str()).collect::<Vec<_>>(), ["a", "3", "5"]);
        let spans: Vec<_> = mistakes.iter().map(|mistake| mistake.span.clone()).collect();
        assert_eq!(spans, [7..8, 19..20, 29..30]);
    }

    proptest::proptest! {
        #[test]
        fn what_is_written_in_quotes_comes_back(values in proptest::collection::vec(".*", 1..6)) {
            let row: Vec<String> = values.iter().map(|value| format!("\"{}\"", value.replace('"', "\"\""))).collect();
            let expected: Vec<(String, bool)> = values.iter().map(|value| quoted(value)).collect();
            proptest::prop_assert_eq!(texts(&row.join(",")), [expected]);
        }

        #[test]
        fn any_text_is_read_or_refused_without_a_panic(text in "[a,\"\n\r ]*") {
            let (records, mistakes) = read(&text);
            for span in records.iter().map(|r| &r.span).chain(mistakes.iter().map(|m| &m.span)) {
                proptest::prop_assert!(text.get(span.clone()).is_some());
            }
        }
    }
}
