//! Whether a rendered model is one query, as far as that can be told without parsing SQL.

use crate::sql_text::skip_blank;

/// Why a text is not one query, and which bytes of it say so.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct ShapeMistake {
    pub(crate) code: &'static str,
    pub(crate) message: &'static str,
    pub(crate) hint: &'static str,
    pub(crate) offset: usize,
    pub(crate) length: usize,
}

const BEGINNINGS: [&str; 4] = ["select", "with", "values", "table"];

/// What is wrong with the statement as a whole.
pub(crate) fn mistake(text: &str) -> Option<ShapeMistake> {
    let begin = skip_line_comments(text);
    if begin.starts_with("/*") {
        return Some(ShapeMistake {
            code: "bad-statement",
            message: "the statement begins with a block comment, which Athena refuses",
            hint: "write the comment with `--`, or as `{# … #}`",
            offset: text.len() - begin.len(),
            length: 2,
        });
    }
    if begin.is_empty() {
        return Some(ShapeMistake {
            code: "empty-model",
            message: "nothing is left of the statement",
            hint: "write a `select`",
            offset: text.len(),
            length: 0,
        });
    }
    let query = skip_parentheses(begin);
    let word_end = query.find(|character: char| !character.is_alphanumeric() && character != '_');
    let word = &query[..word_end.unwrap_or(query.len())];
    if !BEGINNINGS.iter().any(|beginning| word.eq_ignore_ascii_case(beginning)) {
        return Some(ShapeMistake {
            code: "bad-statement",
            message: "a model is a query: it begins with `select` or `with`",
            hint: "what is done with the result stands in the header, not in the SQL",
            offset: text.len() - query.len(),
            length: word.len().max(1),
        });
    }
    let end = text.trim_end();
    end.ends_with(';').then(|| ShapeMistake {
        code: "bad-statement",
        message: "a model is one query without `;`",
        hint: "take the `;` away",
        offset: end.len() - 1,
        length: 1,
    })
}

/// Line comments may stand before a query; block comments may not.
fn skip_line_comments(mut text: &str) -> &str {
    loop {
        text = text.trim_start();
        match text.strip_prefix("--") {
            Some(comment) => text = comment.find('\n').map_or("", |newline| &comment[newline + 1..]),
            None => return text,
        }
    }
}

fn skip_parentheses(mut text: &str) -> &str {
    loop {
        text = skip_blank(text);
        match text.strip_prefix('(') {
            Some(rest) => text = rest,
            None => return text,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn queries_in_many_forms_pass() {
        for query in [
            "select 1",
            "\n-- note\n  SELECT 1",
            "with a as (select 1) select * from a",
            "(select 1) union (select 2)",
            "( -- note\n /* note */ (select 1))",
            "values (1)",
            "table x",
            "select ';'",
        ] {
            assert_eq!(mistake(query), None, "{query}");
        }
    }

    #[test]
    fn what_is_no_query_is_told_with_its_place() {
        let place = |text| mistake(text).map(|mistake| (mistake.code, mistake.offset, mistake.length));
        assert_eq!(place(" /* a */ select 1"), Some(("bad-statement", 1, 2)));
        assert_eq!(place("-- only a note"), Some(("empty-model", 14, 0)));
        assert_eq!(place("insert into x select 1"), Some(("bad-statement", 0, 6)));
        assert_eq!(place("selected"), Some(("bad-statement", 0, 8)));
        assert_eq!(place("(("), Some(("bad-statement", 2, 1)));
        assert_eq!(place("select 1 ;\n"), Some(("bad-statement", 9, 1)));
    }
}
