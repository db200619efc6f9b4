//! Tokens made ready for the parser.
//!
//! Three constructs of Athena are unknown to the parser and are put into words it knows, token by token, so that
//! every place in the text stays what the user sees:
//! - `cast(x as array(row(a integer)))`: the type is read here and stands as the name `$type0` afterwards;
//! - `values 1, 2`: rows of one column get their parentheses;
//! - what cannot run at all is refused by name.

use arrow::datatypes::FieldRef;
use datafusion::sql::sqlparser::keywords::Keyword;
use datafusion::sql::sqlparser::tokenizer::{Location, Span, Token, TokenWithSpan, Tokenizer, TokenizerError, Word};

use crate::error::SqlError;
use crate::syntax::dialect::AthenaDialect;
use crate::syntax::foreign;
use crate::syntax::type_name::read_type;

/// The prefix of names that stand for types in casts.
pub(crate) const TYPE_PREFIX: &str = "$type";

/// Tokens without white space, and the types that were read out of casts.
#[derive(Debug, Clone)]
pub(crate) struct Prepared {
    pub(crate) tokens: Vec<TokenWithSpan>,
    pub(crate) types: Vec<FieldRef>,
}

/// Splits a text into tokens and prepares them.
pub(crate) fn prepare(sql: &str) -> Result<Prepared, SqlError> {
    let dialect = AthenaDialect;
    let tokens = Tokenizer::new(&dialect, sql)
        .tokenize_with_location()
        .map_err(|TokenizerError { message, location }| SqlError::syntax(message).at(location))?;
    let tokens: Vec<TokenWithSpan> = tokens
        .into_iter()
        .filter(|token| !matches!(token.token, Token::Whitespace(_) | Token::EOF))
        .map(fold)
        .collect();
    refuse(&tokens)?;
    foreign::refuse(&tokens)?;
    let (tokens, types) = take_types(tokens)?;
    Ok(Prepared { tokens: parenthesize_values(tokens), types })
}

/// Names fold to lower case, quoted or not.
fn fold(mut token: TokenWithSpan) -> TokenWithSpan {
    if let Token::Word(word) = &mut token.token {
        word.value = word.value.to_lowercase();
    }
    token
}

/// The keyword of a token, for an unquoted word.
pub(crate) fn keyword(token: &TokenWithSpan) -> Option<Keyword> {
    match &token.token {
        Token::Word(word) if word.quote_style.is_none() => Some(word.keyword),
        _ => None,
    }
}

fn refuse(tokens: &[TokenWithSpan]) -> Result<(), SqlError> {
    for (index, token) in tokens.iter().enumerate() {
        let next = tokens.get(index + 1);
        let name = match &token.token {
            Token::Char('`') => {
                return Err(SqlError::syntax(
                    "backquoted identifiers are not supported; use double quotes to quote identifiers",
                )
                .at(token.span.start));
            }
            Token::Word(word) if word.quote_style.is_none() => word.value.to_ascii_uppercase(),
            _ => continue,
        };
        let called = next.is_some_and(|next| next.token == Token::LParen);
        let why = match name.as_str() {
            "MATCH_RECOGNIZE" if called => "row pattern recognition has no counterpart in the engine",
            "JSON_TABLE" | "JSON_OBJECT" | "JSON_ARRAY" | "JSON_EXISTS" | "JSON_QUERY" | "JSON_VALUE" if called => {
                "use `json_extract` or `json_extract_scalar`"
            }
            "UESCAPE" => "write the text with `\\` as its escape character",
            "GROUPS" if next.is_some_and(|next| keyword(next) == Some(Keyword::BETWEEN)) => {
                "use a frame of `ROWS` or `RANGE`"
            }
            _ => continue,
        };
        return Err(SqlError::not_supported(format!("`{name}` does not run on the laptop: {why}")).at(token.span.start));
    }
    Ok(())
}

fn take_types(tokens: Vec<TokenWithSpan>) -> Result<(Vec<TokenWithSpan>, Vec<FieldRef>), SqlError> {
    let mut out: Vec<TokenWithSpan> = Vec::with_capacity(tokens.len());
    let mut types = Vec::new();
    // One entry per open parenthesis: whether it is a cast's, and its type is still to come.
    let mut open: Vec<bool> = Vec::new();
    let mut tokens = tokens.into_iter().peekable();
    while let Some(token) = tokens.next() {
        match &token.token {
            Token::LParen => {
                let cast = out.last().and_then(keyword);
                open.push(matches!(cast, Some(Keyword::CAST | Keyword::TRY_CAST)));
            }
            Token::RParen => {
                open.pop();
            }
            _ => {}
        }
        let starts_type = keyword(&token) == Some(Keyword::AS) && open.last() == Some(&true);
        let place = token.span;
        out.push(token);
        if !starts_type {
            continue;
        }
        if let Some(last) = open.last_mut() {
            *last = false;
        }
        let mut written = Vec::new();
        let mut depth = 0_usize;
        while let Some(next) = tokens.peek() {
            match next.token {
                Token::LParen => depth += 1,
                Token::RParen if depth == 0 => break,
                Token::RParen => depth -= 1,
                _ => {}
            }
            written.extend(tokens.next());
        }
        let span = written.first().map_or(place, |first| first.span);
        types.push(read_type(&written, span.start)?);
        out.push(word(&format!("{TYPE_PREFIX}{}", types.len() - 1), span));
    }
    Ok((out, types))
}

fn word(value: &str, span: Span) -> TokenWithSpan {
    TokenWithSpan {
        token: Token::Word(Word { value: value.to_owned(), quote_style: Some('"'), keyword: Keyword::NoKeyword }),
        span,
    }
}

/// Puts parentheses around the rows of `VALUES 1, 2`.
fn parenthesize_values(tokens: Vec<TokenWithSpan>) -> Vec<TokenWithSpan> {
    let mut opening = vec![0_usize; tokens.len() + 1];
    let mut closing = vec![0_usize; tokens.len() + 1];
    let mut found = false;
    for index in 0..tokens.len() {
        if keyword(&tokens[index]) != Some(Keyword::VALUES) {
            continue;
        }
        for (start, end) in rows(&tokens, index + 1) {
            if !is_row(&tokens[start..end]) {
                opening[start] += 1;
                closing[end] += 1;
                found = true;
            }
        }
    }
    if !found {
        return tokens;
    }
    let end = tokens.last().map_or(Location::empty(), |token| token.span.end);
    let mut out = Vec::with_capacity(tokens.len() + 8);
    for (index, token) in tokens.into_iter().enumerate() {
        let here = Span::new(token.span.start, token.span.start);
        out.extend((0..closing[index]).map(|_| TokenWithSpan::new(Token::RParen, here)));
        out.extend((0..opening[index]).map(|_| TokenWithSpan::new(Token::LParen, here)));
        out.push(token);
    }
    let last = closing.last().copied().unwrap_or(0);
    out.extend((0..last).map(|_| TokenWithSpan::new(Token::RParen, Span::new(end, end))));
    out
}

/// The token ranges of the rows after `VALUES`.
fn rows(tokens: &[TokenWithSpan], from: usize) -> Vec<(usize, usize)> {
    let mut rows = Vec::new();
    let (mut depth, mut start) = (0_usize, from);
    let mut index = from;
    while index < tokens.len() {
        match &tokens[index].token {
            Token::LParen | Token::LBracket => depth += 1,
            Token::RParen | Token::RBracket if depth == 0 => break,
            Token::RParen | Token::RBracket => depth -= 1,
            Token::SemiColon => break,
            Token::Comma if depth == 0 => {
                rows.push((start, index));
                start = index + 1;
            }
            _ if depth == 0 && ends_values(&tokens[index]) => break,
            _ => {}
        }
        index += 1;
    }
    rows.push((start, index));
    rows.retain(|(start, end)| start < end);
    rows
}

fn ends_values(token: &TokenWithSpan) -> bool {
    matches!(
        keyword(token),
        Some(
            Keyword::UNION
                | Keyword::INTERSECT
                | Keyword::EXCEPT
                | Keyword::ORDER
                | Keyword::LIMIT
                | Keyword::OFFSET
                | Keyword::FETCH
                | Keyword::WITH
        )
    )
}

/// Whether the tokens are one parenthesis from the first to the last.
fn is_row(tokens: &[TokenWithSpan]) -> bool {
    let tokens = match tokens.first() {
        Some(first) if keyword(first) == Some(Keyword::ROW) => &tokens[1..],
        _ => tokens,
    };
    if tokens.first().is_none_or(|first| first.token != Token::LParen) {
        return false;
    }
    let mut depth = 0_usize;
    for (index, token) in tokens.iter().enumerate() {
        match token.token {
            Token::LParen => depth += 1,
            Token::RParen => depth = depth.saturating_sub(1),
            _ => {}
        }
        if depth == 0 {
            return index + 1 == tokens.len();
        }
    }
    false
}
