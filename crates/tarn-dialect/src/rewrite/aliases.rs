//! Aliases where Athena does not see them.
//!
//! `GROUP BY` and `HAVING` see the columns of `FROM` and no others; the engine also takes names that the `SELECT` gives. A name
//! that an item of the `SELECT` has is marked there, so that it can be refused when the planner finds no column behind it.

use std::ops::ControlFlow;

use datafusion::sql::sqlparser::ast::{
    Expr, GroupByExpr, Ident, Query, Select, SelectItem, TableFactor, VisitMut, VisitorMut,
};

use crate::form::{Form, FormTable};

/// Marks the names in `GROUP BY` and `HAVING` that may be aliases.
pub(super) fn mark(select: &mut Select, forms: &mut FormTable) {
    // The columns of a subquery without a name look like aliases to the planner.
    if has_nameless_subquery(select) {
        return;
    }
    let aliases: Vec<(String, usize)> = select.projection.iter().zip(1..).filter_map(alias).collect();
    if aliases.is_empty() {
        return;
    }
    let mut marks = Marks { aliases, forms, clause: "GROUP BY", depth: 0 };
    if let GroupByExpr::Expressions(items, _) = &mut select.group_by {
        for item in items {
            let _: ControlFlow<()> = item.visit(&mut marks);
        }
    }
    marks.clause = "HAVING";
    if let Some(having) = &mut select.having {
        let _: ControlFlow<()> = having.visit(&mut marks);
    }
}

fn alias((item, position): (&SelectItem, usize)) -> Option<(String, usize)> {
    match item {
        SelectItem::ExprWithAlias { alias, .. } => Some((alias.value.clone(), position)),
        _ => None,
    }
}

fn has_nameless_subquery(select: &Select) -> bool {
    let relations = select
        .from
        .iter()
        .flat_map(|from| std::iter::once(&from.relation).chain(from.joins.iter().map(|join| &join.relation)));
    relations.into_iter().any(|relation| match relation {
        TableFactor::Table { .. } => false,
        TableFactor::Derived { alias, .. } | TableFactor::UNNEST { alias, .. } => alias.is_none(),
        _ => true,
    })
}

struct Marks<'a> {
    aliases: Vec<(String, usize)>,
    forms: &'a mut FormTable,
    clause: &'static str,
    /// How many subqueries are open: their names are their own.
    depth: usize,
}

impl VisitorMut for Marks<'_> {
    type Break = ();

    fn pre_visit_query(&mut self, _: &mut Query) -> ControlFlow<()> {
        self.depth += 1;
        ControlFlow::Continue(())
    }

    fn post_visit_query(&mut self, _: &mut Query) -> ControlFlow<()> {
        self.depth -= 1;
        ControlFlow::Continue(())
    }

    fn post_visit_expr(&mut self, expr: &mut Expr) -> ControlFlow<()> {
        if let Expr::Identifier(Ident { value, span, .. }) = expr
            && self.depth == 0
            && let Some((_, position)) = self.aliases.iter().find(|(alias, _)| alias == value)
        {
            let form = Form::MaybeAlias { clause: self.clause, position: *position };
            let place = span.start;
            *expr = self.forms.write(form, place, vec![expr.clone()]);
        }
        ControlFlow::Continue(())
    }
}
