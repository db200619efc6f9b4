//! The operator in a plan.

use std::fmt;
use std::sync::Arc;

use datafusion::common::tree_node::TreeNodeRecursion;
use datafusion::common::{Result, Statistics};
use datafusion::execution::TaskContext;
use datafusion::physical_expr::{OrderingRequirements, PhysicalExpr};
use datafusion::physical_plan::execution_plan::{CardinalityEffect, ChildrenPropertiesMode, ReplaceChildrenOptions};
use datafusion::physical_plan::metrics::{BaselineMetrics, ExecutionPlanMetricsSet, MetricsSet};
use datafusion::physical_plan::windows::{BoundedWindowAggExec, WindowAggExec, WindowExpr};
use datafusion::physical_plan::{
    ChildStats, DisplayAs, DisplayFormatType, ExecutionPlan, InputDistributionRequirements, InputOrderMode,
    PlanProperties, SendableRecordBatchStream, StatisticsArgs,
};

use super::expression::column_of;
use super::held::Held;
use super::rows::Breaks;
use super::stream::{Window, Windows};
use crate::operator::internal;

/// Appends the columns of windows to its input, which comes sorted by what they are partitioned and ordered by.
#[derive(Debug)]
pub(super) struct RunningWindowExec {
    /// The engine's operator for the same, which knows all that planning asks.
    engine: Arc<dyn ExecutionPlan>,
    /// They have the same partitions and the same order.
    windows: Vec<Arc<dyn WindowExpr>>,
    metrics: ExecutionPlanMetricsSet,
}

impl RunningWindowExec {
    /// In the place of one of the engine's operators; `None` for others, and where it does what cannot be done here.
    pub(super) fn in_place_of(engine: &Arc<dyn ExecutionPlan>) -> Option<Self> {
        let windows = if let Some(bounded) = engine.downcast_ref::<BoundedWindowAggExec>() {
            let is_plain = bounded.input_order_mode == InputOrderMode::Sorted && bounded.state_observer().is_none();
            Some(bounded.window_expr()).filter(|_| is_plain)?
        } else {
            engine.downcast_ref::<WindowAggExec>()?.window_expr()
        };
        let schema = input_of(engine).ok()?.schema();
        let can = !windows.is_empty() && windows.iter().all(|window| column_of(window, &schema).is_some());
        let metrics = ExecutionPlanMetricsSet::new();
        can.then(|| Self { engine: Arc::clone(engine), windows: windows.to_vec(), metrics })
    }

    fn columns(&self) -> Result<Vec<Window>> {
        let schema = input_of(&self.engine)?.schema();
        let columns = self.windows.iter().map(|window| {
            let column = column_of(window, &schema).ok_or_else(|| internal("a window was planned that cannot run"))?;
            Ok((Arc::clone(window), column))
        });
        columns.collect()
    }
}

fn input_of(engine: &Arc<dyn ExecutionPlan>) -> Result<&Arc<dyn ExecutionPlan>> {
    engine.children().first().copied().ok_or_else(|| internal("windows are computed over an input"))
}

impl DisplayAs for RunningWindowExec {
    fn fmt_as(&self, _format: DisplayFormatType, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let names: Vec<&str> = self.windows.iter().map(|window| window.name()).collect();
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
        let engine = Arc::clone(&self.engine).replace_children(children, options)?;
        Ok(Arc::new(Self { engine, windows: self.windows.clone(), metrics: ExecutionPlanMetricsSet::new() }))
    }

    fn with_new_children(self: Arc<Self>, children: Vec<Arc<dyn ExecutionPlan>>) -> Result<Arc<dyn ExecutionPlan>> {
        self.replace_children(children, ReplaceChildrenOptions::new(ChildrenPropertiesMode::Recompute))
    }

    fn execute(&self, partition: usize, context: Arc<TaskContext>) -> Result<SendableRecordBatchStream> {
        let input = input_of(&self.engine)?;
        let columns = self.columns()?;
        let window = self.windows.first().ok_or_else(|| internal("an operator without windows"))?;
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
