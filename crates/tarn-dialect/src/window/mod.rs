//! Window functions that run along with their rows.
//!
//! The engine's operators cut all columns of their sorted input into a batch for each partition. One of them hashes the partition's
//! keys and keeps a state for every window and partition; the other keeps all rows until the last has come. With partitions of a few
//! rows that costs microseconds a row, most of it for columns that the windows never look at. Here batches pass whole: where
//! partitions and peers begin is found by comparing neighbouring rows, a column at a time, and each window carries one small state
//! from row to row and from batch to batch.
//!
//! A batch waits while a value in it depends on rows to come: for `lead`, and for frames that reach to the last peer or to the end of
//! the partition. When memory is short, it waits on disk. Values are those of the engine's operators to the bit. What is not known
//! here (`IGNORE NULLS`, filters, sliding frames) is left to them.

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

use operator::RunningWindowExec;

/// Puts [`RunningWindowExec`] in the place of the engine's operators where it can do all of their windows.
#[derive(Debug)]
pub(crate) struct RunWindows;

impl PhysicalOptimizerRule for RunWindows {
    fn optimize(&self, plan: Arc<dyn ExecutionPlan>, _config: &ConfigOptions) -> Result<Arc<dyn ExecutionPlan>> {
        plan.transform_up(|node| {
            Ok(match RunningWindowExec::in_place_of(&node) {
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
