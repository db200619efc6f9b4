//! What a user is told when a statement cannot run: a kind, a sentence, a place in the text, a hint.
//!
//! Sentences are Athena's own where it has one, so that what is found here can be looked up as if Athena had said it.

use std::fmt;

use datafusion::arrow::error::ArrowError;
use datafusion::common::{Column, DataFusionError, SchemaError};
use datafusion::sql::sqlparser::tokenizer::Location;

/// What sort of mistake a statement holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum SqlErrorKind {
    /// The text is not a statement.
    Syntax,
    /// A function that Athena does not have, or that does not run here.
    UnknownFunction,
    /// A column that no relation in scope has, or that several have.
    UnknownColumn,
    /// A table or view that the catalogue does not hold.
    UnknownTable,
    /// Operands, arguments or branches whose types do not go together.
    Type,
    /// Something that Athena runs and a laptop does not.
    NotSupported,
    /// A value that cannot be computed: division by zero, a cast, an overflow.
    Runtime,
    /// Memory or disk ran out.
    Resources,
}

/// A statement that cannot be parsed, planned or run.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub struct SqlError {
    /// The sort of mistake.
    pub kind: SqlErrorKind,
    /// What is wrong, as Athena words it.
    pub message: String,
    /// The line of the mistake in the given text, from 1.
    pub line: Option<usize>,
    /// The column of the mistake in its line in characters, from 1.
    pub column: Option<usize>,
    /// What the user may have meant.
    pub hint: Option<String>,
}

impl fmt::Display for SqlError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let (Some(line), Some(column)) = (self.line, self.column) {
            write!(f, "line {line}:{column}: ")?;
        }
        f.write_str(&self.message)?;
        match &self.hint {
            Some(hint) => write!(f, " (hint: {hint})"),
            None => Ok(()),
        }
    }
}

impl SqlError {
    pub(crate) fn new(kind: SqlErrorKind, message: impl Into<String>) -> Self {
        Self { kind, message: message.into(), line: None, column: None, hint: None }
    }

    pub(crate) fn syntax(message: impl Into<String>) -> Self {
        Self::new(SqlErrorKind::Syntax, message)
    }

    pub(crate) fn types(message: impl Into<String>) -> Self {
        Self::new(SqlErrorKind::Type, message)
    }

    pub(crate) fn not_supported(message: impl Into<String>) -> Self {
        Self::new(SqlErrorKind::NotSupported, message)
    }

    /// Places the error unless it has a place already; location 0:0 is "nowhere".
    pub(crate) fn at(mut self, location: Location) -> Self {
        if self.line.is_none() && location.line > 0 {
            self.line = usize::try_from(location.line).ok();
            self.column = usize::try_from(location.column).ok();
        }
        self
    }

    pub(crate) fn hint(mut self, hint: impl Into<String>) -> Self {
        self.hint = Some(hint.into());
        self
    }

    /// Suggests the most similar of the names that could stand here, if one is similar.
    pub(crate) fn suggest<'a>(mut self, wrong: &str, candidates: impl IntoIterator<Item = &'a str>) -> Self {
        if self.hint.is_none() {
            self.hint = similar(wrong, candidates).map(|name| format!("did you mean `{name}`?"));
        }
        self
    }
}

impl From<SqlError> for DataFusionError {
    fn from(error: SqlError) -> Self {
        Self::External(Box::new(error))
    }
}

/// The candidate nearest to a misspelt name, when near enough to be worth a hint.
pub(crate) fn similar<'a>(wrong: &str, candidates: impl IntoIterator<Item = &'a str>) -> Option<String> {
    let allowed = (wrong.chars().count() / 3).max(1);
    candidates
        .into_iter()
        .filter(|candidate| !candidate.starts_with('$'))
        .map(|candidate| (strsim::damerau_levenshtein(wrong, candidate), candidate))
        .filter(|(distance, _)| (1..=allowed).contains(distance))
        .min()
        .map(|(_, candidate)| candidate.to_owned())
}

impl From<DataFusionError> for SqlError {
    fn from(error: DataFusionError) -> Self {
        match error {
            DataFusionError::External(inner) => match inner.downcast::<SqlError>() {
                Ok(ours) => *ours,
                Err(inner) => match inner.downcast::<DataFusionError>() {
                    Ok(inner) => Self::from(*inner),
                    Err(inner) => Self::new(SqlErrorKind::Runtime, inner.to_string()),
                },
            },
            DataFusionError::Context(_, inner) => Self::from(*inner),
            DataFusionError::Diagnostic(diagnostic, inner) => {
                let error = Self::from(*inner);
                match diagnostic.span {
                    Some(span) => error.at(Location::new(span.start.line, span.start.column)),
                    None => error,
                }
            }
            DataFusionError::Collection(errors) => match errors.into_iter().next() {
                Some(first) => Self::from(first),
                None => Self::new(SqlErrorKind::Runtime, "the engine failed without a reason"),
            },
            DataFusionError::Shared(inner) => from_shared(&inner),
            DataFusionError::SchemaError(error, _) => from_schema(&error),
            DataFusionError::ArrowError(error, _) => from_arrow(*error),
            DataFusionError::SQL(error, _) => Self::syntax(error.to_string()),
            DataFusionError::NotImplemented(message) => {
                Self::not_supported(format!("this does not run on the laptop: {message}"))
            }
            DataFusionError::Plan(message) => from_plan(message),
            DataFusionError::Execution(message) => match refused_call(&message) {
                Some(refusal) => Self::types(refusal),
                None => Self::new(SqlErrorKind::Runtime, message),
            },
            // The engine's own sentence asks for a report of a bug, which this is not to its makers.
            DataFusionError::Internal(message) => {
                Self::new(SqlErrorKind::Runtime, format!("the engine failed: {message}"))
            }
            DataFusionError::ResourcesExhausted(message) => Self::new(SqlErrorKind::Resources, message),
            DataFusionError::IoError(error) => Self::new(SqlErrorKind::Resources, error.to_string()),
            other => Self::new(SqlErrorKind::Runtime, other.strip_backtrace()),
        }
    }
}

/// The same mistake can reach several readers of one stream; the original then stands behind a pointer.
fn from_shared(error: &DataFusionError) -> SqlError {
    match error {
        DataFusionError::External(inner) => match inner.downcast_ref::<SqlError>() {
            Some(ours) => ours.clone(),
            None => SqlError::new(SqlErrorKind::Runtime, inner.to_string()),
        },
        DataFusionError::Context(_, inner) | DataFusionError::Diagnostic(_, inner) => from_shared(inner),
        DataFusionError::Shared(inner) => from_shared(inner),
        DataFusionError::Execution(message) => SqlError::new(SqlErrorKind::Runtime, message.clone()),
        DataFusionError::ResourcesExhausted(message) => SqlError::new(SqlErrorKind::Resources, message.clone()),
        other => SqlError::new(SqlErrorKind::Runtime, other.strip_backtrace()),
    }
}

fn from_schema(error: &SchemaError) -> SqlError {
    match error {
        SchemaError::FieldNotFound { field, valid_fields } => unknown_column(field, valid_fields),
        SchemaError::AmbiguousReference { field } => place_column(
            SqlError::new(SqlErrorKind::UnknownColumn, format!("Column '{}' is ambiguous", field.name)),
            field,
        ),
        SchemaError::DuplicateQualifiedField { name, .. } | SchemaError::DuplicateUnqualifiedField { name } => {
            SqlError::new(SqlErrorKind::UnknownColumn, format!("Column name '{name}' specified more than once"))
        }
    }
}

/// A column that cannot be resolved, placed by its span, with the nearest column in scope.
pub(crate) fn unknown_column(column: &Column, valid: &[Column]) -> SqlError {
    let name = match &column.relation {
        Some(relation) => format!("{relation}.{}", column.name),
        None => column.name.clone(),
    };
    let error = SqlError::new(SqlErrorKind::UnknownColumn, format!("Column '{name}' cannot be resolved"))
        .suggest(&column.name, valid.iter().map(|valid| valid.name.as_str()));
    place_column(error, column)
}

fn place_column(error: SqlError, column: &Column) -> SqlError {
    match column.spans.first() {
        Some(span) => error.at(Location::new(span.start.line, span.start.column)),
        None => error,
    }
}

fn from_arrow(error: ArrowError) -> SqlError {
    match error {
        ArrowError::DivideByZero => SqlError::new(SqlErrorKind::Runtime, "DIVISION_BY_ZERO: Division by zero"),
        ArrowError::ArithmeticOverflow(message) => {
            SqlError::new(SqlErrorKind::Runtime, format!("NUMERIC_VALUE_OUT_OF_RANGE: {message}"))
        }
        ArrowError::ExternalError(inner) => match inner.downcast::<DataFusionError>() {
            Ok(inner) => SqlError::from(*inner),
            Err(inner) => match inner.downcast::<SqlError>() {
                Ok(ours) => *ours,
                Err(inner) => SqlError::new(SqlErrorKind::Runtime, inner.to_string()),
            },
        },
        ArrowError::IoError(message, _) => SqlError::new(SqlErrorKind::Resources, message),
        ArrowError::CastError(message) => {
            SqlError::new(SqlErrorKind::Runtime, format!("INVALID_CAST_ARGUMENT: {message}"))
        }
        other => SqlError::new(SqlErrorKind::Runtime, other.to_string()),
    }
}

/// A call that no function takes: what the function says of it, or the engine's sentence in Athena's words.
fn refused_call(message: &str) -> Option<String> {
    let start = message.find("Unexpected parameters");
    if let Some(said) = start.and_then(|start| message.get(start..)) {
        let end = [". No function matches", "\n"].into_iter().filter_map(|end| said.find(end)).min();
        return Some(said.get(..end.unwrap_or(said.len())).unwrap_or(said).to_owned());
    }
    let (_, call) = message.split_once("No function matches the given name and argument types '")?;
    let (name, arguments) = call.split_once("'").map_or(call, |(call, _)| call).split_once('(')?;
    let types: Vec<&str> = arguments.trim_end_matches(')').split(", ").map(athena_name).collect();
    Some(format!("Unexpected parameters ({}) for function {name}", types.join(", ")))
}

/// The name in Athena of a type that the engine writes with its own.
fn athena_name(engine: &str) -> &str {
    match engine {
        "Utf8" | "Utf8View" | "LargeUtf8" => "varchar",
        "Int8" => "tinyint",
        "Int16" => "smallint",
        "Int32" => "integer",
        "Int64" | "UInt64" => "bigint",
        "Float32" => "real",
        "Float64" => "double",
        "Boolean" => "boolean",
        "Date32" => "date",
        "Binary" => "varbinary",
        "Null" => "unknown",
        other => other,
    }
}

/// The engine's planner says many things in one error type; those with a name of their own get it back.
fn from_plan(message: String) -> SqlError {
    if let Some(refusal) = refused_call(&message) {
        return SqlError::types(refusal);
    }
    if message.starts_with("Projections require unique expression names") {
        // The message quotes the expression, with its table or its alias.
        let expression = message.split('"').nth(1).unwrap_or_default();
        let name = expression.rsplit([' ', '.']).next().unwrap_or_default();
        return SqlError::new(SqlErrorKind::UnknownColumn, format!("two columns of the result are called `{name}`"))
            .hint("give one of them another name with `AS`");
    }
    if message.contains("must appear in the GROUP BY clause") {
        let column = message
            .split_once("column \"")
            .and_then(|(_, rest)| rest.split_once('"'))
            .map(|(column, _)| column.rsplit('.').next().unwrap_or(column).to_owned());
        return match column {
            Some(column) => {
                SqlError::types(format!("'{column}' must be an aggregate expression or appear in GROUP BY clause"))
            }
            None => SqlError::types(message),
        };
    }
    SqlError::types(message)
}
