//! One dealing-out of rows for several steps.
//!
//! The engine deals rows out to its partitions anew before every aggregation and every window, each time by exactly the keys of
//! that step. A `distinct` over thirteen columns, a grouping by visitor and hour and a window over visitors then move all rows
//! three times, although dealing them out by visitor serves all three: rows that are equal in all keys are equal in one of them.
//!
//! Rows go by fewer keys only where a window in the chain wants exactly those: there all rows of a key have to come together in
//! any case, so what can be shared out is not made less by coming together earlier.

use std::sync::Arc;

use datafusion::common::config::ConfigOptions;
use datafusion::common::{Result, internal_err};
use datafusion::physical_expr::{Partitioning, PhysicalExpr};
use datafusion::physical_optimizer::PhysicalOptimizerRule;
use datafusion::physical_optimizer::optimizer::PhysicalOptimizer;
use datafusion::physical_plan::aggregates::{AggregateExec, AggregateMode};
use datafusion::physical_plan::expressions::Column;
use datafusion::physical_plan::filter::FilterExec;
use datafusion::physical_plan::projection::ProjectionExec;
use datafusion::physical_plan::repartition::RepartitionExec;
use datafusion::physical_plan::sorts::sort::SortExec;
use datafusion::physical_plan::windows::{BoundedWindowAggExec, WindowAggExec};
use datafusion::physical_plan::{ExecutionPlan, replace_children_if_necessary};

use crate::window::RunWindows;

/// The engine's rules with ours among them. [`ShareKeys`] comes once it is known where rows are dealt out, and before aggregations in
/// two steps become one where nothing lies between them; [`RunWindows`] when no other rule looks for windows any more, and before
/// filters are handed down from operators that must then stay as they are.
pub(crate) fn rules() -> Vec<Arc<dyn PhysicalOptimizerRule + Send + Sync>> {
    let mut rules = PhysicalOptimizer::new().rules;
    let place = rules.iter().position(|rule| rule.name() == "CombinePartialFinalAggregate");
    rules.insert(place.unwrap_or(rules.len()), Arc::new(ShareKeys));
    let place = rules.iter().position(|rule| rule.name() == "EnsureCooperative");
    rules.insert(place.unwrap_or(rules.len()), Arc::new(RunWindows));
    rules
}

/// Deals rows out once for a chain of steps that a window's keys serve.
#[derive(Debug)]
struct ShareKeys;

impl PhysicalOptimizerRule for ShareKeys {
    fn optimize(&self, plan: Arc<dyn ExecutionPlan>, _config: &ConfigOptions) -> Result<Arc<dyn ExecutionPlan>> {
        visit(plan, true)
    }

    fn name(&self) -> &str {
        "ShareKeys"
    }

    fn schema_check(&self) -> bool {
        true
    }
}

/// Looks for chains from here down. `free`: nothing above relies on which partition a row of this node is in.
fn visit(node: Arc<dyn ExecutionPlan>, free: bool) -> Result<Arc<dyn ExecutionPlan>> {
    let node = match chain(&node).filter(|_| free) {
        Some(chain) => dealt_out_once(node, &chain)?,
        None => node,
    };
    let free = is_free_below(node.as_ref(), free);
    let children = node.children().into_iter().map(|child| visit(Arc::clone(child), free)).collect::<Result<_>>()?;
    replace_children_if_necessary(node, children)
}

/// Joins, unions and whatever is not known here may rely on the keys by which rows were dealt out; what deals them out anew, or
/// puts them together, does not.
fn is_free_below(node: &dyn ExecutionPlan, free: bool) -> bool {
    match node.name() {
        "RepartitionExec" | "CoalescePartitionsExec" | "SortPreservingMergeExec" => true,
        "AggregateExec"
        | "BoundedWindowAggExec"
        | "FilterExec"
        | "GlobalLimitExec"
        | "LocalLimitExec"
        | "OutputRequirementExec"
        | "ProjectionExec"
        | "SortExec"
        | "WindowAggExec" => free,
        _ => false,
    }
}

/// Dealings-out, one below the other, that the lowest can stand for.
struct Chain {
    /// How many there are, at least two.
    length: usize,
    /// Columns below the lowest whose values serve all of them.
    keys: Vec<usize>,
}

/// The longest chain below an aggregation or a window.
fn chain(node: &Arc<dyn ExecutionPlan>) -> Option<Chain> {
    let aggregation =
        node.downcast_ref::<AggregateExec>().filter(|node| *node.mode() == AggregateMode::FinalPartitioned);
    // The columns by which rows may be dealt out, in what `at` gives.
    let mut keys: Vec<usize> = match aggregation {
        Some(aggregation) => (0..aggregation.group_expr().expr().len()).collect(),
        None => window_keys(node.as_ref())?,
    };
    let mut at = Arc::clone(node);
    let mut length = 0;
    let mut partitions = None;
    // Whether a window above wants just these.
    let mut serves_window = false;
    let mut found = None;
    loop {
        let before = keys.len();
        if let Some((dealt, count)) = dealt_by(at.as_ref()) {
            keys.retain(|key| dealt.contains(key));
            length += 1;
            if keys.is_empty() || *partitions.get_or_insert(count) != count {
                return found;
            }
            serves_window &= keys.len() == before;
            if serves_window && length > 1 {
                found = Some(Chain { length, keys: keys.clone() });
            }
        } else {
            let Some(below) = columns_below(at.as_ref(), &keys).filter(|below| !below.is_empty()) else { return found };
            keys = below;
            serves_window &= keys.len() == before;
            if let Some(window) = window_keys(at.as_ref()) {
                serves_window = window.len() == keys.len() && window.iter().all(|key| keys.contains(key));
            }
        }
        let child = at.children().first().copied().cloned();
        let Some(child) = child else { return found };
        at = child;
    }
}

/// The keys and the partitions of a dealing-out by hash; `None` for any other node, and where a key is no column.
fn dealt_by(node: &dyn ExecutionPlan) -> Option<(Vec<usize>, usize)> {
    let dealing = node.downcast_ref::<RepartitionExec>().filter(|node| !node.preserve_order())?;
    let Partitioning::Hash(keys, count) = dealing.partitioning() else { return None };
    Some((columns(keys)?, *count))
}

/// The columns of its input by which a window parts rows; `None` for any other node, and where it parts by no column.
fn window_keys(node: &dyn ExecutionPlan) -> Option<Vec<usize>> {
    let keys = match (node.downcast_ref::<BoundedWindowAggExec>(), node.downcast_ref::<WindowAggExec>()) {
        (Some(window), _) => window.partition_keys(),
        (None, Some(window)) => window.partition_keys(),
        (None, None) => return None,
    };
    columns(&keys).filter(|keys| !keys.is_empty())
}

fn columns(keys: &[Arc<dyn PhysicalExpr>]) -> Option<Vec<usize>> {
    keys.iter().map(column).collect()
}

fn column(key: &Arc<dyn PhysicalExpr>) -> Option<usize> {
    key.downcast_ref::<Column>().map(Column::index)
}

/// Those columns of a node that are columns of its input as they are, as the input has them; `None` for nodes that may do more
/// with rows than can be told here.
fn columns_below(node: &dyn ExecutionPlan, keys: &[usize]) -> Option<Vec<usize>> {
    let of = |input: &dyn Fn(usize) -> Option<usize>| {
        let mut below: Vec<usize> = keys.iter().filter_map(|key| input(*key)).collect();
        below.sort_unstable();
        below.dedup();
        Some(below)
    };
    if let Some(node) = node.downcast_ref::<AggregateExec>() {
        let groups = node.group_expr();
        let plain = groups.is_single() && node.limit_options().is_none();
        return plain
            .then_some(())
            .and_then(|()| of(&|key| groups.expr().get(key).and_then(|(expression, _)| column(expression))));
    }
    if let Some(node) = node.downcast_ref::<ProjectionExec>() {
        return of(&|key| node.expr().get(key).and_then(|projected| column(&projected.expr)));
    }
    if let Some(node) = node.downcast_ref::<SortExec>() {
        return if node.preserve_partitioning() && node.fetch().is_none() { of(&Some) } else { None };
    }
    if let Some(node) = node.downcast_ref::<FilterExec>() {
        return if node.projection().is_none() && node.fetch().is_none() { of(&Some) } else { None };
    }
    if node.is::<BoundedWindowAggExec>() || node.is::<WindowAggExec>() {
        // Its own columns come after those of the input.
        let input = node.children().first()?.schema().fields().len();
        return of(&|key| (key < input).then_some(key));
    }
    None
}

/// The same without the dealings-out of the chain, but for the lowest, which goes by the keys that serve all.
fn dealt_out_once(node: Arc<dyn ExecutionPlan>, chain: &Chain) -> Result<Arc<dyn ExecutionPlan>> {
    let mut kept = Vec::new();
    let mut at = node;
    let mut passed = 0;
    let (input, count) = loop {
        let Some(child) = at.children().first().copied().cloned() else {
            return internal_err!("a chain of dealings-out ends early");
        };
        match dealt_by(at.as_ref()) {
            Some((_, count)) => {
                passed += 1;
                if passed == chain.length {
                    break (child, count);
                }
            }
            None => kept.push(at),
        }
        at = child;
    };
    let schema = input.schema();
    let keys = chain.keys.iter().map(|key| Arc::new(Column::new(schema.field(*key).name(), *key)) as _).collect();
    let lowest: Arc<dyn ExecutionPlan> = Arc::new(RepartitionExec::try_new(input, Partitioning::Hash(keys, count))?);
    kept.into_iter().rev().try_fold(lowest, |below, node| replace_children_if_necessary(node, vec![below]))
}

#[cfg(test)]
mod tests {
    use datafusion::physical_plan::displayable;
    use datafusion::prelude::{SessionConfig, SessionContext};

    use super::*;

    /// The steps of a query's plan that deal rows out or group them, and its sorted rows.
    async fn planned(shared: bool, sql: &str) -> (Vec<String>, Vec<String>) {
        let config = SessionConfig::new().with_target_partitions(3).with_batch_size(64);
        let mut state =
            datafusion::execution::session_state::SessionStateBuilder::new_with_default_features().with_config(config);
        if shared {
            state = state.with_physical_optimizer_rules(rules());
        }
        let context = SessionContext::new_with_state(state.build());
        let events = "create table e as select v % 57 as visitor, v % 11 as kind, (v * 7919) % 1000 as at from generate_series(1, 5000) as t(v)";
        context.sql(events).await.unwrap().collect().await.unwrap();
        let frame = context.sql(sql).await.unwrap();
        let plan = frame.clone().create_physical_plan().await.unwrap();
        let text = displayable(plan.as_ref()).indent(false).to_string();
        let wanted =
            |line: &&str| line.starts_with("RepartitionExec: partitioning=Hash") || line.starts_with("AggregateExec");
        let steps = text.lines().map(str::trim).filter(wanted).map(|line| {
            let end = line.find(", input_partitions").or_else(|| line.find(", gby")).unwrap_or(line.len());
            line.chars().take(end).collect()
        });
        let rows = arrow::util::pretty::pretty_format_batches(&frame.collect().await.unwrap()).unwrap().to_string();
        let mut rows: Vec<String> = rows.lines().map(str::to_owned).collect();
        rows.sort();
        (steps.collect(), rows)
    }

    const SESSIONS: &str = "
        with different as (select distinct visitor, kind, at from e),
        slots as (select visitor, at / 100 as slot, count(*) as n, max(at) as last from different group by visitor, at / 100),
        numbered as (select *, sum(case when n > 5 then 1 else 0 end) over (partition by visitor order by slot) as number from slots)
        select visitor, number, sum(n) as n, max(last) as last from numbered group by visitor, number";

    #[tokio::test]
    async fn rows_are_dealt_out_once_by_the_keys_of_the_window() {
        let (steps, rows) = planned(true, SESSIONS).await;
        let dealt: Vec<&String> = steps.iter().filter(|step| step.starts_with("Repartition")).collect();
        assert_eq!(dealt.len(), 1, "{steps:?}");
        assert!(dealt[0].contains("Hash([visitor@0], 3)"), "{steps:?}");
        let (without, expected) = planned(false, SESSIONS).await;
        assert!(without.len() > steps.len() + 2, "{without:?} {steps:?}");
        assert_eq!(rows, expected);
    }

    #[tokio::test]
    async fn rows_are_the_same_where_little_or_nothing_can_be_shared() {
        for sql in [
            // No window: the keys of each step.
            "select visitor, count(*) from (select distinct visitor, kind from e) group by visitor",
            // A window below a join that deals its sides out alike.
            "with w as (select distinct visitor, kind, rank() over (partition by visitor order by at, kind) as r from e)
             select a.visitor, a.kind, count(*) from w a join w b on a.visitor = b.visitor and a.kind = b.kind group by 1, 2",
            // Two windows with different keys.
            "select visitor, kind, n, rank() over (partition by kind order by n, visitor) as r from (
                select visitor, kind, sum(c) over (partition by visitor order by kind) as n from (
                    select visitor, kind, count(*) as c from e group by visitor, kind))",
            // The key of the window is computed below.
            "select h, k, rank() over (partition by h order by k) as r from (
                select visitor % 5 as h, kind as k, count(*) as n from e group by visitor % 5, kind)",
            // A window by one of two keys that a window above has.
            "select visitor, kind, sum(n) over (partition by visitor, kind order by at) as s from (
                select visitor, kind, at, count(*) over (partition by visitor order by at, kind) as n from (
                    select distinct visitor, kind, at from e))",
            "select visitor, r, count(*) from (select visitor, at % 3 as r, row_number() over (partition by visitor order by at, kind) as n
                from (select distinct visitor, kind, at from e)) where n < 4 group by rollup (visitor, r)",
        ] {
            let (steps, rows) = planned(true, sql).await;
            assert_eq!(rows, planned(false, sql).await.1, "{sql} {steps:?}");
        }
    }
}
