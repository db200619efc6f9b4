//! Statements that are long, deep or wrong in unusual places: an answer or an error, never a crash.

use datafusion::common::tree_node::{TreeNode, TreeNodeRecursion};
use datafusion::logical_expr::Expr;
use tarn_dialect::{SqlErrorKind, Statement};

use crate::support::{rows, session};

async fn first(sql: &str) -> String {
    let rows = rows(&session(), sql).await.unwrap();
    rows[0][0].clone().unwrap_or_else(|| "null".to_owned())
}

#[tokio::test]
async fn long_chains_of_operators() {
    let terms: Vec<String> = (0..600).map(|number| format!("id = {number}")).collect();
    let sql = format!("select count(*) from orders where {}", terms.join(" or "));
    assert_eq!(first(&sql).await, "4");
    let terms = vec!["1"; 60].join(" + ");
    assert_eq!(first(&format!("select {terms}")).await, "60");
    let terms = vec!["'a'"; 300].join(" || ");
    assert_eq!(first(&format!("select length({terms})")).await, "300");
}

/// The engine walks an expression again for each level of it, so a sum that nests as deep as it is long takes it forever.
#[tokio::test]
async fn a_long_sum_does_not_nest() {
    let session = session();
    let floats = ["id * Ne0", "if(id = N, 1e0, 0e0)", "cast(id as real) / N"];
    let others = ["if(id = N, 1, 0)", "id * N", "price + N", "coalesce(customer_id, N)", "N.5 - id"];
    for term in floats.into_iter().chain(others) {
        let terms: Vec<String> = (1..=1_000).map(|number| term.replace('N', &number.to_string())).collect();
        let sql = format!("select {} from orders", terms.join(" + "));
        let Statement::Query(query) = session.parse(&sql).unwrap() else { unreachable!() };
        let plan = session.plan(&query).await.unwrap();
        let mut deepest = 0;
        plan.apply(|node| {
            deepest = node.expressions().iter().map(depth).fold(deepest, usize::max);
            Ok(TreeNodeRecursion::Continue)
        })
        .unwrap();
        assert!((3..10).contains(&deepest), "{term}: {deepest}");
    }
    let ones: Vec<String> = (0..1_000).map(|number| format!("if(id >= {number}, 1, 0)")).collect();
    assert_eq!(first(&format!("select sum({}) from orders", ones.join(" + "))).await, "14");
    let halves: Vec<String> = (0..1_000).map(|number| format!("if(id >= {number}, 0.5e0, 0e0)")).collect();
    assert_eq!(first(&format!("select sum({}) from orders", halves.join(" + "))).await, "7.0");
}

fn depth(expr: &Expr) -> usize {
    let mut below = 0;
    expr.apply_children(|child| {
        below = below.max(depth(child));
        Ok(TreeNodeRecursion::Continue)
    })
    .unwrap();
    below + 1
}

#[tokio::test]
async fn long_lists() {
    let items: Vec<String> = (0..10_000).map(|number| number.to_string()).collect();
    let sql = format!("select count(*) from orders where id in ({})", items.join(", "));
    assert_eq!(first(&sql).await, "4");
    let floats: Vec<String> = (0..10_000).map(|number| format!("{number}.25e0")).collect();
    let sql = format!(
        "select count(*), count_if(id + 0.5e0 in ({0})) from orders where id + 0.25e0 in ({0})",
        floats.join(", ")
    );
    assert_eq!(rows(&session(), &sql).await.unwrap(), [[Some("4".to_owned()), Some("0".to_owned())]]);
    let sql = format!("select count(*), sum(x) from (values {}) t(x)", items.join(", "));
    assert_eq!(first(&sql).await, "10000");
}

#[tokio::test]
async fn deep_nesting() {
    let nested = |depth: usize| format!("select {}1{}", "abs(".repeat(depth), ")".repeat(depth));
    assert_eq!(first(&nested(100)).await, "1");
    let parentheses = format!("select {}1{}", "(".repeat(100), ")".repeat(100));
    assert_eq!(first(&parentheses).await, "1");
    let error = session().parse(&nested(20_000)).unwrap_err();
    assert_eq!(error.kind, SqlErrorKind::Syntax);
    let error = session().parse(&format!("select {}", "(".repeat(100_000))).unwrap_err();
    assert_eq!(error.kind, SqlErrorKind::Syntax);
}

/// Every prefix of a statement, and the statement with each character taken out, is answered or refused.
#[tokio::test]
async fn damaged_statements_are_refused() {
    let sql = "select x, cast(y as array(row(a integer))) from (values (1, array[row(2)])) t(x, y) cross join unnest(y) u(z) \
        where x between interval '1' day and date '2020-01-01' or transform(y, e -> e.a)[1] = 2 group by 1, 2 order by x";
    let session = session();
    for (end, _) in sql.char_indices() {
        let _ = rows_of(&session, &sql[..end]).await;
        let damaged: String = sql.char_indices().filter(|(at, _)| *at != end).map(|(_, c)| c).collect();
        let _ = rows_of(&session, &damaged).await;
    }
}

async fn rows_of(session: &tarn_dialect::Session, sql: &str) -> Option<usize> {
    let tarn_dialect::Statement::Query(query) = session.parse(sql).ok()? else {
        return None;
    };
    session.plan(&query).await.ok().map(|plan| plan.schema().fields().len())
}
