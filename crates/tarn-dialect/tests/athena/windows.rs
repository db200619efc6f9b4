//! Window functions: which run along with their rows, and that their values are those of the engine's operator.

use datafusion::execution::SessionState;
use datafusion::execution::session_state::SessionStateBuilder;
use datafusion::physical_optimizer::optimizer::PhysicalOptimizer;
use datafusion::physical_plan::{collect, displayable};
use tarn_dialect::{Session, Statement};

use crate::support::session;

/// Twenty visitors' events, some at the same time.
const EVENTS: &str =
    "with events as (select n % 20 as visitor, n * 7919 % 500 as at, n % 3 as kind, n * 31 % 101 as price,
    if(n % 5 = 0, null, concat('page ', cast(n % 50 as varchar))) as page from unnest(sequence(1, 2000)) as t(n))";

/// The operators of a statement's plan, and its rows in order.
async fn run(session: &Session, state: &SessionState, sql: &str) -> (String, Vec<String>) {
    let Statement::Query(query) = session.parse(&format!("{EVENTS} {sql}")).unwrap() else {
        panic!("not a query: {sql}")
    };
    let plan = session.plan(&query).await.unwrap();
    let plan = state.create_physical_plan(&plan).await.unwrap();
    let operators = displayable(plan.as_ref()).indent(false).to_string();
    let batches = collect(plan, state.task_ctx()).await.unwrap();
    let text = arrow::util::pretty::pretty_format_batches(&batches).unwrap().to_string();
    let mut rows: Vec<String> = text.lines().map(str::to_owned).collect();
    rows.sort();
    (operators, rows)
}

/// `running`: how many operators run along, `others`: how many are the engine's.
async fn check(sql: &str, running: usize, others: usize) {
    let session = session();
    let state = |rules: Option<PhysicalOptimizer>| {
        let state = session.state();
        let config = state.config().clone().with_batch_size(64);
        let builder = SessionStateBuilder::new_from_existing(state).with_config(config);
        match rules {
            Some(rules) => builder.with_physical_optimizer_rules(rules.rules).build(),
            None => builder.build(),
        }
    };
    let (plan, rows) = run(&session, &state(None), sql).await;
    let count = |name: &str| plan.matches(name).count();
    assert_eq!(count("RunningWindowExec"), running, "{sql}\n{plan}");
    assert_eq!(count("BoundedWindowAggExec") + plan.matches(" WindowAggExec").count(), others, "{sql}\n{plan}");
    let (plan, expected) = run(&session, &state(Some(PhysicalOptimizer::new())), sql).await;
    assert!(!plan.contains("RunningWindowExec"), "{plan}");
    assert_eq!(rows, expected, "{sql}");
}

#[tokio::test]
async fn sessions_run_along() {
    let sessions = "select visitor, number, count(*), min(at), max(at) from (
            select *, sum(case when at > before + 3 or before is null then 1 else 0 end)
                over (partition by visitor order by at rows between unbounded preceding and current row) as number
            from (select *, lag(at) over (partition by visitor order by at) as before from (
                select visitor, at, max(price) as price from events group by visitor, at)))
        group by visitor, number";
    check(sessions, 2, 0).await;
}

#[tokio::test]
async fn frames_from_the_first_row_run_along() {
    for window in [
        "row_number() over (partition by visitor order by at, price, page)",
        "rank() over (partition by kind order by at)",
        "dense_rank() over (order by at, kind)",
        "lag(page) over (partition by visitor order by at, price, page)",
        "lag(page, 3, 'none') over (partition by visitor order by at, price, page)",
        "lead(page, 2) over (partition by visitor order by at, price, page)",
        "sum(price) over (partition by visitor order by at)",
        "sum(price) over (order by at desc range between unbounded preceding and current row)",
        "avg(price) over (partition by visitor, kind order by at)",
        "count(*) over (partition by visitor order by at)",
        "count(page) over (order by at)",
        "min(page) over (partition by visitor order by at nulls first)",
        "max(price) over (partition by visitor order by at)",
        "first_value(at) over (partition by visitor order by at)",
        "last_value(at) over (partition by visitor order by at)",
        "count_if(kind = 1) over (partition by visitor order by at)",
        "max_by(at, price * 1000 + at) over (partition by visitor order by at)",
        "count(*) over (partition by visitor, at)",
        "max(page) over (partition by visitor)",
        "sum(price) over ()",
        "last_value(page) over (partition by kind order by at, price, page rows between unbounded preceding and unbounded following)",
    ] {
        check(&format!("select visitor, at, kind, price, page, {window} as w from events"), 1, 0).await;
    }
    let several =
        "select visitor, at, sum(price) over w, lag(at) over w, rank() over w, lead(at, 5, bigint '0') over w,
        count(*) over (partition by visitor order by at range between unbounded preceding and unbounded following)
        from events window w as (partition by visitor order by at)";
    check(several, 1, 0).await;
    check("select visitor, row_number() over (partition by visitor order by at, price, page) as n from events order by visitor, n limit 5", 1, 0)
        .await;
}

#[tokio::test]
async fn what_is_not_known_is_left_to_the_engine() {
    for window in [
        "lag(page) ignore nulls over (partition by visitor order by at, price, page)",
        "last_value(page) ignore nulls over (partition by visitor order by at, price, page)",
        "lag(page, 0) over (partition by visitor order by at, price, page)",
        "sum(price) filter (where kind = 1) over (partition by visitor order by at)",
        "sum(price) over (partition by visitor order by at, price, page rows between 2 preceding and current row)",
        "sum(price) over (partition by visitor order by at, price, page rows between unbounded preceding and 1 following)",
        "nth_value(at, 2) over (partition by visitor order by at)",
        "ntile(3) over (partition by visitor order by at, price, page)",
        "cume_dist() over (partition by visitor order by at)",
    ] {
        check(&format!("select visitor, at, kind, price, page, {window} as w from events"), 0, 1).await;
    }
    // One of two windows that share an operator.
    let both = "select visitor, at, sum(price) over w, sum(price) filter (where kind = 1) over w from events
        window w as (partition by visitor order by at)";
    check(both, 0, 1).await;
}

/// A statement may say it both ways round.
#[tokio::test]
async fn windows_in_both_directions() {
    let both = "select visitor, at, lag(at) over (partition by visitor order by at) as before,
        lag(at) over (partition by visitor order by at desc) as after,
        sum(at) over (partition by visitor order by at desc) as rest
        from (select distinct visitor, at from events)";
    let session = session();
    let (_, rows) = run(&session, &session.state(), both).await;
    let led = "select visitor, at, lag(at) over (partition by visitor order by at) as before,
        lead(at) over (partition by visitor order by at) as after,
        sum(at) over (partition by visitor order by at rows between current row and unbounded following) as rest
        from (select distinct visitor, at from events)";
    let (_, expected) = run(&session, &session.state(), led).await;
    assert_eq!(rows, expected);
}
