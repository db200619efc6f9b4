//! Batches that wait for the values of their windows.

use std::collections::VecDeque;
use std::sync::Arc;

use arrow::array::RecordBatch;
use arrow::datatypes::SchemaRef;
use datafusion::common::Result;
use datafusion::execution::TaskContext;
use datafusion::execution::memory_pool::{MemoryConsumer, MemoryReservation};
use datafusion::physical_plan::metrics::{ExecutionPlanMetricsSet, SpillMetrics};
use datafusion::physical_plan::spill::get_record_batch_memory_size;
use datafusion::physical_plan::{SendableRecordBatchStream, SpillManager};
use futures::TryStreamExt;

use crate::operator::internal;

/// So many batches wait without being counted: more do only for groups, or rows ahead, that fill whole batches.
const UNCOUNTED: usize = 2;

/// Batches in their order: on disk those that memory had no room for, and after them those in memory.
pub(super) struct Held {
    spilled: VecDeque<Spilled>,
    in_memory: VecDeque<Batch>,
    /// Taken only while batches are counted, so that others are not left with less for nothing.
    memory: Option<MemoryReservation>,
    name: String,
    context: Arc<TaskContext>,
    spill: SpillManager,
}

struct Batch {
    rows: RecordBatch,
    /// Bytes that were reserved for it.
    reserved: usize,
}

/// A file of batches.
struct Spilled {
    /// How many rows each has that was not read yet.
    rows: VecDeque<usize>,
    batches: SendableRecordBatchStream,
}

impl Held {
    pub(super) fn new(
        context: Arc<TaskContext>,
        schema: SchemaRef,
        metrics: &ExecutionPlanMetricsSet,
        partition: usize,
    ) -> Self {
        let spill = SpillManager::new(context.runtime_env(), SpillMetrics::new(metrics, partition), schema)
            .with_compression_type(context.session_config().spill_compression());
        Self {
            spilled: VecDeque::new(),
            in_memory: VecDeque::new(),
            memory: None,
            name: format!("RunningWindowExec[{partition}]"),
            context,
            spill,
        }
    }

    pub(super) fn push(&mut self, rows: RecordBatch) -> Result<()> {
        if self.in_memory.len() < UNCOUNTED {
            self.in_memory.push_back(Batch { rows, reserved: 0 });
            return Ok(());
        }
        let memory = self.memory.get_or_insert_with(|| {
            MemoryConsumer::new(&self.name).with_can_spill(true).register(self.context.memory_pool())
        });
        let bytes = get_record_batch_memory_size(&rows);
        let has_room = memory.try_grow(bytes).is_ok();
        self.in_memory.push_back(Batch { rows, reserved: if has_room { bytes } else { 0 } });
        if has_room { Ok(()) } else { self.spill() }
    }

    /// Writes what is in memory to a file.
    fn spill(&mut self) -> Result<()> {
        let batches: Vec<RecordBatch> = self.in_memory.drain(..).map(|batch| batch.rows).collect();
        self.memory = None;
        if let Some(file) = self.spill.spill_record_batch_and_finish(&batches, &self.name)? {
            self.spilled.push_back(Spilled {
                rows: batches.iter().map(RecordBatch::num_rows).collect(),
                batches: self.spill.read_spill_as_stream_unbuffered(file, None)?,
            });
        }
        Ok(())
    }

    /// The first batch, when it has no more rows than so many values are known for.
    pub(super) async fn next(&mut self, known: usize) -> Result<Option<RecordBatch>> {
        if let Some(file) = self.spilled.front_mut() {
            if file.rows.front().is_none_or(|rows| *rows > known) {
                return Ok(None);
            }
            file.rows.pop_front();
            let batch = file.batches.try_next().await?;
            if file.rows.is_empty() {
                self.spilled.pop_front();
            }
            return batch.map(Some).ok_or_else(|| internal("a spilled file ends early"));
        }
        let Some(batch) = self.in_memory.pop_front_if(|batch| batch.rows.num_rows() <= known) else {
            return Ok(None);
        };
        if let Some(memory) = &self.memory {
            memory.shrink(batch.reserved);
        }
        if self.in_memory.is_empty() {
            self.memory = None;
        }
        Ok(Some(batch.rows))
    }
}
