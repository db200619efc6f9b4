//! Rewrites a query's syntax tree so that the engine's planner asks us about each node that Athena means otherwise.

mod aliases;
mod calls;
mod expressions;
mod literals;
mod names;

pub(crate) use names::ANONYMOUS;

use std::ops::ControlFlow;
use std::sync::Arc;

use arrow::datatypes::FieldRef;
use chrono::{DateTime, Utc};
use chrono_tz::Tz;
use datafusion::sql::sqlparser::ast::{
    Expr, Fetch, Function, GroupByExpr, LimitClause, ObjectName, OrderByKind, Query, Select, Spanned, Value,
    ValueWithSpan, VisitMut, VisitorMut, WindowFrame, WindowType,
};
use datafusion::sql::sqlparser::tokenizer::Location;

use crate::error::SqlError;
use crate::form::{Form, FormTable, number_of};
use crate::functions::Functions;

/// What a rewrite needs to know about its session.
#[derive(Debug)]
pub(crate) struct Surroundings<'a> {
    pub(crate) functions: &'a Functions,
    pub(crate) database: &'a str,
    pub(crate) now: DateTime<Utc>,
    pub(crate) zone: Tz,
}

/// What a rewrite leaves besides the query itself.
#[derive(Debug)]
pub(crate) struct Rewritten {
    pub(crate) forms: Arc<FormTable>,
    /// Names and places of calls that are not forms: aggregates, window functions, functions that take lambdas.
    pub(crate) calls: Vec<(String, Location)>,
    /// Names and places of columns.
    pub(crate) columns: Vec<(String, Location)>,
}

impl Rewritten {
    /// Places an error about one of the calls that passed as they were.
    pub(crate) fn place(&self, error: SqlError) -> SqlError {
        let about = |name: &str| {
            error.message.contains(&format!("'{name}'"))
                || error.message.contains(&format!("`{name}`"))
                || error.message.contains(&format!("function {name}"))
                || error.message.contains(&format!(" {name} function"))
        };
        let column = |name: &str| error.message.starts_with(&format!("'{name}' must be"));
        let call = self.calls.iter().find(|(name, _)| about(name));
        let place = call.or_else(|| self.columns.iter().find(|(name, _)| column(name)));
        match place {
            Some((_, place)) => error.at(*place),
            None => error,
        }
    }
}

/// Rewrites a query in place; gives the table of its forms.
pub(crate) fn rewrite(
    query: &mut Query,
    types: &[FieldRef],
    surroundings: &Surroundings<'_>,
) -> Result<Rewritten, SqlError> {
    let mut rewriter = Rewriter {
        surroundings,
        types,
        forms: FormTable::default(),
        lambdas: Vec::new(),
        queries: Vec::new(),
        selects: Vec::new(),
        frames: Vec::new(),
        calls: Vec::new(),
        columns: Vec::new(),
        anonymous: 0,
    };
    match query.visit(&mut rewriter) {
        ControlFlow::Continue(()) => {
            Ok(Rewritten { forms: Arc::new(rewriter.forms), calls: rewriter.calls, columns: rewriter.columns })
        }
        ControlFlow::Break(error) => Err(*error),
    }
}

pub(crate) struct Rewriter<'a> {
    surroundings: &'a Surroundings<'a>,
    types: &'a [FieldRef],
    forms: FormTable,
    /// Parameters of the lambdas around the current node, innermost last.
    lambdas: Vec<Vec<String>>,
    queries: Vec<QueryNumbers>,
    selects: Vec<names::SelectNames>,
    frames: Vec<Option<WindowFrame>>,
    calls: Vec<(String, Location)>,
    columns: Vec<(String, Location)>,
    anonymous: usize,
}

/// Numbers of a query that are positions and amounts, not values: the engine wants to see them as written.
struct QueryNumbers {
    limit: Option<LimitClause>,
    fetch: Option<Fetch>,
    order: Vec<Option<Expr>>,
}

impl VisitorMut for Rewriter<'_> {
    type Break = Box<SqlError>;

    fn pre_visit_query(&mut self, query: &mut Query) -> ControlFlow<Self::Break> {
        self.queries.push(QueryNumbers {
            limit: query.limit_clause.clone(),
            fetch: query.fetch.clone(),
            order: order_numbers(query),
        });
        stop(names::check_query(query))
    }

    fn post_visit_query(&mut self, query: &mut Query) -> ControlFlow<Self::Break> {
        if let Some(numbers) = self.queries.pop() {
            query.limit_clause = names::limit(numbers.limit, numbers.fetch);
            query.fetch = None;
            restore_order(query, numbers.order);
        }
        ControlFlow::Continue(())
    }

    fn pre_visit_select(&mut self, select: &mut Select) -> ControlFlow<Self::Break> {
        self.selects.push(names::SelectNames::of(select));
        stop(names::check_joins(select))
    }

    fn post_visit_select(&mut self, select: &mut Select) -> ControlFlow<Self::Break> {
        if let Some(names) = self.selects.pop() {
            names.restore(select, &mut self.anonymous);
            aliases::mark(select, &mut self.forms);
        }
        ControlFlow::Continue(())
    }

    fn post_visit_relation(&mut self, relation: &mut ObjectName) -> ControlFlow<Self::Break> {
        stop(self.strip_database(relation))
    }

    fn pre_visit_expr(&mut self, expr: &mut Expr) -> ControlFlow<Self::Break> {
        match expr {
            Expr::Identifier(ident) => {
                self.columns.push((ident.value.clone(), ident.span.start));
            }
            Expr::CompoundIdentifier(parts) => {
                if let (Some(first), Some(last)) = (parts.first(), parts.last()) {
                    self.columns.push((last.value.clone(), first.span.start));
                }
            }
            Expr::Lambda(lambda) => {
                let parameters = lambda.params.iter().map(|parameter| parameter.name.value.clone()).collect();
                self.lambdas.push(parameters);
            }
            Expr::Function(Function { over: Some(over), .. }) => self.frames.push(match over {
                WindowType::WindowSpec(window) => window.window_frame.clone(),
                WindowType::NamedWindow(_) => None,
            }),
            _ => {}
        }
        ControlFlow::Continue(())
    }

    fn post_visit_expr(&mut self, expr: &mut Expr) -> ControlFlow<Self::Break> {
        let taken = std::mem::replace(expr, Expr::Value(Value::Null.into()));
        stop(self.expression(taken).map(|rewritten| *expr = rewritten))
    }
}

fn stop(result: Result<(), SqlError>) -> ControlFlow<Box<SqlError>> {
    match result {
        Ok(()) => ControlFlow::Continue(()),
        Err(error) => ControlFlow::Break(Box::new(error)),
    }
}

impl Rewriter<'_> {
    /// The place of an expression, rewritten or not.
    fn place(&self, expr: &Expr) -> Location {
        match self.forms.of(expr) {
            Some(entry) => entry.place,
            None => expr.span().start,
        }
    }

    fn write(&mut self, form: Form, place: Location, arguments: Vec<Expr>) -> Expr {
        self.forms.write(form, place, arguments)
    }

    fn is_parameter(&self, name: &str) -> bool {
        self.lambdas.iter().any(|parameters| parameters.iter().any(|parameter| parameter == name))
    }

    /// One database is in reach: `awsdatacatalog.shop.orders` and `shop.orders` are `orders`.
    fn strip_database(&self, relation: &mut ObjectName) -> Result<(), SqlError> {
        let place = relation.span().start;
        let parts: Vec<String> =
            relation.0.iter().filter_map(|part| part.as_ident().map(|ident| ident.value.clone())).collect();
        let known = match &parts[..] {
            [_] => true,
            [database, _] => database == self.surroundings.database,
            [catalog, database, _] => catalog == crate::session::CATALOG && database == self.surroundings.database,
            _ => false,
        };
        if !known {
            return Err(SqlError::new(
                crate::error::SqlErrorKind::UnknownTable,
                format!("Table '{}' does not exist", parts.join(".")),
            )
            .hint(format!("the only database here is `{}`", self.surroundings.database))
            .at(place));
        }
        let last = relation.0.len().saturating_sub(1);
        relation.0.drain(..last);
        Ok(())
    }

    /// A negated number literal, if the expression is one.
    fn negated(&mut self, expr: &Expr) -> bool {
        let Some(number) = number_of(expr).map(str::to_owned) else {
            return false;
        };
        match self.forms.get_mut(&number) {
            Some(entry) => match &mut entry.form {
                Form::Literal { value, json: false } => match literals::negate(value) {
                    Some(negative) => {
                        *value = negative;
                        true
                    }
                    None => false,
                },
                _ => false,
            },
            None => false,
        }
    }
}

fn is_number(expr: &Expr) -> bool {
    matches!(expr, Expr::Value(ValueWithSpan { value: Value::Number(_, _), .. }))
}

fn order_numbers(query: &Query) -> Vec<Option<Expr>> {
    match query.order_by.as_ref().map(|order| &order.kind) {
        Some(OrderByKind::Expressions(items)) => {
            items.iter().map(|item| is_number(&item.expr).then(|| item.expr.clone())).collect()
        }
        _ => Vec::new(),
    }
}

fn restore_order(query: &mut Query, numbers: Vec<Option<Expr>>) {
    if let Some(OrderByKind::Expressions(items)) = query.order_by.as_mut().map(|order| &mut order.kind) {
        for (item, number) in items.iter_mut().zip(numbers) {
            if let Some(number) = number {
                item.expr = number;
            }
        }
    }
}

/// The numbers among the grouping expressions of a select.
fn group_numbers(select: &Select) -> Vec<Option<Expr>> {
    match &select.group_by {
        GroupByExpr::Expressions(items, _) => items.iter().map(|item| is_number(item).then(|| item.clone())).collect(),
        GroupByExpr::All(_) => Vec::new(),
    }
}

fn restore_group(select: &mut Select, numbers: Vec<Option<Expr>>) {
    if let GroupByExpr::Expressions(items, _) = &mut select.group_by {
        for (item, number) in items.iter_mut().zip(numbers) {
            if let Some(number) = number {
                *item = number;
            }
        }
    }
}
