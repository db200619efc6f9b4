//! The plan of a run, its waves and its end.

use std::process::ExitCode;
use std::sync::Arc;

use tarn_aws::{Aws, Bucket};
use tarn_lambda::Settings;
use tarn_pipeline::ports::SystemClock;
use tokio::runtime::Handle;
use workflow_plan::{FunctionSettings, WorkflowPlan};

fn main() -> ExitCode {
    tarn_lambda::run(async || {
        let settings = Settings::read(FunctionSettings::read)?;
        let aws = Arc::new(Aws::new(Handle::current()));
        Ok(WorkflowPlan::new(Arc::new(Bucket::new(aws, settings.buckets)), Arc::new(SystemClock)))
    })
}
