//! What the parser reads and Athena does not: words and signs of other databases, refused where they stand.
//!
//! A model that ran here with one of them would fail in the cloud, after it was deployed.

use datafusion::sql::sqlparser::keywords::Keyword;
use datafusion::sql::sqlparser::tokenizer::{Token, TokenWithSpan};

use crate::error::SqlError;
use crate::syntax::tokens::keyword;

/// Refuses the first sign or word that is not part of Athena's SQL.
pub(crate) fn refuse(tokens: &[TokenWithSpan]) -> Result<(), SqlError> {
    for (index, token) in tokens.iter().enumerate() {
        let rest = tokens.get(index + 1..).unwrap_or_default();
        if let Some((what, hint)) = foreign(token, rest) {
            return Err(SqlError::syntax(format!("{what} is not part of Athena's SQL"))
                .hint(hint)
                .at(token.span.start));
        }
    }
    Ok(())
}

fn foreign(token: &TokenWithSpan, rest: &[TokenWithSpan]) -> Option<(String, &'static str)> {
    let word = |place: usize| rest.get(place).and_then(keyword);
    let sign = |place: usize| rest.get(place).map(|next| &next.token);
    if token.token == Token::DoubleEq {
        return Some(("`==`".to_owned(), "write `=`"));
    }
    match keyword(token)? {
        Keyword::IS => {
            let negated = word(0) == Some(Keyword::NOT);
            let truth = word(usize::from(negated)).filter(|word| is_truth(*word))?;
            let not = if negated { "NOT " } else { "" };
            Some((
                format!("`IS {not}{truth:?}`"),
                "compare with `is [not] distinct from`, as `x is distinct from true`",
            ))
        }
        Keyword::GROUP if word(0) == Some(Keyword::BY) && word(1) == Some(Keyword::ALL) && !begins_sets(sign(2)) => {
            Some(("`GROUP BY ALL` without a list".to_owned(), "name the columns, or their positions: `group by 1, 2`"))
        }
        Keyword::LIMIT if word(1) == Some(Keyword::OFFSET) => {
            Some(("`LIMIT` before `OFFSET`".to_owned(), "write `offset … limit …`, in this order"))
        }
        Keyword::LIMIT if matches!(sign(1), Some(Token::Comma)) && matches!(sign(2), Some(Token::Number(..))) => {
            Some(("`LIMIT` with two numbers".to_owned(), "write `offset … limit …`"))
        }
        Keyword::QUALIFY
            if !matches!(sign(0), None | Some(Token::Comma | Token::RParen | Token::Eq | Token::Period)) =>
        {
            Some(("`QUALIFY`".to_owned(), "filter in a query around this one: `select … from (…) where …`"))
        }
        Keyword::DISTINCT if word(0) == Some(Keyword::ON) && sign(1) == Some(&Token::LParen) => {
            Some(("`DISTINCT ON`".to_owned(), "number the rows with `row_number() over (…)` and keep those with 1"))
        }
        clock if is_clock(clock) && sign(0) == Some(&Token::LParen) && sign(1) == Some(&Token::RParen) => {
            Some((format!("`{clock:?}()`"), "write it without parentheses"))
        }
        _ => None,
    }
}

fn is_truth(word: Keyword) -> bool {
    matches!(word, Keyword::TRUE | Keyword::FALSE | Keyword::UNKNOWN)
}

fn is_clock(word: Keyword) -> bool {
    matches!(
        word,
        Keyword::CURRENT_DATE
            | Keyword::CURRENT_TIME
            | Keyword::CURRENT_TIMESTAMP
            | Keyword::LOCALTIME
            | Keyword::LOCALTIMESTAMP
    )
}

/// `GROUP BY ALL a, b` keeps equal grouping sets, and is part of the standard.
fn begins_sets(next: Option<&Token>) -> bool {
    match next {
        Some(Token::Word(word)) => {
            word.quote_style.is_some()
                || !matches!(
                    word.keyword,
                    Keyword::HAVING
                        | Keyword::ORDER
                        | Keyword::LIMIT
                        | Keyword::OFFSET
                        | Keyword::UNION
                        | Keyword::INTERSECT
                        | Keyword::EXCEPT
                        | Keyword::WINDOW
                        | Keyword::FETCH
                )
        }
        Some(Token::LParen | Token::Number(..)) => true,
        _ => false,
    }
}
