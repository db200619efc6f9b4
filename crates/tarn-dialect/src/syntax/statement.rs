//! Statements as the lake knows them.

use std::collections::BTreeMap;
use std::ops::ControlFlow;

use arrow::datatypes::FieldRef;
use datafusion::sql::sqlparser::ast::{
    self, Expr, ObjectName, Spanned, SqlOption, UnaryOperator, Value, ValueWithSpan, Visit, Visitor,
};
use datafusion::sql::sqlparser::keywords::Keyword;
use datafusion::sql::sqlparser::parser::{Parser, ParserError};
use datafusion::sql::sqlparser::tokenizer::{Location, Token, TokenWithSpan};

use crate::error::SqlError;
use crate::syntax::dialect::AthenaDialect;
use crate::syntax::tokens::{Prepared, keyword, prepare};

/// How deep expressions and queries may nest.
const DEPTH: usize = 400;

/// A parsed statement.
#[derive(Debug, Clone)]
pub enum Statement {
    /// `SELECT …`
    Query(Query),
    /// `CREATE TABLE … AS SELECT …`
    CreateTableAs(CreateTableAs),
    /// `INSERT INTO table [(columns)] query`
    InsertInto {
        /// The table, folded to lower case; with its database if one is written.
        table: String,
        /// The columns the query's columns go to, in order; empty means all.
        columns: Vec<String>,
        /// The rows.
        query: Query,
    },
    /// `CREATE [OR REPLACE] VIEW name AS query`
    CreateView {
        /// The view's name.
        name: String,
        /// Whether an existing view is replaced.
        or_replace: bool,
        /// The query as it was written.
        query_text: String,
        /// The query.
        query: Query,
    },
    /// `DROP TABLE [IF EXISTS] name`
    DropTable {
        /// The table's name.
        name: String,
        /// Whether a missing table is no mistake.
        if_exists: bool,
    },
    /// `DROP VIEW [IF EXISTS] name`
    DropView {
        /// The view's name.
        name: String,
        /// Whether a missing view is no mistake.
        if_exists: bool,
    },
    /// `SHOW TABLES`
    ShowTables,
    /// `DESCRIBE table` or `SHOW COLUMNS FROM table`
    Describe(String),
    /// `SHOW CREATE TABLE name`
    ShowCreateTable(String),
    /// `SHOW CREATE VIEW name`
    ShowCreateView(String),
    /// `EXPLAIN query`
    Explain(Query),
}

/// A `CREATE TABLE … AS SELECT` statement.
#[derive(Debug, Clone)]
pub struct CreateTableAs {
    /// The new table, folded to lower case; with its database if one is written.
    pub name: String,
    /// Whether an existing table is no mistake.
    pub if_not_exists: bool,
    /// `WITH (…)`, names folded to lower case: `format`, `external_location`, `partitioned_by`, …
    pub properties: BTreeMap<String, PropertyValue>,
    /// The rows.
    pub query: Query,
    /// `false` after `WITH NO DATA`.
    pub with_data: bool,
}

/// The value of a table property.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum PropertyValue {
    /// `'PARQUET'`
    Text(String),
    /// `10`, as written
    Number(String),
    /// `ARRAY['day']`
    Array(Vec<String>),
    /// `true`
    Boolean(bool),
}

/// A parsed query; [`crate::Session::plan`] gives it types.
#[derive(Debug, Clone)]
pub struct Query {
    pub(crate) ast: ast::Query,
    pub(crate) types: Vec<FieldRef>,
}

impl Query {
    /// The tables and views the query names, folded to lower case, sorted; names of its own `WITH` included.
    pub fn relations(&self) -> Vec<String> {
        struct Names(Vec<String>);
        impl Visitor for Names {
            type Break = ();
            fn pre_visit_relation(&mut self, relation: &ObjectName) -> ControlFlow<()> {
                self.0.push(folded(relation));
                ControlFlow::Continue(())
            }
        }
        let mut names = Names(Vec::new());
        let _: ControlFlow<()> = self.ast.visit(&mut names);
        names.0.sort();
        names.0.dedup();
        names.0
    }
}

/// Parses exactly one statement, with or without `;`.
pub(crate) fn parse(sql: &str) -> Result<Statement, SqlError> {
    crate::session::deep(|| read(sql))
}

fn read(sql: &str) -> Result<Statement, SqlError> {
    let Prepared { tokens, types } = prepare(sql)?;
    let end = tokens.last().map_or(Location::new(1, 1), |token| token.span.end);
    let mut tokens = tokens;
    while tokens.last().is_some_and(|last| last.token == Token::SemiColon) {
        tokens.pop();
    }
    if tokens.is_empty() {
        return Err(SqlError::syntax("there is no statement").at(end));
    }
    let with_data = take_with_data(&mut tokens);
    let dialect = AthenaDialect;
    let mut reader = Reader {
        parser: Parser::new(&dialect).with_recursion_limit(DEPTH).with_tokens_with_locations(tokens.clone()),
        tokens: &tokens,
        types,
        sql,
        with_data,
    };
    let statement = reader.statement()?;
    reader.end()?;
    Ok(statement)
}

/// Takes `WITH [NO] DATA` off the end.
fn take_with_data(tokens: &mut Vec<TokenWithSpan>) -> Option<bool> {
    let words: Vec<String> = tokens.iter().rev().take(3).map(|token| token.token.to_string().to_uppercase()).collect();
    let words: Vec<&str> = words.iter().map(String::as_str).collect();
    let (length, with_data) = match words[..] {
        ["DATA", "NO", "WITH"] => (3, false),
        ["DATA", "WITH", ..] => (2, true),
        _ => return None,
    };
    tokens.truncate(tokens.len() - length);
    Some(with_data)
}

struct Reader<'a> {
    parser: Parser<'a>,
    tokens: &'a [TokenWithSpan],
    types: Vec<FieldRef>,
    sql: &'a str,
    with_data: Option<bool>,
}

impl Reader<'_> {
    fn here(&self) -> Location {
        let token = self.parser.peek_token();
        if token.span.start.line > 0 {
            return token.span.start;
        }
        self.tokens.last().map_or(Location::new(1, 1), |last| last.span.end)
    }

    fn wrong(&self, error: ParserError) -> SqlError {
        syntax_error(error, self.here())
    }

    fn unexpected(&self, expected: &str) -> SqlError {
        let token = self.parser.peek_token();
        let found = match token.token {
            Token::EOF => "the end of the text".to_owned(),
            other => format!("`{other}`"),
        };
        SqlError::syntax(format!("mismatched input {found}: expected {expected}")).at(self.here())
    }

    fn end(&self) -> Result<(), SqlError> {
        match self.parser.peek_token().token {
            Token::EOF => Ok(()),
            Token::SemiColon => Err(SqlError::syntax("only one statement at a time is allowed").at(self.here())),
            _ => Err(self.unexpected("the end of the statement")),
        }
    }

    fn word(&mut self, keyword: Keyword) -> bool {
        self.parser.parse_keyword(keyword)
    }

    fn words(&mut self, keywords: &[Keyword]) -> bool {
        self.parser.parse_keywords(keywords)
    }

    fn statement(&mut self) -> Result<Statement, SqlError> {
        let Some(first) = self.tokens.first() else {
            return Err(self.unexpected("a statement"));
        };
        match keyword(first) {
            Some(Keyword::SELECT | Keyword::WITH | Keyword::VALUES) => Ok(Statement::Query(self.query()?)),
            Some(Keyword::CREATE) => self.create(),
            Some(Keyword::INSERT) => self.insert(),
            Some(Keyword::DROP) => self.drop(),
            Some(Keyword::SHOW) => self.show(),
            Some(Keyword::DESCRIBE | Keyword::DESC) => {
                self.parser.next_token();
                Ok(Statement::Describe(self.name()?))
            }
            Some(Keyword::EXPLAIN) => {
                self.parser.next_token();
                self.word(Keyword::ANALYZE);
                Ok(Statement::Explain(self.query()?))
            }
            _ if first.token == Token::LParen => Ok(Statement::Query(self.query()?)),
            Some(
                Keyword::ALTER
                | Keyword::MSCK
                | Keyword::DELETE
                | Keyword::UPDATE
                | Keyword::MERGE
                | Keyword::VACUUM
                | Keyword::OPTIMIZE
                | Keyword::UNLOAD
                | Keyword::PREPARE
                | Keyword::EXECUTE
                | Keyword::ANALYZE
                | Keyword::GRANT
                | Keyword::USE
                | Keyword::SET,
            ) => Err(SqlError::not_supported(format!(
                "`{}` does not run on the laptop: tables change through models only",
                first.token.to_string().to_uppercase()
            ))
            .at(first.span.start)),
            _ => Err(self.unexpected("a statement such as `SELECT`")),
        }
    }

    fn query(&mut self) -> Result<Query, SqlError> {
        let query = self.parser.parse_query().map_err(|error| self.wrong(error))?;
        Ok(Query { ast: *query, types: self.types.clone() })
    }

    fn name(&mut self) -> Result<String, SqlError> {
        let name = self.parser.parse_object_name(false).map_err(|error| self.wrong(error))?;
        Ok(folded(&name))
    }

    fn create(&mut self) -> Result<Statement, SqlError> {
        self.parser.next_token();
        let or_replace = self.words(&[Keyword::OR, Keyword::REPLACE]);
        if self.word(Keyword::VIEW) {
            let name = self.name()?;
            self.expect(Keyword::AS)?;
            let query_text = self.rest();
            let query = self.query()?;
            return Ok(Statement::CreateView { name, or_replace, query_text, query });
        }
        if or_replace || !self.word(Keyword::TABLE) {
            return Err(self.unexpected("`TABLE` or `VIEW`"));
        }
        let if_not_exists = self.words(&[Keyword::IF, Keyword::NOT, Keyword::EXISTS]);
        let name = self.name()?;
        let options = self.parser.parse_options(Keyword::WITH).map_err(|error| self.wrong(error))?;
        let properties = options.into_iter().map(property).collect::<Result<BTreeMap<_, _>, _>>()?;
        self.expect(Keyword::AS)?;
        Ok(Statement::CreateTableAs(CreateTableAs {
            name,
            if_not_exists,
            properties,
            query: self.query()?,
            with_data: self.with_data.unwrap_or(true),
        }))
    }

    fn expect(&mut self, keyword: Keyword) -> Result<(), SqlError> {
        if self.word(keyword) { Ok(()) } else { Err(self.unexpected(&format!("`{keyword:?}`"))) }
    }

    /// The text from the next token on, as written.
    fn rest(&self) -> String {
        let start = self.here();
        let skipped: String = self
            .sql
            .split_inclusive('\n')
            .enumerate()
            .filter_map(|(index, line)| {
                let number = index as u64 + 1;
                if number < start.line {
                    None
                } else if number == start.line {
                    let column = usize::try_from(start.column.saturating_sub(1)).unwrap_or(0);
                    Some(line.chars().skip(column).collect::<String>())
                } else {
                    Some(line.to_owned())
                }
            })
            .collect();
        skipped.trim().trim_end_matches(';').trim_end().to_owned()
    }

    fn insert(&mut self) -> Result<Statement, SqlError> {
        self.parser.next_token();
        self.expect(Keyword::INTO)?;
        let table = self.name()?;
        let columns = if self.parser.peek_token().token == Token::LParen && !self.opens_query() {
            self.parser
                .parse_parenthesized_column_list(datafusion::sql::sqlparser::parser::IsOptional::Mandatory, false)
                .map_err(|error| self.wrong(error))?
                .into_iter()
                .map(|ident| ident.value.to_lowercase())
                .collect()
        } else {
            Vec::new()
        };
        Ok(Statement::InsertInto { table, columns, query: self.query()? })
    }

    fn opens_query(&self) -> bool {
        matches!(keyword(&self.parser.peek_nth_token(1)), Some(Keyword::SELECT | Keyword::WITH | Keyword::VALUES))
    }

    fn drop(&mut self) -> Result<Statement, SqlError> {
        self.parser.next_token();
        let view = self.word(Keyword::VIEW);
        if !view && !self.word(Keyword::TABLE) {
            return Err(self.unexpected("`TABLE` or `VIEW`"));
        }
        let if_exists = self.words(&[Keyword::IF, Keyword::EXISTS]);
        let name = self.name()?;
        Ok(if view { Statement::DropView { name, if_exists } } else { Statement::DropTable { name, if_exists } })
    }

    fn show(&mut self) -> Result<Statement, SqlError> {
        self.parser.next_token();
        if self.word(Keyword::TABLES) {
            return Ok(Statement::ShowTables);
        }
        if self.word(Keyword::COLUMNS) {
            if !self.word(Keyword::FROM) {
                self.expect(Keyword::IN)?;
            }
            return Ok(Statement::Describe(self.name()?));
        }
        if self.words(&[Keyword::CREATE, Keyword::TABLE]) {
            return Ok(Statement::ShowCreateTable(self.name()?));
        }
        if self.words(&[Keyword::CREATE, Keyword::VIEW]) {
            return Ok(Statement::ShowCreateView(self.name()?));
        }
        Err(self.unexpected("`TABLES`, `COLUMNS` or `CREATE`"))
    }
}

/// A name with its parts folded to lower case, joined by dots.
pub(crate) fn folded(name: &ObjectName) -> String {
    let parts: Vec<String> = name
        .0
        .iter()
        .map(|part| match part.as_ident() {
            Some(ident) => ident.value.to_lowercase(),
            None => part.to_string().to_lowercase(),
        })
        .collect();
    parts.join(".")
}

/// Parser messages end in ` at Line: 1, Column: 8`; the place goes to fields of its own.
fn syntax_error(error: ParserError, fallback: Location) -> SqlError {
    let message = match error {
        ParserError::TokenizerError(message) | ParserError::ParserError(message) => message,
        ParserError::RecursionLimitExceeded => {
            return SqlError::syntax(format!("the statement nests deeper than {DEPTH} levels")).at(fallback);
        }
    };
    let (text, place) = match message.rsplit_once(" at Line: ") {
        Some((text, place)) => (text, place),
        None => return SqlError::syntax(message).at(fallback),
    };
    let location = place
        .split_once(", Column: ")
        .and_then(|(line, column)| Some(Location::new(line.trim().parse().ok()?, column.trim().parse().ok()?)));
    let text = text.replace("Expected: ", "mismatched input: expected ");
    SqlError::syntax(text).at(location.filter(|place| place.line > 0).unwrap_or(fallback))
}

fn property(option: SqlOption) -> Result<(String, PropertyValue), SqlError> {
    let place = option.span().start;
    let SqlOption::KeyValue { key, value } = option else {
        return Err(SqlError::syntax("expected `name = value` in `WITH (…)`").at(place));
    };
    let name = key.value.to_lowercase();
    let value = property_value(value).ok_or_else(|| {
        SqlError::syntax(format!("property `{name}` must be a text, a number, a boolean or an array of texts"))
            .at(key.span.start)
    })?;
    Ok((name, value))
}

fn property_value(value: Expr) -> Option<PropertyValue> {
    match value {
        Expr::Value(ValueWithSpan { value, .. }) => match value {
            Value::SingleQuotedString(text) => Some(PropertyValue::Text(text)),
            Value::Number(number, _) => Some(PropertyValue::Number(number)),
            Value::Boolean(boolean) => Some(PropertyValue::Boolean(boolean)),
            _ => None,
        },
        Expr::UnaryOp { op: UnaryOperator::Minus, expr } => match property_value(*expr)? {
            PropertyValue::Number(number) => Some(PropertyValue::Number(format!("-{number}"))),
            _ => None,
        },
        Expr::Array(array) => array
            .elem
            .into_iter()
            .map(|element| match property_value(element)? {
                PropertyValue::Text(text) => Some(text),
                _ => None,
            })
            .collect::<Option<Vec<String>>>()
            .map(PropertyValue::Array),
        _ => None,
    }
}
