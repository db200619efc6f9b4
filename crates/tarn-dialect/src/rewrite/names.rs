//! Names of result columns, and clauses of a query that Athena does not have.
//!
//! A column without a name gets a unique one that starts with [`ANONYMOUS`], because the engine refuses two
//! columns of one name; the session turns those into `_col0`, `_col1`, … at the very end.

use datafusion::sql::sqlparser::ast::{
    AccessExpr, Expr, Fetch, Ident, JoinConstraint, JoinOperator, LimitClause, Query, Select, SelectItem, Spanned,
    Value,
};

use crate::error::SqlError;
use crate::rewrite::{group_numbers, restore_group};

/// What the names of unnamed columns start with.
pub(crate) const ANONYMOUS: &str = "$column";

/// How the columns of one select are called, found before its expressions were rewritten.
pub(crate) struct SelectNames {
    items: Vec<Name>,
    group: Vec<Option<Expr>>,
}

enum Name {
    /// The item has a name, or the engine gives it the one Athena gives.
    Own,
    /// `row.field` is called `field`.
    Field(String),
    /// Athena calls it by its position.
    None,
}

impl SelectNames {
    pub(crate) fn of(select: &Select) -> Self {
        Self { items: select.projection.iter().map(name).collect(), group: group_numbers(select) }
    }

    /// Names the columns and puts the numbers in `GROUP BY` back.
    pub(crate) fn restore(self, select: &mut Select, anonymous: &mut usize) {
        for (item, name) in select.projection.iter_mut().zip(self.items) {
            let SelectItem::UnnamedExpr(expr) = item else {
                continue;
            };
            let alias = match name {
                Name::Own => continue,
                Name::Field(name) => name,
                Name::None => {
                    *anonymous += 1;
                    format!("{ANONYMOUS}{anonymous}")
                }
            };
            *item = SelectItem::ExprWithAlias {
                expr: std::mem::replace(expr, Expr::Identifier(Ident::new(""))),
                alias: Ident::new(alias),
            };
        }
        restore_group(select, self.group);
    }
}

fn name(item: &SelectItem) -> Name {
    match item {
        SelectItem::UnnamedExpr(expr) => match expr {
            Expr::Identifier(_) | Expr::CompoundIdentifier(_) => Name::Own,
            Expr::CompoundFieldAccess { access_chain, .. } => match access_chain.last() {
                Some(AccessExpr::Dot(Expr::Identifier(ident))) => Name::Field(ident.value.clone()),
                _ => Name::None,
            },
            _ => Name::None,
        },
        _ => Name::Own,
    }
}

/// `FETCH FIRST n ROWS ONLY` is a limit.
pub(super) fn limit(limit: Option<LimitClause>, fetch: Option<Fetch>) -> Option<LimitClause> {
    let Some(fetch) = fetch else { return limit };
    let count = fetch.quantity.unwrap_or_else(|| Expr::Value(Value::Number("1".to_owned(), false).into()));
    let offset = match limit {
        Some(LimitClause::LimitOffset { offset, .. }) => offset,
        _ => None,
    };
    Some(LimitClause::LimitOffset { limit: Some(count), offset, limit_by: Vec::new() })
}

/// Refuses outer joins whose `USING` columns may come from either side: the engine would take the left one always.
pub(super) fn check_joins(select: &Select) -> Result<(), SqlError> {
    for join in select.from.iter().flat_map(|table| &table.joins) {
        let (JoinOperator::Right(constraint)
        | JoinOperator::RightOuter(constraint)
        | JoinOperator::FullOuter(constraint)) = &join.join_operator
        else {
            continue;
        };
        let written = match constraint {
            JoinConstraint::Using(_) => "USING",
            JoinConstraint::Natural => "NATURAL",
            _ => continue,
        };
        return Err(SqlError::not_supported(format!(
            "`{written}` of a right or full join does not run on the laptop: name the columns with `ON`"
        ))
        .hint("`coalesce(a.id, b.id)` gives the column of either side")
        .at(join.relation.span().start));
    }
    Ok(())
}

/// Refuses clauses that the parser knows and Athena does not.
pub(crate) fn check_query(query: &Query) -> Result<(), SqlError> {
    let foreign = [
        (!query.locks.is_empty(), "FOR UPDATE"),
        (query.for_clause.is_some(), "FOR"),
        (query.settings.is_some(), "SETTINGS"),
        (query.format_clause.is_some(), "FORMAT"),
        (!query.pipe_operators.is_empty(), "|>"),
    ];
    for (found, clause) in foreign {
        if found {
            return Err(SqlError::syntax(format!("`{clause}` is not part of Athena's SQL")).at(query.span().start));
        }
    }
    if let Some(fetch) = &query.fetch
        && (fetch.with_ties || fetch.percent)
    {
        return Err(SqlError::not_supported("`FETCH FIRST … WITH TIES` does not run on the laptop: use `rank()`")
            .at(query.span().start));
    }
    Ok(())
}
