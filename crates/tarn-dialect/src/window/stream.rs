//! From sorted batches to the same batches with the columns of their windows.

use std::sync::Arc;

use arrow::array::RecordBatch;
use arrow::datatypes::SchemaRef;
use datafusion::common::Result;
use datafusion::physical_plan::metrics::BaselineMetrics;
use datafusion::physical_plan::stream::RecordBatchStreamAdapter;
use datafusion::physical_plan::windows::WindowExpr;
use datafusion::physical_plan::{EmptyRecordBatchStream, SendableRecordBatchStream};
use futures::TryStreamExt;
use futures::stream::try_unfold;

use super::column::WindowColumn;
use super::held::Held;
use super::rows::{Breaks, Rows};

/// A window and the column of its values.
pub(super) type Window = (Arc<dyn WindowExpr>, Box<dyn WindowColumn>);

/// The windows of one stream of batches.
pub(super) struct Windows {
    pub(super) input: SendableRecordBatchStream,
    /// The input's columns, then the windows'.
    pub(super) schema: SchemaRef,
    pub(super) partitions: Breaks,
    /// `None` where no column looks at them, or nothing is ordered by: then all rows of a partition are peers.
    pub(super) peers: Option<Breaks>,
    pub(super) columns: Vec<Window>,
    pub(super) held: Held,
    pub(super) metrics: BaselineMetrics,
}

impl Windows {
    pub(super) fn into_stream(self) -> SendableRecordBatchStream {
        let schema = Arc::clone(&self.schema);
        let batches = try_unfold((self, false), |(mut windows, ended)| async move {
            let batch = windows.next(ended).await?;
            Ok(batch.map(|(batch, ended)| (batch, (windows, ended))))
        });
        Box::pin(RecordBatchStreamAdapter::new(schema, batches))
    }

    /// The next batch, and whether the input has ended.
    async fn next(&mut self, mut ended: bool) -> Result<Option<(RecordBatch, bool)>> {
        loop {
            let known = self.columns.iter().map(|(_, column)| column.known()).min().unwrap_or_default();
            if let Some(batch) = self.held.next(known).await? {
                return Ok(Some((self.widen(&batch)?, ended)));
            }
            if ended {
                return Ok(None);
            }
            match self.input.try_next().await? {
                Some(batch) if batch.num_rows() == 0 => {}
                Some(batch) => self.take_in(batch)?,
                None => {
                    ended = true;
                    self.finish()?;
                }
            }
        }
    }

    fn take_in(&mut self, batch: RecordBatch) -> Result<()> {
        let _timer = self.metrics.elapsed_compute().timer();
        let partitions = self.partitions.of(&batch)?;
        let peers = match &mut self.peers {
            Some(peers) => peers.of(&batch)?,
            None => partitions.clone(),
        };
        let rows = Rows { count: batch.num_rows(), partitions, peers };
        for (window, column) in &mut self.columns {
            column.push(&window.evaluate_args(&batch)?, &rows)?;
        }
        self.held.push(batch)
    }

    fn finish(&mut self) -> Result<()> {
        // What the input holds is free while the last batches go out.
        self.input = Box::pin(EmptyRecordBatchStream::new(self.input.schema()));
        self.columns.iter_mut().try_for_each(|(_, column)| column.finish())
    }

    /// The batch with its windows' columns.
    fn widen(&mut self, batch: &RecordBatch) -> Result<RecordBatch> {
        let _timer = self.metrics.elapsed_compute().timer();
        let mut columns = batch.columns().to_vec();
        for (_, column) in &mut self.columns {
            columns.push(column.take(batch.num_rows())?);
        }
        self.metrics.record_output(batch.num_rows());
        Ok(RecordBatch::try_new(Arc::clone(&self.schema), columns)?)
    }
}
