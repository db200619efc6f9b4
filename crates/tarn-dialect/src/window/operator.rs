//! The operator in a plan.

use std::fmt;
use std::sync::Arc;

use datafusion::common::tree_node::TreeNodeRecursion;
use datafusion::common::{Result, Statistics};
use datafusion::execution::TaskContext;
use datafusion::physical_expr::{OrderingRequirements, PhysicalExpr};
use datafusion::physical_plan::execution_plan::{CardinalityEffect, ChildrenPropertiesMode, ReplaceChildrenOptions};
use datafusion::physical_plan::metrics::{BaselineMetrics, ExecutionPlanMetricsSet, MetricsSet};
use datafusion::physical_plan::windows::{BoundedWindowAggExec, WindowExpr};
use datafusion::physical_plan::{
    ChildStats, DisplayAs, DisplayFormatType, ExecutionPlan, InputDistributionRequirements, InputOrderMode,
    PlanProperties, SendableRecordBatchStream, StatisticsArgs,
};

use super::column::WindowColumn;
use super::expression::column_of;
use super::held::Held;
use super::rows::Breaks;
use super::stream::Windows;
use crate::operator::internal;

/// Appends the columns of windows to its input, which comes sorted by what they are partitioned and ordered by.
#[derive(Debug)]
pub(super) struct RunningWindowExec {
    /// The engine's operator for the same, which knows all that planning asks.
    engine: BoundedWindowAggExec,
    metrics: ExecutionPlanMetricsSet,
}

impl RunningWindowExec {
    /// In the place of the engine's operator; `None` where that does what cannot be done here.
    pub(super) fn in_place_of(engine: &BoundedWindowAggExec) -> Option<Self> {
        let is_sorted = engine.input_order_mode == InputOrderMode::Sorted && engine.state_observer().is_none();
        let windows = engine.window_expr();
        let schema = engine.input().schema();
        let can = is_sorted && !windows.is_empty() && windows.iter().all(|window| column_of(window, &schema).is_some());
        can.then(|| Self { engine: engine.clone(), metrics: ExecutionPlanMetricsSet::new() })
    }

    fn columns(&self) -> Result<Vec<(Arc<dyn WindowExpr>, Box<dyn WindowColumn>)>> {
        let schema = self.engine.input().schema();
        let columns = self.engine.window_expr().iter().map(|window| {
            let column = column_of(window, &schema).ok_or_else(|| internal("a window was planned that cannot run"))?;
            Ok((Arc::clone(window), column))
        });
        columns.collect()
    }
}

impl DisplayAs for RunningWindowExec {
    fn fmt_as(&self, _format: DisplayFormatType, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let names: Vec<&str> = self.engine.window_expr().iter().map(|window| window.name()).collect();
        write!(formatter, "RunningWindowExec: windows=[{}]", names.join(", "))
    }
}

impl ExecutionPlan for RunningWindowExec {
    fn name(&self) -> &'static str {
        "RunningWindowExec"
    }

    fn properties(&self) -> &Arc<PlanProperties> {
        self.engine.properties()
    }

    fn children(&self) -> Vec<&Arc<dyn ExecutionPlan>> {
        self.engine.children()
    }

    fn apply_expressions(
        &self,
        visit: &mut dyn FnMut(&Arc<dyn PhysicalExpr>) -> Result<TreeNodeRecursion>,
    ) -> Result<TreeNodeRecursion> {
        self.engine.apply_expressions(visit)
    }

    fn input_distribution_requirements(&self) -> InputDistributionRequirements {
        self.engine.input_distribution_requirements()
    }

    fn required_input_ordering(&self) -> Vec<Option<OrderingRequirements>> {
        self.engine.required_input_ordering()
    }

    fn maintains_input_order(&self) -> Vec<bool> {
        self.engine.maintains_input_order()
    }

    fn replace_children(
        self: Arc<Self>,
        children: Vec<Arc<dyn ExecutionPlan>>,
        options: ReplaceChildrenOptions,
    ) -> Result<Arc<dyn ExecutionPlan>> {
        let engine = Arc::new(self.engine.clone()).replace_children(children, options)?;
        let engine = engine.downcast_ref().cloned().ok_or_else(|| internal("a window remains a window"))?;
        Ok(Arc::new(Self { engine, metrics: ExecutionPlanMetricsSet::new() }))
    }

    fn with_new_children(self: Arc<Self>, children: Vec<Arc<dyn ExecutionPlan>>) -> Result<Arc<dyn ExecutionPlan>> {
        self.replace_children(children, ReplaceChildrenOptions::new(ChildrenPropertiesMode::Recompute))
    }

    fn execute(&self, partition: usize, context: Arc<TaskContext>) -> Result<SendableRecordBatchStream> {
        let input = self.engine.input();
        let columns = self.columns()?;
        let window = self.engine.window_expr().first().ok_or_else(|| internal("an operator without windows"))?;
        let partitions = window.partition_by().to_vec();
        let orders = window.order_by();
        let needs_peers = !orders.is_empty() && columns.iter().any(|(_, column)| column.needs_peers());
        let peers = partitions.iter().chain(orders.iter().map(|order| &order.expr)).cloned().collect();
        let windows = Windows {
            input: input.execute(partition, Arc::clone(&context))?,
            schema: self.schema(),
            partitions: Breaks::new(partitions),
            peers: needs_peers.then(|| Breaks::new(peers)),
            columns,
            held: Held::new(context, input.schema(), &self.metrics, partition),
            metrics: BaselineMetrics::new(&self.metrics, partition),
        };
        Ok(windows.into_stream())
    }

    fn metrics(&self) -> Option<MetricsSet> {
        Some(self.metrics.clone_inner())
    }

    fn child_stats_requests(&self, partition: Option<usize>) -> Vec<ChildStats> {
        self.engine.child_stats_requests(partition)
    }

    fn statistics_from_inputs(&self, inputs: &[Arc<Statistics>], args: &StatisticsArgs) -> Result<Arc<Statistics>> {
        self.engine.statistics_from_inputs(inputs, args)
    }

    fn cardinality_effect(&self) -> CardinalityEffect {
        self.engine.cardinality_effect()
    }
}
