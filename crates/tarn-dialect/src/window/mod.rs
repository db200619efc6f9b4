//! Window functions that run along with their rows.
//!
//! The engine's operator for sorted input cuts all columns into a batch for each partition, hashes the partition's keys, and keeps a
//! state for every window and partition. With partitions of a few rows that costs microseconds a row, most of it for columns that
//! the windows never look at. Here batches pass whole: where partitions and peers begin is found by comparing neighbouring rows, a
//! column at a time, and each window carries one small state from row to row and from batch to batch.
//!
//! A batch waits while a value in it depends on rows to come: for `lead`, and for frames that reach to the last peer. Values are
//! those of the engine's operator to the bit. What is not known here (`IGNORE NULLS`, filters, sliding frames) is left to it.

mod accumulated;
mod column;
mod expression;
mod held;
mod kernels;
mod operator;
mod rank;
mod rows;
mod running;
mod shift;
mod stream;
#[cfg(test)]
mod tests;

use std::sync::Arc;

use datafusion::common::Result;
use datafusion::common::config::ConfigOptions;
use datafusion::common::tree_node::{Transformed, TransformedResult, TreeNode};
use datafusion::physical_optimizer::PhysicalOptimizerRule;
use datafusion::physical_plan::ExecutionPlan;
use datafusion::physical_plan::windows::BoundedWindowAggExec;

use operator::RunningWindowExec;

/// Puts [`RunningWindowExec`] in the place of the engine's operator where it can do all of its windows.
#[derive(Debug)]
pub(crate) struct RunWindows;

impl PhysicalOptimizerRule for RunWindows {
    fn optimize(&self, plan: Arc<dyn ExecutionPlan>, _config: &ConfigOptions) -> Result<Arc<dyn ExecutionPlan>> {
        plan.transform_up(|node| {
            let running = node.downcast_ref::<BoundedWindowAggExec>().and_then(RunningWindowExec::in_place_of);
            Ok(match running {
                Some(running) => Transformed::yes(Arc::new(running) as _),
                None => Transformed::no(node),
            })
        })
        .data()
    }

    fn name(&self) -> &str {
        "RunWindows"
    }

    fn schema_check(&self) -> bool {
        true
    }
}
