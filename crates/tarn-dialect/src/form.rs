//! The forms of Athena's expressions on their way through the engine's planner.
//!
//! The engine's planner knows the types of operands only after it has planned them, and asks extensions about a
//! few kinds of nodes only. Dictionary literals, which Athena does not have, are one of them: they hold a list of
//! expressions, and whoever plans them sees the planned expressions and the schema they stand in. So each node
//! that Athena and the engine understand differently is rewritten to a dictionary literal whose key is its number
//! in the table of forms; the table says what the node means and where it stood. Binary operators pass as custom
//! operators with the same numbers, so that long chains of them do not nest.

use arrow::datatypes::FieldRef;
use datafusion::common::ScalarValue;
use datafusion::sql::sqlparser::ast::{BinaryOperator, DictionaryField, Expr, Ident, Value};
use datafusion::sql::sqlparser::tokenizer::Location;

/// What a rewritten node means.
#[derive(Debug, Clone)]
pub(crate) enum Form {
    /// A constant; `json` marks JSON text.
    Literal { value: ScalarValue, json: bool },
    /// A binary operator.
    Binary(BinaryOperator),
    /// `NOT x`
    Not,
    /// `-x`
    Negate,
    /// `x IS [NOT] DISTINCT FROM y`
    Distinct { negated: bool },
    /// `x [NOT] IN (a, b, …)`
    InList { negated: bool },
    /// `x [NOT] BETWEEN a AND b`
    Between { negated: bool },
    /// `x [NOT] LIKE pattern [ESCAPE character]`
    Like { negated: bool },
    /// `CASE [operand] WHEN … THEN … [ELSE …] END`, in this order
    Case { operand: bool, otherwise: bool },
    /// `if(condition, value[, value])`
    If,
    /// `coalesce(a, b, …)`
    Coalesce,
    /// `nullif(a, b)`
    NullIf,
    /// `CAST(x AS type)`, `TRY_CAST`
    Cast { target: FieldRef, safe: bool },
    /// `x AT TIME ZONE zone`
    AtTimeZone,
    /// `array[index]`, `map[key]`, `row[index]`
    Subscript,
    /// `row.field`
    Member(String),
    /// `ARRAY[…]`
    Array,
    /// `ROW(…)`
    Row,
    /// `typeof(x)`
    TypeOf,
    /// The argument of `max(x)` and `min(x)`.
    Ordered,
    /// A name in a clause that sees no aliases, which an item of the `SELECT` at this position has.
    MaybeAlias { clause: &'static str, position: usize },
    /// A scalar function.
    Call(String),
}

/// A form and the place of its node in the text.
#[derive(Debug, Clone)]
pub(crate) struct Entry {
    pub(crate) form: Form,
    pub(crate) place: Location,
    /// Whether the node has no arguments; what is written holds one null then, which is none of them.
    pub(crate) bare: bool,
}

/// All forms of one query.
#[derive(Debug, Clone, Default)]
pub(crate) struct FormTable(Vec<Entry>);

impl FormTable {
    /// Notes a form; gives its number.
    pub(crate) fn add(&mut self, form: Form, place: Location) -> usize {
        self.0.push(Entry { form, place, bare: false });
        self.0.len() - 1
    }

    pub(crate) fn get(&self, number: &str) -> Option<&Entry> {
        self.0.get(number.parse::<usize>().ok()?)
    }

    pub(crate) fn get_mut(&mut self, number: &str) -> Option<&mut Entry> {
        self.0.get_mut(number.parse::<usize>().ok()?)
    }

    /// The form of an expression that was rewritten before.
    pub(crate) fn of(&self, expr: &Expr) -> Option<&Entry> {
        self.get(number_of(expr)?)
    }

    /// Writes a node as a dictionary literal.
    pub(crate) fn write(&mut self, form: Form, place: Location, arguments: Vec<Expr>) -> Expr {
        let number = self.add(form, place).to_string();
        if let Some(entry) = self.get_mut(&number) {
            entry.bare = arguments.is_empty();
        }
        let arguments = if arguments.is_empty() { vec![Expr::Value(Value::Null.into())] } else { arguments };
        Expr::Dictionary(
            arguments
                .into_iter()
                .map(|argument| DictionaryField { key: Ident::new(number.clone()), value: Box::new(argument) })
                .collect(),
        )
    }
}

/// The number under which a rewritten expression stands in the table.
pub(crate) fn number_of(expr: &Expr) -> Option<&str> {
    match expr {
        Expr::Dictionary(fields) => fields.first().map(|field| field.key.value.as_str()),
        Expr::BinaryOp { op: BinaryOperator::Custom(number), .. } => Some(number),
        _ => None,
    }
}
